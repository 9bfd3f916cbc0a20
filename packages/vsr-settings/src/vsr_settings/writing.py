"""Settings as TOML text that reloads equal."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vsr_settings.fields import facts
from vsr_settings.kinds import KIND
from vsr_settings.schema import Settings
from vsr_settings.section import Section

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def to_toml(settings: Settings) -> str:
    """The complete settings as TOML; loading it gives the same settings, once resolved.

    Settings that are left out, such as hardware fields no preset fills, are not written.
    """
    values = {path: fact.of(settings) for path, fact in facts().items()}
    return toml_text({path: value for path, value in values.items() if value is not None})


def toml_text(values: Mapping[str, object]) -> str:
    """Values by path, as in `train.seed`, as TOML in the schema's order.

    Tables come after the other settings of their section, as TOML wants them.
    """
    lines: list[str] = []
    sections = dict.fromkeys(fact.section for path, fact in facts().items() if path in values)
    for section in sections:
        held = {
            fact.name: plain(values[path])
            for path, fact in facts().items()
            if fact.section == section and path in values
        }
        lines += _table(section, held)
    return "\n".join(lines[1:]) + "\n"


def plain(value: object) -> Any:
    """A setting's value in TOML's types.

    Tables are dictionaries, `kind` first, less what is None; a range whose ends are equal is one
    number.
    """
    match value:
        case Section():
            entries = {name: plain(entry) for name, entry in value if entry is not None}
            return dict(sorted(entries.items(), key=lambda entry: entry[0] != KIND))
        case dict():
            return {name: plain(entry) for name, entry in value.items()}
        case (int() | float() as low, int() | float() as high) if isinstance(value, tuple):
            return low if low == high else [low, high]
        case list() | tuple():
            return [plain(entry) for entry in value]
        case _:
            return value


def toml_value(value: object) -> str:
    """A setting's value as TOML writes it on one line."""
    match plain(value):
        case bool() as truth:
            return "true" if truth else "false"
        case str() as text:
            return _quoted(text)
        case dict() as table:
            entries = (f"{_key(name)} = {toml_value(entry)}" for name, entry in table.items())
            return f"{{{', '.join(entries)}}}"
        case list() as entries:
            return f"[{', '.join(map(toml_value, entries))}]"
        case other:
            return repr(other)


def _table(path: str, entries: Mapping[str, object]) -> Iterator[str]:
    yield from ("", f"[{path}]")
    tables = {name: entry for name, entry in entries.items() if isinstance(entry, dict)}
    for name, entry in entries.items():
        if isinstance(entry, list) and any(isinstance(row, dict) for row in entry):
            rows = (f"    {toml_value(row)}," for row in entry)
            yield from (f"{_key(name)} = [", *rows, "]")
        elif name not in tables:
            yield f"{_key(name)} = {toml_value(entry)}"
    for name, table in tables.items():
        yield from _table(f"{path}.{_key(name)}", table)


def _key(name: object) -> str:
    return str(name) if _BARE.fullmatch(str(name)) else _quoted(str(name))


def _quoted(text: str) -> str:
    # the escapes of a JSON string are those of a TOML string, but for the delete character
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
