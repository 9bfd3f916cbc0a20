"""A network measured as papers measure: whole clips, every frame, pictures of 8 bits.

Windows at the ends of a clip repeat its nearest frame, as they do when a film is enlarged.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vsr_data import Clip, DataError, Footage
from vsr_data.pixels import Pixels
from vsr_device import Platform
from vsr_losses import luma, psnr, ssim
from vsr_model import Network
from vsr_model.sliding import enlarge_film
from vsr_settings import Settings
from vsr_settings.degradation import GaussianBlur, Pipeline
from vsr_train.protocol.published import Protocol

BLUR_AND_DOWN = Pipeline(blur=GaussianBlur(kind="gaussian", sigma=(1.6, 1.6)), resize="subsample")
"""The literature's BD."""


@dataclass(frozen=True)
class Measured:
    """PSNR in dB and SSIM of a clip, or of all."""

    frames: int
    psnr: float
    ssim: float
    psnr_bicubic: float
    ssim_bicubic: float


def under_protocol(settings: Settings, protocol: Protocol) -> Settings:
    """The settings with which validation footage is opened as a protocol wants it."""
    changes = {
        "degradation": "bicubic" if protocol.degradation == "BI" else BLUR_AND_DOWN,
        "val_frames": ":",
        "cuts": "off",
        "bars": "keep",
    }
    return settings.model_copy(update={"data": settings.data.model_copy(update=changes)})


def protocol_clips(footage: Footage, protocol: Protocol) -> tuple[Clip, ...]:
    """The clips that a protocol names, where all are there; otherwise every clip.

    Raises:
        DataError: a clip has single windows, as pairs and shards have, and not every frame.
    """
    single = next((clip for clip in footage.clips if not clip.frames), None)
    if single is not None:
        raise DataError(
            f"{single.source!r} holds single windows, and a protocol measures the frames of whole "
            "clips; name a folder of numbered pictures, or videos"
        )
    named = {clip.name: clip for clip in footage.clips}
    if protocol.clips and all(name in named for name in protocol.clips):
        return tuple(named[name] for name in protocol.clips)
    return footage.clips


@torch.no_grad()
def measure(
    network: Network, clip: Clip, protocol: Protocol, platform: Platform, tile: int
) -> Measured:
    """Measure a network on one clip.

    Args:
        network: in eval mode.
        clip: consecutive frames.
        protocol: what to compare of which frames.
        platform: where to compute, in fp32.
        tile: side of the tiles that frames are enlarged in, in low-resolution pixels.

    Raises:
        DataError: a file of the clip has been deleted or damaged.
    """
    count = clip.windows + network.settings.n_frames - 1
    wanted = range(count) if protocol.frames == "all" else (count // 2,)
    waiting: deque[Tensor] = deque()

    def lq_frames() -> Iterator[tuple[Tensor, bool]]:
        for i, lq_HWC in enumerate(_lq_frames(clip)):
            waiting.append(_picture(lq_HWC, platform))
            yield waiting[-1], i == 0

    scores = []
    with platform.exact():
        for i, sr_1CHW in enumerate(enlarge_film(network, lq_frames(), tile=tile)):
            lq_1CHW = waiting.popleft()
            if i in wanted:
                gt_1CHW = _picture(clip.gt_frames(i, 1)[0], platform)
                scores.append(_scores(lq_1CHW, sr_1CHW, gt_1CHW, protocol))
    return Measured(len(scores), *map(fmean, zip(*scores, strict=True)))


def mean(measured: Collection[Measured]) -> Measured:
    """The mean over clips, each counting the same."""
    rows = [(each.psnr, each.ssim, each.psnr_bicubic, each.ssim_bicubic) for each in measured]
    frames = sum(each.frames for each in measured)
    return Measured(frames, *map(fmean, zip(*rows, strict=True)))


def _lq_frames(clip: Clip) -> Iterator[Pixels]:
    """Every low-resolution frame of a clip, in order."""
    for i in range(clip.windows - 1):
        lq_THWC, _ = clip.window(i)
        yield lq_THWC[0]
    yield from clip.window(clip.windows - 1)[0]


def _picture(rgb_HWC: Pixels, platform: Platform) -> Tensor:
    return platform.to_unit(torch.tensor(rgb_HWC).permute(2, 0, 1)[None])


def _scores(
    lq_1CHW: Tensor, sr_1CHW: Tensor, gt_1CHW: Tensor, protocol: Protocol
) -> tuple[float, float, float, float]:
    """PSNR and SSIM of the network's picture and of the bicubic one."""
    bicubic = interpolate(lq_1CHW, size=gt_1CHW.shape[-2:], mode="bicubic")
    found = []
    for picture in (sr_1CHW, bicubic):
        stored = picture.clamp(0, 1).mul(255).round().div(255)
        ours, theirs = stored, gt_1CHW
        if protocol.channel == "Y":
            ours, theirs = luma(stored), luma(gt_1CHW)
        found += [float(psnr(ours, theirs)), float(ssim(ours, theirs))]
    return found[0], found[1], found[2], found[3]
