"""Where a run's lines go: streams that never end it, whatever becomes of the terminal."""

import sys
from typing import TextIO

from rich.console import Console

from vsr_files import SteadyStream

PLAIN_COLUMNS = 120
"""Columns where there is no terminal: rich's 80 would cut the names of clips."""


def open_consoles() -> tuple[Console, Console]:
    """Return the consoles of the process's output and of its errors; text is never markup."""
    return _console(sys.stdout), _console(sys.stderr)


def _console(stream: TextIO | None) -> Console:
    steady = SteadyStream(stream)
    width = None if steady.isatty() else PLAIN_COLUMNS
    return Console(file=steady, width=width, markup=False, emoji=False, highlight=False)  # type: ignore[arg-type]  # rich types its file as IO[str]
