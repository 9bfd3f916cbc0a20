"""Names of clips: short, fit to be printed, and never two alike within one side of a run."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vsr_files import printable

Levels = Sequence[Callable[[Path], str]]

LEVELS: Final[Levels] = (
    lambda path: path.stem,
    lambda path: path.name,
    lambda path: f"{path.parent.name}/{path.stem}",
    lambda path: f"{path.parent.name}/{path.name}",
)
"""What a file's clips are called after: the first of these that no other file lays claim to."""
WITH_FOLDER: Final = LEVELS[2:]


def clip_names(files: Mapping[Path, int], levels: Levels = LEVELS) -> dict[Path, list[str]]:
    """Name the clips that files were cut into.

    A file's first clip is called after its stem, the others `stem#2`, `stem#3` and so on. Where
    another file lays claim to one of these names, all of its clips go by its whole name, suffix and
    all; then by its folder's name and its own; and where even those are alike, as different bytes
    may be once they can be printed, by that and a number.

    Args:
        files: how many clips each has, at least 1.
        levels: what they may be called after, shortest first.

    Returns:
        The names of each file's clips.
    """
    left, taken = sorted(files), set[str]()
    found: dict[Path, list[str]] = {}
    for level in levels:
        wanted = {path: _numbered(printable(level(path)), files[path]) for path in left}
        claims = Counter(name for names in wanted.values() for name in names)
        settled = {
            path: names
            for path, names in wanted.items()
            if taken.isdisjoint(names) and all(claims[name] == 1 for name in names)
        }
        found.update(settled)
        taken.update(name for names in settled.values() for name in names)
        left = [path for path in left if path not in settled]
    for path in left:
        found[path] = _free(printable(levels[-1](path)), files[path], taken)
        taken.update(found[path])
    return found


def distinct_names(names: Sequence[str], sources: Sequence[str]) -> list[str]:
    """Tell clips of several sources apart, whose names are unique within each.

    Args:
        names: of the clips.
        sources: the file or folder that each comes from.

    Returns:
        The names, those that occur more than once led by the folder that the clip's source is in,
        and numbered where that does not suffice.
    """
    claims, taken = Counter(names), set[str]()
    taken.update(name for name in names if claims[name] == 1)
    found = []
    for name, source in zip(names, sources, strict=True):
        distinct = name
        if claims[name] > 1:
            folder = Path(source).parent.name
            (distinct,) = _free(f"{folder}/{name}" if folder else name, 1, taken)
            taken.add(distinct)
        found.append(distinct)
    return found


def _free(name: str, count: int, taken: set[str]) -> list[str]:
    names, tries = _numbered(name, count), 1
    while not taken.isdisjoint(names):
        tries += 1
        names = _numbered(f"{name} ({tries})", count)
    return names


def _numbered(name: str, count: int) -> list[str]:
    return [name, *(f"{name}#{i}" for i in range(2, count + 1))]
