"""Weights and checkpoints in and out: files that anybody may have written, and ours.

The only room of this package that opens files. Nothing read from a file is ever executed.
"""

from vsr_model.weights.checking import WeightsError, require_tensors
from vsr_model.weights.loading import load_weights, read_facts, save_weights
from vsr_model.weights.reading import read_checkpoint

__all__ = [
    "WeightsError",
    "load_weights",
    "read_checkpoint",
    "read_facts",
    "require_tensors",
    "save_weights",
]
