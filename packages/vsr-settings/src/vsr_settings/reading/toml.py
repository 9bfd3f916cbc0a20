"""What a TOML text says, and the line on which every key of it stands.

`tomllib` keeps no positions. Messages that can be clicked need them, so a scanner goes over the
text again; it may assume valid TOML, and where it cannot tell (keys inside an inline table) the
line of the key that holds them is given.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vsr_settings.errors import ABSENT
from vsr_settings.paths import printable
from vsr_settings.reading.files import UnreadableError, text_of
from vsr_settings.reading.source import Report, Source

Keys = tuple[str, ...]

_POSITION: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TWICE: Final = re.compile(r"Cannot (overwrite|declare|mutate)")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_SPACE: Final = re.compile(r"[ \t]*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_VALUE_PART: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)


def file_source(path: str | Path, report: Report) -> Source:
    """What a settings file says; nothing, and a problem, where it cannot be read."""
    try:
        return toml_source(text_of(path), printable(path), report)
    except UnreadableError as error:
        report.readable = False
        report.refuse(printable(path), "", ABSENT, error.rule, error.remedy)
        return Source()


def toml_source(text: str, label: str, report: Report) -> Source:
    """What a TOML text says; `label` is what messages call it."""
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        report.readable = False
        _refuse_syntax(error, label, text, report)
        return Source()
    places = {keys: f"{label}:{line}" for keys, line in key_lines(text).items()}
    return Source(values, {(): label, **places})


def key_lines(text: str) -> dict[Keys, int]:
    """The line, from 1, of every table and key of a valid TOML text."""
    lines: dict[Keys, int] = {}
    for keys, line in _keys(text):
        for depth in range(1, len(keys) + 1):
            lines.setdefault(keys[:depth], line)
    return lines


def _refuse_syntax(error: Exception, label: str, text: str, report: Report) -> None:
    """Report a text that is not TOML, at its line; a key that stands there twice by its name."""
    message = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    position = _POSITION.search(message)
    reason = message[: position.start()] if position else message
    rule = f"is not TOML: {reason[:1].lower()}{reason[1:]}"
    if position is None:
        report.refuse(label, "", ABSENT, rule, "mend the syntax")
        return
    line = int(position.group(1) or text.count("\n") + 1)
    twice = _twice(text, line) if _TWICE.match(message) else None
    if twice is None:
        report.refuse(f"{label}:{line}", "", ABSENT, rule, "mend the syntax")
    else:
        key, first, again = twice
        rule += f", {key!r} is on line {first} already"
        report.refuse(f"{label}:{again}", printable(key), ABSENT, rule, "keep one of the two")


def _twice(text: str, line: int) -> tuple[str, int, int] | None:
    """The last key up to a line, and the lines where it, or what holds it, was first and is now."""
    *before, (keys, again) = _keys("\n".join(text.split("\n")[:line]))
    lines: dict[Keys, int] = {}
    for earlier, at in before:
        for depth in range(1, len(earlier) + 1):
            lines.setdefault(earlier[:depth], at)
    for depth in range(len(keys), 0, -1):
        if keys[:depth] in lines:
            return ".".join(keys[:depth]), lines[keys[:depth]], again
    return None


def _keys(text: str) -> Iterator[tuple[Keys, int]]:
    """Every table and key of a text with its line, in order."""
    table: Keys = ()
    position = _skip(_BLANK, text, 0)
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        header = text[position] == "["
        opening = len(text[position:]) - len(text[position:].lstrip("[")) if header else 0
        keys, position = _dotted(text, position + opening)
        if not keys:
            break
        if header:
            table = keys
        yield keys if header else table + keys, line
        position = _skip(_BLANK, text, position + opening if header else _after(text, position + 1))


def _dotted(text: str, position: int) -> tuple[Keys, int]:
    """The keys of `a . "b" . c` and the position after them."""
    keys: list[str] = []
    while True:
        position = _skip(_SPACE, text, position)
        match = _KEY.match(text, position)
        if match is None:
            return tuple(keys), position
        keys.append(_unquoted(match.group()))
        position = _skip(_SPACE, text, match.end())
        if text[position : position + 1] != ".":
            return tuple(keys), position
        position += 1


def _after(text: str, position: int) -> int:
    """The position after the value that starts here, at the end of its last line."""
    depth = 0
    while position < len(text):
        match = _VALUE_PART.match(text, position)
        if match is None:
            return len(text)
        part = match.group()
        if part == "\n" and depth == 0:
            return position
        depth += (part in {"[", "{"}) - (part in {"]", "}"})
        position = match.end()
    return position


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def _unquoted(key: str) -> str:
    """A key's name; the escapes of a basic string are TOML's own."""
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key
