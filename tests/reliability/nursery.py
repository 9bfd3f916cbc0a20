"""A process that has imported everything and forks runs of the command on demand.

Starting a run takes milliseconds instead of the seconds of importing torch, so that it can be
killed hundreds of times. Reads a job a line, as JSON; answers with the run's process, or its end.
"""

import json
import os
import sys

import torch

from vsr_train import command  # noqa: F401 - imported here so that no run has to
from vsr_train.__main__ import main


def serve():
    """Fork runs and wait for them until the input ends."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        job = json.loads(line)
        answer = wait(job["wait"]) if "wait" in job else start(job)
        print(answer, flush=True)


def start(job):
    """Fork a run; return its process, which leads a group of its own."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    for number, path in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644), number)
    code = 70
    try:
        code = main(job["arguments"])
        sys.stdout.flush()
    except SystemExit as error:
        code = error.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def wait(process):
    """Wait for a run; return its exit code, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    serve()
