"""Streams of text that never end a program, whatever becomes of the terminal behind them."""

import os
from contextlib import suppress
from io import TextIOBase, TextIOWrapper
from typing import TextIO


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
