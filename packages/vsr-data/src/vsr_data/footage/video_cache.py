"""Videos that lie in the frame cache, and those that are decoded into it.

Invariant: what is decoded does not depend on the window or the patch, only what is chosen from it
does, so that changing either costs no decoding.
"""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG

from vsr_data.cache import GIB, Budget, CacheFullError, Entry, EntryWriter, FrameStore, entry_key
from vsr_data.degradation import degrade
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.video import FrameRange, Header, Tally, frames, read_header
from vsr_data.video.container import DECODE_ERRORS, reason_of
from vsr_data.video.header import count_packets

logger = logging.getLogger(__name__)


@dataclass
class Survey:
    """What is known of a source's videos before any is decoded.

    Attributes:
        request: what they are wanted for.
        store: where their frames lie.
        keys: of every file that can be stood for at all.
        entries: those that the cache holds.
        headers: those that have yet to be decoded.
        rejected: those that cannot be used, and why.
    """

    request: Request
    store: FrameStore
    keys: dict[Path, str] = field(default_factory=dict)
    entries: dict[Path, Entry] = field(default_factory=dict)
    headers: dict[Path, Header] = field(default_factory=dict)
    rejected: dict[Path, str] = field(default_factory=dict)


def survey(files: list[Path], request: Request) -> Survey:
    """Look videos up in the cache, and read the headers of those it does not hold."""
    found = Survey(request, FrameStore(request.cache_folder))
    for path in files:
        try:
            key = found.keys[path] = _key(path, request)
            entry = found.store.find(key)
            if entry is not None:
                found.entries[path] = entry
            else:
                found.headers[path] = _fitting_header(path, request)
        except UnusableFileError as error:
            found.rejected[path] = str(error)
    return found


def decode_missing(found: Survey, elsewhere: tuple[list[Path], Request]) -> None:
    """Decode what the cache does not hold yet; `entries` and `rejected` take it up.

    Args:
        found: the videos.
        elsewhere: the videos and the request of the run's other source, which share
            `data.cache_gib`.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    held = sum(entry.n_bytes for entry in found.entries.values())
    held += _held_elsewhere(found, *elsewhere)
    budget = Budget(int(found.request.cache_gib * GIB), held)
    _check_room(found, budget)
    for i, (path, header) in enumerate(found.headers.items(), 1):
        logger.info("decoding %s into the cache (%d of %d)", path.name, i, len(found.headers))
        try:
            found.entries[path] = _decode(found, path, header, budget)
        except UnusableFileError as error:
            found.rejected[path] = str(error)


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
    wanted = FrameRange.parse(request.frames)
    return entry_key(
        kind="video",
        path=str(path.resolve()),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        frames=[wanted.first, wanted.stop],
        scale=request.scale,
        degradation=request.degradation,
    )


def _held_elsewhere(found: Survey, files: list[Path], request: Request) -> int:
    """Bytes that the run's other source already takes."""
    mine, total = set(found.keys.values()), 0
    for path in files:
        try:
            key = _key(path, request)
        except UnusableFileError:
            continue
        entry = None if key in mine else found.store.find(key)
        total += 0 if entry is None else entry.n_bytes
    return total


def _wanted_bytes(header: Header, request: Request) -> int:
    """What a video's frames will take, as far as its header tells; 0 where it does not."""
    if header.frames is None:
        return 0
    frame_bytes = header.height * header.width * 3 * (1 + 1 / request.scale**2)
    return int(FrameRange.parse(request.frames).count(header.frames) * frame_bytes)


def _check_room(found: Survey, budget: Budget) -> None:
    request, headers, store = found.request, found.headers, found.store
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


def _decode(found: Survey, path: Path, header: Header, budget: Budget) -> Entry:
    request, key, tally = found.request, found.keys[path], Tally()
    try:
        with found.store.write(key, budget) as writer:
            _decode_into(writer, path, request, tally)
    except CacheFullError as error:
        about = max(budget.limit, budget.used + _wanted_bytes(header, request))
        where = f"full at frame {tally.decoded} of {str(path)!r}"
        raise _too_much(request, about, where) from error
    entry = found.store.find(key)
    if entry is None:
        raise UnusableFileError("its cached frames vanished while they were written")
    return entry


def _decode_into(writer: EntryWriter, path: Path, request: Request, tally: Tally) -> None:
    """Keep a video's frames, their sides cropped to multiples of the scale, and small ones of them.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
        CacheFullError: its frames exceed the budget.
    """
    scale = request.scale
    for frame in frames(path, FrameRange.parse(request.frames), tally):
        if not frame.follows:
            writer.end_run()
        height, width = frame.size
        if min(height, width) // scale < SMALLEST_PATCH:
            writer.end_run()
            tally.note(f"frames of {width}×{height} are too small to use")
            continue
        try:
            rgb_HWC = frame.rgb()
        except DECODE_ERRORS as error:
            writer.end_run()
            tally.note(f"{frame.picture.format.name} frames cannot be used: {reason_of(error)}")
            continue
        gt_HWC = rgb_HWC[: height - height % scale, : width - width % scale].copy()
        writer.append(frame.number, gt_HWC, degrade(gt_HWC, scale, request.degradation))
    writer.census.decoded, writer.census.damaged = tally.decoded, tally.damaged
    writer.census.notes = tally.notes


def _too_much(request: Request, needed: int, where: str) -> DataError:
    return DataError(
        f"decoded frames of {request.setting} need more than data.cache_gib = "
        f"{request.cache_gib:g} GiB: at least {needed / GIB:.2g} GiB ({where}); raise "
        f"data.cache_gib, or use fewer frames of each video, as in "
        f"data.{request.role}_frames = ':300'"
    )
