"""The line on which every key of a TOML text stands, for messages that can be clicked.

`tomllib` keeps no positions. The text is one it has parsed, so this scanner may assume valid TOML;
where it cannot tell (keys inside an inline table) the line of the key that holds them is given.
"""

import re
from collections.abc import Mapping

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*'""")
_VALUE_PART = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[{]|[\]}]|\n|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)

Path = tuple[str, ...]


def key_lines(text: str) -> dict[Path, int]:
    """The line, from 1, of every table and key of a valid TOML text."""
    lines: dict[Path, int] = {}
    table: Path = ()
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
        path = keys if header else table + keys
        for depth in range(1, len(path) + 1):
            lines.setdefault(path[:depth], line)
        position = _skip(_BLANK, text, position + opening if header else _after(text, position + 1))
    return lines


def line_of(lines: Mapping[Path, int], path: Path) -> int | None:
    """The line of a key, or of the nearest key that holds it."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in lines:
            return lines[path[:depth]]
    return None


def _dotted(text: str, position: int) -> tuple[Path, int]:
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
    if key.startswith("'"):
        return key[1:-1]
    if key.startswith('"'):
        return re.sub(r"\\(U[0-9a-fA-F]{8}|u[0-9a-fA-F]{4}|.)", _unescaped, key[1:-1])
    return key


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    if code[0] in "uU" and len(code) > 1:
        return chr(int(code[1:], 16))
    return {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}.get(code, code)
