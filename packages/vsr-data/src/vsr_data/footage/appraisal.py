"""What a film is like, gathered frame by frame while it is read.

Every frame's motion, detail and level are measured on a picture of about 240 rows, so that films of
any size compare; grain, blocks, sharpness and bars on some frames at full size.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from vsr_data.cache import Account
from vsr_data.measures import (
    BarsFinder,
    Repeats,
    Sharpness,
    blockiness,
    detail,
    level,
    luma_of,
    motion,
    noise_sigma,
    reduced,
)
from vsr_data.measures.luma import Luma
from vsr_data.pixels import Pixels, Size

ROWS: Final = 240
"""Rows, about, of the picture that motion and detail are measured on."""

THOROUGH: Final = 12
"""Of so many frames one is measured at full size."""

SPARSE: Final = 4
"""Of so many frames one is looked at for bars."""

DIGITS: Final = 2


class FrameMeasures(NamedTuple):
    """What a frame shows, in levels of 255.

    Attributes:
        motion: mean difference to the frame before; 0 for the first one of a run.
        detail: mean difference of neighbouring pixels.
        level: mean luma.
    """

    motion: float
    detail: float
    level: float


@dataclass
class FilmAppraisal:
    """Gathers the measures of a film's frames."""

    _before: Luma | None = None
    _repeats: Repeats = field(default_factory=Repeats)
    _moving: list[float] = field(default_factory=list)
    _detail: list[float] = field(default_factory=list)
    _level: list[float] = field(default_factory=list)
    _noise: list[float] = field(default_factory=list)
    _blockiness: list[float] = field(default_factory=list)
    _sharpness: Sharpness = field(default_factory=Sharpness)
    _bars: BarsFinder = field(default_factory=BarsFinder)

    def measure(self, gt_HWC: Pixels, *, starts_run: bool) -> FrameMeasures | None:
        """Measure the next frame; None where it shows what the one before shows."""
        luma_HW = luma_of(gt_HWC)
        small = reduced(luma_HW, reduction((luma_HW.shape[0], luma_HW.shape[1])))
        if self._repeats.is_repeated(small, starts_run=starts_run):
            return None
        before, self._before = None if starts_run else self._before, small
        moved = 0.0 if before is None else motion(small, before)
        found = FrameMeasures(*(round(one, DIGITS) for one in (moved, detail(small), level(small))))
        if before is not None:
            self._moving.append(found.motion)
        if len(self._level) % SPARSE == 0:
            self._bars.add(luma_HW)
        if len(self._level) % THOROUGH == 0:
            self._look_closely(luma_HW)
        self._detail.append(found.detail)
        self._level.append(found.level)
        return found

    def conclude(self, account: Account) -> None:
        """Write down what the film is like."""
        account.motion = _mean(self._moving)
        account.detail = _mean(self._detail)
        account.level = _mean(self._level)
        account.noise = _median(self._noise)
        account.blockiness = _median(self._blockiness, 1.0)
        account.enlarged = self._sharpness.enlarged()
        account.bars = list(self._bars.bars())

    def _look_closely(self, luma_HW: Luma) -> None:
        self._noise.append(noise_sigma(luma_HW))
        self._blockiness.append(blockiness(luma_HW, every=4))
        self._sharpness.add(luma_HW)


def reduction(gt_size: Size) -> int:
    """How many times smaller the picture is that motion and detail are measured on."""
    return max(1, round(min(gt_size) / ROWS))


def grain_of(account: Account, gt_size: Size) -> float:
    """Levels of a frame's motion and detail that come of noise alone.

    The mean absolute difference of two normal variables is 2/√π of their standard deviation, which
    the reduction divides.
    """
    return 2 / float(np.sqrt(np.pi)) * account.noise / reduction(gt_size)


def _mean(values: list[float]) -> float:
    return round(float(np.mean(values)), DIGITS) if values else 0.0


def _median(values: list[float], default: float = 0.0) -> float:
    return round(float(np.median(values)), DIGITS) if values else default
