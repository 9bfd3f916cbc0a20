"""What to tell about a folder that is no source: what was seen in it, and what may be meant."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from vsr_data.footage.picture_folders import holds_picture_folders
from vsr_data.footage.ready_made import is_low_resolution
from vsr_data.footage.videos import is_video
from vsr_files import printable

MOST_SEEN: Final = 6  # kinds of files that a message counts
MOST_PROBED: Final = 100  # subfolders that are looked into for a hint
LMDB_FILE: Final = "data.mdb"
LMDB: Final = (
    "it is an LMDB database; write its pictures into folders, one a clip, as docs/data.md shows "
    "under 'LMDB', and name the folder above them"
)


def no_source(place: Path, names: list[str]) -> str:
    """Say what a folder holds that is none of the kinds, and a remedy.

    Args:
        place: the folder.
        names: of what is in it.
    """
    kinds = ", ".join(kind for kind in (".mp4", ".mkv", ".mov", ".webm", ".gif", ".264"))
    return (
        f"there is no video in this folder, which has {_seen(place, names)}; expected files such "
        f"as {kinds}, numbered pictures, or Patches/GT and Patches/LR with pictures"
        f"{_hint(place, names)}"
    )


def _seen(place: Path, names: list[str]) -> str:
    """What a folder holds, in few words."""
    n_folders = sum((place / name).is_dir() for name in names)
    suffixes = Counter(
        Path(name).suffix.lower() or "no suffix" for name in names if not (place / name).is_dir()
    )
    ranked = sorted(suffixes.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} of {printable(suffix)}" for suffix, count in ranked[:MOST_SEEN]]
    if n_folders:
        parts.append(f"{n_folders} subfolder{'' if n_folders == 1 else 's'}")
    return ", ".join(parts) or "nothing in it"


def _hint(place: Path, names: list[str]) -> str:
    """What the user may have meant."""
    if {"GT", "LR"} & set(names):
        return f"; for pictures give the folder above Patches, {printable(place.parent)!r}"
    folders = list(_subfolders(place))
    return next(_meant(place, folders), "; its subfolders have neither") if folders else ""


def _meant(place: Path, folders: list[Path]) -> Iterator[str]:
    """What a folder's subfolders suggest, the likeliest first."""
    shown = printable(place)
    if any(_has(folder, lambda path: path.name == LMDB_FILE) for folder in folders):
        yield "; in its subfolders are LMDB databases, which docs/data.md shows how to convert"
    if any(_has(folder, is_video) for folder in folders):
        yield f"; its subfolders have videos: write {shown + '/*/'!r}"
    for folder in folders:
        if _holds_clips(folder):
            named = printable(folder)
            yield f"; its subfolders hold folders of pictures: name one, such as {named!r}"
    if any(_has(inner, is_video) for folder in folders for inner in _subfolders(folder)):
        yield f"; folders further down have videos: write {shown + '/**/*.mp4'!r}"


def _has(folder: Path, wanted: Callable[[Path], bool]) -> bool:
    try:
        return any(wanted(path) for path in folder.iterdir())
    except OSError:
        return False


def _holds_clips(folder: Path) -> bool:
    try:
        return not is_low_resolution(folder.name) and holds_picture_folders(folder)
    except OSError:
        return False


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []
    return [folder / name for name in names if not name.startswith(".")][:MOST_PROBED]
