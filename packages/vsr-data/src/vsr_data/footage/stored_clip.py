"""Clips whose frames lie in the cache: a crop reads only its own rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vsr_data.cache import ChangedFramesError, Entry, Segment, StripReader
from vsr_data.errors import DataError
from vsr_data.footage.clip import ALL_ROWS, Clip
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
    """

    def __init__(
        self,
        name: str,
        source: str | Path,
        entry: Entry,
        segment: Segment,
        n_frames: int,
        *,
        shown_as: str | None = None,
    ) -> None:
        self.name = name
        self.source = printable(source)
        self.frames = segment.frames
        self.windows = segment.frames - n_frames + 1
        self.lq_size = segment.lq.size
        self.gt_size = segment.gt.size
        self._shown_as = shown_as or self.source
        self._numbers = segment.numbers
        self._n_frames = n_frames
        self._gt, self._lq = (StripReader(entry.folder, side) for side in (segment.gt, segment.lq))

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, read anew."""
        return self._read(i, ALL_ROWS, ALL_ROWS)

    def crop(self, i: int, y: int, x: int, side: int) -> tuple[Pixels, Pixels]:
        """A square of the i-th window; no other rows are read."""
        scale = self.gt_size[0] // self.lq_size[0]
        lq_THWC, gt_HWC = self._read(i, slice(y, y + side), slice(y * scale, (y + side) * scale))
        return lq_THWC[:, :, x : x + side], gt_HWC[:, x * scale : (x + side) * scale]

    def gt_frames(self, first: int, count: int, rows: slice = ALL_ROWS) -> Pixels:
        """Consecutive sharp frames; no other rows are read."""
        self._check_frames(first, count)
        with self._explained():
            return self._gt.read(first, count, rows)

    def origin(self, i: int) -> str:
        """The file and the frame's number in it, counted from 0 as decoded."""
        self._check(i)
        return f"{self._shown_as} frame {self._numbers[i + self._n_frames // 2]}"

    def _read(self, i: int, lq_rows: slice, gt_rows: slice) -> tuple[Pixels, Pixels]:
        self._check(i)
        with self._explained():
            lq_THWC = self._lq.read(i, self._n_frames, lq_rows)
            return lq_THWC, self._gt.read(i + self._n_frames // 2, 1, gt_rows)[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except ChangedFramesError as error:
            raise DataError(
                f"cached frames of {self.source!r} are gone or damaged ({error}); "
                "start the run again and they are decoded anew"
            ) from error
