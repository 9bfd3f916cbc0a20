"""Every setting as a fact: its path, what it allows in words, and how a text becomes its value.

Read from the schema once, so that messages, the reference page and the parsing of the environment
say what pydantic checks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from vsr_settings.schema import Settings
from vsr_settings.section import Section, Wording

_INTEGER = re.compile(r"[+-]?[0-9](_?[0-9])*", re.ASCII)
_BOUNDS = {"ge": "low", "gt": "above", "le": "high", "lt": "below", "multiple_of": "multiple_of"}
_LONGEST_INTEGER = 100
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class Kind:
    """One of the shapes a setting's value may have."""

    type: type
    choices: tuple[object, ...] = ()
    wording: str | None = None
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    multiple_of: float | None = None

    def __str__(self) -> str:
        if self.wording is not None:
            return self.wording
        if self.choices:
            return _listed(tuple(map(repr, self.choices)))
        if self.type is bool:
            return "true or false"
        if self.type not in (int, float):
            return "text"
        number = "a number" if self.type is float else "an integer"
        if self.multiple_of is not None:
            number = "an even integer"
        return number + self._range()

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


@dataclass(frozen=True)
class Fact:
    """One setting."""

    section: str
    name: str
    doc: str
    default: object
    kinds: tuple[Kind, ...]

    @property
    def path(self) -> str:
        """The setting as people write it, `section.name`."""
        return f"{self.section}.{self.name}"

    @property
    def keys(self) -> tuple[str, ...]:
        """The names that lead to it in a file."""
        return self.section, self.name

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"VSR_{self.section}__{self.name}".upper()

    @property
    def allowed(self) -> str:
        """What it allows, in words."""
        return " or ".join(map(str, self.kinds))

    @property
    def choices(self) -> tuple[object, ...]:
        """The words and numbers it names one by one."""
        return tuple(choice for kind in self.kinds for choice in kind.choices)

    def of(self, settings: Settings) -> object:
        """Its value in settings."""
        return getattr(getattr(settings, self.section), self.name)

    def parse(self, text: str) -> object:
        """The value a text from the environment or an option stands for, not yet checked."""
        word = text.strip()
        for choice in self.choices:
            if word == str(choice):
                return choice
        for kind in self.kinds:
            if kind.choices:
                continue
            if kind.type is bool and word.lower() in _TRUTHS:
                return _TRUTHS[word.lower()]
            if kind.type is int and _INTEGER.fullmatch(word) and len(word) < _LONGEST_INTEGER:
                return int(word)
            if kind.type is float:
                try:
                    return float(word)
                except ValueError:
                    continue
        return text


@cache
def section_types() -> dict[str, type[Section]]:
    """The sections' models by name."""
    defaults = Settings()
    return {name: type(getattr(defaults, name)) for name in Settings.model_fields}


@cache
def facts() -> dict[str, Fact]:
    """Every setting by path, in the schema's order."""
    found = (
        Fact(section, name, _sentence(field.description), field.default, tuple(_kinds(field)))
        for section, model in section_types().items()
        for name, field in model.model_fields.items()
    )
    return {fact.path: fact for fact in found}


def _sentence(doc: str | None) -> str:
    return " ".join((doc or "").split())


def _kinds(field: FieldInfo) -> Iterator[Kind]:
    yield from _kinds_of(field.annotation, tuple(field.metadata))


def _kinds_of(annotation: Any, metadata: tuple[object, ...]) -> Iterator[Kind]:
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for member in get_args(annotation):
            if member is not NoneType:
                yield from _kinds_of(member, ())
    elif origin is Annotated:
        bare, *notes = get_args(annotation)
        flat = (note.metadata if isinstance(note, FieldInfo) else [note] for note in notes)
        yield from _kinds_of(bare, tuple(item for items in flat for item in items))
    elif origin is Literal:
        options = get_args(annotation)
        yield Kind(type(options[0]), choices=options)
    else:
        yield _constrained(annotation, metadata)


def _constrained(bare: type, metadata: tuple[object, ...]) -> Kind:
    bounds: dict[str, Any] = {}
    for note in metadata:
        if isinstance(note, Wording):
            bounds["wording"] = note.text
        for theirs, ours in _BOUNDS.items():
            if getattr(note, theirs, None) is not None:
                bounds[ours] = getattr(note, theirs)
    return Kind(bare, **bounds)


def _listed(words: tuple[str, ...]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _number(value: float) -> str:
    if value == int(value):
        return str(int(value)) if value < 10_000 else f"{int(value):_}"
    return f"{value:g}"
