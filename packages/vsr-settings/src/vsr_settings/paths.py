"""What a user's path means: an answer for every text a user can write.

`pathlib` raises for a home that nobody has, for names that are too long and for NUL; here such a
path is one that does not exist.
"""

import os.path
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from vsr_files import expanded

_FOLDER_OF_PATCHES: Final = "Patches"
_LIST_OF_SEPTUPLETS: Final = "sep_testlist.txt"
_WILD: Final = "*?["


def is_file(path: str) -> bool:
    """Whether a path is a file."""
    return os.path.isfile(expanded(path))  # noqa: PTH113 - see above


def has_patches(path: str) -> bool:
    """Whether a path is a folder with `Patches/` in it, which holds out its own pictures."""
    return os.path.isdir(expanded(path) / _FOLDER_OF_PATCHES)  # noqa: PTH112 - see above


def holds_out(path: str) -> bool:
    """Whether a folder says itself what is validated: with `Patches/`, or by Vimeo-90K's lists."""
    home = expanded(path)
    lists = [folder / _LIST_OF_SEPTUPLETS for folder in (home, home.parent)]
    return has_patches(path) or any(is_file(str(place)) for place in lists)


def same_path(one: str, other: str) -> bool:
    """Whether two paths are spelt alike, but for `~`, `.` and `..`."""
    return os.path.normpath(expanded(one)) == os.path.normpath(expanded(other))


def takes_in(source: str, other: str) -> bool:
    """Whether a source, a path or a pattern such as `films/*`, takes in another path or is it."""
    if same_path(source, other):
        return True
    pattern, path = (Path(os.path.normpath(expanded(each))) for each in (source, other))
    if is_file(other) and path.parent == pattern:  # a folder of videos
        return True
    is_pattern = any(mark in source for mark in _WILD) and not os.path.lexists(pattern)
    return is_pattern and _fits(pattern.parts, path.parts)


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether the parts of a path are those of a pattern, in which `**` is any number of them."""
    if not pattern:
        return not path
    if pattern[:2] == ("**", "**"):
        return _fits(pattern[1:], path)
    if pattern[0] == "**":
        return any(_fits(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _fits(pattern[1:], path[1:])
