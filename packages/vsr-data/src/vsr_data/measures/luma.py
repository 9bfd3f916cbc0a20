"""Luma of a picture, and the same made smaller."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsr_data.pixels import Pixels

Luma = NDArray[np.uint8]
"""8-bit luma, `luma_HW`."""


def luma_of(rgb_HWC: Pixels) -> Luma:
    """Weigh red, green and blue as ITU-R BT.601 does, to `luma_HW` in full range."""
    return np.asarray(Image.fromarray(rgb_HWC).convert("L"))


def reduced(luma_HW: Luma, factor: int) -> Luma:
    """Means of factor × factor pixels; what is left at the right and bottom is cropped.

    Args:
        luma_HW: neither side under `factor`.
        factor: how many times smaller each side becomes.
    """
    if factor == 1:
        return luma_HW
    height, width = (side - side % factor for side in luma_HW.shape)
    return np.asarray(Image.fromarray(luma_HW[:height, :width]).reduce(factor))


def as_float(luma_HW: NDArray[Any]) -> NDArray[np.float32]:
    """The same as float32, in which differences have a sign."""
    return luma_HW.astype(np.float32)
