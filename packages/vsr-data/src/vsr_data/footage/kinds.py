"""What kind of source a path is: told apart by what is there, in this order.

1. the word `demo`: photographs that scikit-image carries;
2. a folder with `Patches` or `Val/GT`: ready-made pairs;
3. a folder with a manifest of shards;
4. a folder with `sep_trainlist.txt` or `sep_testlist.txt`: Vimeo-90K's septuplets;
5. a folder with a `data.mdb`: an LMDB, which has to be converted first;
6. a folder with videos in it, or a file: videos;
7. a folder with tar files in it, or a tar file: shards;
8. a folder of numbered pictures, or one whose subfolders hold them: clips of pictures.

The first that fits decides.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.hints import LMDB, LMDB_FILE, no_source
from vsr_data.footage.manifest import MANIFEST, UNFINISHED
from vsr_data.footage.picture_folders import holds_picture_folders
from vsr_data.footage.picture_pairs import holds_picture_pairs
from vsr_data.footage.pictures import is_picture
from vsr_data.footage.places import places_of
from vsr_data.footage.ready_made import is_low_resolution
from vsr_data.footage.septuplets import holds_septuplets
from vsr_data.footage.shards import SHARD, shard_files
from vsr_data.footage.videos import is_video
from vsr_data.request import Request
from vsr_data.video import is_animation
from vsr_files import printable

DEMO: Final = "demo"

UNPREPARED: Final = (
    "it is not finished; run the same `python -m vsr_data prepare` again, and it goes on"
)
PACKED: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
COMPRESSED: Final = (
    "its tar files are compressed, and windows are read at any place in them; unpack them to .tar"
)
STILL: Final = "it is a still picture in a folder of videos; give pictures a folder of their own"


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


@dataclass(frozen=True)
class Shards:
    """A folder of tar files of windows, or one of them."""

    place: Path


Kind = Demo | Pairs | Shards | Septuplets | Videos | PictureFolders


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
    is_source = is_video(place) or is_picture(place.name) or place.suffix.lower() == SHARD
    return not is_source and not place.is_dir()


def _kind_of(place: Path, rejected: dict[Path, str], *, is_match: bool) -> Kind:
    """The kind of one place.

    Raises:
        UnusableFileError: it is none.
    """
    if not place.is_dir():
        return _kind_of_file(place)
    if is_match and is_low_resolution(place.name):
        raise UnusableFileError("its name says that its pictures are the low-resolution ones")
    try:
        return _laid_out(place) or _kind_by_files(place, rejected)
    except OSError as error:
        raise UnusableFileError(
            f"it cannot be read: {error.strerror}; mend its permissions or name another source"
        ) from error


def _kind_of_file(place: Path) -> Kind:
    if place.name == LMDB_FILE:
        raise UnusableFileError(LMDB)
    if is_picture(place.name) and not is_animation(place):
        raise UnusableFileError("it is a single picture; give the folder of numbered pictures")
    return Shards(place) if place.suffix.lower() == SHARD else Videos((place,))


def _laid_out(place: Path) -> Kind | None:
    """The kind of a folder that says by its layout what it is; None for others."""
    if (place / UNFINISHED).is_dir() and not (place / MANIFEST).exists():
        raise UnusableFileError(UNPREPARED)
    if holds_picture_pairs(place):
        return Pairs(place)
    if (place / MANIFEST).is_file():
        return Shards(place)
    return Septuplets(place) if holds_septuplets(place) else None


def _kind_by_files(place: Path, rejected: dict[Path, str]) -> Kind:
    """The kind of a folder by what is in it."""
    names = sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
    if LMDB_FILE in names:
        raise UnusableFileError(LMDB)
    videos = [place / name for name in names if is_video(place / name)]
    pictures = [place / name for name in names if is_picture(name)]
    if videos or (pictures and is_animation(pictures[0])):
        moving = [path for path in pictures if is_animation(path)]
        rejected.update(dict.fromkeys((path for path in pictures if path not in moving), STILL))
        return Videos(tuple(sorted([*videos, *moving])))
    if shard_files(place):
        return Shards(place)
    if any(name.lower().endswith(PACKED) for name in names):
        raise UnusableFileError(COMPRESSED)
    if holds_picture_folders(place):
        return PictureFolders((place,))
    raise UnusableFileError(no_source(place, names))


def _nothing(rejected: dict[Path, str], request: Request) -> str:
    if not rejected:
        return f"{request.setting}: there is no video or folder among what this pattern matches"
    (place, reason), *others = rejected.items()
    if place == request.place:
        return f"{request.setting}: {reason}"
    more = f"; and {len(others)} more" if others else ""
    return f"{request.setting}: {printable(place)!r}: {reason}{more}"
