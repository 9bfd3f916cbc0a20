"""From a source as the user wrote it to footage, or to one message that says what to do.

The three kinds are told apart by what they are: the word `demo`, a folder with `Patches` or `Val`
in it, and anything else is a video or a folder of videos.
"""

from pathlib import Path
from typing import Final

from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.demo import open_demo
from vsr_data.footage.picture_pairs import is_pictures_folder, open_pictures
from vsr_data.footage.videos import SUFFIXES, open_videos, video_files
from vsr_data.request import Request, Role
from vsr_settings import Data, Model

DEMO: Final = "demo"
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


def _open(data: Data, model: Model, role: Role) -> Footage:
    request = Request.of(data, model, role)
    if request.source == DEMO:
        return open_demo(request)
    place = _existing(request)
    if is_pictures_folder(place):
        footage = open_pictures(place, request)
    else:
        files = video_files(place)
        if not files:
            raise DataError(_no_videos(place, request))
        footage = open_videos(files, request, _other_request(data, model, role))
    if not footage.clips:
        raise DataError(_nothing_usable(request, footage.rejected))
    return footage


def _existing(request: Request) -> Path:
    place = request.place
    try:
        exists = place.exists()
    except (OSError, ValueError):  # too long a name, or a null byte in it
        exists = False
    if not exists:
        raise DataError(
            f"{request.setting}: no such file or folder; give a video, a folder of videos, a "
            f"folder with Patches/GT and Patches/LR, or {DEMO!r}"
        )
    return place


def _other_request(data: Data, model: Model, role: Role) -> tuple[list[Path], Request]:
    """The videos of the run's other source, whose frames count against the same limit."""
    other = Request.of(data, model, "val" if role == "train" else "train")
    try:
        place = other.place
        usable = other.source != DEMO and place.exists() and not is_pictures_folder(place)
        return (video_files(place) if usable else []), other
    except (DataError, OSError, ValueError):
        return [], other


def _no_videos(place: Path, request: Request) -> str:
    kinds = ", ".join(
        kind for kind in (".mp4", ".mkv", ".mov", ".webm", ".264") if kind in SUFFIXES
    )
    hint = ""
    if any((place / part).is_dir() for part in ("GT", "LR")):
        hint = f"; for pictures give the folder above Patches, {str(place.parent)!r}"
    elif any(child.is_dir() for child in place.iterdir()):
        hint = "; its subfolders are not searched"
    return (
        f"{request.setting}: there is no video in this folder; expected files such as {kinds}, or "
        f"Patches/GT and Patches/LR with pictures{hint}"
    )


def _nothing_usable(request: Request, rejected: tuple[Rejected, ...]) -> str:
    lines = [f"{item.path!r}: {item.reason}" for item in rejected[:MOST_NAMED]]
    if len(rejected) > MOST_NAMED:
        lines.append(f"and {len(rejected) - MOST_NAMED} more")
    listed = "".join(f"\n  {line}" for line in lines)
    return (
        f"{request.setting} has nothing usable; mend or replace the files, or name another "
        f"source:{listed}"
    )
