"""What each source says, entry by entry: a TOML text, the environment, `--set` options.

A source hands over entries with typed values and where each was written; whatever it cannot read
becomes a problem. No source decides what wins, and none looks at another.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from vsr_settings.errors import ABSENT, Problem
from vsr_settings.fields import facts, section_types
from vsr_settings.lines import key_lines, line_of
from vsr_settings.spelling import meant, meant_variable, nearest

PREFIX: Final = "VSR_"
_MOST_BYTES: Final = 1 << 20
_LONGEST_OPTION: Final = 120
Layer = Literal["option", "environment", "file"]
LAYERS: Final[tuple[Layer, ...]] = get_args(Layer)
"""Where values may be written, what wins first; below them are the preset and the default."""
_TOML_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True)
class Entry:
    """One value that a source gives a setting."""

    layer: Layer
    path: str
    value: object
    source: str


@dataclass
class Gathered:
    """What was read so far, and what could not be."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Settings somebody meant to set and did not: what depends on them cannot be judged."""
    readable: bool = True
    """Whether every source could be read at all."""

    def refuse(self, source: str, path: str, value: object, rule: str, remedy: str) -> None:
        """Record a problem."""
        self.refused.add(path)
        self.problems.append(Problem(source, path, value, rule, remedy))


def printable(path: str | Path) -> str:
    """A path as messages show it, whatever bytes the file system allows in names."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)[1:-1]


def read_file(path: str | Path, gathered: Gathered) -> str | None:
    """The text of a settings file, or None and a problem."""
    try:
        return text_of(path)
    except UnreadableError as error:
        gathered.readable = False
        gathered.refuse(printable(path), "", ABSENT, error.rule, error.remedy)
        return None


class UnreadableError(Exception):
    """A file that holds no text."""

    def __init__(self, rule: str, remedy: str) -> None:
        self.rule, self.remedy = rule, remedy
        super().__init__(f"{rule}; {remedy}")


def text_of(path: str | Path) -> str:
    """The text of a small file.

    Raises:
        UnreadableError: There is no such file, or it is not UTF-8 text of at most 1 MiB.
    """
    content = b""
    remedy = "give the path of a settings file"
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UnreadableError("is larger than a settings file can be, 1 MiB", remedy)
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        close = _sibling(path)
        meant_file = f"did you mean {close!r}?" if close else remedy
        raise UnreadableError("no such file", meant_file) from error
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 text: byte {error.start} is {content[error.start]:#04x}"
        raise UnreadableError(rule, "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableError(f"cannot be read: {reason.lower()}", remedy) from error


def gather_toml(text: str, label: str, gathered: Gathered) -> None:
    """Add what a TOML text says; `label` is what messages call it."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        gathered.readable = False
        source, reason = _syntax_error(error, label, text)
        gathered.refuse(source, "", ABSENT, f"is not TOML: {reason}", "mend the syntax")
        return
    lines = key_lines(text)
    for section, table in content.items():
        place = _Place(label, lines)
        if section not in section_types():
            _refuse_section(section, table, place, gathered)
        elif not isinstance(table, dict):
            gathered.refuse(
                place.of(section),
                section,
                table,
                "is a section, not a setting",
                f"write '[{section}]' and its settings on lines of their own",
            )
        else:
            for name, value in table.items():
                _add(gathered, Entry("file", f"{section}.{name}", value, place.of(section, name)))


def gather_environment(environ: Mapping[str, str], gathered: Gathered) -> None:
    """Add what every variable that begins with `VSR_` says, in either case."""
    named: dict[str, str] = {}
    by_variable = {fact.variable: fact for fact in facts().values()}
    for name in sorted(environ):
        variable = name.upper()
        if not variable.startswith(PREFIX):
            continue
        text = environ[name]
        fact = by_variable.get(variable)
        if fact is None:
            close = meant_variable(name)
            if close:
                gathered.refused.add(by_variable[close].path)
            remedy = f"did you mean {close!r}?" if close else "unset it, or see 'docs/settings.md'"
            gathered.refuse(printable(name), "", text, "no setting has this variable", remedy)
        elif variable in named:
            gathered.refuse(
                name, fact.path, text, f"is also set by {named[variable]!r}", "unset one of the two"
            )
        elif not text.strip():
            gathered.refuse(
                name, fact.path, text, f"must be {fact.allowed}", "unset it, or give it a value"
            )
        else:
            gathered.entries.append(Entry("environment", fact.path, fact.parse(text), name))
        named.setdefault(variable, name)


