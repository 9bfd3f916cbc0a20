"""The run: step, schedule, checkpoints, validation, report."""

from vsr_train.errors import DivergedError, ExitCode, RunError, StagnatedError
from vsr_train.loop import start
from vsr_train.run import Run, prepare

__all__ = [
    "DivergedError",
    "ExitCode",
    "Run",
    "RunError",
    "StagnatedError",
    "prepare",
    "start",
]
