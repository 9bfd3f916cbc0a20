"""What the network adds: its pictures beside bilinear and bicubic ones, on unseen footage.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_data import Footage, validation_windows
from vsr_losses import luma, psnr, ssim
from vsr_model import Network
from vsr_settings import Settings
from vsr_train.device import Platform
from vsr_train.step import to_unit

MOST_PICTURES = 8
"""Clips whose comparison is written out; more are measured but not shown."""

Scores = dict[str, float]
METRICS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "psnr": psnr,
    "psnr_y": lambda sr, gt: psnr(luma(sr), luma(gt)),
    "ssim": ssim,
}


@dataclass(frozen=True)
class Comparison:
    """One window's pictures, `*_CHW` in [0, 1] on the CPU, for people to look at."""

    name: str
    bicubic_CHW: Tensor
    sr_CHW: Tensor
    gt_CHW: Tensor


@dataclass(frozen=True)
class Validation:
    """What a validation found."""

    mean: Scores
    """Each metric, averaged over windows per clip, then over clips."""
    sources: dict[str, Scores]
    """The same for every clip by name."""
    comparisons: tuple[Comparison, ...]
    """The first window of each of the first clips."""


@torch.no_grad()
def validate(
    network: Network, footage: Footage, settings: Settings, platform: Platform
) -> Validation:
    """Measure a network on the frames of footage, or the centres of large ones, in fp32.

    `gain_db` is PSNR over the bilinear base that the network adds to, `gain_bicubic_db` over
    bicubic, `temporal_db` over the same network seeing the centre frame repeated.

    Args:
        network: the network, in eval mode.
        footage: the validation clips.
        settings: the run; its `data.val_*` count here.
        platform: where to compute.
    """
    by_clip: dict[str, list[Scores]] = {}
    comparisons: list[Comparison] = []
    for name, lq_1TCHW, gt_1CHW in _windows(footage, settings, platform):
        sr, bicubic, scores = _measure(network, lq_1TCHW, gt_1CHW, settings.data.val_border)
        if name not in by_clip and len(comparisons) < MOST_PICTURES:
            comparisons.append(Comparison(name, bicubic[0].cpu(), sr[0].cpu(), gt_1CHW[0].cpu()))
        by_clip.setdefault(name, []).append(scores)
    sources = {name: _mean(windows) for name, windows in by_clip.items()}
    return Validation(_mean(list(sources.values())), sources, tuple(comparisons))


def _windows(
    footage: Footage, settings: Settings, platform: Platform
) -> Iterator[tuple[str, Tensor, Tensor]]:
    side, scale = settings.data.val_patch, settings.model.scale
    for clip, _, lq_TCHW, gt_CHW in validation_windows(footage, settings.data.val_windows):
        height, width = lq_TCHW.shape[-2:]
        top, left = max(0, height - side) // 2, max(0, width - side) // 2
        lq_1TCHW = lq_TCHW[None, ..., top : top + side, left : left + side]
        rows, columns = (slice(scale * first, scale * (first + side)) for first in (top, left))
        gt_1CHW = gt_CHW[None, :, rows, columns]
        yield clip.name, to_unit(lq_1TCHW, platform), to_unit(gt_1CHW, platform)


def _measure(
    network: Network, lq_1TCHW: Tensor, gt_1CHW: Tensor, border: int
) -> tuple[Tensor, Tensor, Scores]:
    """Return the network's picture, the bicubic one, and all scores of a window."""
    centre = lq_1TCHW[:, lq_1TCHW.shape[1] // 2]
    size = gt_1CHW.shape[-2:]
    pictures = {
        "": network(lq_1TCHW),
        "_bilinear": F.interpolate(centre, size=size, mode="bilinear"),
        "_bicubic": F.interpolate(centre, size=size, mode="bicubic"),
        "_repeated": network(centre.unsqueeze(1).expand_as(lq_1TCHW)),
    }
    shown = {name: picture.clamp(0, 1) for name, picture in pictures.items()}
    target = _inner(gt_1CHW, border)
    names = [f"{metric}{name}" for metric in METRICS for name in shown]
    values = [
        measure(_inner(picture, border), target)
        for measure in METRICS.values()
        for picture in shown.values()
    ]
    scores = dict(zip(names, torch.stack(values).tolist(), strict=True))
    scores["gain_db"] = scores["psnr"] - scores["psnr_bilinear"]
    scores["gain_bicubic_db"] = scores["psnr"] - scores["psnr_bicubic"]
    scores["temporal_db"] = scores["psnr"] - scores["psnr_repeated"]
    kept = {name: value for name, value in scores.items() if not name.endswith("_repeated")}
    return shown[""], shown["_bicubic"], kept


def _inner(picture_1CHW: Tensor, border: int) -> Tensor:
    """Cut the border off, less of it where a picture is small."""
    height, width = picture_1CHW.shape[-2:]
    cut = max(0, min(border, (min(height, width) - 16) // 2))
    return picture_1CHW[..., cut : height - cut, cut : width - cut]


def _mean(scores: list[Scores]) -> Scores:
    return {name: fmean(each[name] for each in scores) for name in scores[0]}
