"""Filling an entry of the frame cache, within what the run's sources may take."""

import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsr_data.cache.entry import FILES, Account, Segment, Strip, write_index
from vsr_data.pixels import Pixels, Size

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
    """Appends frames to an entry that is not complete yet; runs too short to use are taken back.

    Args:
        folder: the entry, empty.
        budget: what may be written.
    """

    def __init__(self, folder: Path, budget: Budget) -> None:
        self.account = Account()
        self._folder = folder
        self._budget = budget
        self._segments: list[Segment] = []
        self._numbers: list[int] = []
        self._measures: list[tuple[float, float]] = []
        self._gt, self._lq = (_StripWriter(folder / name) for name in FILES)

    def append(
        self,
        number: int,
        gt_HWC: Pixels,
        lq_HWC: Pixels,
        measures: tuple[float, float] | None = None,
    ) -> None:
        """Add the next frame, `number` of its file; a new size starts a new run.

        Args:
            number: where it is in the file.
            gt_HWC: the sharp frame.
            lq_HWC: its low-resolution version.
            measures: its motion and its detail, where they are known; of all frames or of none.

        Raises:
            CacheFullError: the budget is spent.
        """
        if self._numbers and self._gt.size != gt_HWC.shape[:2]:
            self.end_run()
        self._budget.spend(gt_HWC.nbytes + lq_HWC.nbytes)
        self._numbers.append(number)
        if measures is not None:
            self._measures.append(measures)
        self._gt.append(gt_HWC)
        self._lq.append(lq_HWC)

    def end_run(self) -> None:
        """The next frame does not follow this one."""
        numbers, self._numbers = self._numbers, []
        measures, self._measures = self._measures, []
        if not numbers:
            return
        self.account.count_run(len(numbers))
        if len(numbers) < SHORTEST_RUN:
            self._budget.used -= self._gt.take_back() + self._lq.take_back()
            return
        motion, detail = zip(*measures, strict=True) if measures else ((), ())
        gt, lq = self._gt.end(), self._lq.end()
        self._segments.append(Segment(tuple(numbers), gt, lq, motion, detail))

    def complete(self) -> None:
        """End the last run and write the index."""
        self.end_run()
        self.close()
        write_index(self._folder, self._segments, self.account)

    def close(self) -> None:
        """Close both files, flushed to the disk."""
        self._gt.close()
        self._lq.close()


class _StripWriter:
    """Appends strips to one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._offset = 0
        self.size: Size = (0, 0)
        self.digests: list[int] = []

    def append(self, rgb_HWC: Pixels) -> None:
        self.size = rgb_HWC.shape[0], rgb_HWC.shape[1]
        self._file.write(rgb_HWC.data)
        self.digests.append(zlib.crc32(rgb_HWC.data))

    def end(self) -> Strip:
        strip = Strip(self._path.name, self._offset, self.size, tuple(self.digests))
        self._offset, self.digests = self._file.tell(), []
        return strip

    def take_back(self) -> int:
        """Drop the strip that is not ended; returns the bytes it had."""
        n_bytes = self._file.tell() - self._offset
        self._file.seek(self._offset)
        self._file.truncate()
        self.digests = []
        return n_bytes

    def close(self) -> None:
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
