"""The least recomputation that fits the card: what `recompute = "auto"` becomes at load."""

from typing import Literal

from vsr_settings.schema import Settings


def least_recomputation(settings: Settings) -> Literal["none", "blocks", "segments"]:
    """What `model.recompute = "auto"` stands for.

    Args:
        settings: The run, every other setting resolved to its concrete value.
    """
    # The memory budget decides here once it is known; until then nothing is recomputed.
    match settings.model.recompute:
        case "auto":
            return "none"
        case chosen:
            return chosen
