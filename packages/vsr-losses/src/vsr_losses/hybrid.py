"""The loss that training minimises: pixel terms and VGG16's, weighted and summed."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from vsr_losses.perceptual import PerceptualLoss
from vsr_losses.terms import gradient, l1, multi_scale
from vsr_losses.vgg import VGG16, load_vgg16
from vsr_settings import Loss

_PIXEL_TERMS = {"l1": l1, "ms": multi_scale, "grad": gradient}


class LossTerms(NamedTuple):
    """Every term before weighting, and the weighted total: scalars on the prediction's device."""

    l1: Tensor
    ms: Tensor
    grad: Tensor
    perceptual: Tensor
    plain: Tensor
    """What the output without neighbours is trained with, its own terms weighted; else 0."""
    total: Tensor


class HybridLoss(nn.Module):
    """Weighted sum of L1, multi-scale L1, gradient L1 and VGG16 distance.

    A term of weight 0 is measured without a graph; the perceptual one is not computed at all and
    has no module.

    Args:
        settings: the `[loss]` section.
        vgg: VGG16 where it is loaded already; else it is loaded as the settings say.

    Raises:
        PerceptualWeightsError: if VGG16's weights are needed and cannot be had or trusted.
        ValueError: if every weight is 0.
    """

    def __init__(self, settings: Loss, vgg: VGG16 | None = None) -> None:
        super().__init__()
        self.weights = {
            "l1": settings.l1_weight,
            "ms": settings.ms_weight,
            "grad": settings.grad_weight,
            "perceptual": settings.perceptual_weight,
        }
        if not any(self.weights.values()):
            raise ValueError("every loss weight is 0; nothing would be minimised")
        self.perceptual: PerceptualLoss | None = None
        if settings.perceptual_weight > 0:
            if vgg is None:
                vgg = load_vgg16(settings.perceptual_weights, settings.perceptual_sha256)
            self.perceptual = PerceptualLoss(vgg, settings.perceptual_chunk)

    def forward(
        self, sr_BCHW: Tensor, gt_BCHW: Tensor, plain_BCHW: Tensor | None = None
    ) -> LossTerms:
        """Return every term and the total of a batch.

        Args:
            sr_BCHW: the network's output, RGB, not clamped.
            gt_BCHW: RGB in [0, 1], the same shape.
            plain_BCHW: the output that no neighbour is added to, where it is trained beside: by
                the same pixel terms (L1 where none has a weight), without VGG16.
        """
        terms = {"perceptual": sr_BCHW.new_zeros(()), "plain": sr_BCHW.new_zeros(())}
        for name, term in _PIXEL_TERMS.items():
            with torch.set_grad_enabled(self.weights[name] > 0 and torch.is_grad_enabled()):
                terms[name] = term(sr_BCHW, gt_BCHW)
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual(sr_BCHW, gt_BCHW)
        parts = [weight * terms[name] for name, weight in self.weights.items() if weight > 0]
        if plain_BCHW is not None:
            terms["plain"] = self._plain(plain_BCHW, gt_BCHW)
            parts.append(terms["plain"])
        return LossTerms(**terms, total=torch.stack(parts).sum())

    def _plain(self, plain_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
        weights = {name: self.weights[name] for name in _PIXEL_TERMS if self.weights[name] > 0}
        parts = [
            weight * _PIXEL_TERMS[name](plain_BCHW, gt_BCHW)
            for name, weight in (weights or {"l1": 1.0}).items()
        ]
        return torch.stack(parts).sum()
