"""The yardstick: the step as it is written when nobody counts bytes.

Four overlapping prefixes of VGG16 on prediction and target alike, LeakyReLU that is not in place,
the whole batch at once, nothing recomputed. Same names, same weights, same answers as the
project's; only time and memory differ.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tracer import Formulation

from vsr_losses import VGG16, HybridLoss, LossTerms
from vsr_model import Network, gather_evidence
from vsr_settings import Loss

PREFIXES = (4, 9, 16, 23)


class PlainNetwork(Network):
    """The network with its forward pass written plainly."""

    def forward(
        self,
        lq_BTCHW: Tensor,
        known: tuple[Tensor, Tensor] | None = None,
        *,
        with_plain: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Enlarge the centre frame of each window, and without neighbours where asked."""
        centre = lq_BTCHW.shape[1] // 2
        feats = [self.feat_extract(frame) for frame in lq_BTCHW.unbind(1)]
        back = forw = feats[centre]
        for feat in feats[centre + 1 :]:
            back = _walk(self.backward_fuse, self.backward_trunk, back, feat)
        for feat in reversed(feats[:centre]):
            forw = _walk(self.forward_fuse, self.forward_trunk, forw, feat)
        base = F.interpolate(
            lq_BTCHW[:, centre], scale_factor=float(self.settings.scale), mode="bilinear"
        )
        h = self.fusion.conv(torch.cat((back, forw), 1))
        if self.align is None:
            sr = self.upsample(h) + base
            return (sr, None) if with_plain else sr
        confidence, evidence = known or gather_evidence(lq_BTCHW, self.settings.scale)
        added = _through(self.align.blocks, h.detach() + self.align.conv(evidence))
        sr = self.upsample(h.detach() + confidence * self.align.out(added)) + base
        return (sr, self.upsample(h) + base) if with_plain else sr


def _walk(fuse: nn.Module, trunk: nn.Module, h: Tensor, feat: Tensor) -> Tensor:
    return _through(trunk, fuse.conv(torch.cat((h, feat), 1)))


def _through(blocks: nn.Module, h: Tensor) -> Tensor:
    for block in blocks:
        h = h + block.conv2(F.leaky_relu(block.conv1(h), 0.1))
    return h


class PlainLoss(HybridLoss):
    """The loss with its perceptual term written plainly."""

    def __init__(self, settings: Loss, vgg: VGG16 | None = None) -> None:
        super().__init__(settings, vgg)
        self.whole, self.perceptual = self.perceptual, None

    def forward(
        self, sr_BCHW: Tensor, gt_BCHW: Tensor, plain_BCHW: Tensor | None = None
    ) -> LossTerms:
        """Return every term and the total of a batch."""
        if self.whole is None:
            return super().forward(sr_BCHW, gt_BCHW, plain_BCHW)
        l1 = F.l1_loss(sr_BCHW, gt_BCHW)
        nothing = torch.zeros_like(l1)
        felt = plain_distance(self.whole.vgg, sr_BCHW, gt_BCHW)
        plain = (
            nothing if plain_BCHW is None else self.weights["l1"] * F.l1_loss(plain_BCHW, gt_BCHW)
        )
        total = self.weights["l1"] * l1 + self.weights["perceptual"] * felt + plain
        return LossTerms(l1, nothing, nothing, felt, plain, total)


def plain_distance(vgg: VGG16, sr_BCHW: Tensor, gt_BCHW: Tensor) -> Tensor:
    """Run each prefix from the pixels."""
    ours, theirs = vgg.normalise(sr_BCHW), vgg.normalise(gt_BCHW)
    prefixes = [vgg.features[:stop] for stop in PREFIXES]
    return torch.stack([F.l1_loss(run(ours), run(theirs)) for run in prefixes]).mean()


PLAIN = Formulation(PlainNetwork, PlainLoss)
