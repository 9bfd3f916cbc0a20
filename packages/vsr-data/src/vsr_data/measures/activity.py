"""How much there is to see in a frame, and how much of it is new."""

from typing import Final

import numpy as np

from vsr_data.measures.luma import Luma, as_float, reduced

BLOCK: Final = 8
"""Side of the blocks whose means are compared: noise and coding errors cancel within one."""

SAME: Final = 1.0
"""Levels by which a block's mean may differ where nothing has moved: rounding, and a key frame that
codes the same picture anew."""

FLAT: Final = 2
"""Levels up to which two neighbours count as the same colour."""


def detail(luma_HW: Luma) -> float:
    """Mean absolute difference of neighbours, along rows and columns, in levels."""
    across = np.abs(np.diff(luma_HW.astype(np.int16), axis=1))
    down = np.abs(np.diff(luma_HW.astype(np.int16), axis=0))
    return float((across.mean() + down.mean()) / 2)


def motion(luma_HW: Luma, before_HW: Luma) -> float:
    """Mean absolute difference of two frames of one size, in levels."""
    return float(_difference(luma_HW, before_HW).mean())


def level(luma_HW: Luma) -> float:
    """Mean luma."""
    return float(luma_HW.mean())


def is_repeated(luma_HW: Luma, before_HW: Luma) -> bool:
    """Whether a frame shows what the one before shows: no block of it has changed.

    Args:
        luma_HW: the frame, reduced or not.
        before_HW: the one before, of the same size.
    """
    block = min(BLOCK, *luma_HW.shape)
    changes = as_float(luma_HW) - as_float(before_HW)
    rows, columns = (side // block for side in luma_HW.shape)
    blocks = changes[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return bool(np.abs(blocks.mean(axis=(1, 3))).max() < SAME)


def is_test_card(luma_HW: Luma) -> bool:
    """Whether a picture is drawn of even areas, with hard steps between them."""
    small = reduced(luma_HW, max(1, min(luma_HW.shape) // 240))
    steps = np.abs(np.diff(small.astype(np.int16), axis=1))
    return bool((steps <= FLAT).mean() > 0.9 and np.ptp(small) > 100)


def _difference(luma_HW: Luma, before_HW: Luma) -> Luma:
    """Absolute differences, without leaving 8 bits."""
    return np.maximum(luma_HW, before_HW) - np.minimum(luma_HW, before_HW)
