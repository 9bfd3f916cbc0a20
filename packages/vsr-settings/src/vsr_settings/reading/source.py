"""What one source of settings says and where it says it, and the report that all of them fill."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vsr_settings.errors import Problem


@dataclass(frozen=True)
class Source:
    """A file, an environment or a command's options."""

    values: dict[str, Any] = field(default_factory=dict)
    """Values by name, by section."""
    places: Mapping[tuple[str, ...], str] = field(default_factory=dict)
    """Where each was written, as messages say it."""

    def place(self, *path: str) -> str:
        """Where a key was written, or the nearest key that holds it."""
        holding = (path[:depth] for depth in range(len(path), -1, -1))
        return next((self.places[key] for key in holding if key in self.places), "")

    def says(self, path: str) -> bool:
        """Whether it gives `section.name` a value."""
        section, _, name = path.partition(".")
        return name in self.values.get(section, ())


@dataclass
class Report:
    """Every problem so far, and what is unknown because of it."""

    problems: list[Problem] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Settings somebody meant to set and did not: what depends on them cannot be judged."""
    readable: bool = True
    """Whether every source could be read at all."""

    def refuse(self, source: str, path: str, value: object, rule: str, remedy: str) -> None:
        """Add a problem."""
        self.refused.add(path)
        self.problems.append(Problem(source, path, value, rule, remedy))
