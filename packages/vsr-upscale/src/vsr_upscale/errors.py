"""What ends an enlargement early, and the exit code of each."""

from vsr_settings import ExitCode


class UpscaleError(Exception):
    """A film that cannot be enlarged, or not as asked: what, where, the rule, what to do."""

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.SETTINGS) -> None:
        self.exit_code = exit_code
        super().__init__(message)


class SourceError(UpscaleError):
    """A film that cannot be used."""

    def __init__(self, message: str) -> None:
        super().__init__(message, ExitCode.DATA)
