"""How much there is to see in a frame, and how much of it is new."""

from typing import Final

import numpy as np

from vsr_data.measures.luma import Luma, as_float

BLOCK: Final = 8
"""Side of the blocks whose means are compared: noise and coding errors cancel within one."""

FLAT: Final = 2
"""Levels up to which two neighbours count as the same colour."""


def detail(luma_HW: Luma) -> float:
    """Mean absolute difference of neighbours, along rows and columns, in levels."""
    across = _difference(luma_HW[:, 1:], luma_HW[:, :-1])
    down = _difference(luma_HW[1:], luma_HW[:-1])
    return float((across.mean() + down.mean()) / 2)


def motion(luma_HW: Luma, before_HW: Luma) -> float:
    """Mean absolute difference of two frames of one size, in levels."""
    return float(_difference(luma_HW, before_HW).mean())


def level(luma_HW: Luma) -> float:
    """Mean luma."""
    return float(luma_HW.mean())


def greatest_change(luma_HW: Luma, before_HW: Luma) -> float:
    """Most that the mean of any block differs between two frames of one size, in levels."""
    block = min(BLOCK, *luma_HW.shape)
    rows, columns = (side // block for side in luma_HW.shape)
    changes = as_float(luma_HW) - as_float(before_HW)
    blocks = changes[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return float(np.abs(blocks.mean(axis=(1, 3))).max())


def is_test_card(luma_HW: Luma) -> bool:
    """Whether a picture is drawn of a few even areas, with hard steps between them."""
    steps = _difference(luma_HW[:, 1:], luma_HW[:, :-1])
    is_even = steps <= FLAT
    is_hard = steps > 8 * FLAT
    return bool(is_even.mean() > 0.95 and is_hard.sum() > 0.5 * (~is_even).sum() > 0)


def _difference(luma_HW: Luma, other_HW: Luma) -> Luma:
    """Absolute differences, without leaving 8 bits."""
    return np.maximum(luma_HW, other_HW) - np.minimum(luma_HW, other_HW)
