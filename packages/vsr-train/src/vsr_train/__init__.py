"""The run: step, schedule, checkpoints, validation, report."""

from vsr_train.errors import DeviceError, DivergedError, ExitCode, RunError
from vsr_train.loop import start
from vsr_train.run import Run, prepare

__all__ = ["DeviceError", "DivergedError", "ExitCode", "Run", "RunError", "prepare", "start"]
