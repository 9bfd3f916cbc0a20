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

from vsr_settings.schema import Section, Settings, Wording

_INTEGER = re.compile(r"[+-]?[0-9](_?[0-9])*", re.ASCII)
_BOUNDS = {"ge": "low", "gt": "above", "le": "high", "lt": "below", "multiple_of": "multiple_of"}
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
        if self.multiple_of == 2:
            number = "an even integer"
        return number + self._range()

    def _range(self) -> str:
        low = self.low if self.low is not None else self.above
        high = self.high if self.high is not None else self.below
        if low is None and high is None:
            return ""
        if high is None:
            return f" above {low:g}" if self.above is not None else f" of {low:g} or more"
        text = f" from {_number(low or 0)} to {_number(high)}"
        if self.above is not None:
            text += f", above {self.above:g}"
        if self.below is not None:
            text += f", below {_number(self.below)}"
        return text


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

    def parse(self, text: str) -> object:
        """The value a text from the environment or an option stands for, not yet checked."""
        for choice in self.choices:
            if text == str(choice):
                return choice
        for kind in self.kinds:
            if kind.choices:
                continue
            if kind.type is bool and text.lower() in _TRUTHS:
                return _TRUTHS[text.lower()]
            if kind.type is int and _INTEGER.fullmatch(text) and len(text) < 100:
                return int(text)
            if kind.type is float:
                try:
                    return float(text)
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
    return f"{value:,}".replace(",", "_") if isinstance(value, int) else f"{value:g}"
