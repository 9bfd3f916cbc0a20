"""Clips whose frames lie in the cache: a crop reads only its own rows, and no black bars."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vsr_data.cache import ChangedFramesError, Entry, Segment, StripReader
from vsr_data.errors import DataError
from vsr_data.footage.active import Active
from vsr_data.footage.clip import ALL_ROWS, TYPICAL, Clip
from vsr_data.measures import window_weights
from vsr_data.pixels import Pixels
from vsr_files import printable


class StoredClip(Clip):
    """A segment of a cache entry.

    Args:
        name: what reports call it.
        source: the video, or `demo`.
        entry: where its frames lie.
        segment: which of them are its own.
        n_frames: frames of a window.
        shown_as: what an origin calls the source, if not by its own name.
        active: the part of the frames that is used; left out: all of them.
        grain: levels of the segment's motion and detail that come of noise alone; None draws all
            windows alike.
    """

    keeps_reduced = True

    def __init__(
        self,
        name: str,
        source: str | Path,
        entry: Entry,
        segment: Segment,
        n_frames: int,
        *,
        shown_as: str | None = None,
        active: Active | None = None,
        grain: float | None = None,
    ) -> None:
        self.name = name
        self.source = printable(source)
        self.frames = segment.frames
        self.windows = segment.frames - n_frames + 1
        self._scale = segment.gt.size[0] // segment.lq.size[0]
        self._active = active or Active.whole(segment.lq.size)
        self.lq_size = self._active.size
        self.gt_size = self.lq_size[0] * self._scale, self.lq_size[1] * self._scale
        self.identity = f"{entry.folder.name} {segment.gt.offset} {self._active}"
        self.content = f"{segment.gt.size} {_digest(segment.gt.digests)} {self._active}"
        self._shown_as = shown_as or self.source
        self._numbers = segment.numbers
        self._n_frames = n_frames
        self._weights = None if grain is None else _weights(segment, n_frames, grain)
        self._gt, self._lq = (StripReader(entry.folder, side) for side in (segment.gt, segment.lq))

    def weights(self) -> NDArray[np.int64] | None:
        """How often each window is drawn, by its detail and motion."""
        return self._weights

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, read anew."""
        return self._read(i, self._active)

    def crop(self, i: int, y: int, x: int, side: int) -> tuple[Pixels, Pixels]:
        """A square of the i-th window; no other rows are read."""
        return self._read(i, Active(self._active.top + y, self._active.left + x, side, side))

    def gt_frames(self, first: int, count: int, rows: slice = ALL_ROWS) -> Pixels:
        """Consecutive sharp frames; no other rows are read."""
        self._check_frames(first, count)
        top, bottom, _ = rows.indices(self.gt_size[0])
        above, left = self._active.top * self._scale, self._active.left * self._scale
        with self._explained():
            gt_THWC = self._gt.read(first, count, slice(above + top, above + bottom))
        return gt_THWC[:, :, left : left + self.gt_size[1]]

    def reduced_frames(self, first: int, count: int) -> Pixels:
        """The low-resolution frames that were written beside the sharp ones."""
        self._check_frames(first, count)
        top, left, (height, width) = self._active.top, self._active.left, self.lq_size
        with self._explained():
            lq_THWC = self._lq.read(first, count, slice(top, top + height))
        return lq_THWC[:, :, left : left + width]

    def origin(self, i: int) -> str:
        """The file and the frame's number in it, counted from 0 as decoded."""
        self._check(i)
        return f"{self._shown_as} frame {self._numbers[i + self._n_frames // 2]}"

    def _read(self, i: int, part: Active) -> tuple[Pixels, Pixels]:
        self._check(i)
        scale, bottom, right = self._scale, part.top + part.height, part.left + part.width
        with self._explained():
            lq_THWC = self._lq.read(i, self._n_frames, slice(part.top, bottom))
            gt_rows = slice(part.top * scale, bottom * scale)
            gt_HWC = self._gt.read(i + self._n_frames // 2, 1, gt_rows)[0]
        return lq_THWC[:, :, part.left : right], gt_HWC[:, part.left * scale : right * scale]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ChangedFramesError as error:
            raise DataError(
                f"cached frames of {self.source!r} are gone or damaged ({error}); "
                "start the run again and they are decoded anew"
            ) from error


def _digest(digests: tuple[int, ...]) -> str:
    return hashlib.sha256(" ".join(map(str, digests)).encode()).hexdigest()


def _weights(segment: Segment, n_frames: int, grain: float) -> NDArray[np.int64] | None:
    if not segment.detail:
        return None
    motion, detail = np.array(segment.motion), np.array(segment.detail)
    return window_weights(motion, detail, n_frames, typical=TYPICAL, grain=grain)
