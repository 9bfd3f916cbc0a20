"""What the network adds: its pictures beside bilinear and bicubic ones, on unseen footage.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import fmean
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_data import Clip, Footage, validation_places, validation_windows
from vsr_device import DeviceError, Platform, Processes
from vsr_losses import PerceptualLoss, luma, psnr, sharpness, ssim
from vsr_model import Network, enlarge
from vsr_settings import Settings, card
from vsr_settings.memory import MIB, budget_mib, fitting_tile, predict_validation
from vsr_train.watch import detail, detail_statistics

MOST_PICTURES = 8
"""Clips whose comparison is written out; more are measured but not shown."""

PERCEPTUAL_SIDE = 540
"""Side of the centre that VGG16 compares: whole frames would take memory that training planned."""

Scores = dict[str, float]

T = TypeVar("T")

FLAT_DB = 20 * math.log10(255 / 0.5)
"""PSNR in dB of pictures half a code value apart: nothing that 8 bits can show is missing."""

_NOTHING: Any = object()


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
    """Each figure, averaged over windows per clip, then over clips."""
    sources: dict[str, Scores]
    """The same for every clip by name."""
    comparisons: tuple[Comparison, ...]
    """The first window of each of the first clips."""
    flat: int
    """Windows left out, as nothing in them is to be restored: black or of one colour."""


@dataclass(frozen=True)
class _Window:
    """What a process found in one window."""

    clip: str
    scores: Scores
    comparison: Comparison | None
    """Where the window is one that is shown."""


def fitting(settings: Settings, footage: Footage, platform: Platform) -> int:
    """Return the side of the tiles with which validation fits the card; it changes no figure.

    Raises:
        DeviceError: if whole frames are too large for the card whatever their tiles.
    """
    most = settings.data.val_tile
    if platform.device.type != "cuda" or budget_mib(settings) is None:
        return most
    height, width = max((clip.lq_size for clip in footage.clips), key=math.prod)
    tile = most if settings.hardware.allow_over_budget else fitting_tile(settings, height, width)
    if tile is None:
        needed = predict_validation(settings, height, width).reserved // MIB
        raise DeviceError(
            f"validating frames of {width * settings.model.scale}×{height * settings.model.scale} "
            f"is predicted to take {needed} MiB, and a {card(settings.hardware).title} has "
            f"{budget_mib(settings)} MiB for it; name smaller footage as data.val, or set "
            "hardware.allow_over_budget = true"
        )
    return tile


class Validator:
    """Measures networks on the same windows, in fp32, whole frames by tiles.

    Figures of a window, all on RGB clamped to [0, 1] without `data.val_border`:
    `psnr`, `psnr_y` (BT.601 luma) and `ssim`, and the same of `_bilinear` and `_bicubic` pictures;
    `gain_db` and `gain_bicubic_db`, PSNR over those; `temporal_db`, PSNR over the same network
    seeing the centre frame repeated, which no neighbour adds anything to: with `align = "samples"`
    that is the network without neighbours, bit for bit; `sharpness` and `sharpness_bicubic`, the
    share of the ground truth's fine detail; `detail_ratio` and `detail_correlation` of what is
    added to the bilinear base with what is missing from it; `change_error`, the mean absolute error
    of the change from this frame to the next, where there is one; `perceptual`, VGG16's distance,
    where training has it. Windows that bicubic interpolation restores to within half a code value
    are left out, where others are there: they would lift every mean and tell nothing of the
    network.

    Args:
        footage: the validation clips.
        settings: the run; its `data.val_*` count here.
        platform: where to compute.
        perceptual: VGG16's distance, or None.
        processes: those that share the windows.
        tile: side of the tiles, see `fitting`; None takes `data.val_tile`.
    """

    def __init__(
        self,
        footage: Footage,
        settings: Settings,
        platform: Platform,
        perceptual: PerceptualLoss | None = None,
        processes: Processes = Processes(),  # noqa: B008 - frozen
        *,
        tile: int | None = None,
    ) -> None:
        self._footage = footage
        self._tile = tile or settings.data.val_tile
        self._data = settings.data
        self._scale = settings.model.scale
        self._platform = platform
        self._perceptual = perceptual
        self._processes = processes

    @torch.no_grad()
    def measure(self, network: Network) -> Validation:
        """Measure a network, which is in eval mode; several processes share the windows.

        The figures are those of a single process, in every process; the pictures are the first's.
        """
        with self._platform.exact():
            own = self._measure_share(network)
        scores = self._processes.gather([window.scores for window in own])
        names = self._processes.gather([window.clip for window in own])
        shown = self._processes.collect([window.comparison for window in own])
        found = list(zip(_dealt(names), _dealt(scores), strict=True))
        telling = [(name, each) for name, each in found if each["psnr_bicubic"] < FLAT_DB] or found
        by_clip: dict[str, list[Scores]] = {}
        for name, each in telling:
            by_clip.setdefault(name, []).append(each)
        sources = {name: _mean(windows) for name, windows in by_clip.items()}
        comparisons = tuple(each for each in _dealt(shown) if each is not None)
        flat = len(found) - len(telling)
        return Validation(_mean(list(sources.values())), sources, comparisons, flat)

    def _measure_share(self, network: Network) -> list[_Window]:
        """Measure every window whose turn it is, of as many as there are processes."""
        rank, world_size = self._processes.rank, self._processes.world_size
        shown, measured = self._shown_places(), []
        windows = validation_windows(
            self._footage,
            self._data.val_windows,
            self._data.val_most,
            rank=rank,
            world_size=world_size,
        )
        for own, (clip, i, lq_TCHW, gt_CHW) in enumerate(windows):
            lq_1TCHW, gt_1CHW = (self._platform.to_unit(part[None]) for part in (lq_TCHW, gt_CHW))
            sr = self._enlarge(network, lq_1TCHW)
            bicubic = _interpolate(lq_1TCHW, gt_1CHW, "bicubic")
            scores = self._score(network, lq_1TCHW, sr, bicubic, gt_1CHW)
            scores |= self._score_change(network, clip, i + 1, sr, gt_1CHW)
            comparison = None
            if rank + own * world_size in shown:
                pictures = (picture[0].cpu() for picture in (bicubic, sr, gt_1CHW))
                comparison = Comparison(clip.name, *pictures)
            measured.append(_Window(clip.name, scores, comparison))
        return measured

    def _shown_places(self) -> set[int]:
        """Return the places, among all windows, of the first one of each of the first clips."""
        places = validation_places(self._footage.clips, self._data.val_windows, self._data.val_most)
        firsts: dict[int, int] = {}
        for at, (clip, _) in enumerate(places):
            firsts.setdefault(clip, at)
        return set(list(firsts.values())[:MOST_PICTURES])

    def _enlarge(self, network: Network, lq_1TCHW: Tensor, *, aligned: bool = True) -> Tensor:
        return enlarge(network, lq_1TCHW, self._tile, aligned=aligned).clamp_(0, 1)

    def _score(
        self, network: Network, lq_1TCHW: Tensor, sr: Tensor, bicubic: Tensor, gt_1CHW: Tensor
    ) -> Scores:
        """Return the figures of one window but the change to the next."""
        still = lq_1TCHW[:, lq_1TCHW.shape[1] // 2, None].expand_as(lq_1TCHW)
        bilinear = _interpolate(lq_1TCHW, gt_1CHW, "bilinear")
        gt = self._inner(gt_1CHW)
        found: dict[str, Tensor] = {}
        for name, picture in {"": sr, "_bilinear": bilinear, "_bicubic": bicubic}.items():
            inner = self._inner(picture)
            found[f"psnr{name}"] = psnr(inner, gt)
            found[f"psnr_y{name}"] = psnr(luma(inner), luma(gt))
            found[f"ssim{name}"] = ssim(inner, gt)
            found[f"sharpness{name}"] = sharpness(inner, gt, self._scale)
        found["gain_db"] = found["psnr"] - found["psnr_bilinear"]
        found["gain_bicubic_db"] = found["psnr"] - found["psnr_bicubic"]
        # Confidence is exactly 0 where frames repeat: there is nothing to gather.
        repeated = self._inner(self._enlarge(network, still, aligned=False))
        found["temporal_db"] = found["psnr"] - psnr(repeated, gt)
        if self._perceptual is not None:
            found["perceptual"] = self._perceptual(_centre(sr), _centre(gt_1CHW))
        values = torch.stack([value.double() for value in found.values()]).tolist()
        added = detail([detail_statistics(self._inner(sr), gt, self._inner(bilinear)).tolist()])
        return dict(zip(found, values, strict=True)) | {
            "detail_ratio": added.ratio,
            "detail_correlation": added.correlation,
        }

    def _score_change(
        self, network: Network, clip: Clip, i: int, sr: Tensor, gt_1CHW: Tensor
    ) -> Scores:
        """Return how wrong the change to window i is, if the clip has it."""
        if i >= clip.windows:
            return {}
        lq_THWC, gt_HWC = clip.window(i)
        lq_1TCHW = self._platform.to_unit(torch.tensor(lq_THWC).permute(0, 3, 1, 2)[None])
        next_gt = self._platform.to_unit(torch.tensor(gt_HWC).permute(2, 0, 1)[None])
        change = self._enlarge(network, lq_1TCHW) - sr
        wrong = self._inner(change - (next_gt - gt_1CHW)).abs().mean()
        return {"change_error": float(wrong)}

    def _inner(self, picture_1CHW: Tensor) -> Tensor:
        """Cut the border off, less of it where a picture is small."""
        height, width = picture_1CHW.shape[-2:]
        cut = max(0, min(self._data.val_border, (min(height, width) - 16) // 2))
        return picture_1CHW[..., cut : height - cut, cut : width - cut]


def _interpolate(lq_1TCHW: Tensor, gt_1CHW: Tensor, mode: str) -> Tensor:
    centre = lq_1TCHW[:, lq_1TCHW.shape[1] // 2]
    return F.interpolate(centre, size=gt_1CHW.shape[-2:], mode=mode).clamp_(0, 1)


def _centre(picture_1CHW: Tensor) -> Tensor:
    height, width = picture_1CHW.shape[-2:]
    top, left = (max(0, side - PERCEPTUAL_SIDE) // 2 for side in (height, width))
    return picture_1CHW[..., top : top + PERCEPTUAL_SIDE, left : left + PERCEPTUAL_SIDE]


def _dealt(shares: Sequence[Sequence[T]]) -> Iterator[T]:
    """Yield what was dealt one by one in its order; later shares may be one shorter."""
    for row in zip_longest(*shares, fillvalue=_NOTHING):
        yield from (each for each in row if each is not _NOTHING)


def _mean(scores: list[Scores]) -> Scores:
    """Average each figure over those that have it."""
    names = dict.fromkeys(name for each in scores for name in each)
    return {name: fmean(each[name] for each in scores if name in each) for name in names}
