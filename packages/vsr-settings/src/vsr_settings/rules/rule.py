"""What a rule is: a check of settings together, the settings it reads, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vsr_settings.schema import Settings


@dataclass(frozen=True)
class Violation:
    """A rule that settings break."""

    rule: str
    """What must hold, and the values that break it."""
    remedy: str
    """What to write instead."""
    paths: tuple[str, ...] = ()
    """The settings concerned, where they are not those that the rule reads, in this order."""
    inside: tuple[str, ...] = ()
    """The names that lead to what is concerned inside the first of them, as in `1`, `frames`."""


Check = Callable[[Settings], Iterator[Violation]]


@dataclass(frozen=True)
class Rule:
    """A check; its docstring is the rule's line in the reference."""

    reads: tuple[str, ...]
    """The settings it reads: it is skipped while one of them is itself refused."""
    check: Check
    files: bool
    """Whether it looks at the disk."""
    after: tuple["Rule", ...]
    """Rules whose remedies come first: it is skipped where one of them is broken."""


def rule(*reads: str, files: bool = False, after: tuple[Rule, ...] = ()) -> Callable[[Check], Rule]:
    """Make a rule of a check; its first setting that somebody wrote is where a message points."""
    return lambda check: Rule(reads, check, files, after)
