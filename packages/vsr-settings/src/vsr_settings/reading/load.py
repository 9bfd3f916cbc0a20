"""From files, environment and options to one frozen `Settings`, or one error with every problem.

`--set` wins over the environment, that over TOML, that over the preset, that over the default.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vsr_settings.card import FROM_PRESET
from vsr_settings.errors import ABSENT, Problem, SettingsError
from vsr_settings.fields import facts, inner_path
from vsr_settings.memory import changed
from vsr_settings.reading.environment import environment_source, world_size_of
from vsr_settings.reading.merge import PREFIX, merged
from vsr_settings.reading.options import Option, options_source
from vsr_settings.reading.remedies import among, remedy
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.toml import file_source, toml_source
from vsr_settings.reading.values import take_out_refused
from vsr_settings.resolve import resolve
from vsr_settings.rules import RULES, Rule, Violation, broken_rules, cautions
from vsr_settings.schema import Settings

DEFAULT = "default"
_WORLD_SIZE = "WORLD_SIZE"
_OPEN = ("train.warmup_steps", "train.world_size", "model.recompute")
"""Settings whose `auto` is resolved at load."""


@dataclass(frozen=True)
class LoadedSettings:
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

    The files that they name need not exist here.

    Args:
        text: TOML.
        label: What error messages call the text.

    Raises:
        SettingsError: The text is wrong; it holds every problem.
    """
    rules = [rule for rule in RULES if not rule.files]
    return read_text(text, label, rules).settings


def read_text(text: str, label: str, rules: Sequence[Rule] = RULES) -> LoadedSettings:
    """What `read` gives for a TOML text alone, whatever the environment says.

    Args:
        text: TOML.
        label: What error messages call the text.
        rules: The rules that must hold between settings.

    Raises:
        SettingsError: The text is wrong; it holds every problem.
    """
    report = Report()
    return _loaded([toml_source(text, label, report)], None, report, rules)


def read(
    path: str | Path | None = None,
    overrides: Iterable[str | Option] = (),
    environ: Mapping[str, str] | None = None,
    rules: Sequence[Rule] = RULES,
) -> LoadedSettings:
    """The settings of a run, with the source of each and what deserves a warning.

    Takes and raises what `load` does; the rules are those that must hold between settings.
    """
    environ = os.environ if environ is None else environ
    report = Report()
    sources = [] if path is None else [file_source(path, report)]
    sources += [environment_source(environ, report), options_source(overrides, report)]
    return _loaded(sources, world_size_of(environ, report), report, rules)


def _loaded(
    lowest_first: Sequence[Source], world_size: int | None, report: Report, rules: Sequence[Rule]
) -> LoadedSettings:
    """Check sources one by one and then together, and resolve what they come to."""
    refused = [one for source in lowest_first for one in take_out_refused(source, report)]
    highest_first = lowest_first[::-1]
    written = merged(highest_first)
    sources = {path: _place(highest_first, path) for path in facts()}
    _check_world_size(written, sources, world_size, report)
    one = written.train.world_size
    concrete = changed(written, {"train.world_size": (world_size or 1) if one == "auto" else one})
    rules = rules if report.readable else ()
    for each in refused:
        fact, value = each.fact, each.value
        instead = remedy(fact, value, among(fact, concrete, rules))
        report.refuse(each.place, fact.path, value, f"must be {fact.allowed}", instead)
    problems = report.problems
    broken = broken_rules(concrete, report.refused, rules)
    problems += [_problem(each, sources, highest_first) for each in broken]
    if problems:
        raise SettingsError(sorted(problems, key=_order))
    settings = resolve(concrete)
    _name_resolved(sources, written, by_torchrun=world_size is not None)
    files = any(rule.files for rule in rules)
    return LoadedSettings(settings, sources, list(cautions(settings, files=files)))


def _place(highest_first: Iterable[Source], path: str, *inside: str) -> str:
    """Where the value of a setting that counts was written, or an entry inside it."""
    keys = (*path.split("."), *inside)
    said = (source.place(*keys) for source in highest_first if source.says(path))
    return next(said, DEFAULT)


def _order(problem: Problem) -> tuple[int, int]:
    """Order of a report: the file from top to bottom, variables, options, what nobody wrote."""
    source = problem.source
    if source.startswith("--"):
        return 2, 0
    if source == DEFAULT:
        return 3, 0
    if source == _WORLD_SIZE or source.upper().startswith(PREFIX):
        return 1, 0
    line = source.rpartition(":")[2]
    return 0, int(line) if line.isdecimal() else 0


def _check_world_size(
    written: Settings, sources: Mapping[str, str], world_size: int | None, report: Report
) -> None:
    """Settings that name a world size must be started with it."""
    named = written.train.world_size
    if world_size is not None and named not in ("auto", world_size):
        path = "train.world_size"
        rule = f"must be what WORLD_SIZE says, {world_size}"
        instead = 'write train.world_size = "auto", or start as many processes'
        report.refuse(sources[path], path, named, rule, instead)


def _problem(
    violation: Violation, sources: Mapping[str, str], highest_first: Iterable[Source]
) -> Problem:
    """A violation as a problem, at the first of its settings that somebody wrote."""
    written = (path for path in violation.paths if sources[path] != DEFAULT)
    path = next(written, violation.paths[0])
    inside = violation.inside if path == violation.paths[0] else ()
    place = _place(highest_first, path, *inside)
    return Problem(place, inner_path(path, inside), ABSENT, violation.rule, violation.remedy)


def _name_resolved(sources: dict[str, str], written: Settings, *, by_torchrun: bool) -> None:
    """Say in `sources` where values came from that nobody wrote, or that were left open."""
    for name in FROM_PRESET:
        path = f"hardware.{name}"
        if sources[path] == DEFAULT:
            sources[path] = f"preset {written.hardware.preset}"
    for path in _OPEN:
        if facts()[path].of(written) == "auto":
            sources[path] += " ('auto')"
    if by_torchrun and written.train.world_size == "auto":
        sources["train.world_size"] = _WORLD_SIZE
