"""One optimiser step: micro-batches in, an update out, nothing fetched from the device.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vsr_device import Platform
from vsr_losses import HybridLoss, LossTerms

MicroBatch = tuple[Tensor, Tensor]
"""`lq_BTCHW` and `gt_BCHW`, uint8."""


@dataclass(frozen=True)
class StepResult:
    """What a step measured, still on the device."""

    terms: Tensor
    """The loss terms in the order of `LossTerms`, averaged over the micro-batches."""
    grad_norm: Tensor
    """L2 norm of the whole gradient before clipping."""
    skipped: bool
    """Whether GradScaler withheld the update because the gradient was not finite."""


class Stepper:
    """Makes optimiser steps: accumulate, unscale, clip, step, update.

    Args:
        network: the network, possibly wrapped for several processes.
        loss: what is minimised.
        optimizer: AdamW over the network's parameters.
        scaler: GradScaler; disabled in any precision but fp16.
        platform: where to compute.
        grad_clip: largest gradient norm; 0 never clips.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: HybridLoss,
        optimizer: torch.optim.Optimizer,
        scaler: torch.GradScaler,
        platform: Platform,
        *,
        grad_clip: float,
    ) -> None:
        self._network = network
        self._loss = loss
        self._optimizer = optimizer
        self._scaler = scaler
        self._platform = platform
        self._grad_clip = grad_clip
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def step(self, batches: Sequence[MicroBatch], lr: float) -> StepResult:
        """Make one optimiser step; the gradients of its micro-batches are averaged.

        Args:
            batches: the micro-batches, at least one; anywhere, they are moved.
            lr: learning rate of this step.
        """
        scale = self._scaler.get_scale()
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad(set_to_none=True)
        sums = [
            self._accumulate(batch, parts=len(batches), is_last=number == len(batches))
            for number, batch in enumerate(batches, 1)
        ]
        self._scaler.unscale_(self._optimizer)
        grad_norm = nn.utils.clip_grad_norm_(self._parameters, self._grad_clip or float("inf"))
        heeds_flag = getattr(self._optimizer, "_step_supports_amp_scaling", False)
        if heeds_flag and not self._scaler.is_enabled():
            # What GradScaler sets: a fused optimiser withholds such a step on the device.
            withheld = 1 - grad_norm.isfinite().float()
            self._optimizer.found_inf = withheld  # type: ignore[attr-defined]  # torch's contract
        self._scaler.step(self._optimizer)
        self._scaler.update()
        skipped = self._scaler.get_scale() < scale
        return StepResult(torch.stack(sums).mean(dim=0), grad_norm, skipped)

    def _accumulate(self, batch: MicroBatch, *, parts: int, is_last: bool) -> Tensor:
        """Add the gradient of one micro-batch of so many; return its loss terms."""
        lq_BTCHW, gt_BCHW = (self._platform.to_unit(part) for part in batch)
        with self._synchronised(is_last=is_last):
            with self._platform.autocast():
                sr_BCHW = self._network(lq_BTCHW)
            terms: LossTerms = self._loss(sr_BCHW, gt_BCHW)
            self._scaler.scale(terms.total / parts).backward()
        return torch.stack(terms).detach()

    def _synchronised(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Exchange gradients between processes only in the last micro-batch of a step."""
        if isinstance(self._network, DistributedDataParallel) and not is_last:
            return self._network.no_sync()
        return nullcontext()
