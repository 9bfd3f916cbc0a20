"""Whole runs of the command as processes, and what of their ends must be equal."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file
from train.event_steps import steps_by_tag

from vsr_train.folder import latest_checkpoint

NURSERY = Path(__file__).with_name("nursery.py")
LAST_STEP = 24
"""Of the runs: enough steps to be disturbed in."""
TIMES = {"samples_per_s", "time", "seconds", "memory_mib"}
"""Figures of a row that no two runs share."""


class Run:
    """A run that is going on, or has ended; as a context, it has ended afterwards."""

    def __init__(self, nursery, process, out, err):
        self._nursery, self.process, self._out, self._err = nursery, process, out, err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """End the run and its workers at once, as a power cut does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process, signal.SIGKILL)

    def send(self, number):
        """Send a signal to the run alone."""
        os.kill(self.process, number)

    def reach_a_moment(self, chance):
        """Wait for a random step, or for the end, and a little longer.

        By steps and not by the clock, or a slow machine would be disturbed at its start alone.
        """
        step = chance.integers(LAST_STEP)
        while self.step < step and not self._nursery.ask({"has ended": self.process}):
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))

    @property
    def step(self):
        """The last step that the run has told of; 0 before the first."""
        return max(map(int, re.findall(r"^step (\d+)/", self.out, re.MULTILINE)), default=0)

    def wait(self):
        """Wait for the end; return the exit code."""
        return self._nursery.ask({"wait": self.process})

    @property
    def out(self):
        return self._out.read_text(errors="replace") if self._out.exists() else ""

    @property
    def err(self):
        return self._err.read_text(errors="replace") if self._err.exists() else ""


class Nursery:
    """Starts runs in milliseconds; one process, ended with the context."""

    def __enter__(self):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}  # as runs that are compared have
        self._process = subprocess.Popen(
            [sys.executable, str(NURSERY)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def ask(self, job):
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, options, *arguments, log, **terminal):
        """Start a run; its output and errors go to files that begin with `log`.

        `terminal` says otherwise: `out` and `err` are paths, `closed` for no stream at all or
        `broken` for a pipe that nobody reads; `encoding` is that of both. `in` is the path of a
        terminal to read, whose mode is `kept` afterwards or `changed`, written to a file, `mode`.
        """
        sets = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        out, err = Path(f"{log}.out"), Path(f"{log}.err")
        job = {"arguments": [*sets, *arguments], "out": str(out), "err": str(err), **terminal}
        return Run(self, self.ask(job), out, err)


def outcome(folder):
    """What a run has come to: state, best weights, rows, pictures, steps of curves, by name."""
    stored = torch.load(latest_checkpoint(folder / "checkpoints"), weights_only=True)
    stored.pop("settings")
    found = dict(_leaves(stored, "checkpoint"))
    found |= {
        f"best {name}": value for name, value in load_file(folder / "best.safetensors").items()
    }
    for number, line in enumerate((folder / "metrics.jsonl").read_text().splitlines()):
        row = json.loads(line)
        found[f"row {number}"] = {name: value for name, value in row.items() if name not in TIMES}
    for path in (folder / "pictures").iterdir():
        found[f"picture {path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    found |= {f"steps of {tag}": each for tag, each in steps_by_tag(folder / "tensorboard").items()}
    return found


def differences(one, other):
    """Names of what two outcomes do not share bit for bit."""
    names = one.keys() | other.keys()
    return sorted(name for name in names if not _equal(one.get(name), other.get(name)))


def _equal(one, other):
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and one == other


def _leaves(value, path):
    """Yield the tensors and texts of nested containers, each with where it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for key, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{key}")
    else:
        yield path, value
