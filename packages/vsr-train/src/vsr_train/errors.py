"""What ends a run early, and the exit code of each."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command returns; never 0 after a failure."""

    DONE = 0
    """Finished, or stopped on request after saving."""
    SETTINGS = 2
    """Settings, checkpoint or run folder refused."""
    DATA = 3
    """Footage that cannot be used."""
    DEVICE = 4
    """A device that cannot be used, or too little memory on it."""
    LEARNING = 5
    """A run that diverged or stagnated."""


class RunError(Exception):
    """A run that cannot start or go on: the message says what, where, and what to do."""

    exit_code = ExitCode.SETTINGS


class LearningError(RunError):
    """A run that ends because of what it learns, or does not."""

    exit_code = ExitCode.LEARNING


class StagnatedError(LearningError):
    """A run that does not learn; it is saved, and its diagnosis lies in its folder."""


class DivergedError(LearningError):
    """Weights or losses that stopped being numbers."""
