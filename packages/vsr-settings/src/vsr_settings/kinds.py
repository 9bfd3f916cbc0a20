"""The shapes that a setting's value may have, read off the schema's annotations, and in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from vsr_settings.section import Range, Section, Wording

KIND: Final = "kind"
"""The name in a table that tells which of several tables it is."""
Tables = tuple[type[Section], ...]
_BOUNDS = {"ge": "low", "gt": "above", "le": "high", "lt": "below", "multiple_of": "multiple_of"}


@dataclass(frozen=True)
class Kind:
    """One of the shapes a setting's value may have."""

    type: type
    """Its type in TOML; of a range, that of its ends."""
    choices: tuple[object, ...] = ()
    wording: str | None = None
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    multiple_of: float | None = None
    is_range: bool = False
    """Whether two numbers are allowed too, as `[low, high]`."""
    tables: Tables = ()
    """The tables of which it is one, or of one of which it is a list."""

    def __str__(self) -> str:
        if self.wording is not None:
            return self.wording
        if self.tables:
            return self._of_tables()
        if self.choices:
            return listed(tuple(map(repr, self.choices)))
        if self.type is bool:
            return "true or false"
        if self.type not in (int, float):
            return "text"
        number = "a number" if self.type is float else "an integer"
        if self.multiple_of is not None:
            number = "an even integer"
        pair = ", or two of them as a range [low, high]" if self.is_range else ""
        return number + self._range() + pair

    def _of_tables(self) -> str:
        if len(self.tables) > 1:
            return f"a table of kind {listed(tuple(map(repr, tables_by_kind(self.tables))))}"
        if self.type is list:
            names = tuple(self.tables[0].model_fields)
            return f"a list of tables of {listed(names, 'and')}"
        return "a table"

    def _range(self) -> str:
        low, high = self.low, self.high
        if self.below is not None and self.type is int:
            high = self.below - 1
        if low is not None and high is not None:
            return f" from {_number(low)} to {_number(high)}"
        parts = [
            f"{word} {_number(bound)}"
            for word, bound in (
                ("of at least", low),
                ("above", self.above),
                ("at most", high),
                ("below", self.below),
            )
            if bound is not None
        ]
        return f" {', '.join(parts)}" if parts else ""


def tables_by_kind(tables: Tables) -> dict[str, type[Section]]:
    """Tables that tell each other apart by `kind`, by what it says."""
    return {get_args(table.model_fields[KIND].annotation)[0]: table for table in tables}


def kinds_of(field: FieldInfo) -> Iterator[Kind]:
    """The shapes that a field allows."""
    yield from _kinds(field.annotation, tuple(field.metadata))


def _kinds(annotation: Any, metadata: tuple[object, ...]) -> Iterator[Kind]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        tables = tuple(member for member in members if _is_table(member))
        for member in members:
            if member not in tables:
                yield from _kinds(member, ())
        if tables:
            yield Kind(dict, tables=tables)
    elif origin is Annotated:
        bare, *notes = get_args(annotation)
        flat = (note.metadata if isinstance(note, FieldInfo) else [note] for note in notes)
        yield from _kinds(bare, tuple(item for items in flat for item in items))
    elif origin is Literal:
        options = get_args(annotation)
        yield Kind(type(options[0]), choices=options)
    elif origin is tuple:
        yield _pair_or_list(get_args(annotation)[0], metadata)
    elif _is_table(annotation):
        yield Kind(dict, tables=(annotation,))
    else:
        yield _constrained(annotation, metadata)


def _is_table(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _pair_or_list(item: type, metadata: tuple[object, ...]) -> Kind:
    if _is_table(item):
        return Kind(list, tables=(item,))
    ends = next(note for note in metadata if isinstance(note, Range))
    return Kind(item, low=ends.low, high=ends.high, is_range=True)


def _constrained(bare: type, metadata: tuple[object, ...]) -> Kind:
    bounds: dict[str, Any] = {}
    for note in metadata:
        if isinstance(note, Wording):
            bounds["wording"] = note.text
        for theirs, ours in _BOUNDS.items():
            if getattr(note, theirs, None) is not None:
                bounds[ours] = getattr(note, theirs)
    return Kind(bare, **bounds)


def listed(words: tuple[str, ...], last_after: str = "or") -> str:
    """Words as a sentence lists them."""
    *most, last = words
    return f"{', '.join(most)} {last_after} {last}" if most else last


def _number(value: float) -> str:
    if value == int(value):
        return str(int(value)) if value < 10_000 else f"{int(value):_}"
    return f"{value:g}"
