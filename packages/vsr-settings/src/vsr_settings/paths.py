"""What a user's path means: an answer for every text a user can write.

`pathlib` raises for a home that nobody has, for names that are too long and for NUL; here such a
path is one that does not exist.
"""

import os.path
import tempfile
from pathlib import Path
from typing import Final

_FOLDER_OF_PATCHES: Final = "Patches"


def expanded(path: str | Path) -> Path:
    """A path with `~` and `~name` as homes; never raises for them.

    Where nobody says where home is, as in a container without `HOME`, `~` is a folder of this
    user's in the system's temporary folder. The home of a `~name` whom nobody knows stays as it is
    written, so that whoever misses the file names what was written.
    """
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):
        first, *rest = Path(path).parts
        return _homeless().joinpath(*rest) if first == "~" else Path(path)


def _homeless() -> Path:
    """What stands for the home of a user who has none."""
    user = getattr(os, "getuid", lambda: "user")()
    try:
        return Path(tempfile.gettempdir(), f"home-{user}")
    except OSError:  # no folder for temporary files either
        return Path()


def is_file(path: str) -> bool:
    """Whether a path is a file."""
    return os.path.isfile(expanded(path))  # noqa: PTH113 - see above


def has_patches(path: str) -> bool:
    """Whether a path is a folder with `Patches/` in it, which holds out its own pictures."""
    return os.path.isdir(expanded(path) / _FOLDER_OF_PATCHES)  # noqa: PTH112 - see above


def same_path(one: str, other: str) -> bool:
    """Whether two paths are spelt alike, but for `~`, `.` and `..`."""
    return os.path.normpath(expanded(one)) == os.path.normpath(expanded(other))


def printable(path: str | Path) -> str:
    """A path as messages show it, whatever bytes the file system allows in names."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)[1:-1]
