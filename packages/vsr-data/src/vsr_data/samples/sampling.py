"""Which sample is where: pure functions of (seed, step, index).

Every sample has a generator of its own, Philox with the seed as key and (step, index) as counter,
so that no sample depends on which were cut before it, by whom, or in what order. Windows are drawn
uniformly, with replacement, from all windows of all clips: each picture of the footage is seen
equally often, and a video cut into many segments weighs what its frames weigh.
"""

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from vsr_data.pixels import Pixels, Size


@dataclass(frozen=True)
class Choice:
    """What one sample is cut from, before its place and augmentation are known."""

    clip: int
    window: int
    number: int
    """The window's number among those of all clips."""


@dataclass(frozen=True)
class Cut:
    """Where a sample lies in a low-resolution frame, and how it is turned."""

    y: int
    x: int
    flip_x: bool
    flip_y: bool
    transpose: bool
    reverse: bool


def sample_generator(seed: int, step: int, index: int) -> np.random.Generator:
    """The generator of one sample; drawing from it cannot reach another sample's numbers."""
    return np.random.Generator(np.random.Philox(key=[seed, 0], counter=[0, 0, index, step]))


def choose_window(
    rng: np.random.Generator, ends: tuple[int, ...], aside: frozenset[int] = frozenset()
) -> Choice:
    """Draw one of all windows but those set aside.

    Args:
        rng: the sample's generator.
        ends: `Footage.window_ends()`.
        aside: numbers of windows that are not drawn; never all of them.
    """
    while (number := int(rng.integers(ends[-1]))) in aside:
        pass
    clip = bisect_right(ends, number)
    return Choice(clip, number - (ends[clip - 1] if clip else 0), number)


def choose_cut(rng: np.random.Generator, lq_size: Size, patch: int) -> Cut:
    """Draw a crop of `patch` low-resolution pixels and one of sixteen augmentations."""
    height, width = lq_size
    y, x = int(rng.integers(height - patch + 1)), int(rng.integers(width - patch + 1))
    flip_x, flip_y, transpose, reverse = (bool(bit) for bit in rng.integers(2, size=4))
    return Cut(y, x, flip_x, flip_y, transpose, reverse)


def turned(lq_THWC: Pixels, gt_HWC: Pixels, cut: Cut) -> tuple[Pixels, Pixels]:
    """Turn both sides of a crop the same way.

    Returns:
        `lq_TCHW` and `gt_CHW`, contiguous copies.
    """
    lq = lq_THWC[::-1] if cut.reverse else lq_THWC
    return _turned(lq, cut), _turned(gt_HWC, cut)


def spread(windows: int, wanted: int) -> list[int]:
    """At most so many windows of a clip, evenly spaced over it; a single one is the middle."""
    if wanted >= windows:
        return list(range(windows))
    if wanted == 1:
        return [windows // 2]
    return [round(i * (windows - 1) / (wanted - 1)) for i in range(wanted)]


def _turned(pixels_HWC: Pixels, cut: Cut) -> Pixels:
    """Flip and transpose the last three axes, H, W and C, into C, H and W."""
    if cut.flip_y:
        pixels_HWC = pixels_HWC[..., ::-1, :, :]
    if cut.flip_x:
        pixels_HWC = pixels_HWC[..., ::-1, :]
    if cut.transpose:
        pixels_HWC = np.swapaxes(pixels_HWC, -3, -2)
    return np.ascontiguousarray(np.moveaxis(pixels_HWC, -1, -3))
