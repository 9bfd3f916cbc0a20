"""A process that has imported everything and forks runs of the command on demand.

Starting a run takes milliseconds instead of the seconds of importing torch, so that it can be
killed hundreds of times. Reads a job a line, as JSON; answers with the run's process, or its end.
"""

import json
import os
import signal
import sys
import termios
from pathlib import Path

import torch

from vsr_train import command  # noqa: F401 - imported here so that no run has to
from vsr_train.__main__ import main


def serve():
    """Fork runs and wait for them until the input ends."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        job = json.loads(line)
        if "wait" in job:
            answer = wait(job["wait"])
        elif "has ended" in job:
            answer = has_ended(job["has ended"])
        else:
            answer = start(job)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def start(job):
    """Fork a run; return its process, which leads a group of its own."""
    process = os.fork()
    if process:
        return process
    code = 70
    try:
        os.setsid()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # else ignored where the tests run by nohup
        os.dup2(os.open(job.get("in", os.devnull), os.O_RDWR if "in" in job else os.O_RDONLY), 0)
        if "in" in job:
            stay_as_its_shell(job["mode"])
        sys.stderr = stream(2, job["err"], job.get("encoding"))
        sys.stdout = stream(1, job["out"], job.get("encoding"))
        code = main(job["arguments"])
    except SystemExit as error:
        code = error.code
    except BaseException:  # noqa: BLE001 - what the interpreter would do
        sys.excepthook(*sys.exc_info())
    finally:
        for each in (sys.stdout, sys.stderr):
            if each is not None:
                each.flush()
        os._exit(code)


def stay_as_its_shell(report):
    """Go on in a child in the terminal's foreground, and tell what becomes of the mode.

    When the first process of a terminal ends, the system resets its mode.
    """
    before = termios.tcgetattr(0)
    process = os.fork()
    if process:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        code = wait(process)
        Path(report).write_text("kept" if termios.tcgetattr(0) == before else "changed")
        os._exit(code if code >= 0 else 128 - code)


def stream(number, path, encoding):
    """Open what a job names as a standard stream; None where it is closed."""
    if path == "closed":
        os.close(number)
        return None
    if path == "broken":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(writing, number)
    os.close(writing)
    return os.fdopen(number, "w", encoding=encoding or "utf-8", closefd=False, buffering=1)


def wait(process):
    """Wait for a run; return its exit code, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def has_ended(process):
    """Tell whether a run has ended; it can still be waited for."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


if __name__ == "__main__":
    serve()
