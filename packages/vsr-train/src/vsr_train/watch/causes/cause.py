"""What a rule of this room finds."""

from dataclasses import dataclass
from typing import Final

NEGLIGIBLE: Final = 1e-6
"""Share or norm that is as good as 0; a mean absolute error's gradient at the output has norm 1."""


@dataclass(frozen=True)
class Cause:
    """A possible reason."""

    name: str
    likelihood: float
    """Between 0 and 1; orders causes and is no probability."""
    evidence: str
    remedy: str


def rounded(value: float) -> float:
    """Return a value as it is advised: to one figure."""
    return float(f"{value:.0e}")
