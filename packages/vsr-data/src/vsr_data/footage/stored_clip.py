"""Clips whose frames lie in the cache, memory-mapped: a crop reads only its own pages."""

from typing import Any

import numpy as np

from vsr_data.cache import Entry, Segment
from vsr_data.errors import DataError
from vsr_data.footage.clip import Clip
from vsr_data.pixels import Pixels, Size


class StoredClip(Clip):
    """A segment of a cache entry."""

    def __init__(
        self,
        name: str,
        source: str,
        entry: Entry,
        segment: Segment,
        n_frames: int,
        *,
        shown_as: str | None = None,
    ) -> None:
        self._shown_as = shown_as or source
        self.name = name
        self.source = source
        self.windows = segment.frames - n_frames + 1
        self.lq_size = segment.lq_size
        self.gt_size = segment.gt_size
        self._folder = entry.folder
        self._segment = segment
        self._n_frames = n_frames
        self._maps: tuple[Pixels, Pixels] | None = None

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, as read-only views."""
        self._check(i)
        if self._maps is None:
            self._maps = self._open()
        lq_THWC, gt_THWC = self._maps
        return lq_THWC[i : i + self._n_frames], gt_THWC[i + self._n_frames // 2]

    def origin(self, i: int) -> str:
        """The file and the frame's number in it, counted from 0 as decoded."""
        self._check(i)
        return f"{self._shown_as} frame {self._segment.first + i + self._n_frames // 2}"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": None}  # a pickled map would carry its pixels along

    def _open(self) -> tuple[Pixels, Pixels]:
        run = self._segment
        try:
            return (
                self._map("lq.rgb", run.lq_size, run.lq_offset),
                self._map("gt.rgb", run.gt_size, run.gt_offset),
            )
        except (OSError, ValueError) as error:
            raise DataError(
                f"cached frames of {self.source!r} are gone or damaged ({error}); "
                "start the run again and they are decoded anew"
            ) from error

    def _map(self, name: str, size: Size, offset: int) -> Pixels:
        shape = (self._segment.frames, *size, 3)
        path = self._folder / name
        return np.asarray(np.memmap(path, np.uint8, mode="r", offset=offset, shape=shape))
