"""Text from outside as HTML: always text, never markup, never longer than a page can bear.

Whatever is written into a page goes through here, but for words of our own.
"""

from html import escape
from typing import Final

from vsr_files import printable

LONGEST: Final = 200
"""Characters of a name or a sentence; what is longer is cut, and ends in `…`."""

LONGEST_BLOCK: Final = 40_000
"""Characters of a text of many lines."""

_TAB: Final = "    "


def shown(text: object, longest: int = LONGEST) -> str:
    """Return a text on one line as HTML, in an element or a quoted attribute.

    Control characters are made visible; what is too long is cut.
    """
    return escape(plain(text, longest))


def plain(text: object, longest: int = LONGEST) -> str:
    """Return a text on one line, made visible and cut, not yet HTML."""
    whole = str(text)
    seen = printable(whole[: longest + 1])
    return seen if len(seen) <= longest else seen[: longest - 1] + "…"


def block(text: str, longest: int = LONGEST_BLOCK) -> str:
    """Return a text of many lines as HTML for an element that keeps line breaks."""
    lines: list[str] = []
    room = longest
    for line in text[: longest + 1].replace("\r\n", "\n").split("\n"):
        seen = printable(line.replace("\t", _TAB))
        room -= len(seen) + 1
        if room < 0:
            lines.append("…")
            break
        lines.append(seen)
    return escape("\n".join(lines))
