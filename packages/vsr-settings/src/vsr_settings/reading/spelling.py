"""What was meant by a name that is not a setting."""

import difflib
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from vsr_settings.fields import facts, section_types


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
