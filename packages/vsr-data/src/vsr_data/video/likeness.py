"""How unlike two frames of a film are, whatever moved between them and whatever the light did.

Shape suffixes: 3 planes (luma and both of chroma), H rows, W columns of a small picture.
"""

from typing import Final

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

SmallPicture = NDArray[np.int16]
"""`ycc_3HW`, of `HEIGHT` × `WIDTH`."""

HEIGHT, WIDTH = 36, 64
BLOCK: Final = 4
MOST_DOWN, MOST_ACROSS = (
    3,
    8,
)  # pixels that a block may have moved: an eighth of the picture's width
GRAIN: Final = 2.0
"""Levels of contrast that are no picture yet."""
MOST_GAIN: Final = 4.0


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
        return small.to_ndarray().astype(np.int16)


def contrast(ycc_3HW: SmallPicture) -> float:
    """Mean difference from the mean, in levels, of all three planes together."""
    mean_3 = ycc_3HW.mean(axis=(1, 2), keepdims=True)
    return float(np.abs(ycc_3HW - mean_3).mean(axis=(1, 2)).sum())


def change(before_3HW: SmallPicture, after_3HW: SmallPicture) -> float:
    """How much changed in place, of the larger contrast; `unlikeness` is at most this."""
    difference = float(np.abs(after_3HW - before_3HW).mean(axis=(1, 2)).sum())
    return difference / (max(contrast(before_3HW), contrast(after_3HW)) + GRAIN)


def unlikeness(before_3HW: SmallPicture, after_3HW: SmallPicture) -> float:
    """What motion and light do not explain, of the contrast: 0 of frames that are alike."""
    first, second = contrast(before_3HW), contrast(after_3HW)
    residual = _residual(before_3HW, after_3HW)
    gain = min(max((second + 0.01) / (first + 0.01), 1 / MOST_GAIN), MOST_GAIN)
    old_3, new_3 = (each.mean(axis=(1, 2), keepdims=True) for each in (before_3HW, after_3HW))
    relit_3HW = ((before_3HW - old_3) * gain + new_3).round().astype(np.int16)
    relit = _residual(relit_3HW, after_3HW) / (second + GRAIN)
    return min(residual / (max(first, second) + GRAIN), relit)


def _residual(before_3HW: SmallPicture, after_3HW: SmallPicture) -> float:
    """Mean difference, in levels, where each block comes from where it fits best."""
    edges = ((0, 0), (MOST_DOWN, MOST_DOWN), (MOST_ACROSS, MOST_ACROSS))
    padded_3HW = np.pad(before_3HW, edges, mode="edge")
    least: NDArray[np.int64] | None = None
    for down in range(2 * MOST_DOWN + 1):
        for across in range(2 * MOST_ACROSS + 1):
            moved_3HW = padded_3HW[:, down : down + HEIGHT, across : across + WIDTH]
            difference_HW = np.abs(moved_3HW - after_3HW).sum(axis=0)
            blocks = difference_HW.reshape(HEIGHT // BLOCK, BLOCK, WIDTH // BLOCK, BLOCK)
            sums = blocks.sum(axis=(1, 3))
            least = sums if least is None else np.minimum(least, sums)
    return 0.0 if least is None else float(least.mean()) / BLOCK**2
