"""How low-resolution frames are made from sharp ones: one by one, or a take of them together."""

from vsr_data.degradation.coding import require_encoders
from vsr_data.degradation.drawing import Recipe, draw
from vsr_data.degradation.making import VERSION, degraded_take, one_thread, recorded
from vsr_data.degradation.reducing import Reduction, degrade, is_plain, reduced, reduction_of

__all__ = [
    "VERSION",
    "Recipe",
    "Reduction",
    "degrade",
    "degraded_take",
    "draw",
    "is_plain",
    "one_thread",
    "recorded",
    "reduced",
    "reduction_of",
    "require_encoders",
]
