"""Windows drawn from a film that is read once: by weight, as training draws them, and small.

A window is kept with a key, a random number to the power of one over its weight; those with the
largest keys at the end are a draw by weight without replacement (Efraimidis and Spirakis,
https://doi.org/10.1016/j.ipl.2005.11.003).
"""

import heapq
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vsr_data.degradation import degraded_take
from vsr_data.doctor.findings import WindowPicture
from vsr_data.pixels import Pixels
from vsr_data.request import Request
from vsr_settings.degradation import pipeline_of

SHOWN: Final = 288
"""Side of the sharp part of a window that is shown, in pixels."""

INNER: Final = (0.15, 0.85)
"""Columns that are shown lie between these parts of the width: bars are not known until the end."""

MARGIN: Final = 8
"""Low-resolution pixels around it that are degraded too: filters and codecs need them."""

KEPT: Final = 3
"""Windows of a file."""


@dataclass(order=True)
class _Kept:
    """The columns of a window that are shown and those beside them, at full height."""

    key: float
    number: int
    gt_THWC: Pixels = field(compare=False)
    columns: slice = field(compare=False)
    height_drawn: float = field(compare=False)


class WindowDrawing:
    """Draws a few windows of a film while it is read.

    Args:
        name: of the film: the same draw for the same name.
        request: the length of a window, its scale and its degradation.
    """

    def __init__(self, name: str, request: Request) -> None:
        self._request = request
        salt = zlib.crc32(name.encode("utf-8", "surrogatepass"))
        self._rng = np.random.Generator(np.random.Philox(key=salt))
        self._frames: deque[tuple[int, Pixels]] = deque(maxlen=request.n_frames)
        self._kept: list[_Kept] = []

    def add(self, number: int, gt_HWC: Pixels, weight: float, *, starts_run: bool) -> None:
        """Take up the next frame.

        Args:
            number: its own, in the file.
            gt_HWC: its pixels.
            weight: of the window that ends with it.
            starts_run: whether no window has both it and the one before.
        """
        if starts_run:
            self._frames.clear()
        self._frames.append((number, gt_HWC))
        if len(self._frames) < self._request.n_frames or weight <= 0:
            return
        key = float(self._rng.random()) ** (1 / weight)
        if len(self._kept) < KEPT or key > self._kept[0].key:
            push = heapq.heappush if len(self._kept) < KEPT else heapq.heapreplace
            push(self._kept, self._cut(key))

    def pictures(self, top: int, bottom: int) -> list[WindowPicture]:
        """What was drawn, in the order of the film, degraded as the settings say.

        Args:
            top: low-resolution rows that training leaves out at the top.
            bottom: those at the bottom.
        """
        kept = sorted(self._kept, key=lambda kept: kept.number)
        return [self._picture(one, top, bottom) for one in kept]

    def _cut(self, key: float) -> _Kept:
        frames = list(self._frames)
        number, middle_HWC = frames[len(frames) // 2]
        scale = self._request.scale
        width = middle_HWC.shape[1] // scale
        shown = min(width, SHOWN // scale)
        first, last = (int(part * width) for part in INNER)
        left = first + int(self._rng.integers(max(1, last - first - shown + 1)))
        left = min(left, width - shown)
        begin, end = max(0, left - MARGIN), min(width, left + shown + MARGIN)
        gt_THWC = np.stack([gt_HWC[:, begin * scale : end * scale] for _, gt_HWC in frames])
        columns = slice(left - begin, left - begin + shown)
        return _Kept(key, number, gt_THWC, columns, float(self._rng.random()))

    def _picture(self, kept: _Kept, top: int, bottom: int) -> WindowPicture:
        request, scale = self._request, self._request.scale
        height = kept.gt_THWC.shape[1] // scale
        shown = min(max(1, height - top - bottom), SHOWN // scale)
        first = top + int(kept.height_drawn * max(0, height - top - bottom - shown + 1))
        begin, end = max(0, first - MARGIN), min(height, first + shown + MARGIN)
        gt_THWC = kept.gt_THWC[:, begin * scale : end * scale]
        rng = np.random.Generator(np.random.Philox(key=kept.number))
        lq_THWC = degraded_take(gt_THWC, pipeline_of(request.degradation), scale, rng)
        rows, columns, middle = (
            slice(first - begin, first - begin + shown),
            kept.columns,
            len(lq_THWC) // 2,
        )
        gt_rows, gt_columns = _times(rows, scale), _times(columns, scale)
        return WindowPicture(
            lq_THWC[middle, rows, columns].copy(),
            gt_THWC[middle, gt_rows, gt_columns].copy(),
            kept.number,
        )


def _times(part: slice, scale: int) -> slice:
    return slice(part.start * scale, part.stop * scale)
