"""Which windows are written: some of each clip, by their weights, none twice.

Pure functions of the footage and a seed. Clips get their shares by Sainte-Laguë's rule, in
proportion to their windows' weights; within a clip the windows are spread over its length, one from
each stretch of equal weight, so that neighbours, which are nearly alike, are seldom both taken.
"""

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.footage.clip import TYPICAL, Clip, Footage
from vsr_data.samples.validation import validation_places

CHOICE: Final = 1  # second word of the generators' keys; samples of training have 0
ORDER: Final = 2
PLACE: Final = 3


@dataclass(frozen=True)
class Pick:
    """A window to write.

    Attributes:
        clip: the clip's number in its footage.
        window: the window's number in the clip.
        y: top of its crop in low-resolution pixels.
        x: its left.
    """

    clip: int
    window: int
    y: int = 0
    x: int = 0


def training_picks(
    footage: Footage, wanted: int | None, seed: int, *, patch: int | None, n_frames: int, even: bool
) -> list[Pick]:
    """Choose training windows and their crops, in an order that mixes the clips.

    Args:
        footage: the clips.
        wanted: how many windows, if there are so many; None takes one for every `n_frames`, about
            as many as show every frame once.
        seed: decides the windows, their crops and their order.
        patch: side of a crop in low-resolution pixels; None for whole frames.
        n_frames: frames of a window.
        even: count all windows alike, whatever their weights.
    """
    clips = footage.clips
    count = max(1, footage.windows // n_frames) if wanted is None else wanted
    weights = [None if even else clip.weights() for clip in clips]
    masses = [
        float(TYPICAL * clip.windows if weight is None else weight.sum())
        for clip, weight in zip(clips, weights, strict=True)
    ]
    counts = shares(masses, [clip.windows for clip in clips], count)
    chosen = [
        (number, int(window))
        for number, (clip, weight, share) in enumerate(zip(clips, weights, counts, strict=True))
        for window in chosen_windows(clip.windows, weight, share, _generator(seed, CHOICE, number))
    ]
    order = _generator(seed, ORDER, 0).permutation(len(chosen))
    picks = []
    for place, i in enumerate(order):
        clip, window = chosen[i]
        y, x = _corner(clips[clip], patch, _generator(seed, PLACE, place))
        picks.append(Pick(clip, window, y, x))
    return picks


def validation_picks(footage: Footage, per_clip: int, most: int) -> list[Pick]:
    """The windows that validation sees: of every clip so many, and so many in all."""
    return [Pick(*place) for place in validation_places(footage.clips, per_clip, most)]


def shares(masses: list[float], most: list[int], wanted: int) -> list[int]:
    """Divide a number in proportion to masses.

    Args:
        masses: what the parts are in proportion to.
        most: the largest that each part can be.
        wanted: the number; less where the parts cannot hold it.

    Returns:
        The parts.
    """
    counts = [0] * len(masses)
    heap = [(-mass, i) for i, mass in enumerate(masses) if most[i] > 0]
    heapq.heapify(heap)
    for _ in range(wanted):
        if not heap:
            break
        _, i = heapq.heappop(heap)
        counts[i] += 1
        if counts[i] < most[i]:
            heapq.heappush(heap, (-masses[i] / (2 * counts[i] + 1), i))
    return counts


def chosen_windows(
    windows: int, weights: NDArray[np.int64] | None, wanted: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Choose windows of one clip without replacement, in their order.

    Args:
        windows: how many there are.
        weights: of each, at least 1; None for all alike.
        wanted: how many to choose, at most `windows`.
        rng: decides.
    """
    if wanted in {0, windows}:
        return np.arange(wanted)
    ends = np.arange(1, windows + 1) if weights is None else np.cumsum(weights)
    places = (np.arange(wanted) + rng.random(wanted)) * (ends[-1] / wanted)
    chosen = np.unique(np.searchsorted(ends, places, side="right").clip(max=windows - 1))
    missing = wanted - len(chosen)
    if missing:  # a window heavier than a stretch was met twice: draw others in its stead
        left = np.setdiff1d(np.arange(windows), chosen)
        weight = np.ones(len(left)) if weights is None else weights[left].astype(float)
        keys = rng.exponential(size=len(left)) / weight
        chosen = np.union1d(chosen, left[np.argsort(keys, kind="stable")[:missing]])
    return chosen.astype(np.int64)


def _corner(clip: Clip, patch: int | None, rng: np.random.Generator) -> tuple[int, int]:
    if patch is None:
        return 0, 0
    height, width = clip.lq_size
    return int(rng.integers(height - patch + 1)), int(rng.integers(width - patch + 1))


def _generator(seed: int, kind: int, number: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, kind], counter=[0, 0, number, 0]))
