"""Video and pictures in, training clips out."""

from vsr_data.clip import Clip, Footage, Rejected
from vsr_data.degradation import degrade
from vsr_data.errors import DataError
from vsr_data.sources import open_training, open_validation
from vsr_data.stream import TrainingStream, validation_windows
from vsr_data.workers import resolve_workers

__all__ = [
    "Clip",
    "DataError",
    "Footage",
    "Rejected",
    "TrainingStream",
    "degrade",
    "open_training",
    "open_validation",
    "resolve_workers",
    "validation_windows",
]
