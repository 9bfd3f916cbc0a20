"""Enlarging frames of any size in bounded memory: tile by tile, equal to the whole at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import EllipsisType

import torch
from torch import Tensor

from vsr_model.alignment import gather_evidence
from vsr_model.network import Network

Place = tuple[EllipsisType, slice, slice]
"""Rows and columns of maps or pictures, whatever dimensions come before."""


@dataclass(frozen=True)
class Tile:
    """A square of a frame, in low-resolution pixels."""

    near: Place
    """The tile with as much around it as its output depends on."""
    inner: Place
    """The tile itself, within what `near` becomes when it is enlarged."""
    whole: Place
    """The tile itself, within the enlarged frame."""


def tiles(height: int, width: int, side: int, around: int, scale: int) -> Iterator[Tile]:
    """Cut a frame into tiles, row by row.

    Args:
        height: of the low-resolution frame.
        width: of the low-resolution frame.
        side: of a tile in low-resolution pixels, without what is around it.
        around: low-resolution pixels that the output of a tile depends on beyond it.
        scale: the enlargement.

    Raises:
        ValueError: if the side is not positive.
    """
    if side < 1:
        raise ValueError(f"a tile has a side of {side}; it needs at least 1 pixel")
    for top in range(0, height, side):
        for left in range(0, width, side):
            first_row, first_column = max(0, top - around), max(0, left - around)
            bottom, right = min(top + side, height), min(left + side, width)
            yield Tile(
                near=(
                    ...,
                    slice(first_row, bottom + around),
                    slice(first_column, right + around),
                ),
                inner=(
                    ...,
                    slice(scale * (top - first_row), scale * (bottom - first_row)),
                    slice(scale * (left - first_column), scale * (right - first_column)),
                ),
                whole=(
                    ...,
                    slice(scale * top, scale * bottom),
                    slice(scale * left, scale * right),
                ),
            )


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
    known = None
    if aligned and network.align is not None:
        known = gather_evidence(lq_BTCHW, network.settings.scale)

    def enlarged(near: Place) -> Tensor:
        seen = known and tuple(maps[near] for maps in known)
        return network(lq_BTCHW[near], seen, aligned=aligned)

    return by_tiles(network, lq_BTCHW[:, 0], tile, enlarged)


def by_tiles(
    network: Network, like_BCHW: Tensor, tile: int, enlarged: Callable[[Place], Tensor]
) -> Tensor:
    """Put enlarged frames together from their tiles.

    Args:
        network: the network that enlarges.
        like_BCHW: low-resolution frames of the size and on the device of those enlarged.
        tile: side of a tile in low-resolution pixels, without what is around it.
        enlarged: returns what is at a place of the low-resolution frames, enlarged.

    Returns:
        sr_BCHW of the frames.
    """
    scale, (batch, _, height, width) = network.settings.scale, like_BCHW.shape
    sr_BCHW = like_BCHW.new_empty(batch, 3, scale * height, scale * width)
    for part in tiles(height, width, tile, network.radius, scale):
        sr_BCHW[part.whole] = enlarged(part.near)[part.inner]
    return sr_BCHW
