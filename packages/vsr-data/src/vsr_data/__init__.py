"""Video and pictures in, training clips out."""

from vsr_data.degradation import degrade
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip, Footage, Rejected
from vsr_data.pairs.checks import check_pairs, require_sound
from vsr_data.pairs.findings import Finding, inspect_pairs
from vsr_data.samples.stream import TrainingStream
from vsr_data.samples.validation import validation_places, validation_windows
from vsr_data.samples.workers import resolve_workers
from vsr_data.sources import check_sources, open_training, open_validation

__all__ = [
    "Clip",
    "DataError",
    "Finding",
    "Footage",
    "Rejected",
    "TrainingStream",
    "UnusableFileError",
    "check_pairs",
    "check_sources",
    "degrade",
    "inspect_pairs",
    "open_training",
    "open_validation",
    "require_sound",
    "resolve_workers",
    "validation_places",
    "validation_windows",
]
