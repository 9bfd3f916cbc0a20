"""A video or a folder of videos in, clips out; each video is decoded once and then cached.

Invariant: what is decoded does not depend on the window or the patch, only what is chosen from it
does, so that changing either costs no decoding.
"""

import logging
from collections import Counter
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import Final

from vsr_data.clip import Clip, Footage, Rejected
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.frames import StoredClip
from vsr_data.request import Request
from vsr_data.store import GIB, Budget, CacheFullError, Census, Entry, FrameStore, entry_key
from vsr_data.video import FrameRange, Header, count_packets, decode_into, read_header

logger = logging.getLogger(__name__)

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
    store = FrameStore(request.cache_dir)
    rejected: dict[Path, str] = {}
    entries: dict[Path, Entry] = {}
    headers: dict[Path, Header] = {}
    keys: dict[Path, str] = {}
    for path in files:
        try:
            keys[path] = _key(path, request)
            entry = store.find(keys[path])
            if entry is not None:
                entries[path] = entry
                continue
            headers[path] = _fitting_header(path, request)
        except UnusableFileError as error:
            rejected[path] = str(error)
    budget = Budget(int(request.cache_gib * GIB), _held(store, *elsewhere, set(keys.values())))
    budget.used += sum(entry.n_bytes for entry in entries.values())
    _check_room(store, budget, headers, request)
    for i, (path, header) in enumerate(headers.items(), 1):
        logger.info("decoding %s into the cache (%d of %d)", path.name, i, len(headers))
        try:
            entries[path] = _decode(store, keys[path], path, header, request=request, budget=budget)
        except UnusableFileError as error:
            rejected[path] = str(error)
    names = _names(files)
    clips: list[Clip] = []
    for path, entry in entries.items():
        try:
            clips += _clips(names[path], path, entry, request)
        except UnusableFileError as error:
            rejected[path] = str(error)
    return Footage(
        tuple(sorted(clips, key=lambda clip: clip.name)),
        tuple(Rejected(str(path), rejected[path]) for path in sorted(rejected)),
    )


def _fitting_header(path: Path, request: Request) -> Header:
    """A video's header; refuses one too small for a patch before it is decoded in vain."""
    header = read_header(path)
    lq_size = header.height // request.scale, header.width // request.scale
    misfit = request.misfit(lq_size) if min(lq_size) > 0 else None
    if misfit is not None:
        raise UnusableFileError(misfit)
    return header


def _key(path: Path, request: Request) -> str:
    try:
        stat = path.stat()
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
    if not S_ISREG(stat.st_mode):
        raise UnusableFileError("it is not a regular file")
    if not stat.st_size:
        raise UnusableFileError("it is empty")
    frames = FrameRange.parse(request.frames)
    return entry_key(
        kind="video",
        path=str(path.resolve()),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        frames=[frames.first, frames.stop],
        scale=request.scale,
        degradation=request.degradation,
    )


def _held(store: FrameStore, files: list[Path], request: Request, mine: set[str]) -> int:
    """Bytes that the run's other source already takes."""
    total = 0
    for path in files:
        try:
            key = _key(path, request)
        except UnusableFileError:
            continue
        entry = None if key in mine else store.find(key)
        total += 0 if entry is None else entry.n_bytes
    return total


def _frame_bytes(header: Header, scale: int) -> float:
    return header.height * header.width * 3 * (1 + 1 / scale**2)


def _wanted_bytes(header: Header, request: Request) -> int:
    """What a video's frames will take, as far as its header tells; 0 where it does not."""
    if header.frames is None:
        return 0
    count = FrameRange.parse(request.frames).count(header.frames)
    return int(count * _frame_bytes(header, request.scale))


def _check_room(
    store: FrameStore, budget: Budget, headers: dict[Path, Header], request: Request
) -> None:
    wanted = sum(_wanted_bytes(header, request) for header in headers.values())
    room = min(budget.limit - budget.used, store.free_bytes())
    if wanted > room:  # headers lie: count before refusing
        for path, header in headers.items():
            headers[path] = replace(header, frames=count_packets(path))
        wanted = sum(_wanted_bytes(header, request) for header in headers.values())
    if budget.used + wanted > budget.limit:
        raise _too_much(request, budget.used + wanted, f"{len(headers)} videos to decode")
    if wanted > store.free_bytes():
        raise DataError(
            f"decoded frames of {request.setting} need about {wanted / GIB:.1f} GiB; the disk of "
            f"data.cache_dir = {request.cache_dir!r} has {store.free_bytes() / GIB:.1f} GiB free; "
            f"use fewer frames with data.{request.role}_frames, or another data.cache_dir"
        )


def _decode(
    store: FrameStore, key: str, path: Path, header: Header, *, request: Request, budget: Budget
) -> Entry:
    census = Census()
    try:
        with store.write(key, budget) as writer:
            census = writer.census
            frames = FrameRange.parse(request.frames)
            decode_into(writer, path, frames, request.scale, request.degradation)
    except CacheFullError as error:
        about = max(budget.limit, budget.used + _wanted_bytes(header, request))
        where = f"full at frame {census.decoded} of {str(path)!r}"
        raise _too_much(request, about, where) from error
    entry = store.find(key)
    if entry is None:
        raise UnusableFileError("its cached frames vanished while they were written")
    return entry


def _too_much(request: Request, needed: int, where: str) -> DataError:
    return DataError(
        f"decoded frames of {request.setting} need more than data.cache_gib = "
        f"{request.cache_gib:g} GiB: at least {needed / GIB:.2g} GiB ({where}); raise "
        f"data.cache_gib, or use fewer frames of each video, as in "
        f"data.{request.role}_frames = ':300'"
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
