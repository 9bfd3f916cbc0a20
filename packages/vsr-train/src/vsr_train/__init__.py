"""The run: step, schedule, checkpoints, validation, report.

Names are imported when they are first used: the command heeds signals before torch is there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsr_settings import ExitCode
    from vsr_train.errors import DivergedError, RunError, StagnatedError
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


def __getattr__(name: str) -> Any:
    for module in ("errors", "run", "loop") if name in __all__ else ():
        found = vars(import_module(f"vsr_train.{module}")).get(name)
        if found is not None:
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
