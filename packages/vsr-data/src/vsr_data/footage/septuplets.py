"""Vimeo-90K's septuplets: clips of seven pictures, which of them is said by a list for either role.

    sequences/00001/0001/im1.png … im7.png
    sep_trainlist.txt, sep_testlist.txt      lines such as 00001/0001

Low-resolution pictures may lie beside, as in `vimeo_septuplet_matlabLRx4/sequences`, `BIx4` or
`sequences_LR`. There are 91,701 septuplets: a list is trusted for the names of their pictures, and
no folder of seven is listed.
"""

import os
import re
from pathlib import Path
from typing import Final

from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage
from vsr_data.footage.names import WITH_FOLDER
from vsr_data.footage.numbered import Numbered
from vsr_data.footage.sequences import Sequence, open_sequences
from vsr_data.request import Request, Role
from vsr_files import printable

LISTS: Final[dict[Role, str]] = {"train": "sep_trainlist.txt", "val": "sep_testlist.txt"}
FOLDERS: Final = ("sequences", "GT", "target")
"""Names under which the sharp septuplets are handed out."""
LINE: Final = re.compile(r"\d{1,8}/\d{1,8}")
NUMBERS: Final = tuple(range(1, 8))
NAMES: Final = tuple(f"im{number}.png" for number in NUMBERS)
MOST_LIST_BYTES: Final = 1 << 24


def holds_septuplets(place: Path) -> bool:
    """Whether a folder is laid out as Vimeo-90K is: `sequences` or a list of septuplets in it."""
    return _home(place) is not None


def open_septuplets(place: Path, request: Request) -> Footage:
    """Make clips of the septuplets that the role's list names; nothing is decoded.

    Raises:
        DataError: the role's list is missing, or is none.
    """
    home = _home(place) or place
    listed = _listed(home / LISTS[request.role], request)
    folder = next((home / name for name in FOLDERS if (home / name).is_dir()), home / FOLDERS[0])
    there = _existing(folder, {line.partition("/")[0] for line in listed})
    sequences, rejected = [], {}
    for line in listed:
        septuplet = folder / line
        if line in there:
            film = Numbered(septuplet, septuplet, NUMBERS, NAMES)
            sequences.append(Sequence(film, (folder, home)))
        else:
            rejected[septuplet] = f"{LISTS[request.role]} names it, but there is no such folder"
    return open_sequences(sequences, rejected, request, WITH_FOLDER)


def _home(place: Path) -> Path | None:
    """The folder with the lists: the place itself, or the one above where it is `sequences`."""
    for home in (place, place.parent) if place.name in FOLDERS else (place,):
        if any((home / name).is_file() for name in LISTS.values()):
            return home
    return None


def _listed(path: Path, request: Request) -> list[str]:
    try:
        with path.open("rb") as file:
            lines = file.read(MOST_LIST_BYTES).decode("ascii", "replace").split()
    except OSError as error:
        raise DataError(
            f"{request.setting}: septuplets need {path.name} beside {FOLDERS[0]}, a line such as "
            f"00001/0001 for each; {printable(path)!r} cannot be read: {error.strerror}"
        ) from error
    wrong = next((line for line in lines if LINE.fullmatch(line) is None), None)
    if wrong is not None or not lines:
        got = "nothing" if wrong is None else repr(wrong[:40])
        raise DataError(
            f"{request.setting}: {printable(path)!r} must list septuplets, a line such as "
            f"00001/0001 for each; got {got}"
        )
    return list(dict.fromkeys(lines))


def _existing(folder: Path, parts: set[str]) -> set[str]:
    """The septuplets that there are, as in the list."""
    found: set[str] = set()
    for part in parts:
        try:
            with os.scandir(folder / part) as entries:
                found.update(f"{part}/{entry.name}" for entry in entries)
        except OSError:
            continue
    return found
