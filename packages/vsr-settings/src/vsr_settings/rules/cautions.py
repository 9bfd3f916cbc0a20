"""What is allowed, but seldom meant: warnings of settings that load."""

from collections.abc import Iterator

from vsr_settings.budget import fits
from vsr_settings.card import card
from vsr_settings.precision import device_of
from vsr_settings.rules.device import over_budget
from vsr_settings.schema import Settings


def cautions(settings: Settings) -> Iterator[str]:
    """A sentence for everything that resolved settings hardly mean."""
    if not fits(settings):
        yield f"{over_budget(settings)}; hardware.allow_over_budget lets it start"
    itself = card(settings.hardware)
    slow_order = itself.compute_capability is not None and not itself.tensor_cores
    if slow_order and itself.memory_format == "channels_last":
        yield (
            f"hardware.memory_format is 'channels_last', for which cuDNN has few kernels on a "
            f"{itself.title}; 'contiguous' is faster there"
        )
    half = settings.train.use_amp and settings.train.amp_dtype == "fp16"
    if half and device_of(settings).kind == "cpu":
        yield (
            "train.amp_dtype is 'fp16', which is slow on the CPU; 'auto' takes bf16 there and "
            "what the card does natively elsewhere"
        )
