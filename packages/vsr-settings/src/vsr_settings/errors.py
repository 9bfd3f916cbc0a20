"""What is wrong with settings: every problem at once, each with source, value, rule and remedy."""

import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

_LONGEST_VALUE: Final = 80
_LONGEST_INTEGER: Final = 1024


class ExitCode(IntEnum):
    """What a command returns; never 0 after a failure."""

    DONE = 0
    """Finished, or stopped on request after saving."""
    SETTINGS = 2
    """Settings, checkpoint or run folder refused."""
    DATA = 3
    """Footage that cannot be used."""
    DEVICE = 4
    """A device that cannot be used, or too little memory on it."""
    LEARNING = 5
    """A run that diverged or stagnated."""


ABSENT: Final = object()
"""Stands for the value of a problem that has none."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one setting."""

    source: str
    """Where it was written: `configs/x.toml:12`, a variable, an option, a preset or `default`."""
    path: str
    """The setting, as in `train.batch_size`; empty where the problem is not one setting's."""
    value: object
    """What was written there, or `ABSENT` where the rule names the values."""
    rule: str
    """What a value must be, or what is wrong."""
    remedy: str
    """What to write instead."""

    @property
    def reason(self) -> str:
        """The rule, and the value that breaks it."""
        return self.rule if self.value is ABSENT else f"{self.rule}, got {shortened(self.value)}"

    def __str__(self) -> str:
        where = f"{self.source}: {self.path}" if self.path else self.source
        return f"{where}: {self.reason}; {self.remedy}"


class SettingsError(Exception):
    """Settings that cannot be used, with every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def shortened(value: object) -> str:
    """A user's value as Python writes it (truths as TOML does), cut where too long to read."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _LONGEST_INTEGER:
        return f"an integer of {value.bit_length()} bits"
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = _LONGEST_VALUE
    return short.repr(value)
