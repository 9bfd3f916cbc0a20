"""Lines of a terminal, built from styled text; a row never wraps, and text in it is never markup.

Made of rich's segments rather than its tables: a display that is drawn all day must cost nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from vsr_files import printable

Row = tuple[Segment, ...]
"""One line."""

Block = list[tuple[int, Row]]
"""Rows, each with a number: those of the highest go first where a screen is low."""

LABEL: Final = 14
"""Columns of the names on the left."""

NARROW: Final = 50
"""Columns under which what is only ornament is left out."""

DIM: Final = Style(dim=True)
BOLD: Final = Style(bold=True)
ACCENT: Final = Style(color="cyan")
GOOD: Final = Style(color="green")
CAUTION: Final = Style(color="yellow")
ALARM: Final = Style(color="red", bold=True)

CUT: Final = "…"
BETWEEN: Final = " · "

_ASCII: Final = str.maketrans("━╸─┃·×→–…▁▂▃▄▅▆▇█", "==-|-x>-~.:-=+*%#")


@dataclass(frozen=True)
class Lines:
    """Rows as rich prints them; in ASCII where the terminal's encoding has no more."""

    rows: tuple[Row, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for row in self.rows:
            yield from as_ascii(row) if options.ascii_only else row
            yield Segment.line()


def as_ascii(row: Row) -> Row:
    """Return a row of as many cells in ASCII; a character that has no likeness is a `?`."""
    shown = []
    for text, style, _ in row:
        likeness = text.translate(_ASCII)
        cells = ("?" * cell_len(c) if ord(c) > 126 else c for c in likeness)
        shown.append(Segment("".join(cells), style))
    return tuple(shown)


def span(text: str, style: Style | None = None) -> Segment:
    """Return text as it is; control characters in it are made visible."""
    return Segment(printable(text), style)


def label(text: str) -> Row:
    """Return the name at the left end of a row."""
    return (Segment(f" {text:<{LABEL}}", DIM),)


def width_of(row: Iterable[Segment]) -> int:
    """Return the cells that a row fills."""
    return sum(cell_len(segment.text) for segment in row)


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return text of exactly so many cells: filled up with spaces, or cut with an ellipsis."""
    text = printable(text)
    size = cell_len(text)
    if size <= width:
        space = " " * (width - size)
        return space + text if right else text + space
    if width < 1:
        return ""
    return set_cell_size(text, width - 1) + CUT


def cropped(row: Row, width: int) -> Row:
    """Return a row of at most so many cells; where something is cut, an ellipsis says so."""
    if width_of(row) <= width:
        return row
    kept: list[Segment] = []
    room = width
    for text, style, _ in row:
        size = cell_len(text)
        if size >= room:  # for what follows is cut, too
            kept.append(Segment(fitted(text + CUT, room), style))
            break
        kept.append(Segment(text, style))
        room -= size
    return tuple(kept) if width > 0 else ()


def filled(row: Row, width: int) -> Row:
    """Return a row of exactly so many cells."""
    row = cropped(row, width)
    return (*row, Segment(" " * (width - width_of(row))))


def joined(parts: Sequence[Row], width: int, between: str = BETWEEN) -> Row:
    """Return as many of the parts as fit beside each other, the first ones; never half of one.

    Only the first part is cropped, where even that does not fit.
    """
    row: Row = ()
    for part in parts:
        if not part:
            continue
        longer = (*row, Segment(between, DIM), *part) if row else part
        if row and width_of(longer) > width:
            break
        row = longer
    return cropped(row, width)


def ends(left: Row, right: Row, width: int, fill: Segment | None = None) -> Row:
    """Return a row with one part at its left end and one at its right; the right is kept whole.

    Args:
        left: cropped where there is no room for it.
        right: left out where it does not fit by itself.
        width: cells of the row.
        fill: what the space between is made of, one cell wide; a space by default.
    """
    size = width_of(right)
    if size + 2 > width:
        return filled(left, width)
    left = cropped(left, width - size - 1)
    character, style, _ = fill or Segment(" ")
    return (*left, Segment(character * (width - size - width_of(left)), style), *right)


def beside(left: Sequence[Row], right: Sequence[Row], width: int, gap: int) -> list[Row]:
    """Return two columns of rows as one, the left so many cells wide; the shorter is filled up."""
    missing = len(right) - len(left)
    left = [*left, *[()] * missing]
    right = [*right, *[()] * -missing]
    return [(*filled(one, width + gap), *other) for one, other in zip(left, right, strict=True)]


def bar(share: float, width: int, style: Style, mark: float | None = None) -> Row:
    """Return a bar that is filled to a share of its width.

    Args:
        share: in [0, 1]; what lies outside is cut.
        width: cells.
        style: of the filled part.
        mark: a share where a mark is set; None sets none.
    """
    halves = round(2 * width * min(1.0, max(0.0, share)))
    whole, half = divmod(halves, 2)
    full, rest = "━" * whole + "╸" * half, "─" * (width - whole - half)
    if mark is None or not width:
        return (Segment(full, style), Segment(rest, DIM))
    at = min(width - 1, max(0, round(mark * width)))
    line = full + rest
    return (
        Segment(line[: min(at, whole + half)], style),
        Segment(line[min(at, whole + half) : at], DIM),
        Segment("┃", BOLD),
        Segment(line[at + 1 : max(at + 1, whole + half)], style),
        Segment(line[max(at + 1, whole + half) :], DIM),
    )


def wrapped(text: str, width: int, most: int, style: Style | None = None) -> list[Row]:
    """Return text in at most so many rows, broken between words; the last is cropped."""
    rows: list[str] = []
    rest = printable(text)
    while rest and width > 0:
        if len(rows) == most - 1 or cell_len(rest) <= width:
            rows.append(fitted(rest, width).rstrip())
            break
        most_characters = _fitting(rest, width)
        at = rest.rfind(" ", 0, most_characters + 1)
        at = at if at > 0 else most_characters
        rows.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [(Segment(row, style),) for row in rows]


def _fitting(text: str, width: int) -> int:
    """Return how many characters of a text fit so many cells, at least one."""
    sizes = accumulate(map(cell_len, text))
    return max(1, sum(size <= width for size in sizes))
