"""From a name that came from outside to the name of a file: the only place that makes one."""

import hashlib
import re
from typing import Final

LONGEST: Final = 255
"""Bytes of a file's name on most file systems."""

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_RESERVED: Final = re.compile(r"\.|-|~|(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def file_name(name: str, ending: str) -> str:
    """Return a name that every file system takes, different for different names.

    A name that is safe is kept. Else what is unsafe is replaced and what is too long is cut, and a
    digest of the whole name keeps it apart from others.

    Args:
        name: any text.
        ending: what comes after it, safe and short.
    """
    safe = _UNSAFE.sub("_", name).encode("utf-8", "replace").decode()
    if safe == name and safe and not _RESERVED.match(safe) and _size(safe + ending) <= LONGEST:
        return safe + ending
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    ending = f"-{digest}{ending}"
    room = LONGEST - _size(ending) - 1
    return "_" + safe.encode()[:room].decode("utf-8", "ignore") + ending


def _size(text: str) -> int:
    return len(text.encode())
