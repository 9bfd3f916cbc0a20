"""What was meant by a name that is not a setting."""

import difflib
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from vsr_settings.fields import Fact, facts, section_types, table_facts


@cache
def other_names() -> tuple[dict[str, str], dict[str, str]]:
    """Settings by the names that other trainers use: of the same meaning, and of one like it."""
    text = files("vsr_settings.reading").joinpath("other_names.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return tables["renamed"], tables["similar"]


def meant(path: str) -> str | None:
    """The setting most like `path`, which is `section.name` or a bare name."""
    name = path.rpartition(".")[2].lower()
    known = facts()
    same_name = [fact.path for fact in known.values() if fact.name == name]
    if same_name:
        return closest_name(path, same_name) or same_name[0]
    for names in other_names():
        if name in names:
            return names[name]
    section = path.partition(".")[0]
    if section in section_types():
        here = [fact.name for fact in known.values() if fact.section == section]
        close = closest_name(name, here)
        if close:
            return f"{section}.{close}"
    return closest_name(path.lower(), known, cutoff=0.75)


def holder(name: str) -> Fact | None:
    """The setting that takes tables, where a path or a variable names an entry of them."""
    for fact in facts().values():
        inside = (f"{fact.path}.", f"{fact.path}[", f"{fact.variable}__")
        if fact.tables and (name.startswith(inside) or name.upper().startswith(inside)):
            return fact
    return None


def meant_part(path: str) -> str | None:
    """The entry of a table that is called like the last name of a path, where no setting is."""
    name = path.rpartition(".")[2].lower()
    if any(fact.name == name for fact in facts().values()):
        return None
    found = dict.fromkeys(fact.path for fact in _parts() if fact.name == name)
    return next(iter(found)) if len(found) == 1 else None


@cache
def _parts() -> tuple[Fact, ...]:
    """The entries of tables, and of those in them; those of lists have no path of their own."""
    found: list[Fact] = []
    unseen = list(facts().values())
    while unseen:
        fact = unseen.pop()
        if fact.tables and fact.tables.type is dict:
            inside = [it for table in fact.tables.tables for it in table_facts(table, fact.path)]
            unseen += inside
            found += inside
    return tuple(found)


def meant_variable(variable: str) -> str | None:
    """The variable most like `variable`, one with too few underscores included."""
    by_letters = {fact.variable.replace("_", ""): fact.variable for fact in facts().values()}
    exact = by_letters.get(variable.upper().replace("_", ""))
    if exact:
        return exact
    section, _, name = variable.upper().removeprefix("VSR_").partition("__")
    path = meant(f"{section}.{name}".lower() if name else section.lower())
    if path:
        return facts()[path].variable
    return closest_name(variable.upper(), (fact.variable for fact in facts().values()), cutoff=0.8)


def closest_name(word: str, words: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `words` most like `word`, None where none is near."""
    close = difflib.get_close_matches(word, list(words), n=1, cutoff=cutoff)
    return close[0] if close else None
