"""How visible the blocks are that a codec cut a picture into.

After Wang, Bovik and Evans, "Blind measurement of blocking artifacts in images", ICIP 2000
(doi:10.1109/ICIP.2000.899622), and Muijs and Kirenko, "A no-reference blocking artifact measure
for adaptive video processing", EUSIPCO 2005: steps between neighbours are compared with those
around them, on the grid and off it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.measures.luma import Luma, as_float

FLOOR: Final = 0.5
"""Levels that are added to a step's surroundings: nothing is seen of smaller ones."""


def blockiness(luma_HW: Luma, grid: int = 8, every: int = 1) -> float:
    """Steps across the borders of blocks over those elsewhere; 1 where there are no blocks.

    Args:
        luma_HW: with a corner of a block at its own corner.
        grid: side of a block in pixels; that of an enlarged picture is as many times larger.
        every: of so many rows, and columns, one is looked at.
    """
    rows = as_float(luma_HW[every // 2 :: every])
    columns = as_float(np.ascontiguousarray(luma_HW[:, every // 2 :: every].T))
    return (_along_rows(rows, grid) + _along_rows(columns, grid)) / 2


def _along_rows(luma_HW: NDArray[np.float32], grid: int) -> float:
    if luma_HW.shape[1] < 3 * grid:
        return 1.0
    steps = np.abs(np.diff(luma_HW, axis=1))
    total = np.cumsum(np.pad(steps, ((0, 0), (1, 0))), axis=1)
    around = (total[:, grid:] - total[:, :-grid]) / grid
    first = grid // 2
    share = steps[:, first : first + around.shape[1]] / (around + FLOOR)
    mean = share.mean(axis=0)
    is_border = (np.arange(first, first + len(mean)) + 1) % grid == 0
    return float((mean[is_border].mean() + FLOOR) / (mean[~is_border].mean() + FLOOR))
