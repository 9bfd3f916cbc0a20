"""What kind of source a path is: told apart by what is there, in this order.

1. the word `demo`: photographs that scikit-image carries;
2. a folder with `Patches` or `Val/GT`: ready-made pairs;
3. a folder with `sep_trainlist.txt` or `sep_testlist.txt`: Vimeo-90K's septuplets;
4. a folder with a `data.mdb`: an LMDB, which has to be converted first;
5. a folder with videos in it, or a file: videos;
6. a folder of numbered pictures, or one whose subfolders hold them: clips of pictures.

The first that fits decides.
"""

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.picture_folders import holds_picture_folders
from vsr_data.footage.picture_pairs import holds_picture_pairs
from vsr_data.footage.pictures import is_animated, is_picture
from vsr_data.footage.places import places_of
from vsr_data.footage.ready_made import is_low_resolution
from vsr_data.footage.septuplets import holds_septuplets
from vsr_data.footage.videos import SUFFIXES, is_video
from vsr_data.request import Request
from vsr_files import printable

DEMO: Final = "demo"
MOST_SEEN: Final = 6  # kinds of files that a message counts
MOST_PROBED: Final = 100  # subfolders that are looked into for a hint

LMDB_FILE: Final = "data.mdb"
LMDB: Final = (
    "it is an LMDB database; write its pictures into folders, one a clip, as docs/data.md shows "
    "under 'LMDB', and name the folder above them"
)
STILL: Final = "it is a still picture in a folder of videos; give pictures a folder of their own"
ANIMATED: Final = "it is an animated WebP, which libav cannot decode; convert it, as to .mkv"


@dataclass(frozen=True)
class Demo:
    """Photographs that scikit-image carries, filmed by a moving camera."""


@dataclass(frozen=True)
class Pairs:
    """A folder above `Patches` or `Val`."""

    place: Path


@dataclass(frozen=True)
class Septuplets:
    """A folder with Vimeo-90K's septuplets and the lists of them."""

    place: Path


@dataclass(frozen=True)
class Videos:
    """Files that libav is to decode."""

    files: tuple[Path, ...]


@dataclass(frozen=True)
class PictureFolders:
    """Folders of numbered pictures, or of such folders."""

    places: tuple[Path, ...]


Kind = Demo | Pairs | Septuplets | Videos | PictureFolders


@dataclass
class Contents:
    """What a source holds.

    Attributes:
        kinds: its parts; videos and picture folders of all its places are one part each.
        rejected: files and folders among them that are of no use, and why.
    """

    kinds: list[Kind] = field(default_factory=list)
    rejected: dict[Path, str] = field(default_factory=dict)

    @property
    def videos(self) -> list[Path]:
        """The videos."""
        return [path for kind in self.kinds if isinstance(kind, Videos) for path in kind.files]


def contents_of(request: Request) -> Contents:
    """Look at a source; nothing is opened but folders.

    Raises:
        DataError: it is not there, or there is nothing in it that can be a source.
    """
    if request.source == DEMO:
        return Contents([Demo()])
    places, found = places_of(request), Contents()
    videos: list[Path] = []
    folders: list[Path] = []
    for place in places.paths:
        if places.is_pattern and _is_beside_the_point(place):
            continue
        try:
            kind = _kind_of(place, found.rejected, is_match=places.is_pattern)
        except UnusableFileError as error:
            found.rejected[place] = str(error)
            continue
        match kind:
            case Videos():
                videos += kind.files
            case PictureFolders():
                folders += kind.places
            case _:
                found.kinds.append(kind)
    if videos:
        found.kinds.append(Videos(tuple(dict.fromkeys(videos))))
    if folders:
        found.kinds.append(PictureFolders(tuple(folders)))
    if not found.kinds:
        raise DataError(_nothing(found.rejected, request))
    return found


def _is_beside_the_point(place: Path) -> bool:
    """Whether a pattern matched what no one would call a source: a text beside films."""
    return not is_video(place) and not is_picture(place.name) and not place.is_dir()


def _kind_of(place: Path, rejected: dict[Path, str], *, is_match: bool) -> Kind:
    """The kind of one place.

    Raises:
        UnusableFileError: it is none.
    """
    if not place.is_dir():
        if place.name == LMDB_FILE:
            raise UnusableFileError(LMDB)
        if is_picture(place.name):
            raise UnusableFileError("it is a single picture; give the folder of numbered pictures")
        return Videos((place,))
    if is_match and is_low_resolution(place.name):
        raise UnusableFileError("its name says that its pictures are the low-resolution ones")
    if holds_picture_pairs(place):
        return Pairs(place)
    if holds_septuplets(place):
        return Septuplets(place)
    try:
        names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
        if LMDB_FILE in names:
            raise UnusableFileError(LMDB)
        videos = [place / name for name in names if is_video(place / name)]
        if videos:
            stills = [place / name for name in names if is_picture(name)]
            rejected.update({path: ANIMATED if is_animated(path) else STILL for path in stills})
            return Videos(tuple(videos))
        if holds_picture_folders(place):
            return PictureFolders((place,))
    except OSError as error:
        raise UnusableFileError(
            f"it cannot be read: {error.strerror}; mend its permissions or name another source"
        ) from error
    raise UnusableFileError(_no_source(place, names))


def _nothing(rejected: dict[Path, str], request: Request) -> str:
    if not rejected:
        return f"{request.setting}: there is no video or folder among what this pattern matches"
    (place, reason), *others = rejected.items()
    if place == request.place:
        return f"{request.setting}: {reason}"
    more = f"; and {len(others)} more" if others else ""
    return f"{request.setting}: {printable(place)!r}: {reason}{more}"


def _no_source(place: Path, names: list[str]) -> str:
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
    shown = printable(place)
    if {"GT", "LR"} & set(names):
        return f"; for pictures give the folder above Patches, {printable(place.parent)!r}"
    folders = [place / name for name in names if (place / name).is_dir()][:MOST_PROBED]
    if not folders:
        return ""
    if any(_has(folder, LMDB_FILE) for folder in folders):
        return "; in its subfolders are LMDB databases, which docs/data.md shows how to convert"
    if any(_holds_video(folder) for folder in folders):
        return f"; its subfolders have videos: write {shown + '/*/'!r}"
    clips = next((folder for folder in folders if _holds_clips(folder)), None)
    if clips is not None:
        return f"; its subfolders hold folders of pictures: name one, such as {printable(clips)!r}"
    deeper = (inner for folder in folders for inner in _subfolders(folder))
    if any(_holds_video(inner) for inner in deeper):
        return f"; folders further down have videos: write {shown + '/**/*.mp4'!r}"
    return "; its subfolders have neither"


def _has(folder: Path, name: str) -> bool:
    try:
        return (folder / name).exists()
    except OSError:
        return False


def _holds_video(folder: Path) -> bool:
    try:
        return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())
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
    return [folder / name for name in names[:MOST_PROBED] if not name.startswith(".")]
