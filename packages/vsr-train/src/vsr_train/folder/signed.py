"""Texts of ours that people may edit: the last line has a digest, by which an edited one is known.

What a person wrote or changed is neither replaced nor deleted.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from vsr_files import ForeignFileError, open_regular, replacing

LONGEST: Final = 1 << 20
"""Bytes of a text of ours, at most."""

_LAST_LINE: Final = "<!-- written by vsr-train, which leaves an edited copy alone; sha256 {} -->"
_FOUND: Final = re.compile(
    r"(.*\n)" + re.escape(_LAST_LINE).replace(r"\{\}", "([0-9a-f]{64})"), re.DOTALL
)


def write_unless_edited(path: Path, text: str) -> bool:
    """Write a Markdown text where there is none, or one of ours that nobody has edited.

    Returns:
        Whether it was written.

    Raises:
        OSError: if the disk refuses.
    """
    if os.path.lexists(path) and not is_untouched(path):
        return False
    text = text.rstrip("\n") + "\n\n"
    with replacing(path) as file:
        file.write(f"{text}{_LAST_LINE.format(_digest(text))}\n".encode())
    return True


def is_untouched(path: Path) -> bool:
    """Tell a text of ours as it was written; other line ends, as git may give it, are no edit."""
    try:
        with open_regular(path) as file:
            text = file.read(LONGEST).decode()
    except (ForeignFileError, OSError, UnicodeDecodeError):
        return False
    found = _FOUND.fullmatch(text.replace("\r\n", "\n").rstrip("\n"))
    return found is not None and _digest(found[1]) == found[2]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
