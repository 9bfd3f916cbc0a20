"""Every setting as a fact: its path, what it allows in words, and how a text becomes its value.

Read from the schema once, so that messages, the reference page and the parsing of the environment
say what pydantic checks.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from vsr_settings.kinds import KIND, Kind, kinds_of
from vsr_settings.schema import Settings
from vsr_settings.section import Section

_INTEGER = re.compile(r"[+-]?[0-9](_?[0-9])*", re.ASCII)
_POSITION = re.compile(r" \(at .*\)$")
_LONGEST_INTEGER = 100
_TRUTHS = {"true": True, "false": False, "1": True, "0": False}
_BRACKETS: Final = ("{", "[")


@dataclass(frozen=True)
class Fact:
    """One setting, or one entry of a table that a setting takes."""

    section: str
    """What holds it: a section, or the path of a table."""
    name: str
    doc: str
    default: object
    kinds: tuple[Kind, ...]
    required: bool = False
    """Whether it has no default: entries of tables alone."""
    example: object = None
    """A value to suggest where there is no default to suggest, or where that is no table."""

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
        first, *others = self.kinds
        rest = (f", or {kind}" if kind.tables else f" or {kind}" for kind in others)
        return "".join((str(first), *rest))

    @property
    def choices(self) -> tuple[object, ...]:
        """The words and numbers it names one by one."""
        return tuple(choice for kind in self.kinds for choice in kind.choices)

    @property
    def tables(self) -> Kind | None:
        """The table, or the list of tables, that it takes; None where it takes none."""
        return next((kind for kind in self.kinds if kind.tables), None)

    def of(self, settings: Settings) -> object:
        """Its value in settings."""
        return getattr(getattr(settings, self.section), self.name)

    def parse(self, text: str) -> object:
        """The value a text from the environment or an option stands for, not yet checked.

        Raises:
            ValueError: The text begins like a table or a list, and is no TOML.
        """
        word = text.strip()
        if self.tables and word.startswith(_BRACKETS):
            return _toml_value(word)
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

    def checked(self, value: object) -> object:
        """What the schema makes of a value of this setting, tables among them.

        Raises:
            ValidationError: The schema refuses it.
        """
        section = section_types()[self.section].model_validate({self.name: value})
        return getattr(section, self.name)

    def allows(self, value: object) -> bool:
        """Whether the schema allows a value of this setting."""
        try:
            self.checked(value)
        except ValidationError:
            return False
        return True


@cache
def section_types() -> dict[str, type[Section]]:
    """The sections' models by name."""
    defaults = Settings()
    return {name: type(getattr(defaults, name)) for name in Settings.model_fields}


@cache
def facts() -> dict[str, Fact]:
    """Every setting by path, in the schema's order."""
    sections = section_types().items()
    return {fact.path: fact for name, model in sections for fact in table_facts(model, name)}


def table_facts(table: type[Section], section: str) -> list[Fact]:
    """The entries of a table, in the schema's order but with `kind` first.

    Args:
        table: A section, or a table that a setting takes.
        section: Its path.
    """
    found = [_fact(section, name, field) for name, field in table.model_fields.items()]
    return sorted(found, key=lambda fact: fact.name != KIND)


def inner_path(path: str, keys: tuple[str, ...]) -> str:
    """The path of an entry of tables as messages show it, `data.train[1].weight`."""
    return path + "".join(f"[{key}]" if key.isdecimal() else f".{key}" for key in keys)


def _fact(section: str, name: str, field: FieldInfo) -> Fact:
    required = field.is_required()
    return Fact(
        section,
        name,
        doc=" ".join((field.description or "").split()),
        default=None if required else field.default,
        kinds=tuple(kinds_of(field)),
        required=required,
        example=next(iter(field.examples or ()), None),
    )


def _toml_value(text: str) -> object:
    try:
        tables = tomllib.loads(f"value = {text}")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(_POSITION.sub("", str(error)).lower()) from error
    if set(tables) != {"value"}:
        raise ValueError("it is more than one value")
    return tables["value"]
