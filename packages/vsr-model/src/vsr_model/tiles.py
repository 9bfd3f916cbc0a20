"""Enlarging frames of any size in bounded memory: tile by tile, equal to the whole at once."""

import torch
from torch import Tensor

from vsr_model.alignment import gather_evidence
from vsr_model.network import Network


@torch.no_grad()
def enlarge(network: Network, lq_BTCHW: Tensor, tile: int, *, aligned: bool = True) -> Tensor:
    """Enlarge windows in square tiles, each with as much around it as its output depends on.

    What neighbours saw may have moved farther than that, so it is gathered of whole frames, once.

    Args:
        network: the network.
        lq_BTCHW: windows of any height and width, RGB in [0, 1].
        tile: side of a tile in low-resolution pixels, without what is around it.
        aligned: whether to look for what neighbours saw.

    Returns:
        What `network(lq_BTCHW, aligned=aligned)` returns, without a graph, to within rounding.
    """
    if tile < 1:
        raise ValueError(f"a tile has a side of {tile}; it needs at least 1 pixel")
    scale, around = network.settings.scale, network.radius
    known = None
    if aligned and network.align is not None:
        known = gather_evidence(lq_BTCHW, scale)
    batch, (height, width) = len(lq_BTCHW), lq_BTCHW.shape[-2:]
    sr_BCHW = lq_BTCHW.new_empty(batch, 3, scale * height, scale * width)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            first_row, first_column = max(0, top - around), max(0, left - around)
            bottom, right = min(top + tile, height), min(left + tile, width)
            near = (
                ...,
                slice(first_row, bottom + around),
                slice(first_column, right + around),
            )
            seen = known and tuple(maps[near] for maps in known)
            part = network(lq_BTCHW[near], seen, aligned=aligned)
            rows = slice(scale * (top - first_row), scale * (bottom - first_row))
            columns = slice(scale * (left - first_column), scale * (right - first_column))
            whole = slice(scale * top, scale * bottom), slice(scale * left, scale * right)
            sr_BCHW[..., *whole] = part[..., rows, columns]
    return sr_BCHW
