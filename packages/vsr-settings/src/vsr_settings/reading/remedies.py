"""What to write instead of a value that is refused: every suggestion is tried first."""

import math
from collections.abc import Callable, Iterator, Sequence

from vsr_settings.errors import ABSENT
from vsr_settings.fields import Fact, table_facts
from vsr_settings.kinds import Kind, tables_by_kind
from vsr_settings.memory import changed
from vsr_settings.reading.spelling import closest_name
from vsr_settings.rules import Rule, broken_rules
from vsr_settings.schema import Settings
from vsr_settings.section import Section
from vsr_settings.writing import toml_value

Trial = Callable[[object], bool]
"""Whether a value can stand where another was refused."""

_SPELT_OUT = 1e18
"""Numbers below this are worth repeating to the user in another type."""
_CLOSE = 0.8
"""How like a choice another word must be to be what was meant: a GTX 1060 is no RTX 3060."""


def among(fact: Fact, settings: Settings, rules: Sequence[Rule]) -> Trial:
    """Whether a setting's value loads among other settings.

    Args:
        fact: The setting.
        settings: The other settings.
        rules: The rules between them.
    """
    reading = [rule for rule in rules if fact.path in rule.reads]

    def loads(candidate: object) -> bool:
        if not fact.allows(candidate):
            return False
        other = changed(settings, {fact.path: fact.checked(candidate)})
        return not any(broken_rules(other, rules=reading))

    return loads


def remedy(fact: Fact, value: object, loads: Trial) -> str:
    """What to write instead of a value that a setting, or an entry of a table, refuses.

    Args:
        fact: The setting or entry.
        value: The value; `ABSENT` where there is none.
        loads: Whether a suggestion can stand there.
    """
    if isinstance(value, str):
        choices = [choice for choice in fact.choices if isinstance(choice, str)]
        close = closest_name(value, choices, cutoff=_CLOSE)
        if close:
            return f"did you mean {close!r}?"
    for candidate in _near(fact, value):
        if loads(candidate):
            return f"write {fact.name} = {toml_value(candidate)}"
    usual = fact.example if fact.required else fact.default
    if usual is None:
        return f"leave {fact.path} out, or see 'docs/settings.md'"
    if loads(usual):
        default = "" if fact.required else ", the default"
        return f"for example {fact.name} = {toml_value(usual)}{default}"
    return f"see {fact.path} in 'docs/settings.md'"


def example_of(table: type[Section]) -> dict[str, object]:
    """The shortest table of a kind."""
    needed = [fact for fact in table_facts(table, "") if fact.required]
    return {fact.name: fact.choices[0] if fact.choices else fact.example for fact in needed}


def _near(fact: Fact, value: object) -> Iterator[object]:
    """Values close to a refused one, the closest first, of any type."""
    for kind in fact.kinds:
        if kind.tables:
            yield from _near_table(kind, value)
        if kind.is_range:
            yield from _near_range(kind, value)
    if isinstance(value, str):
        try:
            yield fact.parse(value)
        except ValueError:
            return
    if value is not ABSENT:
        yield from _near_number(fact, value)


def _near_table(kind: Kind, value: object) -> Iterator[object]:
    """A table in place of the name of its kind; a list of tables in place of one; one of one."""
    if isinstance(value, str) and len(kind.tables) > 1:
        named = tables_by_kind(kind.tables).get(value)
        if named is not None:
            yield example_of(named)
    if kind.type is list and isinstance(value, dict):
        yield [value]
    if kind.type is dict and isinstance(value, list) and len(value) == 1:
        yield value[0]


def _near_range(kind: Kind, value: object) -> Iterator[object]:
    """The range the right way round, and within its bounds where it is of whole numbers."""
    if not isinstance(value, list) or not 1 <= len(value) <= 2:
        return
    ends = [end for end in value if isinstance(end, int | float) and not isinstance(end, bool)]
    if len(ends) < len(value) or not all(math.isfinite(end) for end in ends):
        return
    low, high = sorted((ends * 2)[:2])
    yield low if low == high else [low, high]
    if kind.type is int and kind.low is not None and kind.high is not None:
        low, high = (min(max(int(end), int(kind.low)), int(kind.high)) for end in (low, high))
        yield low if low == high else [low, high]


def _near_number(fact: Fact, value: object) -> Iterator[object]:
    """Numbers, and texts of numbers, close to a number.

    Bounds are close for whole numbers alone: a learning rate of 1 is no remedy for one of 10.
    """
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
