"""Rows at the bottom of a terminal, redrawn in place below all that is printed.

One refresh is one write, and overwrites what was there before instead of erasing it: nothing
flickers. Terminals that know synchronised updates show it all at once.
"""

import os
from collections.abc import Callable, Iterator
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.segment import ControlType, Segment

from vsr_train.report.live.rows import Lines, as_ascii, width_of

Draw = Callable[[int, int], Lines]
"""From columns and rows of a screen to what is drawn there."""

BEGIN_UPDATE: Final = "\x1b[?2026h"
END_UPDATE: Final = "\x1b[?2026l"
ERASE_REST_OF_LINE: Final = "\x1b[K"
ERASE_BELOW: Final = "\x1b[J"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


class Canvas(RenderHook):
    """What is drawn below whatever a console prints.

    Args:
        console: a terminal's.
        draw: what is drawn, asked anew for every refresh; an error in it draws nothing more.
    """

    def __init__(self, console: Console, draw: Draw) -> None:
        self._console = console
        self._draw = draw
        self._drawn: list[int] = []
        self._process = os.getpid()
        self.is_shown = False
        self.failure: Exception | None = None

    def show(self) -> None:
        """Begin to draw where the cursor is."""
        if not self.is_shown:
            self.is_shown, self._drawn = True, []
            self._console.push_render_hook(self)
            self.refresh()

    def hide(self) -> None:
        """Take away what is drawn; the cursor is where it began."""
        if self.is_shown:
            self._leave()
            self._write(self._to_top(self._console.width) + ERASE_BELOW + SHOW_CURSOR)

    def abandon(self) -> None:
        """Draw no more and leave what is there: the terminal is somebody else's now."""
        if self.is_shown:
            self._leave()

    def refresh(self) -> None:
        """Draw the latest, in one write."""
        if self.is_shown:
            self._console.print(Control())

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Print above what is drawn: rich's hook into every print."""
        if os.getpid() != self._process:  # a worker with something to say
            return renderables
        width, height = self._console.size
        rows = self._rows(width, height)
        sizes = [width_of(row) for row in rows]
        above = [each for each in renderables if not isinstance(each, Control)]
        is_same_shape = len(sizes) == len(self._drawn) and max(self._drawn, default=0) <= width
        erase = "" if is_same_shape and not above else ERASE_BELOW
        top = BEGIN_UPDATE + HIDE_CURSOR + self._to_top(width) + erase
        self._drawn = sizes
        return [_Codes(top), *above, _Rows(rows, width), _Codes(END_UPDATE)]

    def _rows(self, width: int, height: int) -> tuple[tuple[Segment, ...], ...]:
        if self.failure is not None:
            return ()
        try:
            return self._draw(width, height).rows
        except Exception as error:  # noqa: BLE001 - no picture of a run may end it
            self.failure = error
            return ()

    def _to_top(self, width: int) -> str:
        """Return the codes to the first cell drawn; a narrower terminal has wrapped its rows."""
        lines = sum(max(1, -(-size // max(1, width))) for size in self._drawn)
        return "\r" + (f"\x1b[{lines - 1}A" if lines > 1 else "")

    def _leave(self) -> None:
        self.is_shown = False
        self._console.pop_render_hook()

    def _write(self, codes: str) -> None:
        self._console.print(_Codes(codes), end="", crop=False)
        self._drawn = []


class _Codes:
    """Codes to a terminal, which are no text."""

    def __init__(self, codes: str) -> None:
        self._codes = codes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Segment(self._codes, None, [(ControlType.CARRIAGE_RETURN,)])


class _Rows:
    """Rows that overwrite others."""

    def __init__(self, rows: tuple[tuple[Segment, ...], ...], width: int) -> None:
        self._rows, self._width = rows, width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        erase = Segment(ERASE_REST_OF_LINE, None, [(ControlType.ERASE_IN_LINE, 0)])
        for number, row in enumerate(self._rows):
            if number:
                yield Segment.line()
            yield from as_ascii(row) if options.ascii_only else row
            if sum(cell_len(segment.text) for segment in row) < self._width:
                yield erase  # in a full row it would erase the last cell
