"""Starts several processes on this machine as torchrun does, bounded in time."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).with_name("many_program.py")
LONGEST_S = 120


def torchrun(arguments, *, processes=2, faults="none", agent=()):
    """Run vsr_train under torchrun, or as one process; return the completed process."""
    return finished(started(arguments, processes=processes, faults=faults, agent=agent))


def started(arguments, *, processes=2, faults="none", agent=()):
    """Start it; `agent` are torchrun's own options, by default those of a single machine."""
    command = [sys.executable]
    if processes > 1 or agent:
        meeting = agent or ("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0")
        command += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
        command += ["--local-addr=127.0.0.1", *meeting]
    command += [str(PROGRAM), faults, *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process):
    """Wait for the end; a process that outlives its time is killed, and the test with it."""
    try:
        out, err = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        process.terminate()  # torchrun ends its children, gently and then not
        process.communicate(timeout=60)
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def sets(options, **changed):
    """Options as the command line takes them, with some changed."""
    chosen = options | {name.replace("__", "."): str(value) for name, value in changed.items()}
    return [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]
