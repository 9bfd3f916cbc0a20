"""Enlarging a film: a window slides over its frames, and each is extracted once.

A window never reaches beyond a scene: at its ends the nearest frame is repeated, which adds
nothing. Memory does not grow with the film's length.

Shape suffixes: B windows, T frames, C colour channels, F features, H and W pixels.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import torch
from torch import Tensor

from vsr_model.alignment import gather_evidence
from vsr_model.network import Network
from vsr_model.tiles import Place, by_tiles


class InScenes(Protocol):
    """What windows are made of."""

    @property
    def starts_scene(self) -> bool:
        """Whether a new scene starts with it."""


ItemT = TypeVar("ItemT", bound=InScenes)


def windows(items: Iterable[ItemT], n_frames: int) -> Iterator[tuple[ItemT, ...]]:
    """Yield the window of every item, in order, as soon as all that is in it is there.

    Args:
        items: frames of a film, in order; the first starts a scene whatever it says.
        n_frames: items in a window, an odd number.

    Yields:
        For each item the `n_frames` around it, those beyond its scene replaced by the nearest.
    """
    reach = n_frames // 2
    scene: deque[ItemT] = deque(maxlen=n_frames)
    for item in items:
        if item.starts_scene or not scene:
            yield from _slide(scene, scene and [scene[-1]] * reach)
            scene.clear()
            scene.extend([item] * reach)
        yield from _slide(scene, [item])
    yield from _slide(scene, scene and [scene[-1]] * reach)


def _slide(scene: deque[ItemT], items: Iterable[ItemT]) -> Iterator[tuple[ItemT, ...]]:
    """Take items into a window, and yield it wherever it is whole."""
    for item in items:
        scene.append(item)
        if len(scene) == scene.maxlen:
            yield tuple(scene)


@dataclass(frozen=True)
class _Frame:
    """A frame and its features, on the device of their network."""

    starts_scene: bool
    rgb_1CHW: Tensor
    feat_1FHW: Tensor


def enlarge_film(
    network: Network,
    frames: Iterable[tuple[Tensor, bool]],
    *,
    batch: int = 1,
    tile: int | None = None,
) -> Iterator[Tensor]:
    """Enlarge the frames of a film, one by one, in order.

    Args:
        network: the network.
        frames: of one size, on the network's device, rgb_1CHW in [0, 1]; and of each whether a new
            scene starts with it. At most `n_frames // 2 + batch` are taken ahead of what is
            yielded.
        batch: how many to enlarge at once.
        tile: side of a tile in low-resolution pixels; None enlarges frames whole.

    Yields:
        sr_1CHW of each frame, what the network returns of its window, without a graph, to within
        rounding.
    """
    waiting: list[tuple[_Frame, ...]] = []
    for window in windows(_extracted(network, frames), network.settings.n_frames):
        waiting.append(window)
        if len(waiting) == batch:
            yield from _enlarge_windows(network, waiting, tile).split(1)
            waiting.clear()
    if waiting:
        yield from _enlarge_windows(network, waiting, tile).split(1)


def _extracted(network: Network, frames: Iterable[tuple[Tensor, bool]]) -> Iterator[_Frame]:
    for rgb_1CHW, starts_scene in frames:
        with torch.no_grad():
            feat_1FHW = network.extract(rgb_1CHW)
        yield _Frame(starts_scene, rgb_1CHW, feat_1FHW)


@torch.no_grad()
def _enlarge_windows(
    network: Network, batch: Sequence[Sequence[_Frame]], tile: int | None
) -> Tensor:
    """Return the enlarged centre frame of each window, sr_BCHW."""
    lq_BTCHW = torch.stack([torch.cat([frame.rgb_1CHW for frame in each]) for each in batch])
    known = None if network.align is None else gather_evidence(lq_BTCHW, network.settings.scale)
    centre_BCHW = lq_BTCHW[:, lq_BTCHW.shape[1] // 2]
    feats = [_joined([frame.feat_1FHW for frame in place]) for place in zip(*batch, strict=True)]
    if tile is None:
        return network.enlarge_from(feats, centre_BCHW, known)

    def enlarged(near: Place) -> Tensor:
        return network.enlarge_from(
            [feat[near] for feat in feats],
            centre_BCHW[near],
            known and (known[0][near], known[1][near]),
        )

    return by_tiles(network, centre_BCHW, tile, enlarged)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors of one sample as a batch, without a copy where there is one alone."""
    return tensors[0] if len(tensors) == 1 else torch.cat(tuple(tensors))
