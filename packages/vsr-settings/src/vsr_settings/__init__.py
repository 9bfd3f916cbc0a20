"""What a training run is: schema, hardware presets, loading and errors. Never imports torch."""

from vsr_settings.errors import Problem, SettingsError
from vsr_settings.loading import Reading, load, loads, read
from vsr_settings.memory import Memory, predict
from vsr_settings.planned import card, effective_batch, precision
from vsr_settings.presets import HardwarePreset, PresetName, hardware_preset, match_preset
from vsr_settings.resolution import resolve
from vsr_settings.schema import Data, Hardware, Loss, Model, Run, Settings, Train
from vsr_settings.writing import to_toml

__all__ = [
    "Data",
    "Hardware",
    "HardwarePreset",
    "Loss",
    "Memory",
    "Model",
    "PresetName",
    "Problem",
    "Reading",
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
    "predict",
    "read",
    "resolve",
    "to_toml",
]
