"""What a training step takes, traced without a card."""

from vsr_train.memory.allocator import CachingAllocator, reserved_bytes
from vsr_train.memory.trace import CATEGORIES, WORKSPACE_BYTES, Category, Formulation, Trace, trace

__all__ = [
    "CATEGORIES",
    "WORKSPACE_BYTES",
    "CachingAllocator",
    "Category",
    "Formulation",
    "Trace",
    "reserved_bytes",
    "trace",
]
