"""From files, environment and options to one frozen `Settings`, or one error with every problem.

The only room that reads a settings file or the environment. `--set` wins over the environment, that
over TOML, that over the preset, that over the default.
"""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vsr_settings.errors import ABSENT, Problem, SettingsError
from vsr_settings.fields import Fact, facts, section_types
from vsr_settings.layers import assembled
from vsr_settings.planned import FROM_PRESET
from vsr_settings.resolution import resolve
from vsr_settings.rules import Finding, broken_rules, cautions
from vsr_settings.schema import Settings
from vsr_settings.sources import (
    LAYERS,
    PREFIX,
    Entry,
    Gathered,
    gather_environment,
    gather_overrides,
    gather_toml,
    gather_world_size,
    printable,
    read_file,
)
from vsr_settings.spelling import nearest
from vsr_settings.writing import toml_value

DEFAULT = "default"
_SPELT_OUT = 1e18
"""Numbers below this are worth repeating to the user in another type."""


@dataclass(frozen=True)
class Reading:
    """Settings, and how they came about."""

    settings: Settings
    """The settings, resolved."""
    sources: dict[str, str]
    """For every setting, as `train.batch_size`, where its value was written."""
    warnings: list[str]
    """What is allowed, but seldom meant."""


def load(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of a run, checked and resolved.

    Args:
        path: A TOML file; None for none.
        overrides: Options as `--set` takes them, `section.name=value`.
        environ: Environment whose `VSR_SECTION__NAME` variables count; None for the process's own.
            With `{}` a stored settings text reloads as it was stored.

    Raises:
        SettingsError: Any of the sources is wrong; it holds every problem.
    """
    return read(path, overrides, environ).settings


def loads(text: str, label: str = "stored settings") -> Settings:
    """The settings of a TOML text, as `to_toml` writes it; reads nothing else.

    Args:
        text: TOML.
        label: What error messages call the text.

    Raises:
        SettingsError: The text is wrong; it holds every problem.
    """
    return read_text(text, label, files=False).settings


def read_text(text: str, label: str, *, files: bool = True) -> Reading:
    """What `read` gives for a TOML text alone, whatever the environment says.

    Args:
        text: TOML.
        label: What error messages call the text.
        files: Whether the files that settings name must exist here.

    Raises:
        SettingsError: The text is wrong; it holds every problem.
    """
    gathered = Gathered()
    gather_toml(text, label, gathered)
    return _reading(gathered, world_size=None, files=files)


def read(
    path: str | Path | None = None,
    overrides: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Reading:
    """The settings of a run, with the source of each and what deserves a warning.

    Takes and raises what `load` does.
    """
    environ = os.environ if environ is None else environ
    gathered = Gathered()
    text = None if path is None else read_file(path, gathered)
    if path is not None and text is not None:
        gather_toml(text, printable(path), gathered)
    gather_environment(environ, gathered)
    gather_overrides(overrides, gathered)
    return _reading(gathered, gather_world_size(environ, gathered))


def _reading(gathered: Gathered, world_size: int | None, *, files: bool = True) -> Reading:
    """Check what was gathered, entry by entry and then together, and resolve it."""
    entries = _checked(gathered)
    # the highest layer comes last, and stays
    lowest_first = sorted(entries, key=lambda entry: -LAYERS.index(entry.layer))
    winners = {entry.path: entry for entry in lowest_first}
    _check_world_size(gathered, winners, world_size)
    written = assembled(entries)
    concrete = _with_world_size(written, world_size or 1)
    sources = {path: winners[path].source if path in winners else DEFAULT for path in facts()}
    if gathered.readable:
        for finding in broken_rules(concrete, gathered.refused, files=files):
            gathered.problems.append(_problem(finding, sources))
    if gathered.problems:
        raise SettingsError(sorted(gathered.problems, key=_place))
    settings = resolve(concrete)
    _name_resolved(sources, written, by_torchrun=world_size is not None)
    return Reading(settings, sources, list(cautions(settings)))


def _place(problem: Problem) -> tuple[int, int]:
    """Order of a report: the file from top to bottom, variables, options, what nobody wrote."""
    source = problem.source
    if source.startswith("--set "):
        return 2, 0
    if source == DEFAULT:
        return 3, 0
    if source == "WORLD_SIZE" or source.upper().startswith(PREFIX):
        return 1, 0
    line = source.rpartition(":")[2]
    return 0, int(line) if line.isdecimal() else 0


def _checked(gathered: Gathered) -> list[Entry]:
    """The entries whose fields allow them; every other becomes a problem."""
    allowed: list[Entry] = []
    for entry in gathered.entries:
        fact = facts()[entry.path]
        if _fits(fact, entry.value):
            allowed.append(entry)
        else:
            rule, remedy = f"must be {fact.allowed}", _remedy(fact, entry.value)
            gathered.refuse(entry.source, entry.path, entry.value, rule, remedy)
    return allowed


def _fits(fact: Fact, value: object) -> bool:
    try:
        section_types()[fact.section].model_validate({fact.name: value})
    except ValidationError:
        return False
    return True


def _remedy(fact: Fact, value: object) -> str:
    """What to write instead of a value that a field refuses: the nearest it allows."""
    if isinstance(value, str):
        close = nearest(value, [choice for choice in fact.choices if isinstance(choice, str)])
        if close:
            return f"did you mean {close!r}?"
    for candidate in _near(fact, value):
        if _fits(fact, candidate):
            return f"write {fact.name} = {toml_value(candidate)}"
    if fact.default is None:
        return f"leave {fact.path} out, or see 'docs/settings.md'"
    return f"for example {fact.name} = {toml_value(fact.default)}, the default"


def _near(fact: Fact, value: object) -> list[object]:
    """Values close to a refused one, the closest first, of any type."""
    if isinstance(value, str):
        return [fact.parse(value)]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return []
    if isinstance(value, float) and not math.isfinite(value):
        return []
    numbers: list[object] = []
    if abs(value) < _SPELT_OUT:
        numbers += [str(value)]
        numbers += [int(value), int(value) + 1] if value == int(value) else []
    numbers += [choice for choice in fact.choices if isinstance(choice, int) and choice >= value]
    for kind in fact.kinds:
        below = None if kind.below is None else kind.below - 1
        numbers += [
            bound
            for bound in (kind.low, kind.high, below)
            if bound is not None and (value <= bound) == (bound == kind.low)
        ]
    return numbers


def _check_world_size(
    gathered: Gathered, winners: Mapping[str, Entry], world_size: int | None
) -> None:
    """Settings that name a world size must be started with it."""
    entry = winners.get("train.world_size")
    if entry is None or world_size is None or entry.value in ("auto", world_size):
        return
    gathered.refuse(
        entry.source,
        entry.path,
        entry.value,
        f"must be what WORLD_SIZE says, {world_size}",
        'write train.world_size = "auto", or start as many processes',
    )


def _with_world_size(settings: Settings, world_size: int) -> Settings:
    if settings.train.world_size != "auto":
        return settings
    train = settings.train.model_copy(update={"world_size": world_size})
    return settings.model_copy(update={"train": train})


def _problem(finding: Finding, sources: Mapping[str, str]) -> Problem:
    """A finding as a problem, at the first of its settings that somebody wrote."""
    written = (path for path in finding.paths if sources[path] != DEFAULT)
    path = next(written, finding.paths[0])
    return Problem(sources[path], path, ABSENT, finding.rule, finding.remedy)


def _name_resolved(sources: dict[str, str], written: Settings, *, by_torchrun: bool) -> None:
    """Say in `sources` where values came from that nobody wrote, or that were left open."""
    for name in FROM_PRESET:
        path = f"hardware.{name}"
        if sources[path] == DEFAULT:
            sources[path] = f"preset {written.hardware.preset}"
    for path in ("train.warmup_steps", "train.world_size", "model.recompute"):
        section, _, name = path.partition(".")
        if getattr(getattr(written, section), name) == "auto":
            sources[path] += " ('auto')"
    if by_torchrun and written.train.world_size == "auto":
        sources["train.world_size"] = "WORLD_SIZE"
