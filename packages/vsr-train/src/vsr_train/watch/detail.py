"""How much of the missing detail an output puts back: the figures that show learning.

Loss and PSNR move while an output only becomes its blurry base; the correlation of what was added
with what was missing does not (docs/stagnation.md). Statistics of several snapshots add up, so that
the figures of many small crops are those of one large picture.

Shape suffixes: B samples, C colour channels, H and W pixels.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

DetailStatistics = tuple[float, float, float, float, float]
"""Means of: added², missing², added × missing (each less its mean), error², error of the base²."""


SMALLEST_ERROR = (0.1 / 255) ** 2
"""Squared error that 8-bit pictures do not tell from none."""


@dataclass(frozen=True)
class Detail:
    """What an output adds to its base, against what the base lacks of the ground truth."""

    ratio: float
    """std(sr - base) / std(gt - base): 0 is the base itself, 1 as much detail as is missing.
    0 too where less is missing than 8-bit pictures can tell."""
    correlation: float
    """corr(sr - base, gt - base), in [-1, 1]; 0 where nothing is added."""
    gain_db: float
    """PSNR over the base's, in dB; errors under a tenth of a grey level count as that."""

    missing: float = 1.0
    """std(gt - base); NaN where an output was not finite."""

    @property
    def restored(self) -> float:
        """Share of the missing detail that is put back: ratio × correlation."""
        return self.ratio * self.correlation


def detail_statistics(sr_BCHW: Tensor, gt_BCHW: Tensor, base_BCHW: Tensor) -> Tensor:
    """Return `DetailStatistics` of a batch as a tensor of 5, still on the device.

    Args:
        sr_BCHW: output, RGB in [0, 1], not clamped.
        gt_BCHW: ground truth of the same shape.
        base_BCHW: what the network adds to.
    """
    added, missing = (_centred(picture - base_BCHW) for picture in (sr_BCHW, gt_BCHW))
    return torch.stack(
        [
            added.square().mean(),
            missing.square().mean(),
            (added * missing).mean(),
            (sr_BCHW - gt_BCHW).square().mean(),
            (base_BCHW - gt_BCHW).square().mean(),
        ]
    )


def detail(each: Iterable[Sequence[float]]) -> Detail:
    """Return the figures of several batches together; NaN where an output was not finite."""
    rows = list(each)
    added, missing, both, error, base_error = (
        math.fsum(row[column] for row in rows) for column in range(5)
    )
    floor = len(rows) * SMALLEST_ERROR
    if not math.isfinite(added + error):
        return Detail(math.nan, math.nan, math.nan, math.nan)
    ratio = correlation = 0.0
    if missing > floor and added > 0:
        ratio = math.sqrt(added / missing)
        correlation = both / (math.sqrt(added) * math.sqrt(missing))
    gain = 10 * math.log10(max(base_error, floor) / max(error, floor))
    return Detail(ratio, correlation, gain, math.sqrt(missing / len(rows)))


def _centred(difference_BCHW: Tensor) -> Tensor:
    """Take each channel's mean off: a change of brightness is no detail."""
    return difference_BCHW - difference_BCHW.mean(dim=(-2, -1), keepdim=True)
