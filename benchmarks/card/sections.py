"""The sections by name, and what each is given: a place to compute, a deadline, a file for rows."""

import tempfile
import time
from pathlib import Path

from .film import film
from .laws import laws
from .memory import memory
from .place import place_on
from .plan import Deadline
from .results import COMPLETE, CUT, FAILED, SectionFile, reason_of
from .speed import speed
from .training import training

SECTIONS = {"laws": laws, "memory": memory, "speed": speed, "film": film, "training": training}
"""Each a function of a place, a deadline and what adds a row."""


def runner(device, folder, data, clock=time.perf_counter, place_on=place_on):
    """Return what runs a section by name within so many seconds, in the process that calls it."""

    def run(name, seconds):
        deadline = Deadline.after(seconds, clock)
        file = SectionFile(folder, name)
        file.write()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                place = place_on(device, Path(scratch), data, clock)
                file.content["on"] = place.facts()
                run_section(SECTIONS[name], place, deadline, file)
        except BaseException as error:
            file.end(FAILED, reason_of(error))
            if not isinstance(error, Exception):
                raise

    return run


def run_section(section, place, deadline, file):
    """Run one section; whatever it raises is its row."""
    try:
        section(place, deadline, file.add)
    except Exception as error:  # noqa: BLE001 - whatever it is, others can be asked
        file.add({"kind": "failure", "reason": reason_of(error)})
        file.end(FAILED, reason_of(error))
    else:
        left_out = sum("left_out" in row for row in file.content["rows"])
        what = f"{left_out} rows were left out for want of time" if left_out else None
        file.end(CUT if left_out else COMPLETE, what)
