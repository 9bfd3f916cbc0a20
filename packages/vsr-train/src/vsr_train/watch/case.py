"""What a diagnosis has to go on, gathered in one place so that every cause is a pure function."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from vsr_data import Finding
from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_settings import Train
from vsr_train.watch.detail import Detail
from vsr_train.watch.probe import Probe
from vsr_train.watch.snapshot import Snapshot, detail_of
from vsr_train.watch.verdicts import POOL, Judgement

LEAST_UPDATE_PER_LR = 0.3
"""Change of the weights per learning rate under which something keeps Adam from working."""


@dataclass(frozen=True)
class RunFacts:
    """What needs no measuring: which parameters are trained, and whose features are compared."""

    frozen: float
    """Share of the network's parameters that require no gradient."""
    not_optimized: float
    """Share of them that the optimiser does not hold."""
    perceptual_weight: float
    """Weight of the perceptual term; 0 where there is none."""
    provenance: str
    """Why the perceptual network's weights are believed; empty where there is none."""
    perceptual_trained: bool
    """Whether a parameter of the perceptual network can change."""

    @classmethod
    def of(cls, network: Network, loss: HybridLoss, optimizer: torch.optim.Optimizer) -> "RunFacts":
        """Take the facts of a run."""
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        parameters = list(network.parameters())
        whole = sum(p.numel() for p in parameters)
        perceptual = loss.perceptual
        features = [] if perceptual is None else list(perceptual.parameters())
        return cls(
            frozen=sum(p.numel() for p in parameters if not p.requires_grad) / whole,
            not_optimized=sum(p.numel() for p in parameters if id(p) not in held) / whole,
            perceptual_weight=loss.weights["perceptual"],
            provenance="" if perceptual is None else perceptual.vgg.provenance,
            perceptual_trained=any(p.requires_grad or id(p) in held for p in features),
        )


@dataclass(frozen=True)
class Case:
    """A run that does not learn."""

    step: int
    """Steps made when it was judged; its latest snapshot may be of an earlier one."""
    judgement: Judgement
    snapshots: Sequence[Snapshot]
    train: Train
    facts: RunFacts
    findings: Sequence[Finding] = ()
    """What the pair checks say of the pairs of the last snapshot."""
    pairs: int = 0
    """How many pairs that were."""
    probe: Probe | None = None
    """None where it was not made."""

    @property
    def last(self) -> Snapshot:
        """The latest snapshot."""
        return self.snapshots[-1]

    @property
    def now(self) -> Detail:
        """Detail figures of the latest snapshots."""
        return detail_of(self.snapshots[-POOL:])

    @property
    def largest_update(self) -> float:
        """Largest relative change of the weights by a step; infinite where one was NaN."""
        updates = [snapshot.whole_update for snapshot in self.snapshots]
        return max(updates) if all(map(math.isfinite, updates)) else math.inf

    @property
    def update_per_lr(self) -> float:
        """Relative change of the weights per learning rate: 1 to 10 where Adam is left to work."""
        latest = (snapshot for snapshot in self.snapshots[-POOL:] if snapshot.lr > 0)
        return max((snapshot.whole_update / snapshot.lr for snapshot in latest), default=0.0)

    @property
    def is_suppressed(self) -> bool:
        """Whether something other than the learning rate keeps the steps small."""
        return self.update_per_lr < LEAST_UPDATE_PER_LR

    @property
    def weight_growth(self) -> float:
        """Norm of the weights over that at the first snapshot."""
        return self.last.weight_norm / (self.snapshots[0].weight_norm or 1.0)

    @property
    def probe_failed(self) -> bool:
        """Whether a plain recipe does no better: network or data are at fault."""
        return self.probe is not None and not self.probe.learned
