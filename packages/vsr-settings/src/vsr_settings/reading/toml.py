"""What a TOML text says, and the line on which every key of it stands.

`tomllib` keeps no positions, and messages that can be clicked need them, so a text it has read is
gone over again. A key inside an inline table has the line of the key that holds it.
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
_TOKEN: Final = re.compile(
    rf"^[ \t]*\[+[ \t]*(?P<table>{_DOTTED})[ \t]*\]+"
    rf"|^[ \t]*(?P<key>{_DOTTED})[ \t]*="
    r'|"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[{\]}]",
    re.DOTALL | re.MULTILINE,
)
"""A table, a key, or what may hold text like one: strings, comments and brackets."""


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
    return _first(_keys(text))


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
    """Every table and key of a text with its line, in order."""
    table: Keys = ()
    line, counted, depth = 1, 0, 0
    for token in _TOKEN.finditer(text):
        line += text.count("\n", counted, token.start())
        counted = token.start()
        if depth == 0 and token["table"]:
            table = _names(token["table"])
            yield table, line
        elif depth == 0 and token["key"]:
            yield table + _names(token["key"]), line
        elif token.group()[0] not in "\"'#":
            brackets = re.sub(r"[^\[{\]}]", "", token.group())
            depth += sum(1 if each in "[{" else -1 for each in brackets)


def _names(dotted: str) -> Keys:
    """The names of `a . "b" . c`."""
    table: object = tomllib.loads(f"{dotted} = 0")
    names: list[str] = []
    while isinstance(table, dict):
        name, table = next(iter(table.items()))
        names.append(name)
    return tuple(names)
