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

MARGIN: Final = 8
"""Low-resolution pixels around it that are degraded too: filters and codecs need them."""

KEPT: Final = 3
"""Windows of a file."""


@dataclass(order=True)
class _Kept:
    key: float
    number: int
    gt_THWC: Pixels = field(compare=False)
    inner: tuple[slice, slice] = field(compare=False)


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

    def pictures(self) -> list[WindowPicture]:
        """What was drawn, in the order of the film, degraded as the settings say."""
        return [self._picture(kept) for kept in sorted(self._kept, key=lambda kept: kept.number)]

    def _cut(self, key: float) -> _Kept:
        """The part of the window that is shown, and what is around it."""
        frames = list(self._frames)
        number, middle_HWC = frames[len(frames) // 2]
        rows, top = self._span(middle_HWC.shape[0])
        columns, left = self._span(middle_HWC.shape[1])
        gt_THWC = np.stack([gt_HWC[rows, columns] for _, gt_HWC in frames])
        return _Kept(key, number, gt_THWC, (top, left))

    def _span(self, side: int) -> tuple[slice, slice]:
        """Which pixels of a side are kept, and which of those are shown, in low resolution."""
        scale = self._request.scale
        lq_side = side // scale
        shown = min(lq_side, SHOWN // scale)
        start = int(self._rng.integers(lq_side - shown + 1))
        first, last = max(0, start - MARGIN), min(lq_side, start + shown + MARGIN)
        return slice(first * scale, last * scale), slice(start - first, start - first + shown)

    def _picture(self, kept: _Kept) -> WindowPicture:
        request = self._request
        rng = np.random.Generator(np.random.Philox(key=kept.number))
        pipeline = pipeline_of(request.degradation)
        lq_THWC = degraded_take(kept.gt_THWC, pipeline, request.scale, rng)
        rows, columns = kept.inner
        gt_rows, gt_columns = (
            slice(part.start * request.scale, part.stop * request.scale) for part in kept.inner
        )
        middle = len(lq_THWC) // 2
        return WindowPicture(
            lq_THWC[middle, rows, columns].copy(),
            kept.gt_THWC[middle, gt_rows, gt_columns].copy(),
            kept.number,
        )
