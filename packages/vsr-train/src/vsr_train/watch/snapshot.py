"""One snapshot of a training run: plain numbers, so that a checkpoint can hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from vsr_train.watch.detail import Detail, DetailStatistics, detail

WHOLE = "network"
"""The name under which figures of all parts together are kept."""


@dataclass(frozen=True)
class Snapshot:
    """One snapshot; the figures of a step are of the last step before it."""

    step: int
    """Steps made."""
    lr: float
    """Learning rate of the step."""
    detail_statistics: DetailStatistics
    """Of the step's samples, through the weights after it."""
    grad_norm: float
    """Norm of the whole gradient before clipping."""
    clipped: float
    """Share of the steps since the snapshot before whose gradient was clipped."""
    clip_factor: float
    """What clipping multiplied gradients with, averaged over the same steps; 1 left them alone."""
    skipped: float
    """Share of the same steps that GradScaler withheld."""
    terms: Mapping[str, float]
    """Each loss term of weight above 0, unweighted."""
    shares: Mapping[str, float]
    """Each term's share of the gradient at the output, by norm."""
    alignment: Mapping[str, float]
    """Cosine of each term's gradient with the pixel error."""
    output_gradient: float
    """Norm of the total loss's gradient at the output, per loss unit of batch mean."""
    update_ratio: Mapping[str, float]
    """Length of the step's change of the weights over theirs, for each part and the whole."""
    gradients: Mapping[str, float]
    """Norm of the gradient in each part, after clipping."""
    idle: float
    """Share of the tensors that got no gradient."""
    last_gradient: float
    """Norm of the gradient of the last layer's weight, after clipping."""
    weight_norm: float
    """Norm of all weights."""
    not_finite: tuple[str, ...]
    """Tensors whose gradient was not finite."""
    blocks: Mapping[str, float]
    """What each residual block adds, relative to its input."""
    perceptual_norm: float
    """Norm of the perceptual network's weights; 0 without one."""
    aligned: float | None = None
    """What the aligned branch adds, relative to the features it adds to; None without a branch, for
    features that are 0 or not finite, and in checkpoints from before there was one."""
    confidence: float | None = None
    """Mean confidence in neighbours; 0 where footage stands still, None as `aligned`."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, texts, lists and dictionaries."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """Return what `as_dict` was called on."""
        values = {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
        for name in ("detail_statistics", "not_finite"):
            values[name] = tuple(values[name])
        return cls(**values)

    @property
    def whole_update(self) -> float:
        """Length of the step's change of all weights over theirs."""
        return self.update_ratio[WHOLE]


def detail_of(snapshots: Sequence[Snapshot]) -> Detail:
    """Return the detail figures of several snapshots together."""
    return detail(snapshot.detail_statistics for snapshot in snapshots)
