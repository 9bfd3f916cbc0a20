"""Whether a training step fits the card: its memory less what is kept in reserve."""

from vsr_settings.memory.prediction import predict
from vsr_settings.memory.sizes import MIB
from vsr_settings.planned import card
from vsr_settings.schema import Settings


def budget_mib(settings: Settings) -> int | None:
    """Memory that a training step may take, in MiB; None where it is not budgeted.

    On the CPU nothing is: neither with its preset nor with `run.device`.
    """
    planned = card(settings.hardware)
    return None if settings.run.device == "cpu" else planned.budget_mib


def needed_mib(settings: Settings) -> int:
    """Memory that a training step is predicted to reserve, in MiB, rounded up."""
    return -(-predict(settings).reserved // MIB)


def fits(settings: Settings) -> bool:
    """Whether a training step fits the card, or is not budgeted.

    Args:
        settings: The run; `recompute = "auto"` counts as `none`.
    """
    budget = budget_mib(settings)
    return budget is None or needed_mib(settings) <= budget
