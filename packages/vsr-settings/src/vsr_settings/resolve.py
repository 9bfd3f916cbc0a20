"""What settings that leave something open stand for: pure, and the same every time.

Resolved settings resolve to themselves, so a stored text reloads as it was stored.
"""

from vsr_settings.card import preset_values
from vsr_settings.memory import least_recomputation
from vsr_settings.schema import Settings, Train


def resolve(settings: Settings, world_size: int = 1) -> Settings:
    """The settings with every value concrete, except what only the device itself can decide.

    `train.amp_dtype`, `data.workers` and `run.device` may stay `auto`, and
    `hardware.memory_format` left out: they depend on the machine that runs, not on the card that
    settings are for.

    Args:
        settings: The settings to resolve.
        world_size: Processes that train together, where the settings do not say.
    """
    hardware = settings.hardware.model_copy(update=preset_values(settings.hardware))
    train = settings.train.model_copy(update=_concrete(settings.train, world_size))
    concrete = settings.model_copy(update={"hardware": hardware, "train": train})
    model = concrete.model.model_copy(update={"recompute": least_recomputation(concrete)})
    return concrete.model_copy(update={"model": model})


def automatic_warmup(max_steps: int) -> int:
    """Warm-up steps that `auto` stands for: 1 % of the steps, at most 500, fewer than all."""
    return min(500, -(-max_steps // 100), max_steps - 1)


def _concrete(train: Train, world_size: int) -> dict[str, int]:
    """What the training's `auto` values stand for."""
    values: dict[str, int] = {}
    if train.warmup_steps == "auto":
        values["warmup_steps"] = automatic_warmup(train.max_steps)
    if train.world_size == "auto":
        values["world_size"] = world_size
    return values
