"""Whether a training step fits the card, and the least recomputation with which it does."""

from bisect import bisect_left
from typing import Final, Literal

from vsr_settings.card import card
from vsr_settings.memory.prediction import WORKSPACE, predict, predict_validation
from vsr_settings.memory.sizes import FP32, MIB, SEGMENT_BLOCKS, Sizes, sizes_of
from vsr_settings.schema import Recompute, Settings

Recomputation = Literal["none", "blocks", "segments"]
LEAST_FIRST: Final[tuple[Recomputation, ...]] = ("none", "blocks", "segments")
_HOPELESS: Final = 4
"""Budgets, from which on what is needed is not predicted but bounded."""
_TILE: Final = 16
"""Tiles are whole multiples of this."""
_COPIES: Final = 4
"""Of the weights: themselves, AdamW's two moments and the average."""


def budget_mib(settings: Settings) -> int | None:
    """Memory that a training step may take, in MiB; None where it is not budgeted.

    On the CPU nothing is: neither with its preset nor with `run.device`.
    """
    return None if settings.run.device == "cpu" else card(settings.hardware).budget_mib


def needed_mib(settings: Settings) -> int:
    """Memory that a training step is predicted to reserve, in MiB, rounded up."""
    return -(-predict(settings).reserved // MIB)


def needed_text(settings: Settings) -> str:
    """The same in words; of what is many times too large, the least that is certain."""
    budget, least = budget_mib(settings), least_mib(settings)
    if budget is not None and least > _HOPELESS * budget:
        return f"more than {least} MiB"
    return f"{needed_mib(settings)} MiB"


def fits(settings: Settings) -> bool:
    """Whether a training step fits the card, or is not budgeted.

    Args:
        settings: The run; `recompute = "auto"` counts as `none`.
    """
    budget = budget_mib(settings)
    if budget is None:
        return True
    # what is far too large is not worth the milliseconds of a simulated step
    return least_mib(settings) <= budget and needed_mib(settings) <= budget


def least_mib(settings: Settings) -> int:
    """Memory that a training step takes at the very least, in MiB: never over the prediction.

    The weights' copies, the batch, and what is alive between the forward and the backward pass.
    """
    sizes = sizes_of(settings)
    kept = sizes.frames + (sizes.frames - 1) * (1 + _kept_by_a_trunk(settings, sizes)) + 1
    pictures = sizes.window + 2 * sizes.picture
    weights = _COPIES * FP32 * sizes.weights.total
    return (WORKSPACE + weights + pictures + kept * sizes.features) // MIB


def _kept_by_a_trunk(settings: Settings, sizes: Sizes) -> int:
    """Feature maps that a trunk keeps each time it runs."""
    match settings.model.recompute:
        case "none" | "auto":
            return 2 * sizes.depth
        case "blocks":
            return sizes.depth
        case "segments":
            return -(-sizes.depth // SEGMENT_BLOCKS)


def fitting_tile(settings: Settings, lq_height: int, lq_width: int) -> int | None:
    """The largest tile, at most `data.val_tile`, whose validation of frames of a size fits.

    A tile changes no figure. None where not even the smallest fits: the metrics need the frame.

    Args:
        settings: The run.
        lq_height: Height of a low-resolution frame.
        lq_width: Its width.
    """
    budget, most = budget_mib(settings), settings.data.val_tile

    def is_too_much(tile: int) -> bool:
        data = settings.data.model_copy(update={"val_tile": tile})
        other = settings.model_copy(update={"data": data})
        memory = predict_validation(other, lq_height, lq_width)
        return budget is not None and memory.reserved > budget * MIB

    if not is_too_much(most):
        return most
    tiles = range(_TILE, most, _TILE)
    enough = bisect_left(tiles, True, key=is_too_much)
    return tiles[enough - 1] if enough else None


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
