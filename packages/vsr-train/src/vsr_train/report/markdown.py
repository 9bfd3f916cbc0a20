"""Texts as Markdown: what came from outside is text there too, never markup."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from vsr_files import printable

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>#~&$])")
_BACKTICKS: Final = re.compile(r"`+")


def escaped(text: str) -> str:
    """Return a text that reads as it is written, wherever a line is not begun by it."""
    return _MARKUP.sub(r"\\\1", printable(text))


def code(text: str) -> str:
    """Return a text as code within a line."""
    shown = printable(text)
    fence = "`" * (_longest_run(shown) + 1)
    pad = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def code_block(text: str, language: str) -> str:
    """Return lines of code."""
    fence = "`" * max(3, _longest_run(text) + 1)
    ending = "" if text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{ending}{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table.

    Args:
        head: titles of the columns, as Markdown.
        rows: cells, as Markdown of one line each.
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_as_cell, row))} |" for row in lines)


def _as_cell(markdown: str) -> str:
    return markdown.replace("|", "\\|")  # in code, too: a table is cut into cells before all else


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
