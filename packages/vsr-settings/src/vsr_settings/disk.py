"""Questions about paths that have an answer for every text a user can write.

`pathlib` raises for a home that nobody has, and for names that are too long; `os.path` says no.
"""

import os.path
from typing import Final

_FOLDER_OF_PATCHES: Final = "Patches"


def is_file(path: str) -> bool:
    """Whether a path, in which `~` is a home, is a file."""
    return os.path.isfile(_expanded(path))  # noqa: PTH113 - see above


def has_patches(path: str) -> bool:
    """Whether a path is a folder with `Patches/` in it, which holds out its own pictures."""
    folder = os.path.join(_expanded(path), _FOLDER_OF_PATCHES)  # noqa: PTH118 - see above
    return os.path.isdir(folder)  # noqa: PTH112 - see above


def same_path(one: str, other: str) -> bool:
    """Whether two paths are spelt alike, but for `~`, `.` and `..`."""
    return os.path.normpath(_expanded(one)) == os.path.normpath(_expanded(other))


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - see above
