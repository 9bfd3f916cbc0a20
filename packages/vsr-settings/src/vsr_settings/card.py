"""The card that settings are for: its preset with what `[hardware]` says otherwise."""

from dataclasses import replace
from typing import Any

from vsr_settings.hardware.presets import HardwarePreset, hardware_preset, with_capability
from vsr_settings.schema import Hardware, Settings

FROM_PRESET = (
    "vram_mib",
    "reserve_mib",
    "compute_capability",
    "effective_batch",
    "memory_format",
)
"""Fields of `[hardware]` that take the preset's value where they are left out."""


def card(hardware: Hardware) -> HardwarePreset:
    """The card of a section: its preset with the section's own figures.

    What is native follows an overridden compute capability.
    """
    preset = hardware_preset(hardware.preset)
    if hardware.compute_capability is not None:
        preset = with_capability(preset, hardware.compute_capability)
    given: dict[str, Any] = {name: getattr(hardware, name) for name in FROM_PRESET}
    return replace(preset, **{name: value for name, value in given.items() if value is not None})


def preset_values(hardware: Hardware) -> dict[str, Any]:
    """What `FROM_PRESET` fields of the card come to, less those that no preset knows.

    The memory format stays left out where it is: on the card itself, a run may time both.
    """
    itself = card(hardware)
    values = {name: getattr(itself, name) for name in FROM_PRESET if name != "memory_format"}
    return {name: value for name, value in values.items() if value is not None}


def effective_batch(settings: Settings) -> int:
    """Samples of an optimiser step: batch_size × accumulation_steps × world_size."""
    train = settings.train
    world_size = 1 if train.world_size == "auto" else train.world_size
    return train.batch_size * train.accumulation_steps * world_size
