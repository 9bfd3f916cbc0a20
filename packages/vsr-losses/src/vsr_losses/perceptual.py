"""The distance of two pictures as VGG16 sees them, lean in memory.

VGG16's activations are what a perceptual loss costs, not its weights. So its gradient with respect
to the prediction is computed in the forward pass, a few samples at a time, and only those samples'
activations are ever alive; backward multiplies what was kept, one tensor the size of the picture.

The distance runs in VGG16's own precision, whatever autocast says around it: its gradient is taken
before GradScaler could scale it, and in half precision it would be all zeros.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vsr_losses.vgg import VGG16


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

    def distances(self, sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
        """Return the plain distance of a chunk, a scalar, with its whole graph."""
        dtype = self.vgg.mean.dtype
        with torch.no_grad():
            target = self.vgg(gt_BCHW.to(dtype))
        taps = zip(self.vgg(sr_BCHW.to(dtype)), target, strict=True)
        return torch.stack([F.l1_loss(ours, theirs) for ours, theirs in taps]).mean()


class _ChunkedDistance(torch.autograd.Function):
    """A mean over samples whose gradient is made chunk by chunk on the way forward."""

    @staticmethod
    def forward(ctx: Any, sr: Tensor, gt: Tensor, loss: PerceptualLoss) -> Tensor:
        differentiate = ctx.needs_input_grad[0]
        gradient = torch.empty_like(sr) if differentiate else None
        total = sr.new_zeros((), dtype=loss.vgg.mean.dtype)
        with torch.autocast(sr.device.type, enabled=False), torch.set_grad_enabled(differentiate):
            for first in range(0, len(sr), loss.chunk):
                part = slice(first, first + loss.chunk)
                ours = sr[part].detach().requires_grad_(differentiate)
                distance = loss.distances(ours, gt[part]) * (len(ours) / len(sr))
                if gradient is not None:
                    (gradient[part],) = torch.autograd.grad(distance, ours)
                total += distance.detach()
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]  # torch's
    def backward(ctx: Any, scale: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * scale.to(gradient.dtype), None, None
