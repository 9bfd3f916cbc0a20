"""How unlike two frames of a film are, whatever moved between them and whatever the light did.

Shape suffixes: 3 planes (luma and both of chroma), H rows, W columns of a small picture.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Planes = NDArray[np.int16]

HEIGHT, WIDTH = 36, 64
BLOCK: Final = 4
MOST_DOWN, MOST_ACROSS = (
    3,
    8,
)  # pixels that a block may have moved: an eighth of the picture's width
GRAIN: Final = 2.0
"""Levels of contrast that are no picture yet."""
MOST_GAIN: Final = 4.0


ALIKE: Final = 0.15
"""Unlikeness below which its exact value tells nothing: light is not looked at any more."""


@dataclass(frozen=True)
class SmallPicture:
    """A frame, reduced.

    Attributes:
        ycc_3HW: int16, of `HEIGHT` × `WIDTH`.
        mean_3: of each plane, in levels.
        contrast: mean difference from them, of all three planes together.
    """

    ycc_3HW: Planes
    mean_3: tuple[float, ...]
    contrast: float

    @classmethod
    def of(cls, ycc_3HW: NDArray[Any]) -> "SmallPicture":
        """Measure planes once."""
        planes = ycc_3HW.reshape(3, -1).astype(np.float32)
        mean_3 = np.add.reduce(planes, axis=1, keepdims=True) / planes.shape[1]
        contrast = float(np.add.reduce(np.abs(planes - mean_3), axis=None)) / planes.shape[1]
        return cls(ycc_3HW.astype(np.int16), tuple(mean_3[:, 0].tolist()), contrast)


class Reducer:
    """Makes small pictures of a film's frames."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def __call__(self, picture: VideoFrame) -> SmallPicture:
        """Reduce a frame by means of areas: grain is not a change.

        Raises:
            ValueError, OSError, MemoryError: its pixel format cannot be converted.
        """
        small = self._scaler.reformat(
            picture, WIDTH, HEIGHT, format="yuv444p", interpolation="AREA", threads=1
        )
        return SmallPicture.of(small.to_ndarray())


def change(before: SmallPicture, after: SmallPicture) -> float:
    """How much changed in place, whatever the light did; `unlikeness` is at most this."""
    larger = max(before.contrast, after.contrast) + GRAIN
    changed = _difference(before.ycc_3HW, after.ycc_3HW) / larger
    if changed < ALIKE:
        return changed
    relit = _difference(_relit(before, after), after.ycc_3HW) / (after.contrast + GRAIN)
    return min(changed, relit)


def unlikeness(before: SmallPicture, after: SmallPicture) -> float:
    """What motion and light do not explain, of the contrast: 0 of frames that are alike."""
    larger = max(before.contrast, after.contrast) + GRAIN
    moved = _residual(before.ycc_3HW, after.ycc_3HW) / larger
    if moved < ALIKE:
        return moved
    relit_3HW = _relit(before, after)
    return min(moved, _residual(relit_3HW, after.ycc_3HW) / (after.contrast + GRAIN))


def _relit(before: SmallPicture, after: SmallPicture) -> Planes:
    """A picture with another's contrast and means."""
    gain = (after.contrast + 0.01) / (before.contrast + 0.01)
    gain = min(max(gain, 1 / MOST_GAIN), MOST_GAIN)
    old_3, new_3 = (np.array(each.mean_3).reshape(3, 1, 1) for each in (before, after))
    return ((before.ycc_3HW - old_3) * gain + new_3).round().astype(np.int16)


def _difference(before_3HW: Planes, after_3HW: Planes) -> float:
    """Mean difference, in levels, in place."""
    differences = np.abs(after_3HW - before_3HW)
    return int(np.add.reduce(differences, axis=None, dtype=np.int32)) / (HEIGHT * WIDTH)


def _residual(before_3HW: Planes, after_3HW: Planes) -> float:
    """Mean difference, in levels, where each block comes from where it fits best."""
    edges = ((0, 0), (MOST_DOWN, MOST_DOWN), (MOST_ACROSS, MOST_ACROSS))
    windows = sliding_window_view(np.pad(before_3HW, edges, mode="edge"), (HEIGHT, WIDTH), (1, 2))
    least = np.full((HEIGHT // BLOCK, WIDTH // BLOCK), np.iinfo(np.int16).max, np.int16)
    for down in range(2 * MOST_DOWN + 1):
        differences = np.abs(windows[:, down] - after_3HW[:, None])  # 3 planes, places across, H, W
        sums = differences[0] + differences[1] + differences[2]
        sums = _of_four(_of_four(sums).swapaxes(1, 2)).swapaxes(1, 2)
        least = np.minimum(least, sums.min(axis=0))
    return float(least.mean()) / BLOCK**2


def _of_four(values: Planes) -> Planes:
    """Sums of four neighbours along the last axis, which int16 holds."""
    return values[..., ::4] + values[..., 1::4] + values[..., 2::4] + values[..., 3::4]
