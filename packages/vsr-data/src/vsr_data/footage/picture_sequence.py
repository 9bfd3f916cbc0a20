"""A clip of numbered pictures, each decoded when it is needed and kept nowhere.

Its low-resolution frames are made of the sharp ones, or come from a folder of their own. A crop
makes no more of them than it shows, and is the same as the crop of a whole frame.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from vsr_data.degradation import Reduction, degrade
from vsr_data.footage.clip import ALL_ROWS, Clip
from vsr_data.footage.numbered import Numbered
from vsr_data.footage.pictures import expected_picture
from vsr_data.pixels import Pixels, Size
from vsr_files import printable

MARGIN: Final = 3  # low-resolution pixels beside a crop that its own are made of; bicubic reaches 2
REMEDY: Final = "restore the file, or remove its folder and start the run again"


class PictureSequenceClip(Clip):
    """A run of numbered pictures.

    Args:
        name: what reports call it.
        gt: the sharp pictures.
        size: (height, width) of one; the right and the bottom are cut to multiples of the scale.
        n_frames: frames of a window.
        scale: enlargement of each side.
        reduction: how a low-resolution frame is made.
        lq: ready-made low-resolution pictures, one for each, if there are any.
    """

    def __init__(
        self,
        name: str,
        gt: Numbered,
        size: Size,
        *,
        n_frames: int,
        scale: int,
        reduction: Reduction,
        lq: Numbered | None = None,
    ) -> None:
        self.name = name
        self.source = printable(gt.folder)
        self.frames = len(gt.names)
        self.windows = self.frames - n_frames + 1
        self.lq_size = size[0] // scale, size[1] // scale
        self.gt_size = self.lq_size[0] * scale, self.lq_size[1] * scale
        self.is_ready_made = lq is not None
        if not self.is_ready_made:
            self.identity, self.content = _identity_and_content(gt, self.gt_size)
        self._gt, self._gt_names, self._size = gt.folder, gt.names, size
        self._lq = None if lq is None else lq.folder
        self._lq_names = () if lq is None else lq.names
        self._n_frames, self._scale, self._reduction = n_frames, scale, reduction

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window, decoded anew."""
        return self.crop(i, 0, 0, max(self.lq_size))

    def crop(self, i: int, y: int, x: int, side: int) -> tuple[Pixels, Pixels]:
        """A square of the i-th window; of pictures that have no ready-made one, no more is made."""
        self._check(i)
        centre, scale = i + self._n_frames // 2, self._scale
        rows, columns = _span(y, side, self.lq_size[0]), _span(x, side, self.lq_size[1])
        gt_rows, gt_columns = _times(rows, scale), _times(columns, scale)
        numbers = range(i, i + self._n_frames)
        if self._lq is not None:
            lq = [self._read_lq(number)[rows, columns] for number in numbers]
            return np.stack(lq), self._read_gt(centre)[gt_rows, gt_columns]
        gt = [self._read_gt(number) for number in numbers]
        lq = [self._reduced(frame, rows, columns) for frame in gt]
        return np.stack(lq), gt[self._n_frames // 2][gt_rows, gt_columns]

    def gt_frames(self, first: int, count: int, rows: slice = ALL_ROWS) -> Pixels:
        """Consecutive sharp frames, decoded anew."""
        self._check_frames(first, count)
        top, bottom, _ = rows.indices(self.gt_size[0])
        gt_THWC = np.empty((count, bottom - top, self.gt_size[1], 3), np.uint8)
        for t in range(count):
            gt_THWC[t] = self._read_gt(first + t)[top:bottom]
        return gt_THWC

    def origin(self, i: int) -> str:
        """The picture that is the window's ground truth."""
        self._check(i)
        return printable(self._gt / self._gt_names[i + self._n_frames // 2])

    def _read_gt(self, number: int) -> Pixels:
        gt_HWC = expected_picture(self._gt / self._gt_names[number], self._size, REMEDY)
        return gt_HWC[: self.gt_size[0], : self.gt_size[1]]

    def _read_lq(self, number: int) -> Pixels:
        path = (self._lq or Path()) / self._lq_names[number]
        return expected_picture(path, self.lq_size, REMEDY)

    def _reduced(self, gt_HWC: Pixels, rows: slice, columns: slice) -> Pixels:
        """A part of a frame's low-resolution version, made of the part it depends on."""
        (height, width), scale = self.lq_size, self._scale
        wide_rows, wide_columns = _widened(rows, height), _widened(columns, width)
        part_HWC = gt_HWC[_times(wide_rows, scale), _times(wide_columns, scale)]
        lq_HWC = degrade(np.ascontiguousarray(part_HWC), scale, self._reduction)
        top, left = rows.start - wide_rows.start, columns.start - wide_columns.start
        bottom, right = top + rows.stop - rows.start, left + columns.stop - columns.start
        return lq_HWC[top:bottom, left:right]


def _identity_and_content(gt: Numbered, gt_size: Size) -> tuple[str, str]:
    """Digests of where pictures are and when they were changed, and of what they are anywhere."""
    rows, content = [f"{gt.folder.resolve()} {gt_size}"], [f"{gt.folder.name} {gt_size}"]
    for name in gt.names:
        with suppress(OSError):  # reading it will say what is wrong
            stat = (gt.folder / name).stat()
            rows.append(f"{name} {stat.st_size} {stat.st_mtime_ns}")
            content.append(f"{name} {stat.st_size}")
    return _digest(rows), _digest(content)


def _digest(rows: list[str]) -> str:
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _span(start: int, length: int, limit: int) -> slice:
    return slice(start, min(start + length, limit))


def _times(span: slice, scale: int) -> slice:
    return slice(span.start * scale, span.stop * scale)


def _widened(span: slice, limit: int) -> slice:
    return slice(max(0, span.start - MARGIN), min(limit, span.stop + MARGIN))
