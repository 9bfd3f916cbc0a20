"""Names of clips: short, fit to be printed, and never two alike within one source."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from vsr_files import printable


def clip_names(files: Mapping[Path, int]) -> dict[Path, list[str]]:
    """Name the clips that files were cut into.

    A file's first clip is called after its stem, the others `stem#2`, `stem#3` and so on. Where
    another file lays claim to one of these names, all of its clips go by its whole name, suffix and
    all; where even those are alike, as different bytes may be once they can be printed, by that
    and a number.

    Args:
        files: how many clips each has, at least 1.

    Returns:
        The names of each file's clips.
    """
    by_stem = {path: _numbered(printable(path.stem), files[path]) for path in sorted(files)}
    claims = Counter(name for names in by_stem.values() for name in names)
    undisputed = {name for name, count in claims.items() if count == 1}
    taken = set(undisputed)
    found: dict[Path, list[str]] = {}
    for path, names in by_stem.items():
        if undisputed.issuperset(names):
            found[path] = names
        else:
            found[path] = _free(printable(path.name), files[path], taken)
            taken.update(found[path])
    return found


def _free(name: str, count: int, taken: set[str]) -> list[str]:
    names, tries = _numbered(name, count), 1
    while not taken.isdisjoint(names):
        tries += 1
        names = _numbered(f"{name} ({tries})", count)
    return names


def _numbered(name: str, count: int) -> list[str]:
    return [name, *(f"{name}#{i}" for i in range(2, count + 1))]
