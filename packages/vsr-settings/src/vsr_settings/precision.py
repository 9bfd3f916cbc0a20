"""The precision of convolutions: decided here alone, from the settings and what a device does."""

from dataclasses import dataclass
from typing import Literal

from vsr_settings.card import card
from vsr_settings.hardware.presets import Precision
from vsr_settings.schema import Settings, Train

DeviceKind = Literal["cuda", "mps", "cpu"]


@dataclass(frozen=True)
class DeviceFacts:
    """What decides the precision on a device."""

    kind: DeviceKind
    native_bf16: bool
    """Whether bf16 arithmetic is in hardware rather than emulated."""


def precision_on(train: Train, device: DeviceFacts) -> Precision:
    """The precision that a run trains in on a device.

    `auto` is bf16 where it is native; elsewhere fp16 on CUDA and fp32 on the CPU and mps, since
    fp16 needs torch's `GradScaler`, whose kernels are CUDA's and the CPU's (2.7.1), and the CPU
    computes fp16 slowly.
    """
    if not train.use_amp:
        return "fp32"
    if train.amp_dtype != "auto":
        return train.amp_dtype
    if device.native_bf16:
        return "bf16"
    return "fp16" if device.kind == "cuda" else "fp32"


def precision(settings: Settings) -> Precision:
    """The precision on the device that settings are for; a CPU is taken to have native bf16."""
    return precision_on(settings.train, device_of(settings))


def device_of(settings: Settings) -> DeviceFacts:
    """The device that settings are for: `run.device` where it names one, else the preset's."""
    preset = card(settings.hardware)
    named = settings.run.device.partition(":")[0]
    if "cpu" in (named, preset.name):
        return DeviceFacts("cpu", native_bf16=True)
    return DeviceFacts("mps" if preset.name == "mps" else "cuda", preset.native_bf16)
