"""Which pictures of validations a folder has, by the step in their names; others are left alone."""

import re
from pathlib import Path
from typing import Final

ANIMATION: Final = "over-the-run.webp"
"""One detail over the run, made of the sheets there are."""

_NAME: Final = re.compile(r".*-step-([0-9]{9,})\.png", re.DOTALL)


def sheet_ending(step: int) -> str:
    """Return what the name of a sheet ends with."""
    return f"-step-{step:09d}.png"


def sheets_by_step(folder: Path) -> dict[int, list[Path]]:
    """Return the sheets of a folder by the step in their names; other files are left out.

    Raises:
        OSError: if the folder cannot be read.
    """
    found: dict[int, list[Path]] = {}
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is not None and path.is_file():
            found.setdefault(int(match[1]), []).append(path)
    return found
