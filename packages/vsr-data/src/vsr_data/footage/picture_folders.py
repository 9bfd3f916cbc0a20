"""Folders of numbered pictures, one folder a clip: as REDS, Vid4, UDM10 and SPMCS are laid out.

What a folder may be: one that holds pictures is a clip (or several, where names fall into several
series); one whose subfolders hold pictures is as many clips. Where a folder has the sharp pictures
in one called `GT`, `HR`, `truth`, `target` or `sharp`, that one is taken, at either level.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vsr_data.footage.clip import Footage
from vsr_data.footage.numbered import Numbered, numbered_pictures, picture_names
from vsr_data.footage.pictures import is_picture
from vsr_data.footage.ready_made import SHARP
from vsr_data.footage.sequences import Sequence, open_sequences
from vsr_data.request import Request


def holds_picture_folders(place: Path) -> bool:
    """Whether a folder is a clip of pictures, or holds such folders; looks no further than needed.

    Raises:
        OSError: it cannot be listed.
    """
    return any(True for _ in _looked_into(place))


def open_picture_folders(places: list[Path], request: Request) -> Footage:
    """Make clips of folders of pictures; headers are read, nothing is decoded.

    Args:
        places: folders of either level.
        request: what they are wanted for.

    Raises:
        OSError: one of them cannot be listed.
    """
    sequences: dict[Path, Sequence] = {}
    rejected: dict[Path, str] = {}
    for place in places:
        for folder in _looked_into(place):
            films, unused = numbered_pictures(folder, picture_names(folder))
            rejected.update(unused)
            for film in films:
                sequences[film.folder / film.key.name] = _sequence(film)
    return open_sequences(list(sequences.values()), rejected, request)


def _sequence(film: Numbered) -> Sequence:
    """A film with its proper name, and the folders that low-resolution ones may stand beside."""
    folder = film.folder
    if folder.name.lower() not in SHARP:
        return Sequence(film, (folder.parent,))
    key = folder.parent if film.key == folder else film.key
    return Sequence(Numbered(folder, key, film.numbers, film.names), (folder,))


def _looked_into(place: Path) -> Iterator[Path]:
    """The folders of a place that hold pictures, as they are found."""
    pictures, folders = _contents(place)
    sharp = [name for name in folders if name.lower() in SHARP]
    if pictures:
        yield place
        return
    if sharp:
        for name in sharp:
            yield from _looked_into(place / name)
        return
    for name in folders:
        inner = place / name
        try:
            pictures, deeper = _contents(inner)
        except OSError:
            continue
        if pictures:
            yield inner
            continue
        yield from (
            inner / name for name in deeper if name.lower() in SHARP and _contents(inner / name)[0]
        )


def _contents(place: Path) -> tuple[bool, list[str]]:
    """Whether a folder holds pictures, and else its subfolders, sorted."""
    folders = []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            elif is_picture(entry.name):
                return True, []
    return False, sorted(folders)
