"""What ends a run early, and the exit code of each."""

from vsr_settings import ExitCode


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
