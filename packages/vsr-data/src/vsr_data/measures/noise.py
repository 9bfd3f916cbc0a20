"""How strong the grain of a picture is.

Immerkær, "Fast noise variance estimation", 1996 (doi:10.1006/cviu.1996.0060): a difference of two
Laplacians sees hardly any picture but all white noise. It is taken block by block, and the evenest
blocks decide, as in Olsen, "Estimation of noise in images", 1993 (doi:10.1006/cgip.1993.1022), so
that texture does not count as grain.
"""

from typing import Final

import numpy as np

from vsr_data.measures.luma import Luma

BLOCK: Final = 16
LARGE: Final = 480
"""Rows and columns from which every other block is left out, both ways."""

EVENEST: Final = 15
"""Percentile of the blocks that decides."""

THEIR_SHARE: Final = 0.92
"""What noise comes to in blocks at that percentile, over what it is."""

DARKEST: Final = 20
BRIGHTEST: Final = 235
"""Mean levels beyond which noise is clipped: blocks there are left out."""

LEAST: Final = 8  # blocks that are enough to leave others out


def noise_sigma(luma_HW: Luma) -> float:
    """Standard deviation of white noise in a picture, in levels; near 0 where there is none.

    Args:
        luma_HW: at full size: reduced pictures have less noise.
    """
    rows, columns = (side // BLOCK for side in luma_HW.shape)
    if not rows or not columns:
        return 0.0
    every = 2 if min(luma_HW.shape) >= LARGE else 1
    grid = luma_HW[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    blocks = grid[::every, :, ::every].swapaxes(1, 2).reshape(-1, BLOCK, BLOCK).astype(np.int16)
    level = blocks.mean(axis=(1, 2))
    is_whole = (level >= DARKEST) & (level <= BRIGHTEST)
    if is_whole.sum() >= LEAST:
        blocks = blocks[is_whole]
    across = blocks[:, :, 2:] - 2 * blocks[:, :, 1:-1] + blocks[:, :, :-2]
    mask = across[:, 2:] - 2 * across[:, 1:-1] + across[:, :-2]
    activity = np.percentile(np.abs(mask).mean(axis=(1, 2)), EVENEST)
    return float(np.sqrt(np.pi / 2) / 6 * activity / THEIR_SHARE)
