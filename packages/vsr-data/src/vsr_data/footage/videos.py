"""A video or a folder of videos in, clips out; each video is decoded once and then cached."""

from collections import Counter
from pathlib import Path
from typing import Final

from vsr_data.cache import Census, Entry
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip, Footage, Rejected
from vsr_data.footage.stored_clip import StoredClip
from vsr_data.footage.video_cache import decode_missing, survey
from vsr_data.request import Request

SUFFIXES: Final = frozenset(
    {
        *(".264", ".265", ".h264", ".h265", ".hevc", ".avc", ".av1", ".obu", ".ivf", ".y4m"),
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".flv"),
        *(".f4v", ".asf", ".wmv", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".ts", ".mts"),
        *(".m2ts", ".mxf", ".dv", ".nut", ".ogv", ".ogg", ".rm", ".rmvb", ".mjpg", ".mjpeg"),
    }
)


def video_files(source: Path) -> list[Path]:
    """The videos a source names, sorted; a file is one whatever it is called.

    Raises:
        DataError: a folder without videos, or one that cannot be listed.
    """
    if not source.is_dir():
        return [source]
    try:
        found = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise DataError(f"folder {str(source)!r} cannot be read: {error.strerror}") from error
    return [path for path in found if not path.name.startswith(".") and not path.is_dir()]


def open_videos(
    files: list[Path], request: Request, elsewhere: tuple[list[Path], Request]
) -> Footage:
    """Decode what is not in the cache yet, and cut clips.

    Args:
        files: the videos.
        request: what they are wanted for.
        elsewhere: the videos and the request of the run's other source, which share
            `data.cache_gib`.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    found = survey(files, request)
    decode_missing(found, elsewhere)
    names, rejected = _names(files), found.rejected
    clips: list[Clip] = []
    for path, entry in found.entries.items():
        try:
            clips += _clips(names[path], path, entry, request)
        except UnusableFileError as error:
            rejected[path] = str(error)
    return Footage(
        tuple(sorted(clips, key=lambda clip: clip.name)),
        tuple(Rejected(str(path), rejected[path]) for path in sorted(rejected)),
    )


def _names(files: list[Path]) -> dict[Path, str]:
    """Stems, or whole names where stems are not unique."""
    stems = Counter(path.stem for path in files)
    return {path: path.stem if stems[path.stem] == 1 else path.name for path in files}


def _clips(name: str, path: Path, entry: Entry, request: Request) -> list[Clip]:
    """The segments that fit the request.

    Raises:
        UnusableFileError: none does.
    """
    long = [segment for segment in entry.segments if segment.frames >= request.n_frames]
    if not long:
        raise UnusableFileError(_why_too_short(entry.census, request))
    misfits = [request.misfit(segment.lq_size) for segment in long]
    usable = [segment for segment, misfit in zip(long, misfits, strict=True) if misfit is None]
    if not usable:
        raise UnusableFileError(str(misfits[0]))
    clips: list[Clip] = []
    for i, segment in enumerate(usable, 1):
        label = name if i == 1 else f"{name}#{i}"
        clips.append(StoredClip(label, str(path), entry, segment, request.n_frames))
    return clips


def _why_too_short(census: Census, request: Request) -> str:
    ranged = "" if request.frames == ":" else f" in data.{request.role}_frames = {request.frames!r}"
    damage = f", {census.damaged} damaged" if census.damaged else ""
    notes = "".join(f"; {note}" for note in census.notes)
    if not census.decoded:
        return f"no frame of it can be decoded{damage}{notes}"
    if census.runs <= 1 and not damage:
        frames = f"{census.longest} frame{'' if census.longest == 1 else 's'}"
        return f"it has {frames}{ranged}; a window needs {request.n_frames}{notes}"
    return (
        f"its longest unbroken run has {census.longest} of {census.decoded} frames{damage}{ranged}"
        f"; a window needs {request.n_frames}{notes}"
    )
