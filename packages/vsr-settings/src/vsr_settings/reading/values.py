"""What the schema refuses of a source, and what to write instead: a remedy is tried first."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vsr_files import printable
from vsr_settings.errors import ABSENT
from vsr_settings.fields import Fact, facts, section_types
from vsr_settings.memory import changed
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.spelling import closest_name, meant
from vsr_settings.rules import Rule, broken_rules
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_value

_SPELT_OUT = 1e18
"""Numbers below this are worth repeating to the user in another type."""
_CLOSE = 0.8
"""How like a choice another word must be to be what was meant: a GTX 1060 is no RTX 3060."""


@dataclass(frozen=True)
class Refused:
    """A value that its setting does not allow, and where it was written."""

    fact: Fact
    value: object
    place: str


def take_out_refused(source: Source, report: Report) -> list[Refused]:
    """Take everything out of a source that the schema refuses; report what it does not know."""
    try:
        Settings.model_validate(source.values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        return []
    refused: list[Refused] = []
    for keys in dict.fromkeys(tuple(map(str, detail["loc"][:2])) for detail in details):
        section = keys[0]
        if keys == (section,):
            _refuse_section(source, section, source.values.pop(section), report)
            continue
        path, place = ".".join(keys), source.place(*keys)
        value = source.values[section].pop(keys[1])
        if path in facts():
            report.refused.add(path)
            refused.append(Refused(facts()[path], value, place))
        else:
            refuse_unknown(place, path, value, report)
    return refused


def refuse_unknown(place: str, path: str, value: object, report: Report) -> None:
    """Report a name that no setting has."""
    close = meant(path)
    report.refused.add(close or path)
    instead = f"did you mean {close!r}?" if close else "see 'docs/settings.md' for every setting"
    value = ABSENT if isinstance(value, dict) else value
    report.refuse(place, printable(path), value, "unknown setting", instead)


def _refuse_section(source: Source, section: str, value: Any, report: Report) -> None:
    """Report what stands at the top of a file and is no section."""
    place = source.place(section)
    if section in section_types():
        instead = f"write '[{section}]' and its settings on lines of their own"
        report.refuse(place, section, value, "is a section, not a setting", instead)
        return
    if not isinstance(value, dict):
        refuse_unknown(place, section, value, report)
        return
    close = closest_name(section.lower(), section_types())
    if close is None:
        inside = (meant(f"{section}.{name}") for name in value)
        close = next((path.partition(".")[0] for path in inside if path), None)
    report.refused.update(f"{close}.{name}" for name in value)
    known = ", ".join(f"[{name}]" for name in section_types())
    instead = f"did you mean '[{close}]'?" if close else f"the sections are {known}"
    report.refuse(place, f"[{printable(section)}]", ABSENT, "unknown section", instead)


def allows(fact: Fact, value: object) -> bool:
    """Whether a setting allows a value."""
    try:
        section_types()[fact.section].model_validate({fact.name: value})
    except ValidationError:
        return False
    return True


def remedy(fact: Fact, value: object, settings: Settings, rules: Sequence[Rule]) -> str:
    """What to write instead of a value that a setting refuses.

    Args:
        fact: The setting.
        value: The value.
        settings: The other settings, with which what is suggested must load.
        rules: The rules between them.
    """
    reading = [rule for rule in rules if fact.path in rule.reads]

    def loads(candidate: object) -> bool:
        if not allows(fact, candidate):
            return False
        return not any(broken_rules(changed(settings, {fact.path: candidate}), rules=reading))

    if isinstance(value, str):
        choices = [choice for choice in fact.choices if isinstance(choice, str)]
        close = closest_name(value, choices, cutoff=_CLOSE)
        if close:
            return f"did you mean {close!r}?"
    for candidate in _near(fact, value):
        if loads(candidate):
            return f"write {fact.name} = {toml_value(candidate)}"
    if fact.default is None:
        return f"leave {fact.path} out, or see 'docs/settings.md'"
    if loads(fact.default):
        return f"for example {fact.name} = {toml_value(fact.default)}, the default"
    return f"see {fact.path} in 'docs/settings.md'"


def _near(fact: Fact, value: object) -> Iterator[object]:
    """Values close to a refused one, the closest first, of any type.

    Bounds are close for whole numbers alone: a learning rate of 1 is no remedy for one of 10.
    """
    if isinstance(value, str):
        yield fact.parse(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if isinstance(value, float) and not math.isfinite(value):
        return
    short = abs(value) < _SPELT_OUT
    if short:
        yield str(value)
    for kind in fact.kinds:
        if kind.type is not int:
            continue
        if short and value == int(value):
            yield from (int(value), int(value) + 1)
        yield from (each for each in kind.choices if isinstance(each, int) and each >= value)
        last = kind.below - 1 if kind.below is not None else kind.high
        if kind.low is not None and value < kind.low:
            yield kind.low
        if last is not None and value > last:
            yield last
