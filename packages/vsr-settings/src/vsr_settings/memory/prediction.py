"""What a training step takes at its highest moment, in closed form: no torch, microseconds.

The judge is `vsr_train.memory`, which runs the step on tensors without values, counts every byte,
and replays the caching allocator on them.
"""

from dataclasses import dataclass, fields, replace
from typing import Final

from vsr_settings.moments import Step
from vsr_settings.presets import Precision
from vsr_settings.schema import Settings
from vsr_settings.memory.sizes import FP32, Sizes, sizes_in, sizes_of
from vsr_settings.slack import MIB, held

WORKSPACE: Final = 256 * MIB
"""Room for what operators take inside themselves, as `vsr_train.memory` keeps."""
VGG_WEIGHTS: Final = 30_541_080
"""VGG16 up to relu4_3 in fp32, with the mean and deviation of its pictures."""
_SCALARS: Final = 1024
"""Room for the scalars of a step, losses and norms; 1/256 of the activations goes with it, for what
the sums leave out: biases, and gradients that land in another order."""


@dataclass(frozen=True)
class Memory:
    """Bytes at a step's highest moment, by what they are for."""

    parameters: int
    gradients: int
    optimiser: int
    average: int
    perceptual_weights: int
    input: int
    activations: int
    """All that the network makes, on its way forward and back."""
    loss: int
    """All that the loss makes on its way forward, VGG16's activations included."""
    workspace: int
    """Room for what operators take inside themselves."""
    slack: int
    """What the caching allocator holds beyond what tensors use."""
    moment: str
    """When the step is at its highest."""

    @property
    def allocated(self) -> int:
        """Bytes of all tensors."""
        return self.reserved - self.slack - self.workspace

    @property
    def reserved(self) -> int:
        """Bytes that the card must have."""
        return sum(self.categories().values())

    def categories(self) -> dict[str, int]:
        """The bytes by category."""
        return {field.name: getattr(self, field.name) for field in fields(self)[:-1]}


def predict(settings: Settings) -> Memory:
    """The memory of a training step on the card that is planned for.

    Args:
        settings: The run; `recompute = "auto"` counts as `none`.
    """
    return _memory(settings, sizes_of(settings))


def predict_in(settings: Settings, kept: Precision) -> Memory:
    """The same in a given precision, whatever the settings say."""
    return _memory(settings, sizes_in(settings, kept))


def _memory(settings: Settings, sizes: Sizes) -> Memory:
    step = Step(
        sizes, settings.model, settings.loss, accumulates=settings.train.accumulation_steps > 1
    )
    highest = max(step.moments(), key=lambda moment: moment.bytes)
    weights = FP32 * sizes.weights.total
    memory = Memory(
        parameters=weights,
        gradients=highest.gradients,
        optimiser=2 * weights + FP32 * sizes.weights.tensors,
        average=weights,
        perceptual_weights=VGG_WEIGHTS if settings.loss.perceptual_weight > 0 else 0,
        input=sizes.window + sizes.picture,
        activations=highest.activations + highest.activations // 256 + _SCALARS,
        loss=highest.loss,
        workspace=WORKSPACE,
        slack=0,
        moment=highest.name,
    )
    made = memory.gradients + memory.activations + memory.loss
    return replace(memory, slack=max(0, held(step, memory.allocated - made) - memory.allocated))
