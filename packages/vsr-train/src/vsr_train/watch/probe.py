"""The counterfactual: would a copy of this network learn this batch with a plain recipe?

If it would, the recipe is at fault; if not, the network, its weights or the data.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_device import Platform
from vsr_model.network import Network
from vsr_train.step import MicroBatch
from vsr_train.watch.detail import Detail, detail, detail_statistics

STEPS = 60
LR = 1e-3
SAMPLES, SIDE = 8, 32
"""Most samples, and low-resolution pixels of a side, that the probe learns."""

LEARNED_RISE = 0.1
"""Detail correlation that a sound network reaches on the one batch, above where it began."""


@dataclass(frozen=True)
class Probe:
    """What plain steps made of a copy."""

    before: Detail
    after: Detail

    @property
    def learned(self) -> bool:
        """Whether the plain recipe taught the copy something; False where nothing was finite."""
        start = max(0.0, self.before.correlation)
        return self.after.correlation >= start + LEARNED_RISE and self.after.restored > 0.003

    @property
    def evidence(self) -> str:
        """The finding as a sentence."""
        verb = "learns" if self.learned else "does not learn"
        return (
            f"a copy {verb} one batch in {STEPS} plain steps (L1, AdamW, lr {LR:g}): detail "
            f"correlation {self.before.correlation:.3f} to {self.after.correlation:.3f}"
        )


def probe(network: Network, batch: MicroBatch, platform: Platform) -> Probe:
    """Train a copy on one batch with L1 and AdamW alone, in fp32; the network is left as it is.

    Args:
        network: the network of the run.
        batch: one of its micro-batches.
        platform: where to compute.
    """
    trainee = copy.deepcopy(network).requires_grad_().train()
    lq_BTCHW, gt_BCHW = (platform.to_unit(part[:SAMPLES]) for part in batch)
    lq_BTCHW, gt_BCHW = _corner(lq_BTCHW, SIDE), _corner(gt_BCHW, SIDE * network.settings.scale)
    centre = lq_BTCHW[:, lq_BTCHW.shape[1] // 2]
    base_BCHW = F.interpolate(centre, size=gt_BCHW.shape[-2:], mode="bilinear")
    optimizer = torch.optim.AdamW(trainee.parameters(), lr=LR, weight_decay=0)
    found = []
    with torch.enable_grad():
        for _ in range(STEPS + 1):
            sr_BCHW, plain_BCHW = trainee(lq_BTCHW, with_plain=True)
            found.append(detail_statistics(sr_BCHW.detach(), gt_BCHW, base_BCHW))
            outputs = (sr_BCHW,) if plain_BCHW is None else (sr_BCHW, plain_BCHW)
            optimizer.zero_grad()
            torch.stack([F.l1_loss(each, gt_BCHW) for each in outputs]).sum().backward()
            optimizer.step()
    before, after = (detail([tuple(found[at].tolist())]) for at in (0, -1))
    return Probe(before, after)


def _corner(pictures: Tensor, side: int) -> Tensor:
    return pictures[..., :side, :side]
