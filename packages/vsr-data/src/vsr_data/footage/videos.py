"""A video or a folder of videos in, clips out; each video is decoded once and then cached."""

from pathlib import Path
from typing import Final

from vsr_data.cache import Account, Entry, Segment
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.active import Active
from vsr_data.footage.appraisal import grain_of
from vsr_data.footage.clip import Footage
from vsr_data.footage.names import clip_names
from vsr_data.footage.remarks import remarks_on
from vsr_data.footage.room import Room
from vsr_data.footage.stored_clip import StoredClip
from vsr_data.footage.video_cache import Survey, decode_missing, survey
from vsr_data.measures import Bars
from vsr_data.request import Request
from vsr_files import printable

SUFFIXES: Final = frozenset(
    {
        *(".264", ".265", ".h264", ".h265", ".hevc", ".avc", ".av1", ".obu", ".ivf", ".y4m"),
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".flv"),
        *(".f4v", ".asf", ".wmv", ".mpg", ".mpeg", ".mpe", ".m1v", ".m2v", ".vob", ".ts", ".mts"),
        *(".m2ts", ".mxf", ".dv", ".nut", ".ogv", ".ogg", ".rm", ".rmvb", ".mjpg", ".mjpeg"),
        *(".gif", ".apng"),
    }
)


def is_video(path: Path) -> bool:
    """Whether a file in a folder is taken for a video, by its suffix."""
    is_named_so = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return is_named_so and not path.is_dir()


def video_files(source: Path) -> list[Path]:
    """The videos a source names, sorted; a file is one whatever it is called.

    Raises:
        DataError: a folder that cannot be listed.
    """
    try:
        if not source.is_dir():
            return [source]
        return sorted(path for path in source.iterdir() if is_video(path))
    except OSError as error:
        raise DataError(
            f"folder {printable(source)!r} cannot be read: {error.strerror}; mend its permissions "
            "or name another source"
        ) from error


def open_videos(files: list[Path], request: Request, beside: Room) -> Footage:
    """Decode what is not in the cache yet, and cut clips.

    Args:
        files: the videos.
        request: what they are wanted for.
        beside: what the run's other sources take, which share `data.cache_gib`.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    found = survey(files, request)
    decode_missing(found, beside)
    usable = _usable(found)
    names = clip_names({path: max(1, len(usable.get(path, ()))) for path in files})
    clips = [
        _clip(name, path, found.entries[path], segment, request)
        for path, segments in usable.items()
        for name, segment in zip(names[path], segments, strict=True)
    ]
    told = ((path, remarks_on(found.entries[path].account, request)) for path in sorted(usable))
    remarks = tuple((printable(path), text) for path, text in told if text)
    ordered = tuple(sorted(clips, key=lambda clip: clip.name))
    return Footage(ordered, found.rejections(), remarks=remarks)


def check_videos(files: list[Path], request: Request) -> Survey:
    """Reject videos by their headers and by what the cache knows of them; decode nothing."""
    found = survey(files, request)
    _usable(found)
    return found


def _usable(found: Survey) -> dict[Path, list[Segment]]:
    """The segments that fit the request, of the entries that have any; the others are rejected."""
    usable: dict[Path, list[Segment]] = {}
    for path, entry in [*found.entries.items()]:
        try:
            usable[path] = _fitting(entry, found.request)
        except UnusableFileError as error:
            found.rejected[path] = str(error)
            del found.entries[path]
    return usable


def _fitting(entry: Entry, request: Request) -> list[Segment]:
    long = [segment for segment in entry.segments if segment.frames >= request.n_frames]
    if not long:
        raise UnusableFileError(why_too_short(entry.account, request))
    misfits = [_misfit(entry, segment, request) for segment in long]
    fitting = [segment for segment, misfit in zip(long, misfits, strict=True) if misfit is None]
    if not fitting:
        raise UnusableFileError(str(misfits[0]))
    return fitting


def _clip(name: str, path: Path, entry: Entry, segment: Segment, request: Request) -> StoredClip:
    is_weighed = request.windows == "detail"
    return StoredClip(
        name,
        path,
        entry,
        segment,
        request.n_frames,
        active=_active(entry, segment, request),
        grain=grain_of(entry.account, segment.gt.size) if is_weighed else None,
    )


def _active(entry: Entry, segment: Segment, request: Request) -> Active:
    """The part of a segment's frames that is picture; bars are those of the film's first size."""
    account, size = entry.account, segment.gt.size
    scale = request.scale
    measured = account.height - account.height % scale, account.width - account.width % scale
    if request.bars == "keep" or size != measured:
        return Active.whole(segment.lq.size)
    return Active.within(Bars(*account.bars), segment.lq.size, scale)


def _misfit(entry: Entry, segment: Segment, request: Request) -> str | None:
    misfit = request.misfit(_active(entry, segment, request).size)
    if misfit is not None and request.misfit(segment.lq.size) is None:
        return f"without its black bars, {misfit}, or set data.bars = 'keep'"
    return misfit


def why_too_short(account: Account, request: Request) -> str:
    """Why no run of a film holds a window."""
    ranged = "" if request.frames == ":" else f" in {request.frames_setting} = {request.frames!r}"
    damage = f", {account.damaged} damaged" if account.damaged else ""
    notes = "".join(f"; {note}" for note in _reasons(account))
    if not account.decoded:
        return f"no frame of it can be decoded{damage}{notes}"
    if account.runs <= 1 and not damage:
        frames = f"{account.longest} frame{'' if account.longest == 1 else 's'}"
        return f"it has {frames}{ranged}; a window needs {request.n_frames}{notes}"
    return (
        f"its longest unbroken run has {account.longest} of {account.decoded} frames{damage}"
        f"{ranged}; a window needs {request.n_frames}{notes}"
    )


def _reasons(account: Account) -> list[str]:
    """What may be why a file's runs are short."""
    notes = list(account.notes)
    if account.repeated:
        show = "1 frame shows" if account.repeated == 1 else f"{account.repeated} frames show"
        notes.append(f"{show} what the one before shows")
    if account.cuts:
        count = len(account.cuts)
        notes.append(f"runs end at {count} scene cut{'' if count == 1 else 's'}")
    return notes
