"""Which sample is where: pure functions of (seed, step, index).

Every sample has a generator of its own, Philox with the seed as key and (step, index) as counter,
so that no sample depends on which were cut before it, by whom, or in what order. Windows are drawn
with replacement: first a source by its weight, then one of its windows by the weight that its clip
gives it. Without weights that is uniform: each picture of the footage is seen equally often, and a
video cut into many segments weighs what its frames weigh. Arithmetic is in integers, so that
machines draw alike.
"""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.footage.clip import TYPICAL, Clip, Footage
from vsr_data.pixels import Pixels, Size

GROUP_UNITS: Final = 1 << 32
"""What the weights of all sources together come to."""

WHOLE: Final = (0, 1)
"""The part of a step that is one sample: all of it."""

MOST_TRIES: Final = 10_000
"""Draws of windows that are set aside, after which one is taken of those that are left."""


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


class WindowDraw:
    """All windows of footage, to be drawn from.

    Args:
        footage: the clips; at least one.

    Attributes:
        windows: how many there are.
    """

    def __init__(self, footage: Footage) -> None:
        self._ends = footage.window_ends()
        self.windows = self._ends[-1]
        members: dict[int, list[int]] = {}
        for k, clip in enumerate(footage.clips):
            members.setdefault(clip.group, []).append(k)
        self._groups = [_Group(footage.clips, ks) for _, ks in sorted(members.items())]
        shares = [footage.groups[group] for group in sorted(members)]
        units = (max(1, round(share / sum(shares) * GROUP_UNITS)) for share in shares)
        self._group_ends = tuple(accumulate(units))

    def choose(
        self,
        rng: np.random.Generator,
        aside: frozenset[int] = frozenset(),
        part: tuple[int, int] = WHOLE,
    ) -> Choice:
        """Draw one of all windows but those set aside.

        Args:
            rng: the sample's generator.
            aside: numbers of windows that are not drawn; never all of them.
            part: the sample's place in its step, and how many samples that has. A source of shards
                is divided into as many parts of equal weight, and each sample is drawn from its
                own: all windows are as likely as ever, and a process reads its shards alone.
        """
        for _ in range(MOST_TRIES):
            choice = self._any(rng, part)
            if choice.number not in aside:
                return choice
        left = [number for number in range(self.windows) if number not in aside]
        number = left[int(rng.integers(len(left)))]
        clip = bisect_right(self._ends, number)
        return Choice(clip, number - self._start(clip), number)

    def _any(self, rng: np.random.Generator, part: tuple[int, int]) -> Choice:
        group = self._groups[0]
        if len(self._groups) > 1:  # one source takes no number from the generator
            group = self._groups[
                bisect_right(self._group_ends, int(rng.integers(self._group_ends[-1])))
            ]
        clip, window = group.choose(rng, part)
        return Choice(clip, window, self._start(clip) + window)

    def _start(self, clip: int) -> int:
        return self._ends[clip - 1] if clip else 0


class _Group:
    """The windows of one source.

    Args:
        clips: of all sources.
        members: which of them are this source's.
    """

    def __init__(self, clips: tuple[Clip, ...], members: list[int]) -> None:
        self._members = members
        self._is_sharded = all(clips[k].is_sharded for k in members)
        self._ends = tuple(accumulate(clips[k].windows for k in members))
        weights = [clips[k].weights() for k in members]
        self._sums: NDArray[np.int64] | None = None
        if any(one is not None for one in weights):
            filled = [
                np.full(clips[k].windows, TYPICAL) if one is None else one
                for k, one in zip(members, weights, strict=True)
            ]
            self._sums = np.cumsum(np.concatenate(filled), dtype=np.int64)

    def choose(self, rng: np.random.Generator, part: tuple[int, int]) -> tuple[int, int]:
        """Draw a window; returns its clip's number among all, and its own in the clip."""
        total = self._ends[-1] if self._sums is None else int(self._sums[-1])
        place = int(rng.integers(*self._range(total, part)))
        if self._sums is not None:
            place = int(np.searchsorted(self._sums, place, side="right"))
        i = bisect_right(self._ends, place)
        return self._members[i], place - (self._ends[i - 1] if i else 0)

    def _range(self, total: int, part: tuple[int, int]) -> tuple[int, int]:
        number, count = part
        first, stop = number * total // count, (number + 1) * total // count
        return (first, stop) if self._is_sharded and first < stop else (0, total)


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
