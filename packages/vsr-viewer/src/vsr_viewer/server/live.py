"""Runs that are looked at while they go on: read again only where a file has changed.

Whatever many browsers ask, a run is read by one thread at a time.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from vsr_viewer.pictures import Shelf
from vsr_viewer.record import Record, RunReader, is_run, runs_in

MOST_READERS: Final = 16
"""Runs whose rows stay in memory; what was made of the others does."""

LISTED_FOR: Final = 1.0
"""Seconds for which a list of the folder holds."""


class LiveRun:
    """One run. Use it under its lock.

    Args:
        path: its folder.
    """

    def __init__(self, path: Path) -> None:
        self.lock = threading.RLock()
        self.path = path
        self._reader = RunReader(path)
        self._shelf: Shelf | None = None
        self._record: Record | None = None
        self._signature: object = None

    @property
    def shelf(self) -> Shelf:
        """Its pictures."""
        if self._shelf is None:
            self._shelf = Shelf(self._reader.root)
        return self._shelf

    def signature(self) -> object:
        """Return what changes whenever a file of the run does."""
        return self._reader.signature()

    def read(self) -> Record:
        """Return the run as it is now."""
        signature = self.signature()
        if self._record is None or signature != self._signature:
            self._record = self._reader.read()
            self._signature = signature
        return self._record

    def forget(self) -> None:
        """Let go of what is in memory; the next reading begins anew."""
        with self.lock:
            self._reader = RunReader(self.path)
            self._shelf = self._record = self._signature = None


class LiveRuns:
    """The runs of a folder, as they come and go.

    Args:
        folder: with runs in it, or a run itself.
        clock: seconds that rise.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._paths: dict[str, Path] = {}
        self._listed_at: float | None = None
        self._runs: dict[str, LiveRun] = {}
        self._recent: OrderedDict[str, LiveRun] = OrderedDict()

    def names(self) -> list[str]:
        """Return the names of the runs that are there."""
        with self._lock:
            now = self._clock()
            if self._listed_at is None or now - self._listed_at >= LISTED_FOR:
                self._paths = self._found()
                self._runs = {n: run for n, run in self._runs.items() if n in self._paths}
                self._listed_at = now
            return list(self._paths)

    def get(self, name: str) -> LiveRun | None:
        """Return a run by its name; None of any other text."""
        if name not in self.names():
            return None
        with self._lock:
            path = self._paths.get(name)
            if path is None:
                return None
            return self._runs.setdefault(name, LiveRun(path))

    def used(self, name: str) -> None:
        """Take note that a run was read; call it without any run's lock."""
        gone = None
        with self._lock:
            run = self._runs.get(name)
            if run is not None:
                self._recent[name] = run
                self._recent.move_to_end(name)
            if len(self._recent) > MOST_READERS:
                _, gone = self._recent.popitem(last=False)
        if gone is not None:
            gone.forget()

    def _found(self) -> dict[str, Path]:
        if is_run(self.folder):
            name = self.folder.name or self.folder.resolve().name
            return {name: self.folder}
        return runs_in(self.folder)