def gather_overrides(overrides: Iterable[str], gathered: Gathered) -> None:
    """Add what `--set section.name=value` options say."""
    given: dict[str, str] = {}
    for option in [overrides] if isinstance(overrides, str) else overrides:
        source = f"--set {printable(option)[:_LONGEST_OPTION]}"
        path, equals, text = option.partition("=")
        path = path.strip()
        fact = facts().get(path)
        if not equals or not path:
            gathered.refuse(
                source, "", ABSENT, "must be 'section.name=value'", _example(path or option)
            )
        elif fact is None:
            _refuse_unknown(gathered, source, path, text)
        elif not text.strip():
            gathered.refuse(source, path, text, f"must be {fact.allowed}", "give it a value")
        elif path in given:
            gathered.refuse(source, path, text, f"is also set by '{given[path]}'", "keep one")
        else:
            gathered.entries.append(Entry("option", path, fact.parse(text), source))
        given.setdefault(path, source)


def gather_world_size(environ: Mapping[str, str], gathered: Gathered) -> int | None:
    """The number of processes torchrun says there are, None where it says nothing."""
    text = environ.get("WORLD_SIZE", "").strip()
    if not text:
        return None
    fact = facts()["train.world_size"]
    number = fact.parse(text)
    if not isinstance(number, int) or not 1 <= number <= 4096:
        rule = "must be the number of processes, an integer from 1 to 4096"
        gathered.refuse("WORLD_SIZE", fact.path, text, rule, "unset it, or start with torchrun")
        return None
    return number


@dataclass(frozen=True)
class _Place:
    """Where keys stand in one file."""

    label: str
    lines: Mapping[tuple[str, ...], int]

    def of(self, *path: str) -> str:
        line = line_of(self.lines, path)
        return self.label if line is None else f"{self.label}:{line}"


def _add(gathered: Gathered, entry: Entry) -> None:
    if entry.path in facts():
        gathered.entries.append(entry)
    else:
        _refuse_unknown(gathered, entry.source, entry.path, entry.value)


def _refuse_unknown(gathered: Gathered, source: str, path: str, value: object) -> None:
    close = meant(path)
    gathered.refused.add(close or path)
    remedy = f"did you mean {close!r}?" if close else "see 'docs/settings.md' for every setting"
    value = ABSENT if isinstance(value, dict) else value
    gathered.refuse(source, printable(path), value, "unknown setting", remedy)


def _refuse_section(section: str, table: Any, place: _Place, gathered: Gathered) -> None:
    """Refuse a table or a key at the top of a file that is no section."""
    source = place.of(section)
    if not isinstance(table, dict):
        _refuse_unknown(gathered, source, section, table)
        return
    close = nearest(section.lower(), section_types())
    if close is None:
        inside = (meant(f"{section}.{name}") for name in table)
        close = next((path.partition(".")[0] for path in inside if path), None)
    gathered.refused.update(f"{close}.{name}" for name in table)
    known = ", ".join(f"[{name}]" for name in section_types())
    remedy = f"did you mean '[{close}]'?" if close else f"the sections are {known}"
    gathered.refuse(source, f"[{printable(section)}]", ABSENT, "unknown section", remedy)


def _syntax_error(error: Exception, label: str, text: str) -> tuple[str, str]:
    if isinstance(error, RecursionError):
        return label, "it is nested too deeply"
    message = str(error)
    position = _TOML_POSITION.search(message)
    if position is None:
        return label, message[:1].lower() + message[1:]
    line = position.group(1) or text.count("\n") + 1
    reason = message[: position.start()]
    return f"{label}:{line}", reason[:1].lower() + reason[1:]


def _sibling(path: str | Path) -> str | None:
    """A TOML file beside a missing one whose name is close to it."""
    wanted = Path(path)
    try:
        beside = {file.name: file for file in wanted.parent.glob("*.toml")}
    except OSError:
        return None
    close = nearest(wanted.name, beside)
    return printable(beside[close]) if close else None


def _example(path: str) -> str:
    known = facts().get(path) or facts().get(meant(path) or "") or facts()["train.max_steps"]
    return f"for example '--set {known.path}={known.default}'"
