"""The distance of two pictures as VGG16 sees them, lean in memory.

VGG16's activations are what a perceptual loss costs, not its weights. So its gradient with respect
to the prediction is computed in the forward pass, a few samples at a time; both pictures walk
through VGG16 together, so that a tap is compared and let go before the next layer; and the way back
is written out, because frozen layers need no more for it than a byte a value: where an activation
was positive, and the sign of a difference. Backward multiplies what was kept, one tensor the size
of the picture.

The distance runs in VGG16's own precision, whatever autocast says around it: its gradient is taken
before GradScaler could scale it, and in half precision it would be all zeros.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vsr_losses.vgg import TAPS, VGG16


class PerceptualLoss(nn.Module):
    """Mean over relu1_2, relu2_2, relu3_3 and relu4_3 of the L1 between VGG16 features.

    After Johnson et al., https://doi.org/10.1007/978-3-319-46475-6_43, with L1 for their L2.

    Args:
        vgg: verified weights, from `load_vgg16`.
        chunk: samples whose activations are in memory at once.
    """

    def __init__(self, vgg: VGG16, chunk: int = 1) -> None:
        super().__init__()
        if chunk < 1:
            raise ValueError(f"chunk is {chunk}; at least one sample must be computed at a time")
        self.vgg = vgg
        self.chunk = chunk

    def forward(self, sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
        """Return the distance, a scalar; its gradient flows to `sr` alone.

        Args:
            sr_BCHW: RGB in [0, 1], at least 8 pixels a side.
            gt_BCHW: the same shape.
        """
        if sr_BCHW.shape != gt_BCHW.shape or sr_BCHW.ndim != 4 or min(sr_BCHW.shape[2:]) < 8:
            raise ValueError(
                f"got sr of shape {tuple(sr_BCHW.shape)} and gt of {tuple(gt_BCHW.shape)}; "
                "the perceptual loss needs two equal batches of pictures of 8 pixels or more a side"
            )
        distance: Tensor = _ChunkedDistance.apply(  # type: ignore[no-untyped-call]  # torch's
            sr_BCHW, gt_BCHW.detach(), self
        )
        return distance


class _ChunkedDistance(torch.autograd.Function):
    """A mean over samples whose gradient is made chunk by chunk on the way forward."""

    @staticmethod
    def forward(ctx: Any, sr: Tensor, gt: Tensor, loss: PerceptualLoss) -> Tensor:
        gradient = torch.empty_like(sr) if ctx.needs_input_grad[0] else None
        total = sr.new_zeros((), dtype=loss.vgg.mean.dtype)
        with torch.autocast(sr.device.type, enabled=False):
            for first in range(0, len(sr), loss.chunk):
                part = slice(first, first + loss.chunk)
                share = len(sr[part]) / len(sr)
                distance, way_back = _walk(loss.vgg, sr[part], gt[part])
                total += distance * share
                if gradient is not None:
                    # Bytes hold no NaN: where the distance is one, so is the gradient.
                    gradient[part] = (
                        _walk_back(way_back, torch.zeros_like(distance)) * share + distance * 0
                    )
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]  # torch's
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * scale.to(gradient.dtype), None, None


WayBack = list[Callable[[Tensor], Tensor]]
"""What takes a gradient back through each layer, with what that needs of the way forward."""


def _walk(vgg: VGG16, sr_BCHW: Tensor, gt_BCHW: Tensor) -> tuple[Tensor, WayBack]:
    """Return the distance of two batches, a scalar, and the way back to its gradient."""
    ours, theirs = (vgg.normalise(rgb.to(vgg.mean.dtype)) for rgb in (sr_BCHW, gt_BCHW))
    distance = ours.new_zeros(())
    way_back: WayBack = [partial(torch.div, other=vgg.std)]
    for index, layer in enumerate(vgg.features):
        size = ours.shape
        match layer:
            case nn.Conv2d():
                ours = layer(ours)
                way_back.append(partial(_through_convolution, layer.weight))
            case nn.ReLU():
                ours = layer(ours)
                way_back.append(partial(_through_relu, ours > 0))
            case _:
                ours, places = F.max_pool2d(ours, 2, return_indices=True)
                way_back.append(partial(_through_pooling, places, size))
        theirs = layer(theirs)
        if index in TAPS:
            distance += (ours - theirs).abs_().mean() / len(TAPS)
            signs = (ours > theirs).view(torch.int8) - (ours < theirs).view(torch.int8)
            way_back.append(partial(_from_tap, signs, 1 / (signs.numel() * len(TAPS))))
    return distance, way_back


def _walk_back(way_back: WayBack, gradient: Tensor) -> Tensor:
    """Return the gradient of a walk's distance, letting go of what each layer kept."""
    while way_back:
        gradient = way_back.pop()(gradient)
    return gradient


def _through_convolution(weight: Tensor, gradient: Tensor) -> Tensor:
    return F.conv_transpose2d(gradient, weight, padding=1)


def _through_relu(positive: Tensor, gradient: Tensor) -> Tensor:
    return gradient.mul_(positive)


def _through_pooling(places: Tensor, size: torch.Size, gradient: Tensor) -> Tensor:
    return F.max_unpool2d(gradient, places, [2, 2], output_size=size)


def _from_tap(signs: Tensor, weight: float, gradient: Tensor) -> Tensor:
    return signs.to(gradient.dtype).mul_(weight).add_(gradient)
