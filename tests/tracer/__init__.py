"""What runs take, traced without a card: the judge of the simulated run."""

from tracer.frames import trace_inference, trace_validation
from tracer.steps import Formulation, trace, trace_beginning
from tracer.storages import CATEGORIES, StorageWatch, Trace

__all__ = [
    "CATEGORIES",
    "Formulation",
    "StorageWatch",
    "Trace",
    "trace",
    "trace_beginning",
    "trace_inference",
    "trace_validation",
]
