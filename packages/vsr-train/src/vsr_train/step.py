"""One optimiser step: micro-batches in, an update out, nothing fetched from the device.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vsr_losses import HybridLoss, LossTerms
from vsr_train.device import Platform

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
        accumulation_steps: micro-batches of a step; their gradients are averaged.
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
        accumulation_steps: int,
        grad_clip: float,
    ) -> None:
        self._network = network
        self._loss = loss
        self._optimizer = optimizer
        self._scaler = scaler
        self._platform = platform
        self._accumulation_steps = accumulation_steps
        self._grad_clip = grad_clip
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def step(self, batches: Iterable[MicroBatch], lr: float) -> StepResult:
        """Make one optimiser step of exactly `accumulation_steps` micro-batches.

        Args:
            batches: the micro-batches; anywhere, they are moved.
            lr: learning rate of this step.
        """
        scale = self._scaler.get_scale()
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._optimizer.zero_grad(set_to_none=True)
        sums = [
            self._accumulate(batch, is_last=number == self._accumulation_steps)
            for number, batch in zip(range(1, self._accumulation_steps + 1), batches, strict=True)
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

    def _accumulate(self, batch: MicroBatch, *, is_last: bool) -> Tensor:
        """Add the gradient of one micro-batch; return its loss terms."""
        lq_BTCHW, gt_BCHW = (to_unit(part, self._platform) for part in batch)
        with self._synchronised(is_last=is_last):
            with self._platform.autocast():
                sr_BCHW = self._network(lq_BTCHW)
            terms: LossTerms = self._loss(sr_BCHW, gt_BCHW)
            self._scaler.scale(terms.total / self._accumulation_steps).backward()
        return torch.stack(terms).detach()

    def _synchronised(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Exchange gradients between processes only in the last micro-batch of a step."""
        if isinstance(self._network, DistributedDataParallel) and not is_last:
            return self._network.no_sync()
        return nullcontext()


def to_unit(pixels: Tensor, platform: Platform) -> Tensor:
    """Move uint8 pixels to the device as float32 in [0, 1]."""
    return pixels.to(platform.device, non_blocking=True).to(torch.float32).div_(255)
