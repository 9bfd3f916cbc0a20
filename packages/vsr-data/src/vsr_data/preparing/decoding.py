"""Videos decoded into the frame cache by several processes, one file each at a time."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from pathlib import Path

from vsr_data.footage.room import Room
from vsr_data.footage.video_cache import Survey, decode_missing, room_of, survey
from vsr_data.preparing.processes import done_by
from vsr_data.request import Request
from vsr_files import printable


def decode_videos(surveys: list[Survey], processes: int, say: Callable[[str], None]) -> None:
    """Decode what the cache does not hold; whoever opens the sources then finds it there.

    Their room was checked by their headers; where those lie, each process stops at the limit.

    Args:
        surveys: the videos of each source.
        processes: how many to start.
        say: is told what is decoded.

    Raises:
        DataError: the frames exceed `data.cache_gib` or the disk.
    """
    room = reduce(or_, map(room_of, surveys), Room())
    jobs = {
        one.keys[path]: (path, one.request, _beside(room, one, path))
        for one in surveys
        for path in one.headers
    }  # what two sources share is decoded once
    if not jobs:
        return
    say(f"decoding {len(jobs)} videos into the frame cache")
    for i, path in enumerate(done_by(processes, _decode, (), list(jobs.values())), 1):
        say(f"decoded {printable(path)} ({i} of {len(jobs)})")


def _decode(job: tuple[Path, Request, Room]) -> Path:
    path, request, beside = job
    decode_missing(survey([path], request), beside)
    return path


def _beside(room: Room, found: Survey, path: Path) -> Room:
    """What is held in the cache beside the frames and takes of one video; small to send."""
    own = Survey(found.request, found.store, found.keys, headers={path: found.headers[path]})
    lying = {"all": sum(room.lying.values())}
    return Room((found.request,), lying, takes=room.takes - room_of(own).takes)
