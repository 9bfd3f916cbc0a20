"""Videos that lie in the frame cache, and those that are decoded into it.

Invariant: what is decoded does not depend on the window or the patch, only what is chosen from it
does, so that changing either costs no decoding.
"""

import logging
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from pathlib import Path
from stat import S_ISREG

from vsr_data.cache import Budget, CacheFullError, Entry, EntryWriter, FrameStore, entry_key
from vsr_data.degradation import degrade
from vsr_data.errors import UnusableFileError
from vsr_data.footage.clip import Rejected
from vsr_data.footage.reading import VERSION, FilmReading
from vsr_data.footage.room import Room, limit_of
from vsr_data.footage.takes import takes_bytes
from vsr_data.request import Request
from vsr_data.video import FrameRange, Header, read_header
from vsr_data.video.header import count_packets
from vsr_files import printable

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

    def rejections(self) -> tuple[Rejected, ...]:
        """The files that cannot be used, sorted."""
        rows = ((printable(path), self.rejected[path]) for path in sorted(self.rejected))
        return tuple(Rejected(path, reason) for path, reason in rows)


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


def decode_missing(found: Survey, beside: Room) -> None:
    """Decode what the cache does not hold yet; `entries` and `rejected` take it up.

    Args:
        found: the videos.
        beside: what the run's other sources take, which share `data.cache_gib`.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    check_room([found], beside)
    budget = Budget(limit_of(found.request), (beside | room_of(found)).held)
    count = len(found.headers)
    for i, (path, header) in enumerate(found.headers.items(), 1):
        logger.info("decoding %s into the cache (%d of %d)", printable(path.name), i, count)
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
        reading=VERSION,
        path=str(path.resolve()),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        frames=[wanted.first, wanted.stop],
        scale=request.scale,
        degradation=request.reduction,
        cuts=request.cuts,
        interlaced=request.interlaced,
        hdr=request.hdr,
    )


def room_of(found: Survey) -> Room:
    """What videos take in the cache, and their takes."""
    lying = {found.keys[path]: entry.n_bytes for path, entry in found.entries.items()}
    coming = {
        found.keys[path]: _wanted_bytes(header, found.request)
        for path, header in found.headers.items()
    }
    if not lying and not coming:
        return Room()
    return Room((found.request,), lying, coming, _bytes_of_takes(found))


def room_held(files: list[Path], request: Request) -> Room:
    """What those of some videos take that are in the cache already; no header is read."""
    found = Survey(request, FrameStore(request.cache_folder))
    for path in files:
        try:
            key = found.keys[path] = _key(path, request)
        except UnusableFileError:
            continue
        entry = found.store.find(key)
        if entry is not None:
            found.entries[path] = entry
    return room_of(found)


def _wanted_bytes(header: Header, request: Request) -> int:
    """What a video's frames will take, as far as its header tells; 0 where it does not."""
    if header.frames is None:
        return 0
    frame_bytes = header.height * header.width * 3 * (1 + 1 / request.scale**2)
    return int(FrameRange.parse(request.frames).count(header.frames) * frame_bytes)


def _bytes_of_takes(survey: Survey) -> int:
    """What the takes of a source's videos need at most, whether they have been made or not."""
    request = survey.request
    segments = [segment for entry in survey.entries.values() for segment in entry.segments]
    total = sum(takes_bytes(one.frames, one.lq.size, request) for one in segments)
    for header in survey.headers.values():
        frames = FrameRange.parse(request.frames).count(header.frames or 0)
        lq_size = header.height // request.scale, header.width // request.scale
        total += takes_bytes(frames, lq_size, request)
    return total


def check_room(surveys: list[Survey], beside: Room) -> None:
    """Refuse what the cache will not hold, by the headers of the videos.

    Args:
        surveys: the videos of one source or of several, which share `data.cache_gib`.
        beside: what else the run takes.

    Raises:
        DataError: the frames will exceed `data.cache_gib` or the disk, or the cache cannot be
            written to.
    """
    room = _together(surveys, beside)
    if not room.coming and not room.takes:
        return
    store = FrameStore(room.requests[0].cache_folder)
    store.check_writable()
    if not room.fits(store):  # headers lie: count before refusing
        for one in surveys:
            one.headers = {path: _counted(path, header) for path, header in one.headers.items()}
        _together(surveys, beside).check(store)


def _together(surveys: list[Survey], beside: Room) -> Room:
    return reduce(or_, [*map(room_of, surveys), beside])


def _counted(path: Path, header: Header) -> Header:
    try:
        return replace(header, frames=count_packets(path))
    except UnusableFileError:
        return replace(header, frames=0)  # it has gone; decoding will say so


def _decode(found: Survey, path: Path, header: Header, budget: Budget) -> Entry:
    request, key, reading = found.request, found.keys[path], FilmReading(path, found.request)
    try:
        with found.store.write(key, budget, printable(path)) as writer:
            _keep(writer, reading, request)
    except CacheFullError as error:
        about = max(budget.limit, budget.used + _wanted_bytes(header, request))
        where = f"full at frame {reading.tally.decoded} of {printable(path)!r}"
        raise Room((request,)).too_much(about, where) from error
    entry = found.store.find(key)
    if entry is None:
        raise UnusableFileError("its cached frames vanished while they were written")
    return entry


def _keep(writer: EntryWriter, reading: FilmReading, request: Request) -> None:
    """Keep a video's frames, and small ones of them.

    Raises:
        UnusableFileError: it is no video, its frames are absurdly large, or it is refused.
        CacheFullError: its frames exceed the budget.
    """
    for number, gt_HWC, starts_run, measures in reading:
        if starts_run:
            writer.end_run()
        lq_HWC = degrade(gt_HWC, request.scale, request.reduction)
        writer.append(number, gt_HWC, lq_HWC, (measures.motion, measures.detail))
    writer.end_run()
    writer.account = reading.account
