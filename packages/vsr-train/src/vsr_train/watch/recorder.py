"""Records a training step's figures on the device; nothing waits until a row of the log does.

An ordinary step only adds to a few sums. Before a step that a snapshot is due for, a few rows of
every weight are kept; after it, its gradients are still there, and one forward pass without a graph
over a few of its samples gives the rest. Hooks are in place during that pass alone.

Shape suffixes: B samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_model.network import Network
from vsr_train.step import MicroBatch, StepResult
from vsr_train.watch.additions import block_names, branch_figures, watched_blocks, watched_branch
from vsr_train.watch.detail import detail_statistics
from vsr_train.watch.order import towards_output
from vsr_train.watch.snapshot import WHOLE, Snapshot

ROWS = 8
"""Output channels of a weight that its change is measured on: enough for a ratio of norms."""

PIXELS = 16_384
"""Low-resolution pixels of centre frames that a snapshot computes, at least one sample."""

_PARTS = {
    "feat_extract": "feat_extract",
    "backward_trunk": "trunks",
    "forward_trunk": "trunks",
    "backward_fuse": "fuse",
    "forward_fuse": "fuse",
    "fusion": "fuse",
    "align": "align",
    "upsample": "upsample",
}


@dataclass(frozen=True)
class PendingSnapshot:
    """A snapshot before it is fetched: one tensor on the device, and how to read it."""

    values: Tensor
    sizes: dict[str, int]
    step: int
    lr: float | Tensor
    steps: int


class Recorder:
    """What is measured around steps.

    Args:
        network: the network itself, not wrapped.
        loss: what is minimised.
        platform: where to compute.
        grad_clip: largest gradient norm; 0 never clips.
    """

    def __init__(
        self, network: Network, loss: HybridLoss, platform: Platform, *, grad_clip: float
    ) -> None:
        self._network = network
        self._loss = loss
        self._platform = platform
        self._limit = grad_clip or float("inf")
        named = towards_output(network)
        self._names, self._parameters = list(named), list(named.values())
        self._kept: list[Tensor] | None = None
        self._factors = torch.zeros((), device=platform.device)
        self._clipped = torch.zeros((), device=platform.device)
        self._skipped = torch.zeros((), device=platform.device)
        self._steps = 0

    @torch.no_grad()
    def keep_weights(self) -> None:
        """Keep what the next step's change is measured against."""
        self._kept = [parameter[:ROWS].clone() for parameter in self._parameters]

    def count(self, result: StepResult) -> None:
        """Add a step's gradient norm and fate to the sums."""
        factor = (self._limit / result.grad_norm).clamp(max=1).nan_to_num(nan=1.0)
        self._factors += factor
        self._clipped += factor < 1
        self._steps += 1
        if result.scaled:
            self._skipped += result.withheld

    def record(
        self, step: int, lr: float | Tensor, batch: MicroBatch, result: StepResult
    ) -> PendingSnapshot:
        """Measure the step just made, on its last micro-batch; then begin new sums."""
        measured: dict[str, Tensor] = {
            "grad_norm": result.grad_norm.detach().view(1),
            "clipped": self._clipped.view(1),
            "factors": self._factors.view(1),
            "skipped": self._skipped.view(1),
            **self._weights(),
            **self._outputs(batch),
        }
        sizes = {name: part.numel() for name, part in measured.items()}
        values = torch.cat([part.to(torch.float32).view(-1) for part in measured.values()])
        pending = PendingSnapshot(values, sizes, step, lr, self._steps)
        self._factors, self._clipped, self._skipped = (
            torch.zeros_like(self._factors) for _ in range(3)
        )
        self._steps = 0
        self._kept = None
        return pending

    def fetch(self, pending: PendingSnapshot) -> Snapshot:
        """Wait for the device and name what was recorded."""
        parts = pending.values.split(list(pending.sizes.values()))
        value = {name: part.tolist() for name, part in zip(pending.sizes, parts, strict=True)}
        active = [name for name, weight in self._loss.weights.items() if weight > 0]
        whole = sum(value["term_norms"]) or 1.0
        gradients = dict(zip(self._names, value["gradients"], strict=True))
        branch = branch_figures(value["branch"])
        return Snapshot(
            step=pending.step,
            lr=float(pending.lr),
            detail_statistics=tuple(value["detail_statistics"]),
            grad_norm=value["grad_norm"][0],
            clipped=value["clipped"][0] / pending.steps,
            clip_factor=value["factors"][0] / pending.steps,
            skipped=value["skipped"][0] / pending.steps,
            terms=dict(zip(active, value["terms"], strict=True)),
            shares={n: norm / whole for n, norm in zip(active, value["term_norms"], strict=True)},
            alignment=dict(zip(active, value["alignment"], strict=True)),
            output_gradient=value["output_gradient"][0],
            update_ratio=self._by_part(value["changes"], value["rows"]),
            gradients=self._by_part(value["gradients"]),
            idle=_idle(gradients, is_still=branch.get("confidence") == 0),
            last_gradient=gradients[self._last_weight()],
            weight_norm=_norm(value["weights"]),
            not_finite=tuple(n for n, norm in gradients.items() if not abs(norm) < float("inf")),
            blocks=dict(zip(block_names(self._network), value["blocks"], strict=True)),
            perceptual_norm=value["perceptual"][0],
            **branch,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the sums of the steps since the last snapshot."""
        return {
            "factors": float(self._factors),
            "clipped": float(self._clipped),
            "steps": self._steps,
            "skipped": float(self._skipped),
        }

    def load_state_dict(self, stored: dict[str, Any]) -> None:
        """Go on with sums that `state_dict` returned."""
        self._factors.fill_(stored["factors"])
        self._clipped.fill_(stored["clipped"])
        self._skipped.fill_(stored["skipped"])
        self._steps = stored["steps"]

    @torch.no_grad()
    def _weights(self) -> dict[str, Tensor]:
        """Norms of every tensor's gradient, weight, kept rows and their change."""
        if self._kept is None:
            raise RuntimeError("no weights were kept; call keep_weights before the step")
        zero = self._parameters[0].new_zeros(())
        gradients = [p.grad if p.grad is not None else zero for p in self._parameters]
        changes = [p[:ROWS] - kept for p, kept in zip(self._parameters, self._kept, strict=True)]
        perceptual = self._loss.perceptual
        frozen = list(perceptual.parameters()) if perceptual is not None else [zero]
        return {
            "gradients": _norms(gradients),
            "weights": _norms(self._parameters),
            "rows": _norms(self._kept),
            "changes": _norms(changes),
            "perceptual": _norms(frozen).norm(),
        }

    def _outputs(self, batch: MicroBatch) -> dict[str, Tensor]:
        """Detail figures, each term's gradient at the output, what blocks and neighbours add."""
        lq_BTCHW, gt_BCHW = (self._platform.to_unit(part[: self._samples(batch)]) for part in batch)
        with (
            torch.no_grad(),
            self._platform.autocast(),
            watched_blocks(self._network) as blocks,
            watched_branch(self._network) as branch,
        ):
            sr_BCHW = self._network(lq_BTCHW).float()
        base_BCHW = F.interpolate(
            lq_BTCHW[:, lq_BTCHW.shape[1] // 2], size=gt_BCHW.shape[-2:], mode="bilinear"
        )
        return {
            "detail_statistics": detail_statistics(sr_BCHW, gt_BCHW, base_BCHW),
            "blocks": torch.stack(list(blocks.values())),
            "branch": torch.stack(branch) if branch else sr_BCHW.new_empty(0),
            **self._term_gradients(sr_BCHW, gt_BCHW),
        }

    def _term_gradients(self, sr_BCHW: Tensor, gt_BCHW: Tensor) -> dict[str, Tensor]:
        error_BCHW = sr_BCHW - gt_BCHW
        sr_BCHW.requires_grad_()
        terms = self._loss(sr_BCHW, gt_BCHW)
        values, norms, cosines = [], [], []
        for name, weight in self._loss.weights.items():
            if weight > 0:
                term = getattr(terms, name)
                gradient = weight * _gradient(term, sr_BCHW)
                values.append(term.detach())
                norms.append(gradient.norm())
                cosines.append(F.cosine_similarity(gradient.flatten(), error_BCHW.flatten(), 0))
        whole = _gradient(terms.total, sr_BCHW).norm() * sr_BCHW.numel() ** 0.5
        return {
            "terms": torch.stack(values),
            "term_norms": torch.stack(norms),
            "alignment": torch.stack(cosines),
            "output_gradient": whole,
        }

    def _samples(self, batch: MicroBatch) -> int:
        height, width = batch[0].shape[-2:]
        return max(1, PIXELS // (height * width))

    def _by_part(self, norms: list[float], against: list[float] | None = None) -> dict[str, float]:
        """Join the norms of tensors into those of parts, relative to others where given."""
        parts = [_PARTS.get(name.partition(".")[0], "other") for name in self._names]
        joined = {}
        for chosen in (*dict.fromkeys(parts), WHOLE):
            own = [n for n, part in zip(norms, parts, strict=True) if chosen in (part, WHOLE)]
            joined[chosen] = _norm(own)
            if against is not None:
                base = [
                    n for n, part in zip(against, parts, strict=True) if chosen in (part, WHOLE)
                ]
                joined[chosen] /= _norm(base) or 1.0
        return joined

    def _last_weight(self) -> str:
        return next(n for n in reversed(self._names) if n.endswith("weight"))


def _idle(gradients: Mapping[str, float], *, is_still: bool) -> float:
    """Return the share of tensors without gradient; the aligned branch's is 0 in still footage."""
    due = [norm for name, norm in gradients.items() if not (is_still and name.startswith("align."))]
    return sum(norm == 0 for norm in due) / len(due)


def _gradient(term: Tensor, sr_BCHW: Tensor) -> Tensor:
    """Return a term's gradient at the output; zeros where it does not depend on it."""
    if not term.requires_grad:
        return torch.zeros_like(sr_BCHW)
    (gradient,) = torch.autograd.grad(
        term, sr_BCHW, retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return gradient


def _norms(tensors: Sequence[Tensor]) -> Tensor:
    """Return each tensor's norm in a few launches, as torch's own clipping does."""
    return torch.stack(torch._foreach_norm(list(tensors)))  # noqa: SLF001 - no public twin


def _norm(norms: list[float]) -> float:
    return sum(norm * norm for norm in norms) ** 0.5
