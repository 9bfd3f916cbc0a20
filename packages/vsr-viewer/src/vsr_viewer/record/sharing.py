"""A run as anybody may see it: without where things lie on the machine that trained it.

Of a path that leads from the root, from a home or upwards, the last part alone is told, wherever it
stands. What is relative to the folder of training stays as it was written.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

from vsr_files import last_part, printable
from vsr_settings.fields import facts
from vsr_settings.writing import toml_value
from vsr_viewer.record.record import Record

Shorten = Callable[[str], str]


def without_places(record: Record) -> Record:
    """Return the same run, in whose texts paths of its machine are their last parts."""
    shorten = _shortener({str(record.root), *_places(record.settings)})
    return replace(
        record,
        settings_text=shorten(record.settings_text),
        settings=_mapped(record.settings, shorten),
        about=_mapped(record.about, shorten),
        rehearsal=_mapped(record.rehearsal, shorten),
        diagnosis=shorten(record.diagnosis),
        missing=tuple(map(shorten, record.missing)),
    )


def _places(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what settings say of places; not what they are by default, which tells nothing."""
    for section, table in tables.items():
        for name, value in table.items():
            fact = facts().get(f"{section}.{name}")
            if fact is None or value != fact.default:
                yield from (text for text in _texts(value) if _is_place(text))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)
        case _:
            pass


def _is_place(text: str) -> bool:
    """Whether a text is a path that tells more of a machine than what lies beside a run."""
    kinds = (PurePosixPath(text), PureWindowsPath(text))
    leads_away = text.startswith("~") or ".." in PurePath(text).parts
    return leads_away or any(path.is_absolute() for path in kinds)


def _shortener(places: set[str]) -> Shorten:
    """Return what replaces some paths by their last parts, and what lies in them accordingly."""
    short: dict[str, str] = {}
    for place in places:
        bare = place.rstrip("/\\")
        if any(map(str.isalnum, bare)):
            for written in {place, bare, printable(bare), toml_value(bare)[1:-1]}:
                short[written] = last_part(place)
    if not short:
        return str
    begins = re.compile(rf"(?<![\w/\\])[{''.join({re.escape(path[0]) for path in short})}]")
    sizes = sorted({len(path) for path in short}, reverse=True)

    def shorten(text: str) -> str:
        parts, end = [], 0
        for found in begins.finditer(text):  # not one pattern of all: there may be thousands
            at = found.start()
            if at >= end and (path := _longest_at(text, at, sizes, short)):
                parts += [text[end:at], short[path]]
                end = at + len(path)
        return "".join((*parts, text[end:]))

    return shorten


def _longest_at(text: str, at: int, sizes: Sequence[int], known: Collection[str]) -> str:
    """Return the longest known path that stands in a text at a place; empty where none does."""
    for size in sizes:
        path, after = text[at : at + size], text[at + size : at + size + 1]
        if path in known and not (after.isalnum() or after == "_"):
            return path
    return ""


def _mapped(value: Any, shorten: Shorten) -> Any:
    match value:
        case str():
            return shorten(value)
        case dict():
            return {name: _mapped(each, shorten) for name, each in value.items()}
        case list():
            return [_mapped(each, shorten) for each in value]
        case _:
            return value
