"""What a user's path means, and how one is shown: an answer for every text a user can write."""

import os
import tempfile
from pathlib import Path, PurePath, PureWindowsPath


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


def printable(path: str | Path) -> str:
    """A path as messages show it, whatever bytes the file system allows in names."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)[1:-1]


def last_part(path: str) -> str:
    """The last part of a path that says something, and wildcards after it: what others may know.

    Where things lie on a machine is nobody's business who is given what was made there.
    """
    kind = PureWindowsPath if PureWindowsPath(path).drive else PurePath
    parts = kind(path).parts
    telling = [at for at, part in enumerate(parts) if any(map(str.isalnum, part))]
    return kind(*parts[telling[-1] :]).as_posix() if telling else "a folder"
