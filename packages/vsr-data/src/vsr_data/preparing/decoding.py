"""Videos decoded into the frame cache by several processes, one file each at a time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from vsr_data.cache import GIB, Entry
from vsr_data.footage.video_cache import Survey, decode_missing, survey
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
    wanted = {
        one.keys[path]: (path, one.request) for one in surveys for path in one.headers
    }  # what two sources share is decoded once
    if not wanted:
        return
    held = {key: entry.n_bytes for one in surveys for key, entry in _entries(one).items()}
    jobs = [(path, _less(request, sum(held.values()))) for path, request in wanted.values()]
    say(f"decoding {len(jobs)} videos into the frame cache")
    for i, path in enumerate(done_by(processes, _decode, (), jobs), 1):
        say(f"decoded {printable(path)} ({i} of {len(jobs)})")


def _decode(job: tuple[Path, Request]) -> Path:
    path, request = job
    decode_missing(survey([path], request), [])
    return path


def _entries(found: Survey) -> dict[str, Entry]:
    return {found.keys[path]: entry for path, entry in found.entries.items()}


def _less(request: Request, held: int) -> Request:
    """The request with what is left of the cache."""
    return replace(request, cache_gib=max(request.cache_gib - held / GIB, 0.0))
