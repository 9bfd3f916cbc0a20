"""The least recomputation that fits the card: what `recompute = "auto"` becomes at load."""

from typing import Final, Literal

from vsr_settings.memory.fitting import fits
from vsr_settings.schema import Recompute, Settings

Recomputation = Literal["none", "blocks", "segments"]
LEAST_FIRST: Final[tuple[Recomputation, ...]] = ("none", "blocks", "segments")


def least_recomputation(settings: Settings) -> Recomputation:
    """What `model.recompute = "auto"` stands for; the most where nothing fits.

    Args:
        settings: The run, every other setting resolved to its concrete value.
    """
    if settings.model.recompute != "auto":
        return settings.model.recompute
    return next((each for each in LEAST_FIRST if fits(recomputing(settings, each))), "segments")


def recomputing(settings: Settings, recompute: Recompute) -> Settings:
    """The settings with a recomputation of their own."""
    model = settings.model.model_copy(update={"recompute": recompute})
    return settings.model_copy(update={"model": model})
