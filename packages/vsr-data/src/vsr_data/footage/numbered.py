"""Folders of numbered pictures: which pictures follow one another.

A picture's number is the last one in its name, a scale such as `x4` at the end aside. Pictures
whose names are alike but for it are one film; a number that is missing ends a run.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsr_data.footage.pictures import is_picture
from vsr_data.pixels import Size

NUMBER: Final = re.compile(
    r"(?P<before>.*?)(?P<number>\d+)(?P<after>\D*?)(?:[-_]?x[2-8])?", re.IGNORECASE
)


@dataclass(frozen=True)
class Numbered:
    """Pictures of one folder, by their numbers.

    Attributes:
        folder: where they are.
        key: what a clip of them is called after: the folder, or a name of their own in it.
        numbers: those of the pictures, rising.
        names: the files', in the same order.
    """

    folder: Path
    key: Path
    numbers: tuple[int, ...]
    names: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The pictures."""
        return [self.folder / name for name in self.names]

    def part(self, first: int, stop: int | None) -> "Numbered":
        """Pictures `first` up to, not including, `stop`, counted from 0 in their order."""
        kept = slice(first, stop)
        return Numbered(self.folder, self.key, self.numbers[kept], self.names[kept])

    def runs(self, sizes: Iterable[Size | None]) -> list[tuple["Numbered", Size]]:
        """Cut where a number is missing, the size changes or a picture has none.

        Args:
            sizes: of every picture; None of those that cannot be used.

        Returns:
            The runs, and the size of each one's pictures.
        """
        runs: list[tuple[int, int, Size]] = []
        before: tuple[int, Size | None] = (0, None)
        for i, (number, size) in enumerate(zip(self.numbers, sizes, strict=True)):
            if size is not None:
                goes_on = before == (number - 1, size)
                first = runs.pop()[0] if goes_on else i
                runs.append((first, i + 1, size))
            before = number, size
        return [(self.part(first, stop), size) for first, stop, size in runs]


def numbered_pictures(folder: Path, names: Iterable[str]) -> tuple[list[Numbered], dict[Path, str]]:
    """Sort the pictures of a folder into films.

    Args:
        folder: the folder.
        names: of its pictures.

    Returns:
        The films, sorted by key, and why other pictures are not used.
    """
    films: dict[tuple[str, str], dict[int, str]] = {}
    rejected: dict[Path, str] = {}
    for name in sorted(names):
        found = NUMBER.fullmatch(Path(name).stem)
        if found is None:
            rejected[folder / name] = "its name has no number, so that its place is unknown"
            continue
        film = films.setdefault((found["before"], found["after"]), {})
        other = film.setdefault(int(found["number"]), name)
        if other != name:
            rejected[folder / name] = f"it has the same number as {other!r}"
    labels = _labels(films)
    numbered = [
        Numbered(
            folder,
            folder / labels[key] if len(films) > 1 else folder,
            tuple(sorted(film)),
            tuple(film[number] for number in sorted(film)),
        )
        for key, film in films.items()
    ]
    return sorted(numbered, key=lambda one: one.key), rejected


def picture_names(folder: Path) -> list[str]:
    """Names of the pictures in a folder, by their suffix, sorted.

    Raises:
        OSError: it cannot be listed.
    """
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if is_picture(entry.name))


def _labels(films: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What sets the names of each film's pictures apart from others in the same folder."""
    labels: dict[tuple[str, str], str] = {}
    for before, after in sorted(films):
        label = plain = (before + after).strip(" -_.") or "numbers"
        tries = 1
        while label in labels.values():  # as of `a_1.png` beside `a1.png`
            tries += 1
            label = f"{plain} ({tries})"
        labels[before, after] = label
    return labels
