"""Where a source is: the path that a user wrote, or all that its pattern matches."""

import glob
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from vsr_data.errors import DataError
from vsr_data.request import Request
from vsr_files import printable

MOST_MATCHES: Final = 1_000_000
"""Paths that one pattern may match; links that lead back to their own folder match without end."""


@dataclass(frozen=True)
class Places:
    """What a source's path stands for.

    Attributes:
        paths: files and folders, sorted.
        is_pattern: whether a pattern found them: what is of no use among them is then left aside.
    """

    paths: tuple[Path, ...]
    is_pattern: bool


def places_of(request: Request) -> Places:
    """Find a source; a path that exists is taken literally, whatever characters it has.

    Raises:
        DataError: there is no such path, the pattern matches nothing, or it may not be looked at.
    """
    place = request.place
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        if glob.has_magic(request.source):
            return Places(_matches(place, request), is_pattern=True)
        raise DataError(
            f"{request.setting}: no such file or folder; give a video, a folder of videos, a "
            "folder of numbered pictures, a pattern such as 'films/*/', a folder with Patches/GT "
            "and Patches/LR, or 'demo'"
        ) from error
    except OSError as error:
        raise DataError(
            f"{request.setting} cannot be looked at: {error.strerror}; mend the path or its "
            "permissions, or name another source"
        ) from error
    return Places((place,), is_pattern=False)


def _matches(place: Path, request: Request) -> tuple[Path, ...]:
    ends_in_folder = request.source.endswith(("/", os.sep))
    pattern = f"{place}{os.sep}" if ends_in_folder else str(place)
    try:
        # Path.glob takes no absolute pattern, and would find what is hidden.
        matches = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - see above
        found = list(islice(matches, MOST_MATCHES + 1))
    except ValueError:  # a NUL, or what no file name encodes
        found = []
    if len(found) > MOST_MATCHES:
        raise DataError(
            f"{request.setting} matches more than {MOST_MATCHES:,} paths; narrow the pattern, or "
            "remove links that lead back to a folder above them"
        )
    if not found:
        raise DataError(f"{request.setting}: nothing matches this pattern{_nearest(place)}")
    return tuple(dict.fromkeys(Path(path) for path in sorted(found)))


def _nearest(place: Path) -> str:
    """Where the search ended: the last folder of a pattern that is written out, if there is one."""
    plain = place
    while glob.has_magic(str(plain)):
        plain = plain.parent
    if not plain.is_dir():
        return f"; there is no folder {printable(plain)!r}"
    return f"; folder {printable(plain)!r} is there, but holds nothing that fits the rest of it"
