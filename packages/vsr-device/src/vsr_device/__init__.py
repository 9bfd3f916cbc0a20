"""Where a network runs: device, precision, memory format, card check, processes."""

from vsr_device.card import CardFacts, card_facts, check_card
from vsr_device.errors import DeviceError
from vsr_device.platform import AMP_DTYPES, Platform, choose_platform
from vsr_device.processes import Processes, joined

__all__ = [
    "AMP_DTYPES",
    "CardFacts",
    "DeviceError",
    "Platform",
    "Processes",
    "card_facts",
    "check_card",
    "choose_platform",
    "joined",
]
