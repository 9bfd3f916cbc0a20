"""Filling an entry of the frame cache, within what the run's sources may take."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vsr_data.cache.entry import FILES, Census, Segment, write_index
from vsr_data.pixels import Pixels

SHORTEST_RUN: Final = 3  # frames; the smallest window there is


class CacheFullError(Exception):
    """The frames of this run's sources would take more than the limit."""


@dataclass
class Budget:
    """Bytes that this run's sources may still take."""

    limit: int
    used: int = 0

    def spend(self, n_bytes: int) -> None:
        """Count bytes about to be written.

        Raises:
            CacheFullError: they exceed the limit.
        """
        if self.used + n_bytes > self.limit:
            raise CacheFullError
        self.used += n_bytes


class EntryWriter:
    """Appends frames to an entry that is not complete yet; runs too short to use are taken back."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self.census = Census()
        self._folder = folder
        self._budget = budget
        self._segments: list[Segment] = []
        self._run: Segment | None = None
        self._gt, self._lq = ((folder / name).open("wb") for name in FILES)

    def append(self, number: int, gt_HWC: Pixels, lq_HWC: Pixels) -> None:
        """Add the next frame, `number` of its file; a new size starts a new run.

        Raises:
            CacheFullError: the budget is spent.
        """
        gt_size, lq_size = gt_HWC.shape[:2], lq_HWC.shape[:2]
        if self._run is not None and self._run.gt_size != gt_size:
            self.end_run()
        self._budget.spend(gt_HWC.nbytes + lq_HWC.nbytes)
        run = self._run or Segment(number, 0, gt_size, lq_size, self._gt.tell(), self._lq.tell())
        self._gt.write(gt_HWC.data)
        self._lq.write(lq_HWC.data)
        self._run = replace(run, frames=run.frames + 1)

    def end_run(self) -> None:
        """The next frame does not follow this one."""
        run, self._run = self._run, None
        if run is None:
            return
        self.census.runs += 1
        self.census.longest = max(self.census.longest, run.frames)
        if run.frames >= SHORTEST_RUN:
            self._segments.append(run)
            return
        for file, offset in ((self._gt, run.gt_offset), (self._lq, run.lq_offset)):
            self._budget.used -= file.tell() - offset
            file.seek(offset)
            file.truncate()

    def complete(self) -> None:
        """End the last run and write the index."""
        self.end_run()
        self.close()
        write_index(self._folder, self._segments, self.census)

    def close(self) -> None:
        """Close both files, flushed to the disk."""
        for file in (self._gt, self._lq):
            if not file.closed:
                file.flush()
                os.fsync(file.fileno())
                file.close()
