"""What a user's path means: an answer for every text a user can write.

`pathlib` raises for a home that nobody has, for names that are too long and for NUL; here such a
path is one that does not exist.
"""

import os.path
from typing import Final

from vsr_files import expanded

_FOLDER_OF_PATCHES: Final = "Patches"


def is_file(path: str) -> bool:
    """Whether a path is a file."""
    return os.path.isfile(expanded(path))  # noqa: PTH113 - see above


def has_patches(path: str) -> bool:
    """Whether a path is a folder with `Patches/` in it, which holds out its own pictures."""
    return os.path.isdir(expanded(path) / _FOLDER_OF_PATCHES)  # noqa: PTH112 - see above


def same_path(one: str, other: str) -> bool:
    """Whether two paths are spelt alike, but for `~`, `.` and `..`."""
    return os.path.normpath(expanded(one)) == os.path.normpath(expanded(other))
