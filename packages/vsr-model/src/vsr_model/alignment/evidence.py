"""What the neighbours of a window saw of its centre frame, and how far they can be believed.

Functions of frames alone, without parameters, in fp32 whatever autocast says: what they return for
a window depends on nothing else in its batch.

Shape suffixes: B samples, T frames, C colour channels, K channels of evidence, P parts of a pixel
(`scale`²), H and W low-resolution pixels.
"""

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_model.alignment.flow import (
    estimate_flow,
    gradients,
    mean_around,
    pixels,
    sample,
    squared_error,
    warp,
)

DISAGREEMENT: Final = 0.015
"""Difference of colour, of [0, 1], at which a neighbour is believed about 6 in 10."""

NOISE: Final = 8.0
"""How much more squared disagreement is allowed, of what a window has in any case."""

MOST_NOISE: Final = 8 / 255
"""Difference about which a window's is no longer noise or aliasing: nothing in it is aligned."""

MISPLACED: Final = 0.015
"""How much more is allowed at most, of the squared gradient: the difference that 0.12 pixels make.
"""

NOVELTY: Final = 0.15
"""Distance in pixels from whole ones at which a neighbour has something new to show."""

TEXTURE: Final = 2 / 255
"""Gradient under which motion is not to be told from noise."""

REACH: Final = 12.0
"""Motion in pixels at which a neighbour is believed half: what agrees so far off may be chance."""

NEARNESS: Final = 0.2
"""Distance in pixels at which a real sample counts 6 in 10 for a part of a pixel."""

SHOWN: Final = 0.05
"""What sums of weights are multiplied with, to be about as large as differences of colour."""


@dataclass(frozen=True)
class _Neighbour:
    """A neighbour beside the centre frame."""

    frame_BCHW: Tensor
    flow_B2HW: Tensor
    error_B1HW: Tensor
    """Mean squared difference from the centre frame along the flow, around each pixel."""


