"""What is wrong inside the tables that a setting takes: every entry, with its path and a remedy."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from vsr_settings.errors import ABSENT
from vsr_settings.fields import Fact, inner_path, table_facts
from vsr_settings.kinds import KIND, Kind, Tables, listed, tables_by_kind
from vsr_settings.reading.remedies import example_of, remedy
from vsr_settings.reading.spelling import closest_name, meant_part
from vsr_settings.section import ContradictionError, Section
from vsr_settings.writing import toml_value

Keys = tuple[str, ...]
_CLOSE = 0.6


@dataclass(frozen=True)
class Misfit:
    """One thing wrong inside a setting's tables."""

    keys: Keys
    """The names that lead to it from the setting; of a list, the number of the table, from 0."""
    value: object
    rule: str
    remedy: str


def misfits(fact: Fact, value: object) -> list[Misfit]:
    """Everything wrong inside a value that a setting refuses; nothing where it is no table at all.

    Args:
        fact: A setting that takes tables.
        value: Its value.
    """
    kind = fact.tables
    if kind is None or not isinstance(value, kind.type):
        return []
    return list(_inside(kind, value, fact.path, ()))


def _inside(kind: Kind, value: Any, root: str, keys: Keys) -> Iterator[Misfit]:
    """What is wrong with a table, or with each of a list.

    Args:
        kind: The table or list that is allowed.
        value: A dictionary or list.
        root: The setting's path.
        keys: The names that lead from there.
    """
    if kind.type is dict:
        yield from _in_table(kind.tables, value, root, keys)
        return
    for number, item in enumerate(value):
        here = (*keys, str(number))
        if isinstance(item, dict):
            yield from _in_table(kind.tables, item, root, here)
        else:
            yield _no_table(kind.tables[0], item, here)


def _in_table(tables: Tables, table: dict[str, Any], root: str, keys: Keys) -> Iterator[Misfit]:
    by_kind = tables_by_kind(tables) if len(tables) > 1 else {}
    said = table.get(KIND)
    if not by_kind:
        model: type[Section] | None = tables[0]
    elif isinstance(said, str) and said in by_kind:
        model = by_kind[said]
    else:
        wrong, model = _wrong_kind(by_kind, table, keys)
        yield wrong
        if model is not None:
            table = {**table, KIND: next(it for it in by_kind if by_kind[it] is model)}
    known = _names(tables if model is None else (model,))
    found = [] if model is None else list(_in_entries(model, table, root, keys))
    for name, value in table.items():
        if name in known:
            continue
        other = next((it for it in by_kind if name in by_kind[it].model_fields), None)
        found.append(
            _unknown(name, value, known, keys, root)
            if other is None
            else Misfit(
                (*keys, name),
                _shown(value),
                f"is for kind {other!r}",
                f"kind {table[KIND]!r} takes {_and(known)}",
            )
        )
    if model is not None and not found:
        found = list(_contradictions(model, table, keys))
    yield from found


def _in_entries(
    model: type[Section], table: dict[str, Any], root: str, keys: Keys
) -> Iterator[Misfit]:
    """What is wrong with the values of a table's entries, and which are missing."""
    for fact in table_facts(model, inner_path(root, keys)):
        here = (*keys, fact.name)
        value = table.get(fact.name, ABSENT)

        def loads(candidate: object, name: str = fact.name) -> bool:
            return _fits(model, name, candidate)

        if value is ABSENT:
            if fact.required:
                rule = f"is missing, and must be {fact.allowed}"
                yield Misfit(here, ABSENT, rule, remedy(fact, ABSENT, loads))
            continue
        if _fits(model, fact.name, value):
            continue
        inner = fact.tables
        found = (
            list(_inside(inner, value, root, here))
            if inner and isinstance(value, inner.type)
            else []
        )
        instead = "" if found else remedy(fact, value, loads)
        yield from found or [Misfit(here, value, f"must be {fact.allowed}", instead)]


def _fits(model: type[Section], name: str, value: object) -> bool:
    """Whether an entry of a table may have a value, whatever the others have."""
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return all(detail["loc"][:1] != (name,) for detail in details)
    return True


def _contradictions(model: type[Section], table: dict[str, Any], keys: Keys) -> Iterator[Misfit]:
    """What entries say that are allowed each, but not together."""
    try:
        model.model_validate(table)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            reason = detail.get("ctx", {}).get("error")
            if isinstance(reason, ContradictionError):
                here, value = (*keys, reason.name), table.get(reason.name, ABSENT)
                yield Misfit(here, value, reason.rule, reason.remedy)


def _wrong_kind(
    by_kind: dict[str, type[Section]], table: dict[str, Any], keys: Keys
) -> tuple[Misfit, type[Section] | None]:
    """A `kind` that is missing or is none that there is; and the table that is meant, if one is."""
    said = table.get(KIND, ABSENT)
    missing = "is missing, and " if said is ABSENT else ""
    rule = f"{missing}must be {listed(tuple(map(repr, by_kind)))}"
    close = closest_name(said.lower(), by_kind) if isinstance(said, str) else None
    names = set(table) - {KIND}
    holding = [kind for kind, it in by_kind.items() if names <= set(it.model_fields)]
    likely = close or next(iter(holding or by_kind))
    instead = f"did you mean {close!r}?" if close else f"for example {KIND} = {toml_value(likely)}"
    is_clear = close is not None or len(holding) == 1
    return Misfit((*keys, KIND), said, rule, instead), by_kind[likely] if is_clear else None


def _unknown(name: str, value: object, known: Sequence[str], keys: Keys, root: str) -> Misfit:
    """A name that a table does not have."""
    close = closest_name(name.lower(), known, cutoff=_CLOSE)
    meant = inner_path(root, (*keys, close)) if close else meant_part(name)
    names = f"the names here are {_and(known)}"
    instead = f"did you mean {meant!r}?" if meant else names
    return Misfit((*keys, name), _shown(value), "unknown setting", instead)


def _no_table(model: type[Section], item: object, keys: Keys) -> Misfit:
    """What stands in a list of tables and is none."""
    (needed, usual), *_ = example_of(model).items()
    text = item if _fits(model, needed, item) else usual
    rule = f"must be a table of {_and(_names((model,)))}"
    return Misfit(keys, item, rule, f"write {toml_value({needed: text})}")


def _names(tables: Tables) -> list[str]:
    """The names of tables' entries, `kind` first."""
    return list(dict.fromkeys(fact.name for table in tables for fact in table_facts(table, "")))


def _and(names: Sequence[str]) -> str:
    return listed(tuple(names), "and")


def _shown(value: object) -> object:
    return ABSENT if isinstance(value, dict) else value
