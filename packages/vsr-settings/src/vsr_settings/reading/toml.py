"""What a TOML text says, and the line on which every key of it stands.

`tomllib` keeps no positions, and messages that can be clicked need them, so a text it has read is
gone over again. Tables of a list are told apart by their number, from 0: `data`, `train`, `1`.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vsr_files import printable
from vsr_settings.errors import ABSENT
from vsr_settings.reading.files import UnreadableError, text_of
from vsr_settings.reading.source import Report, Source

Keys = tuple[str, ...]

_POSITION: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_TWICE: Final = re.compile(r"Cannot (overwrite|declare|mutate)")
_NAME: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_DOTTED: Final = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_OTHERS: Final = (
    r'|"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[{\]},]"
)
"""What may hold text like a key, strings and comments, and what tells how deep a key is."""
_OUTSIDE: Final = re.compile(
    rf"^[ \t]*(?P<list>\[+)[ \t]*(?P<table>{_DOTTED})[ \t]*\]+"
    rf"|^[ \t]*(?P<key>{_DOTTED})[ \t]*={_OTHERS}",
    re.DOTALL | re.MULTILINE,
)
"""A table or a key at the beginning of a line."""
_INSIDE: Final = re.compile(
    rf"(?<![A-Za-z0-9_.-])(?P<key>{_DOTTED})[ \t]*={_OTHERS}",
    re.DOTALL,
)
"""A key of a table in braces."""


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
    return _first((keys, line) for keys, line, _ in _all_keys(text))


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
    lines = _first(before)
    for depth in range(len(keys), 0, -1):
        if keys[:depth] in lines:
            return ".".join(keys[:depth]), lines[keys[:depth]], again
    return None


def _first(found: Iterable[tuple[Keys, int]]) -> dict[Keys, int]:
    """The first line of every key, and of those that hold it."""
    lines: dict[Keys, int] = {}
    for keys, line in found:
        for depth in range(1, len(keys) + 1):
            lines.setdefault(keys[:depth], line)
    return lines


def _keys(text: str) -> Iterator[tuple[Keys, int]]:
    """Every table and key of a text with its line, in order; not those inside brackets."""
    return ((keys, line) for keys, line, depth in _all_keys(text) if depth == 0)


def _all_keys(text: str) -> Iterator[tuple[Keys, int, int]]:
    """Every table, key and table of a list with its line and the brackets around it, in order."""
    lengths: dict[Keys, int] = {}
    brackets = _Brackets()
    table: Keys = ()
    line, position = 1, 0
    while token := (_INSIDE if brackets.depth else _OUTSIDE).search(text, position):
        line += text.count("\n", position, token.start())
        found = token.groupdict()
        if found.get("table"):
            table = _header(_names(found["table"]), lengths, in_list=len(found["list"]) > 1)
            yield table, line, 0
        elif found["key"]:
            brackets.key = (brackets.holder or table) + _names(found["key"])
            yield brackets.key, line, brackets.depth
        elif brackets.take(token.group()):
            yield brackets.holder, line, brackets.depth
        line += text.count("\n", token.start(), token.end())
        position = token.end()


def _header(names: Keys, lengths: dict[Keys, int], *, in_list: bool) -> Keys:
    """The keys of a table by its header, where every list on the way stands for its last table."""
    keys: Keys = ()
    for name in names:
        last = (str(lengths[keys] - 1),) if keys in lengths else ()
        keys += (*last, name)
    if not in_list:
        return keys
    lengths[keys] = lengths.get(keys, 0) + 1
    return (*keys, str(lengths[keys] - 1))


class _Brackets:
    """The tables in braces and the lists that are open while a text is gone through."""

    def __init__(self) -> None:
        self.key: Keys = ()
        """The last key that was found."""
        self._open: list[tuple[Keys, int | None]] = []
        """What each open bracket is the value of, and a list's current item."""

    @property
    def depth(self) -> int:
        """How many are open."""
        return len(self._open)

    @property
    def holder(self) -> Keys:
        """The keys of what is inside the innermost; none outside."""
        if not self._open:
            return ()
        keys, item = self._open[-1]
        return keys if item is None else (*keys, str(item))

    def take(self, mark: str) -> bool:
        """Follow a bracket or comma; tell whether it opens a table that stands in a list."""
        inside_list = bool(self._open) and self._open[-1][1] is not None
        match mark:
            case "[" | "{":
                keys = self.holder if inside_list else self.key
                self._open.append((keys, 0 if mark == "[" else None))
                return inside_list and mark == "{"
            case "]" | "}" if self._open:
                self._open.pop()
            case "," if inside_list:
                keys, item = self._open[-1]
                self._open[-1] = keys, (item or 0) + 1
        return False


def _names(dotted: str) -> Keys:
    """The names of `a . "b" . c`."""
    table: object = tomllib.loads(f"{dotted} = 0")
    names: list[str] = []
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        names.append(name)
    return tuple(names)
