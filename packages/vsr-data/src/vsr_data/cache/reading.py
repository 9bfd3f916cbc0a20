"""Frames out of the cache: only the rows that are wanted, and none that changed on the disk.

Files are read, not mapped: a mapped file that is cut short under a run ends it with SIGBUS, and a
map holds a descriptor. None is kept open between two calls, so that a run may have any number of
clips.
"""

import zlib
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from vsr_data.cache.entry import Strip, retire
from vsr_data.pixels import Pixels

WHOLE: Final = slice(None)


class ChangedFramesError(Exception):
    """Frames are not there as they were written; the message is the reason alone."""


class StripReader:
    """Reads frames of a strip; each is compared with its digest when it is first read here.

    Args:
        folder: the entry.
        strip: where its frames lie.
    """

    def __init__(self, folder: Path, strip: Strip) -> None:
        self._folder = folder
        self._strip = strip
        self._is_checked = bytearray(len(strip.digests))

    def __getstate__(self) -> dict[str, Any]:
        unchecked = bytearray(len(self._is_checked))  # another process checks for itself
        return {**self.__dict__, "_is_checked": unchecked}

    def read(self, first: int, count: int, rows: slice = WHOLE) -> Pixels:
        """Read `count` frames from `first` on.

        Args:
            first: number of a frame in the strip, from 0.
            count: how many.
            rows: which rows of each.

        Returns:
            `rgb_THWC`, as many rows high as wanted and as wide as the frames.

        Raises:
            ChangedFramesError: the file is gone, cut short, damaged or cannot be read.
        """
        height, width = self._strip.size
        top, bottom, _ = rows.indices(height)
        rgb_THWC = np.empty((count, bottom - top, width, 3), np.uint8)
        try:
            with (self._folder / self._strip.file).open("rb", buffering=0) as file:
                for t in range(count):
                    if self._is_checked[first + t]:
                        start = self._start(first + t) + top * width * 3
                        _read_into(file, start, rgb_THWC[t])
                    else:
                        rgb_THWC[t] = self._checked(file, first + t)[top:bottom]
        except OSError as error:
            raise ChangedFramesError(error.strerror or str(error)) from error
        return rgb_THWC

    def _start(self, number: int) -> int:
        return self._strip.offset + number * self._strip.frame_bytes

    def _checked(self, file: IO[bytes], number: int) -> Pixels:
        rgb_HWC = np.empty((*self._strip.size, 3), np.uint8)
        _read_into(file, self._start(number), rgb_HWC)
        if zlib.crc32(rgb_HWC.data) != self._strip.digests[number]:
            retire(self._folder)
            raise ChangedFramesError("their bytes have changed on the disk")
        self._is_checked[number] = True
        return rgb_HWC


def _read_into(file: IO[bytes], start: int, rgb: Pixels) -> None:
    file.seek(start)
    rest = rgb.data.cast("B")
    while rest:
        count = file.readinto(rest)  # type: ignore[attr-defined]  # files have it, IO does not say
        if not count:
            raise ChangedFramesError("their file has been cut short")
        rest = rest[count:]
