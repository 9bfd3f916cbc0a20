"""What a command's options say: `--set section.name=value`, and those that are short for one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vsr_files import printable
from vsr_settings.errors import ABSENT
from vsr_settings.fields import Fact, facts
from vsr_settings.reading.merge import text_source
from vsr_settings.reading.source import Report, Source
from vsr_settings.reading.spelling import holder, meant
from vsr_settings.reading.values import refuse_unknown
from vsr_settings.writing import toml_value

_LONGEST: Final = 120


@dataclass(frozen=True)
class Option:
    """What an option sets, and how it was typed."""

    text: str
    """`section.name=value`"""
    typed: str
    """The option as messages show it."""


def options_source(overrides: Iterable[str | Option], report: Report) -> Source:
    """What options say; a bare `section.name=value` is one of `--set`."""
    said: list[tuple[Fact, str, str]] = []
    for override in [overrides] if isinstance(overrides, str) else overrides:
        option = override if isinstance(override, Option) else _set(override)
        path, equals, text = option.text.partition("=")
        path = path.strip()
        if not equals or not path:
            rule = "must be 'section.name=value'"
            report.refuse(option.typed, "", ABSENT, rule, _example(path))
        elif whole := holder(path):
            rule = f"is an entry of {whole.path}, which an option sets as a whole"
            instead = f"write --set {whole.path}='{toml_value(whole.example)}', say"
            report.refused.add(whole.path)
            report.refuse(option.typed, printable(path), text, rule, instead)
        elif path not in facts():
            refuse_unknown(option.typed, path, text, report)
        else:
            said.append((facts()[path], text, option.typed))
    return text_source(said, report, "keep one", "give it a value")


def _set(text: str) -> Option:
    return Option(text, f"--set {printable(text)[:_LONGEST]}")


def _example(path: str) -> str:
    known = facts().get(path) or facts().get(meant(path) or "") or facts()["train.max_steps"]
    return f"for example '--set {known.path}={known.default}'"
