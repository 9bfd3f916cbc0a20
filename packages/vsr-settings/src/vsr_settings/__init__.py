"""What a training run is: schema, hardware presets, loading and errors. Never imports torch."""

from vsr_settings.card import card, effective_batch
from vsr_settings.degradation import Degradation, Pipeline, pipeline_of
from vsr_settings.errors import ExitCode, Problem, SettingsError
from vsr_settings.hardware.presets import (
    HardwarePreset,
    MemoryFormat,
    Precision,
    PresetName,
    hardware_preset,
    match_preset,
)
from vsr_settings.memory import Memory, predict
from vsr_settings.precision import DeviceFacts, precision, precision_on
from vsr_settings.reading import LoadedSettings, load, loads, read
from vsr_settings.resolve import resolve
from vsr_settings.schema import Data, Hardware, Loss, Model, Run, Settings, Source, Train
from vsr_settings.writing import to_toml

__all__ = [
    "Data",
    "Degradation",
    "DeviceFacts",
    "ExitCode",
    "Hardware",
    "HardwarePreset",
    "LoadedSettings",
    "Loss",
    "Memory",
    "MemoryFormat",
    "Model",
    "Pipeline",
    "Precision",
    "PresetName",
    "Problem",
    "Run",
    "Settings",
    "SettingsError",
    "Source",
    "Train",
    "card",
    "effective_batch",
    "hardware_preset",
    "load",
    "loads",
    "match_preset",
    "pipeline_of",
    "precision",
    "precision_on",
    "predict",
    "read",
    "resolve",
    "to_toml",
]
