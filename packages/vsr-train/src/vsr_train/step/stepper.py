"""One optimiser step: micro-batches in, an update out, nothing fetched from the device.

torch's GradScaler fetches whether a gradient was finite only for optimisers that cannot withhold a
step themselves; a fused AdamW does it on the device, and there the step waits for nothing at all,
in any precision: how it ended stays a tensor (`StepResult.withheld`). What follows from that, the
schedule and the moving average, is computed on the device too (`Schedule`, `WeightAverage`).

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
    withheld: Tensor
    """1 where the update was withheld because the gradient was not finite, else 0; float32."""
    scaled: bool = False
    """Whether GradScaler was at work: then gradients overflow by design now and then."""


def loss_terms(
    network: nn.Module, loss: HybridLoss, platform: Platform, lq_BTCHW: Tensor, gt_BCHW: Tensor
) -> LossTerms:
    """Return the loss terms of a batch, RGB in [0, 1], as training minimises them."""
    with platform.autocast():
        sr_BCHW, plain_BCHW = network(lq_BTCHW, with_plain=True)
    terms: LossTerms = loss(sr_BCHW, gt_BCHW, plain_BCHW)
    return terms


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

    def step(self, batches: Sequence[MicroBatch], lr: float | Tensor) -> StepResult:
        """Make one optimiser step; the gradients of its micro-batches are averaged.

        Args:
            batches: the micro-batches, at least one; anywhere, they are moved.
            lr: learning rate of this step; a scalar tensor on the device for a fused optimiser.
        """
        self._optimizer.zero_grad(set_to_none=True)
        sums = [
            self._accumulate(batch, parts=len(batches), is_last=number == len(batches))
            for number, batch in enumerate(batches, 1)
        ]
        self._scaler.unscale_(self._optimizer)
        grad_norm = nn.utils.clip_grad_norm_(self._parameters, self._grad_clip or float("inf"))
        withheld = self._withhold(grad_norm)
        self._update(lr)
        self._scaler.update()
        terms = torch.stack(sums).mean(dim=0)
        return StepResult(terms, grad_norm, withheld, scaled=self._scaler.is_enabled())

    def _withhold(self, grad_norm: Tensor) -> Tensor:
        """Have a step whose gradient is not finite withheld; return whether it will be."""
        if self._scaler.is_enabled():
            # What `GradScaler.step` is about to heed.
            found = self._scaler._found_inf_per_device(self._optimizer)  # noqa: SLF001 - no public twin
            return torch.stack(list(found.values())).amax()
        heeds_flag = getattr(self._optimizer, "_step_supports_amp_scaling", False)
        if not heeds_flag or self._platform.device.type == "mps":  # whose kernel takes no flag
            return torch.zeros_like(grad_norm)
        withheld = 1 - grad_norm.isfinite().float()
        self._optimizer.found_inf = withheld  # type: ignore[attr-defined]  # torch's contract
        return withheld

    def _update(self, lr: float | Tensor) -> None:
        """Let the optimiser make its step at a learning rate, which its groups do not keep."""
        if isinstance(lr, Tensor):
            # Kernels of cards read float32; on the CPU it is a number, and on MPS has to be one.
            lr = lr.float() if self._platform.device.type == "cuda" else lr.item()
        groups = self._optimizer.param_groups
        kept = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] = lr
        self._scaler.step(self._optimizer)
        for group, before in zip(groups, kept, strict=True):
            group["lr"] = before

    def _accumulate(self, batch: MicroBatch, *, parts: int, is_last: bool) -> Tensor:
        """Add the gradient of one micro-batch of so many; return its loss terms."""
        lq_BTCHW, gt_BCHW = (self._platform.to_unit(part) for part in batch)
        with self._synchronised(is_last=is_last):
            terms = loss_terms(self._network, self._loss, self._platform, lq_BTCHW, gt_BCHW)
            self._scaler.scale(terms.total / parts).backward()
        return torch.stack(terms).detach()

    def _synchronised(self, *, is_last: bool) -> AbstractContextManager[None]:
        """Exchange gradients between processes only in the last micro-batch of a step."""
        if isinstance(self._network, DistributedDataParallel) and not is_last:
            return self._network.no_sync()
        return nullcontext()