def gather_evidence(lq_BTCHW: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """Gather what the neighbours of each window show of its centre frame between its pixels.

    Args:
        lq_BTCHW: windows, RGB in [0, 1]; T is odd, H and W are free.
        scale: the enlargement.

    Returns:
        confidence_B1HW, in [0, 1]: whether any neighbour shows something new; exactly 0 where all
            repeat the centre frame, stand still, or show something else.
        evidence_BKHW, K = 7·scale² + 1: for each part of a pixel the neighbours' colour there less
            the enlarged centre frame's, interpolated, then of their nearest real samples; how near
            those were; and how many neighbours are believed.

    Both are fp32 (fp64 of fp64 frames) and outside any graph.
    """
    with torch.no_grad(), torch.autocast(lq_BTCHW.device.type, enabled=False):
        frames_BTCHW = lq_BTCHW if lq_BTCHW.dtype == torch.float64 else lq_BTCHW.float()
        return _gather(frames_BTCHW, scale)


def _gather(lq_BTCHW: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    middle = lq_BTCHW.shape[1] // 2
    centre_BCHW = lq_BTCHW[:, middle]
    neighbours = _aligned(lq_BTCHW, middle)
    gradient_B1HW = _squared_gradient(centre_BCHW)
    noise_B111 = _noise(neighbours)
    tolerance_B1HW = torch.minimum(NOISE * noise_B111, MISPLACED * gradient_B1HW)
    tolerance_B1HW += DISAGREEMENT**2
    texture_B1HW = gradient_B1HW / (gradient_B1HW + TEXTURE**2)
    sums = _Sums(centre_BCHW, scale)
    for each in neighbours:
        sums.add(each, _mask(each, tolerance_B1HW).mul_(texture_B1HW))
    return sums.confidence(), sums.evidence()


class _Sums:
    """What the neighbours saw, summed as far as each is believed; one by one, to bound memory."""

    def __init__(self, centre_BCHW: Tensor, scale: int) -> None:
        height, width = centre_BCHW.shape[-2:]
        self._centre_BCHW = centre_BCHW
        self._scale = scale
        self._places_12HW = pixels(centre_BCHW, height, width, scale)
        self._enlarged_BCPHW = self._parts(
            F.interpolate(
                centre_BCHW, scale_factor=float(scale), mode="bicubic", align_corners=False
            )
        )
        self._interpolated_BCPHW = torch.zeros_like(self._enlarged_BCPHW)
        self._real_BCPHW = torch.zeros_like(self._enlarged_BCPHW)
        self._nearness_B1PHW = torch.zeros_like(self._enlarged_BCPHW[:, :1])
        self._belief_B1HW = torch.zeros_like(centre_BCHW[:, :1])
        self._doubt_B1HW = torch.ones_like(self._belief_B1HW)

    def add(self, each: _Neighbour, mask_B1HW: Tensor) -> None:
        """Add a neighbour: its colour at each part of a pixel, and at its own pixel nearest to it.

        The former is interpolated between its pixels, the latter is not: there it is the centre
        frame that is interpolated, at the place of the neighbour's pixel.
        """
        mask_B11HW = mask_B1HW.unsqueeze(2)
        flow_B2HW = F.interpolate(
            each.flow_B2HW, scale_factor=float(self._scale), mode="bilinear", align_corners=False
        )
        seen_at_B2HW = flow_B2HW.add_(self._places_12HW)
        seen_BCPHW = self._parts(sample(each.frame_BCHW, seen_at_B2HW))
        self._interpolated_BCPHW += seen_BCPHW.sub_(self._enlarged_BCPHW).mul_(mask_B11HW)
        pixel_B2HW = seen_at_B2HW.round()
        off_B2HW = pixel_B2HW - seen_at_B2HW
        there_BCHW = sample(each.frame_BCHW, pixel_B2HW, "nearest")
        here_BCHW = sample(self._centre_BCHW, self._places_12HW + off_B2HW)
        real_BCPHW = self._parts(there_BCHW.sub_(here_BCHW))
        weight_B1PHW = self._parts(_bell(off_B2HW, NEARNESS)).mul_(mask_B11HW)
        self._real_BCPHW += real_BCPHW.mul_(weight_B1PHW)
        self._nearness_B1PHW += weight_B1PHW
        self._belief_B1HW += mask_B1HW
        self._doubt_B1HW *= 1 - mask_B1HW

    def confidence(self) -> Tensor:
        """Return confidence_B1HW: 1 less the doubt that is left."""
        return 1 - self._doubt_B1HW

    def evidence(self) -> Tensor:
        """Return evidence_BKHW: means that little belief keeps small, and the sums of weights."""
        parts = [
            self._interpolated_BCPHW.div_(self._belief_B1HW.unsqueeze(2) + 1).flatten(1, 2),
            self._real_BCPHW.div_(self._nearness_B1PHW + 0.5).flatten(1, 2),
            self._nearness_B1PHW.mul_(SHOWN).flatten(1, 2),
            self._belief_B1HW.mul_(SHOWN),
        ]
        return torch.cat(parts, dim=1)

    def _parts(self, picture_BCHW: Tensor) -> Tensor:
        """Return an enlarged picture as low-resolution maps of each part of a pixel, `_BCPHW`."""
        channels, scale = picture_BCHW.shape[1], self._scale
        return F.pixel_unshuffle(picture_BCHW, scale).unflatten(1, (channels, scale**2))


def _aligned(lq_BTCHW: Tensor, middle: int) -> list[_Neighbour]:
    """Align all neighbours at once: their many small operations take no longer than one's."""
    frames = lq_BTCHW.shape[1]
    numbers = [number for number in range(frames) if number != middle]
    centres_NCHW = lq_BTCHW[:, middle].repeat(len(numbers), 1, 1, 1)
    others_NCHW = torch.cat([lq_BTCHW[:, number] for number in numbers])
    flow_N2HW = estimate_flow(centres_NCHW, others_NCHW)
    error_N1HW = mean_around(squared_error(warp(others_NCHW, flow_N2HW), centres_NCHW), 3)
    parts = (maps.chunk(len(numbers)) for maps in (others_NCHW, flow_N2HW, error_N1HW))
    return [_Neighbour(*each) for each in zip(*parts, strict=True)]


def _squared_gradient(centre_BCHW: Tensor) -> Tensor:
    """Return the squared gradient around each pixel, the mean over colours, as _B1HW."""
    x_BCHW, y_BCHW = gradients(centre_BCHW)
    squared_BCHW = x_BCHW.square_().add_(y_BCHW.square_())
    return mean_around(squared_BCHW.mean(dim=1, keepdim=True), 3)


def _mask(each: _Neighbour, tolerance_B1HW: Tensor) -> Tensor:
    """Return how far a neighbour is believed: that it agrees, is near, and sees between pixels."""
    agreement_B1HW = (each.error_B1HW / tolerance_B1HW).div_(-2).exp_()
    novelty_B1HW = 1 - _bell(each.flow_B2HW - each.flow_B2HW.round(), NOVELTY)
    mask_B1HW = agreement_B1HW.mul_(novelty_B1HW).mul_(_inside(each.flow_B2HW))
    motion_B1HW = each.flow_B2HW.square().sum(dim=1, keepdim=True)
    return mask_B1HW.div_(motion_B1HW.div_(REACH**2).square_().add_(1))


def _inside(flow_B2HW: Tensor) -> Tensor:
    """Whether a pixel is seen within the other frame."""
    height, width = flow_B2HW.shape[-2:]
    x_B1HW, y_B1HW = (pixels(flow_B2HW, height, width) + flow_B2HW).split(1, dim=1)
    is_within_width = (x_B1HW >= 0) & (x_B1HW <= width - 1)
    return is_within_width & (y_B1HW >= 0) & (y_B1HW <= height - 1)


def _noise(neighbours: list[_Neighbour]) -> Tensor:
    """Return the squared difference that a window has in any case, as _B111.

    That is the median of its best neighbour's: coding noise, or detail finer than pixels, which no
    alignment makes agree. Where it is larger than those ever are, nothing is aligned, and it is 0.
    """
    medians = [each.error_B1HW.flatten(1).median(dim=1).values for each in neighbours]
    noise_B111 = torch.stack(medians).amin(dim=0).view(-1, 1, 1, 1)
    return (noise_B111 / MOST_NOISE**2).square_().neg_().exp_().mul_(noise_B111)


def _bell(offset_N2HW: Tensor, width: float) -> Tensor:
    """Return 1 where an offset is 0, falling with its length as a Gaussian does, as _N1HW."""
    squared_N1HW = offset_N2HW.square().sum(dim=1, keepdim=True)
    return squared_N1HW.div_(-2 * width**2).exp_()
