"""Video and pictures in, training clips out."""

from vsr_data.clip import Clip, Footage, Rejected
from vsr_data.degradation import degrade
from vsr_data.errors import DataError
from vsr_data.preflight import Finding, check_pairs, inspect_pairs, require_sound
from vsr_data.sources import open_training, open_validation
from vsr_data.stream import TrainingStream, validation_windows
from vsr_data.workers import resolve_workers

__all__ = [
    "Clip",
    "DataError",
    "Finding",
    "Footage",
    "Rejected",
    "TrainingStream",
    "check_pairs",
    "degrade",
    "inspect_pairs",
    "open_training",
    "open_validation",
    "require_sound",
    "resolve_workers",
    "validation_windows",
]
