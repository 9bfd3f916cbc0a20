"""A take's low-resolution frames made, part by part."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch

from vsr_data.degradation.coding import LEAST_SIDE, SITED_LEFT, coded, made_whole
from vsr_data.degradation.drawing import Recipe, draw
from vsr_data.degradation.frames import Chroma, padded_size, rgb_frames, whole_frames, woven_frames
from vsr_data.degradation.noise import noisy
from vsr_data.degradation.reducing import reduced
from vsr_data.pixels import Pixels
from vsr_settings.degradation import Pipeline

VERSION: Final = 1
"""Of how takes are made: raised where the same draws make other frames than before."""


def degraded_take(
    gt_THWC: Iterable[Pixels], pipeline: Pipeline, scale: int, rng: np.random.Generator
) -> Pixels:
    """Make the low-resolution frames of a take.

    Args:
        gt_THWC: uint8 RGB, at least one frame, both sides multiples of `scale`; any iterable of
            frames of one size will do.
        pipeline: the parts, and the ranges that this take's numbers are drawn from.
        scale: how many times smaller each side becomes.
        rng: where all that is random comes from.

    Returns:
        `lq_THWC`, uint8 RGB, as many frames, each in the place of its sharp one.

    Raises:
        ValueError: a side is not a multiple of `scale`.
    """
    recipe = draw(pipeline, rng)
    with one_thread():
        lq = reduced(gt_THWC, scale, recipe.resize, recipe.blur)
        return recorded(lq, recipe, rng)


def recorded(lq: Iterable[Pixels], recipe: Recipe, rng: np.random.Generator) -> Pixels:
    """Do to reduced frames what a recipe says of a camera, a film and its encoder.

    Args:
        lq: `lq_HWC`, uint8 RGB, at least one frame, all of one size.
        recipe: what to do.
        rng: where noise is drawn from.

    Returns:
        `lq_THWC`.
    """
    lq_THWC = np.stack(list(lq))
    if recipe.noise is not None:
        for lq_HWC in lq_THWC:
            lq_HWC[:] = noisy(lq_HWC, recipe.noise, rng)
    if not (recipe.chroma_halved or recipe.interlace or recipe.encoding):
        return lq_THWC
    size = lq_THWC.shape[1], lq_THWC.shape[2]
    padded = padded_size(
        size,
        multiple=2 if recipe.interlace is None else 4,
        least=2 if recipe.encoding is None else LEAST_SIDE,
    )
    chroma: Chroma = "amid" if recipe.chroma_halved or recipe.encoding else "full"
    if recipe.encoding is not None and recipe.encoding.kind in SITED_LEFT:
        chroma = "left"
    if recipe.interlace is None:
        frames = whole_frames(lq_THWC, padded, chroma)
    else:
        frames = woven_frames(lq_THWC, padded, chroma, recipe.interlace)
    if recipe.encoding is not None:
        frames = coded(frames, recipe.encoding, recipe.interlace)
    if recipe.interlace is not None:
        frames = made_whole(frames, recipe.interlace)
    made = list(rgb_frames(frames, size))[: len(lq_THWC)]  # one more where their number is odd
    return np.stack(made)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute as every process does, however many threads it has: to the bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
