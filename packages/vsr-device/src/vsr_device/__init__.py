"""Where a network runs: device, precision, memory format, card check, processes."""

from vsr_device.card import CardFacts, card_facts, check_card
from vsr_device.errors import DeviceError, PeerError
from vsr_device.launch import is_first_process, joined
from vsr_device.platform import (
    AMP_DTYPES,
    MEMORY_FORMATS,
    Platform,
    choose_inference_platform,
    choose_platform,
    free_bytes,
    native_precisions,
    peak_mib,
)
from vsr_device.processes import Processes

__all__ = [
    "AMP_DTYPES",
    "MEMORY_FORMATS",
    "CardFacts",
    "DeviceError",
    "PeerError",
    "Platform",
    "Processes",
    "card_facts",
    "check_card",
    "choose_inference_platform",
    "choose_platform",
    "free_bytes",
    "is_first_process",
    "joined",
    "native_precisions",
    "peak_mib",
]
