"""What a path of the user's means, and how one is shown."""

import os.path
import tempfile
from pathlib import Path


def expanded(text: str) -> Path:
    """A path with `~` and `~name` as homes.

    Where nobody says where home is, as in a container without `HOME`, `~` is a folder of this
    user's in the system's temporary folder. The home of somebody unknown stays as it is written.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError:
        first, *rest = Path(text).parts
        if first != "~":
            return Path(text)
        user = getattr(os, "getuid", lambda: "user")()
        return Path(tempfile.gettempdir(), f"home-{user}", *rest)


def printable(path: str | Path) -> str:
    """A path as messages show it, whatever bytes the file system allows in names."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)[1:-1]
