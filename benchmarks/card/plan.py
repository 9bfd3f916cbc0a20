"""Sections in the order of their value, each in a process of its own that is ended when it must.

torch is imported once, by the process that they are forked from; none of it is used there, so that
CUDA begins in each section and a section that breaks it breaks no other.
"""

import ctypes
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context

from .results import COMPLETE, CUT, FAILED, RUNNING, SectionFile, read_json, write_json

SHARES = {"laws": 0.28, "memory": 0.32, "speed": 0.22, "film": 0.06, "training": 0.12}
"""Sections, the most valuable first, with their parts of the time; what one leaves, others have."""
MARGIN_S = 5.0
"""Kept to end in."""
GRACE_S = 4.0
"""Between the moment at which a section is to be done and the one at which it is ended."""
LEAST_S = 1.0
LONGEST_ALARM_S = 3600.0
SUMMARY = "summary.json"
NOT_INITIALIZED = 3
"""What CUDA's driver says to a process that has not begun to use it."""


@dataclass(frozen=True)
class Deadline:
    """When a section, or a part of one, is to be done."""

    end: float
    clock: object
    """Tells seconds."""

    @classmethod
    def after(cls, seconds, clock):
        return cls(clock() + seconds, clock)

    @property
    def left(self):
        """Seconds that are left, never under 0."""
        return max(0.0, self.end - self.clock())

    @property
    def passed(self):
        """Whether nothing more is to be begun."""
        return self.left <= 0

    def part(self, share):
        """Return the deadline of a part of what is left."""
        return Deadline.after(self.left * share, self.clock)


@contextmanager
def interrupted(deadline):
    """Raise TimeoutError inside, in the main thread, when what is done takes too long.

    Only Python can be interrupted so, compilers above all; what else hangs ends with its section.
    """
    seconds = max(0.1, min(deadline.left, LONGEST_ALARM_S))

    def late(*_):
        raise TimeoutError(f"it took more than the {seconds:.0f} s that it had")

    with alarm(seconds, late):
        yield


@contextmanager
def alarm(seconds, handler):
    """Have a handler called in the main thread after so many seconds, unless this ends before."""
    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_all(folder, minutes, launch, clock, *, say=print, sections=SHARES):
    """Run every section within so many minutes; return whether all of them are complete.

    Args:
        folder: where the files go.
        minutes: for everything.
        launch: runs a section by name within so many seconds; returns None, or why it ended.
        clock: tells seconds.
        say: tells people how it goes.
        sections: parts of the time by section.
    """
    started, end = clock(), clock() + 60 * minutes - MARGIN_S
    summary = {"minutes": minutes, "sections": []}
    for number, name in enumerate(sections):
        rest = sum(list(sections.values())[number:])
        seconds = (end - clock()) * sections[name] / rest
        begun = clock()
        ended = launch(name, seconds) if seconds >= LEAST_S else "no time was left for it"
        content = settled(folder, name, ended)
        row = {"section": name, "status": content["status"], "reason": content["reason"]}
        row |= {"rows": len(content["rows"]), "seconds": clock() - begun, "given": seconds}
        summary["sections"].append(row)
        summary["seconds"] = clock() - started
        write_json(folder / SUMMARY, summary)
        why = f": {row['reason']}" if row["reason"] else ""
        say(f"{name:<9} {row['status']}, {row['rows']} rows in {row['seconds']:.0f} s{why}")
    return all(row["status"] == COMPLETE for row in summary["sections"])


def settled(folder, name, ended):
    """Return a section's file, with the reason where its process could not say it."""
    file = SectionFile(folder, name)
    found = read_json(file.path)
    if found is not None and {"rows", "status", "reason"} <= found.keys():
        file.content = found
    if file.content["status"] == RUNNING:
        late = ended is not None and ("time" in ended)
        file.end(CUT if late else FAILED, ended or "it ended without a word")
    return file.content


def in_processes(section):
    """Return a `launch` that runs `section(name, seconds)` in a child which is killed when late."""

    def launch(name, seconds):
        child = get_context(start_method()).Process(
            target=_alone, args=(section, name, max(LEAST_S, seconds - GRACE_S)), name=name
        )
        child.start()
        try:
            child.join(max(LEAST_S, seconds))
        finally:
            code = child.exitcode
            _end(child)
        if code is None:
            return f"it took more than its {seconds:.0f} s of time and was ended"
        if code < 0:
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process returned {code}" if code else None

    return launch


def start_method():
    """Tell how children begin: forked, unless what was imported has begun to use CUDA already.

    No child that is forked after that could use it.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "fork"
    found = driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int()))
    return "fork" if found == NOT_INITIALIZED else "spawn"


def _alone(section, name, seconds):
    os.setpgrp()  # so that whatever it starts ends with it
    section(name, seconds)


def _end(child):
    """End a child and what it started; one that its driver does not let go of is left behind."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()
    child.join(GRACE_S)
