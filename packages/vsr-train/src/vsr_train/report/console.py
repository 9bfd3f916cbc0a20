"""Where a run's lines go: streams that never end it, whatever becomes of the terminal."""

import os
import sys
from contextlib import suppress
from io import TextIOBase, TextIOWrapper
from typing import TextIO

from rich.console import Console

PLAIN_COLUMNS = 120
"""Columns where there is no terminal: rich's 80 would cut the names of clips."""


def open_consoles() -> tuple[Console, Console]:
    """Return the consoles of the process's output and of its errors; text is never markup."""
    return _console(sys.stdout), _console(sys.stderr)


def _console(stream: TextIO | None) -> Console:
    steady = SteadyStream(stream)
    width = None if steady.isatty() else PLAIN_COLUMNS
    return Console(file=steady, width=width, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]  # rich types its file as IO[str]


class SteadyStream(TextIOBase):
    """A text stream that drops what it cannot write: to a closed pipe, a full disk, or nowhere.

    Characters that the stream's encoding lacks are shown by their codes.

    Args:
        stream: where text goes; None drops all of it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        if isinstance(stream, TextIOWrapper):
            with suppress(ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a stream that drops has none of its own
        """The stream's encoding, by which rich chooses its lines."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether a person watches."""
        with suppress(ValueError, OSError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """The stream's descriptor, for the size of its terminal."""
        if self._stream is None:
            raise OSError("there is no stream")
        return self._stream.fileno()

    def writable(self) -> bool:
        """Text is always taken."""
        return True

    def write(self, text: str) -> int:
        """Write, or drop, text."""
        if self._stream is not None:
            try:
                self._stream.write(text)
            except (OSError, ValueError):
                self._give_up(self._stream)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop, what was written."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up(self._stream)

    def _give_up(self, stream: TextIO) -> None:
        """Write nothing more; what is buffered must not fail when the interpreter exits."""
        self._stream = None
        with suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
