"""Videos that lie in the frame cache, and those that are decoded into it.

Invariant: what is decoded does not depend on the window or the patch, only what is chosen from it
does, so that changing either costs no decoding.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG

from vsr_data.cache import GIB, Budget, CacheFullError, Entry, EntryWriter, FrameStore, entry_key
from vsr_data.degradation import degrade
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Rejected
from vsr_data.footage.reading import VERSION, FilmReading
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


def decode_missing(found: Survey, elsewhere: Sequence[tuple[list[Path], Request]]) -> None:
    """Decode what the cache does not hold yet; `entries` and `rejected` take it up.

    Args:
        found: the videos.
        elsewhere: the videos of the run's other sources and their requests, which share
            `data.cache_gib`.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    held = held_elsewhere([found], elsewhere)
    check_room([found], held)
    held += sum(entry.n_bytes for entry in found.entries.values())
    budget = Budget(_limit(found.request), held)
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


def held_elsewhere(
    surveys: Sequence[Survey], elsewhere: Sequence[tuple[list[Path], Request]]
) -> int:
    """Bytes that videos of other sources take in the cache; what sources share counts once."""
    seen = {key for one in surveys for key in one.keys.values()}
    total = 0
    for files, request in elsewhere:
        for path in files:
            try:
                key = _key(path, request)
            except UnusableFileError:
                continue
            entry = None if key in seen else surveys[0].store.find(key)
            total += 0 if entry is None else entry.n_bytes
            seen.add(key)
    return total


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


def check_room(surveys: list[Survey], held: int = 0) -> None:
    """Refuse videos whose frames the cache will not hold, by their headers.

    Args:
        surveys: the videos of one source or of several, which share `data.cache_gib`.
        held: bytes that other sources of the run take already.

    Raises:
        DataError: the frames will exceed `data.cache_gib` or the disk, or the cache cannot be
            written to.
    """
    requests, store = [one.request for one in surveys], surveys[0].store
    of_takes = sum(_bytes_of_takes(one) for one in surveys)
    if not of_takes and not any(one.headers for one in surveys):
        return
    store.check_writable()
    entries = {one.keys[path]: entry for one in surveys for path, entry in one.entries.items()}
    held += of_takes + sum(entry.n_bytes for entry in entries.values())
    wanted, limit, free = _wanted(surveys), _limit(requests[0]), store.free_bytes()
    if wanted > min(limit - held, free):  # headers lie: count before refusing
        for one in surveys:
            one.headers = {path: _counted(path, header) for path, header in one.headers.items()}
        wanted = _wanted(surveys)
    if held + wanted > limit:
        count = sum(len(one.headers) for one in surveys)
        of_which = f", {of_takes / GIB:.2g} GiB of degraded frames" if of_takes else ""
        raise _too_much(requests, held + wanted, f"{count} videos to decode{of_which}")
    if wanted > free:
        raise DataError(
            f"decoded frames of {_named(requests)} need about {wanted / GIB:.2g} GiB; the disk of "
            f"data.cache_dir = {requests[0].cache_dir!r} has {free / GIB:.2g} GiB free; "
            f"use fewer frames with {requests[0].frames_setting}, or another data.cache_dir"
        )


def _counted(path: Path, header: Header) -> Header:
    try:
        return replace(header, frames=count_packets(path))
    except UnusableFileError:
        return replace(header, frames=0)  # it has gone; decoding will say so


def _limit(request: Request) -> int:
    return int(request.cache_gib * GIB)


def _wanted(surveys: list[Survey]) -> int:
    """Bytes of the frames that are to be decoded; what two sources share counts once."""
    wanted = {
        one.keys[path]: _wanted_bytes(header, one.request)
        for one in surveys
        for path, header in one.headers.items()
    }
    return sum(wanted.values())


def _decode(found: Survey, path: Path, header: Header, budget: Budget) -> Entry:
    request, key, reading = found.request, found.keys[path], FilmReading(path, found.request)
    try:
        with found.store.write(key, budget, printable(path)) as writer:
            _keep(writer, reading, request)
    except CacheFullError as error:
        about = max(budget.limit, budget.used + _wanted_bytes(header, request))
        where = f"full at frame {reading.tally.decoded} of {printable(path)!r}"
        raise _too_much([request], about, where) from error
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


def _too_much(requests: list[Request], needed: int, where: str) -> DataError:
    return DataError(
        f"decoded frames of {_named(requests)} need more than data.cache_gib = "
        f"{requests[0].cache_gib:g} GiB: at least {needed / GIB:.2g} GiB ({where}); raise "
        f"data.cache_gib, or use fewer frames of each video, as in "
        f"{requests[0].frames_setting} = ':300'"
    )


def _named(requests: list[Request]) -> str:
    return " and ".join(request.setting for request in requests)
