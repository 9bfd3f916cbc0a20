"""What a training run is: schema, hardware presets, loading and errors. Never imports torch."""

from vsr_settings.card import card, effective_batch
from vsr_settings.errors import ExitCode, Problem, SettingsError
from vsr_settings.hardware.presets import (
    HardwarePreset,
    Precision,
    PresetName,
    hardware_preset,
    match_preset,
)
from vsr_settings.memory import Memory, predict
from vsr_settings.precision import DeviceFacts, precision, precision_on
from vsr_settings.reading import LoadedSettings, load, loads, read
from vsr_settings.resolve import resolve
from vsr_settings.schema import Data, Hardware, Loss, Model, Run, Settings, Train
from vsr_settings.writing import to_toml

__all__ = [
    "Data",
    "DeviceFacts",
    "ExitCode",
    "Hardware",
    "HardwarePreset",
    "LoadedSettings",
    "Loss",
    "Memory",
    "Model",
    "Precision",
    "PresetName",
    "Problem",
    "Run",
    "Settings",
    "SettingsError",
    "Train",
    "card",
    "effective_batch",
    "hardware_preset",
    "load",
    "loads",
    "match_preset",
    "precision",
    "precision_on",
    "predict",
    "read",
    "resolve",
    "to_toml",
]
