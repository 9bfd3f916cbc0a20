"""The sections by name, and what each is given: a place to compute, a deadline, a file for rows."""

import importlib
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .plan import SHARES, Deadline
from .results import COMPLETE, CUT, FAILED, SectionFile, reason_of


def section(name):
    """Return what runs a section: a function of a place, a deadline and what adds a row.

    Its room, and it alone, has its name: where a machine lacks what one needs, others have theirs.
    """
    return getattr(importlib.import_module(f".{name}", __package__), name)


def import_all():
    """Import what sections need, once, before they part; one that cannot be says so later."""
    for name in SHARES:
        with suppress(Exception):
            section(name)
    with suppress(Exception):
        import torchvision.models  # noqa: F401, PLC0415 - seconds that each would take


@dataclass(frozen=True)
class Runner:
    """Runs a section by name within so many seconds, in the process that calls it."""

    device: str
    folder: Path
    data: str | None
    clock: object = time.perf_counter
    place_on: object = None
    """Makes a place, as `place.place_on`; None is that one."""

    def __call__(self, name, seconds):
        deadline = Deadline.after(seconds, self.clock)
        file = SectionFile(self.folder, name)
        file.write()
        try:
            with tempfile.TemporaryDirectory() as scratch:
                place_on = self.place_on or _place_on()
                place = place_on(self.device, Path(scratch), self.data, self.clock)
                file.content["on"] = place.facts()
                run_section(section(name), place, deadline, file)
        except BaseException as error:
            file.end(FAILED, reason_of(error))
            if not isinstance(error, Exception):
                raise


def _place_on():
    from .place import place_on  # noqa: PLC0415 - torch, in the process that uses it

    return place_on


def run_section(run, place, deadline, file):
    """Run one section; whatever it raises is its row."""
    try:
        run(place, deadline, file.add)
    except Exception as error:  # noqa: BLE001 - whatever it is, others can be asked
        file.add({"kind": "failure", "reason": reason_of(error)})
        file.end(FAILED, reason_of(error))
    else:
        left_out = sum("left_out" in row for row in file.content["rows"])
        what = f"{left_out} rows were left out for want of time" if left_out else None
        file.end(CUT if left_out else COMPLETE, what)
