"""What a training step takes, traced without a card."""

from vsr_train.memory.allocator import CachingAllocator, reserved_bytes
from vsr_train.memory.trace import CATEGORIES, WORKSPACE_BYTES, Category, Trace, trace

__all__ = [
    "CATEGORIES",
    "WORKSPACE_BYTES",
    "CachingAllocator",
    "Category",
    "Trace",
    "reserved_bytes",
    "trace",
]
