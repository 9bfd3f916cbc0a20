"""From a source as the user wrote it to footage, or to one message that says what to do.

The three kinds are told apart by what they are: the word `demo`, a folder with `Patches` or `Val`
in it, and anything else is a video or a folder of videos.
"""

from pathlib import Path
from typing import Final

from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.demo import check_demo, open_demo
from vsr_data.footage.picture_pairs import holds_picture_pairs, open_picture_pairs
from vsr_data.footage.png import read_size
from vsr_data.footage.video_cache import Survey, check_room
from vsr_data.footage.videos import SUFFIXES, check_videos, open_videos, video_files
from vsr_data.request import Request, Role
from vsr_files import printable
from vsr_settings import Data, Model

DEMO: Final = "demo"
ROLES: Final[tuple[Role, Role]] = ("train", "val")
MOST_NAMED: Final = 8  # files that one message lists


def open_training(data: Data, model: Model) -> Footage:
    """Open `data.train`; its clips hold a patch and a window.

    Raises:
        DataError: nothing usable remains, or the cache is too small; the message names the files.
    """
    return _open(data, model, "train")


def open_validation(data: Data, model: Model) -> Footage:
    """Open `data.val`; its clips hold a window and are validated as whole frames.

    Raises:
        DataError: nothing usable remains, or the cache is too small; the message names the files.
    """
    return _open(data, model, "val")


def check_sources(data: Data, model: Model) -> list[Survey]:
    """Refuse what cannot be trained or validated on before anything is decoded.

    Both sources are looked at: whether they are there, what they hold, the headers of their files,
    what the cache knows of them, and whether their frames will fit into it.

    Returns:
        What is known of the videos among them.

    Raises:
        DataError: one of the sources has nothing usable, or the cache cannot hold their frames.
    """
    surveys = [_checked(Request.of(data, model, role)) for role in ROLES]
    videos = [found for found in surveys if found is not None]
    if videos:
        check_room(videos)
    return videos


def _checked(request: Request) -> Survey | None:
    """Look at one source without decoding; returns what is known of its videos, if it has any."""
    if request.source == DEMO:
        check_demo(request)
        return None
    place = _existing(request)
    if holds_picture_pairs(place):
        footage = open_picture_pairs(place, request, measure=read_size)
        if not footage.clips:
            raise DataError(_nothing_usable(request, footage.rejected))
        return None
    found = check_videos(_videos(place, request), request)
    if not found.entries and not found.headers:
        raise DataError(_nothing_usable(request, found.rejections()))
    return found


def _open(data: Data, model: Model, role: Role) -> Footage:
    request = Request.of(data, model, role)
    if request.source == DEMO:
        return open_demo(request)
    place = _existing(request)
    if holds_picture_pairs(place):
        footage = open_picture_pairs(place, request)
    else:
        files = _videos(place, request)
        footage = open_videos(files, request, _other_request(data, model, role))
    if not footage.clips:
        raise DataError(_nothing_usable(request, footage.rejected))
    return footage


def _existing(request: Request) -> Path:
    place = request.place
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise DataError(
            f"{request.setting}: no such file or folder; give a video, a folder of videos, a "
            f"folder with Patches/GT and Patches/LR, or {DEMO!r}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{request.setting} cannot be looked at: {error.strerror}; mend the path or its "
            "permissions, or name another source"
        ) from error
    return place


def _videos(place: Path, request: Request) -> list[Path]:
    files = video_files(place)
    if not files:
        raise DataError(_no_videos(place, request))
    return files


def _other_request(data: Data, model: Model, role: Role) -> tuple[list[Path], Request]:
    """The videos of the run's other source, whose frames count against the same limit."""
    other = Request.of(data, model, "val" if role == "train" else "train")
    if other.source == DEMO:
        return [], other
    try:
        place = _existing(other)
        return ([] if holds_picture_pairs(place) else video_files(place)), other
    except DataError:  # opening that one will say so
        return [], other


def _no_videos(place: Path, request: Request) -> str:
    kinds = ", ".join(
        kind for kind in (".mp4", ".mkv", ".mov", ".webm", ".264") if kind in SUFFIXES
    )
    return (
        f"{request.setting}: there is no video in this folder; expected files such as {kinds}, or "
        f"Patches/GT and Patches/LR with pictures{_hint(place)}"
    )


def _hint(place: Path) -> str:
    try:
        if any((place / part).is_dir() for part in ("GT", "LR")):
            return f"; for pictures give the folder above Patches, {printable(place.parent)!r}"
        if any(child.is_dir() for child in place.iterdir()):
            return "; its subfolders are not searched"
    except OSError:  # what is in it cannot be told
        pass
    return ""


def _nothing_usable(request: Request, rejected: tuple[Rejected, ...]) -> str:
    lines = [f"{item.path!r}: {item.reason}" for item in rejected[:MOST_NAMED]]
    if len(rejected) > MOST_NAMED:
        lines.append(f"and {len(rejected) - MOST_NAMED} more")
    listed = "".join(f"\n  {line}" for line in lines)
    return (
        f"{request.setting} has nothing usable; mend or replace the files, or name another "
        f"source:{listed}"
    )
