"""The folder beside an output in which it grows: what it is of, its segments, and who owns it.

A segment is a stretch of encoded frames that begins with a key frame. It counts once its
description lies beside it, which is written after it: a kill or a power cut leaves whole segments,
and what else it leaves is written anew.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from vsr_files import make_folder, printable, remove_partials, replacing, sync_folder
from vsr_upscale.errors import UpscaleError

SUFFIX: Final = ".unfinished"


@dataclass(frozen=True)
class Segment:
    """A stretch of encoded frames.

    Attributes:
        path: of its file.
        shown: when the frame of each packet is shown, in ticks, in the packets' order.
        duration: ticks that its last frame is shown for, where none follows.
        sha256: of the file.
    """

    path: Path
    shown: tuple[int, ...]
    duration: int
    sha256: str


class Job:
    """An output that is being made.

    Args:
        out: its name.
        identity: what must be the same for a later run to go on; of plain values.
    """

    def __init__(self, out: Path, identity: Mapping[str, Any]) -> None:
        self.out = out
        self.folder = out.with_name(out.name + SUFFIX)
        self._identity = dict(identity)
        self.segments: list[Segment] = []
        self._is_new = self._is_finished = False
        self._size = 0

    @property
    def frames(self) -> int:
        """Frames that are encoded, in whole segments."""
        return sum(len(segment.shown) for segment in self.segments)

    @property
    def size(self) -> int:
        """Bytes of the segments."""
        return self._size

    @contextmanager
    def opened(self, *, resume: bool, overwrite: bool) -> Iterator[None]:
        """Own the folder while the context lasts, with what an earlier run left, if asked for.

        Raises:
            UpscaleError: if the output is there, or an earlier run's work that may not be used, or
                another process owns it.
            OSError: if the disk refuses.
        """
        self.check_free(resume=resume, overwrite=overwrite)
        make_folder(self.folder)
        lock = FileLock(self.folder / "lock", blocking=False, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise UpscaleError(
                f"{printable(self.out)!r} is being made by another process; wait until it ends"
            ) from error
        try:
            self._take_up(resume=resume)
            yield
        finally:
            lock.release()
            if self._is_finished or (self._is_new and not self.segments):
                shutil.rmtree(self.folder)  # nothing in it is worth going on with

    def path_of(self, number: int) -> Path:
        """Where a segment lies."""
        return self.folder / f"{number:06}.video"

    def add(self, path: Path, shown: Sequence[int], duration: int) -> None:
        """Count a segment, whose file is whole on the disk.

        Raises:
            OSError: if the disk refuses.
        """
        segment = Segment(path, tuple(shown), duration, _sha256(path))
        self._size += path.stat().st_size
        described = {"shown": segment.shown, "duration": duration, "sha256": segment.sha256}
        write_json(path.with_suffix(".json"), described)
        self.segments.append(segment)

    def finish(self, whole: Path) -> None:
        """Give a whole output its name; what it was made of is removed with the context's end.

        Raises:
            OSError: if the disk refuses.
        """
        whole.replace(self.out)
        sync_folder(self.out.absolute().parent)
        (self.folder / "job.json").unlink()  # first: nothing is unfinished from here on
        self._is_finished = True

    def check_free(self, *, resume: bool, overwrite: bool) -> None:
        """Refuse to make what is there, or is being made, unless that is asked for.

        Raises:
            UpscaleError: saying which, and what to do.
        """
        there = (self.folder / "job.json").exists()
        if self.out.exists() and not overwrite and not (resume and there):
            raise UpscaleError(
                f"{printable(self.out)!r} is there already; give another name, or replace it with "
                "--overwrite"
            )
        if there and not resume and not overwrite:
            raise UpscaleError(
                f"{printable(self.folder)!r} holds what an earlier run made of "
                f"{printable(self.out)!r}; go on with --resume, or start anew with --overwrite"
            )

    def _take_up(self, *, resume: bool) -> None:
        remove_partials(self.folder)
        described = self.folder / "job.json"
        before = read_json(described)
        if resume and before is not None:
            changed = [name for name in self._identity if before.get(name) != self._identity[name]]
            if changed:
                raise UpscaleError(
                    f"{printable(self.folder)!r} was begun with another "
                    f"{', another '.join(changed)}; ask for the same as before, or start anew with "
                    "--overwrite"
                )
            self._find_segments()
        else:
            self._forget()
            self._is_new = True
            write_json(described, self._identity)

    def _find_segments(self) -> None:
        """Count the segments up to the first that is not whole."""
        while (segment := _read_segment(self.path_of(len(self.segments)))) is not None:
            self.segments.append(segment)
            self._size += segment.path.stat().st_size

    def _forget(self) -> None:
        for path in self.folder.iterdir():
            if path.name != "lock":
                path.unlink()


def _read_segment(path: Path) -> Segment | None:
    found = read_json(path.with_suffix(".json"))
    if found is None or not path.is_file() or _sha256(path) != found.get("sha256"):
        return None
    return Segment(path, tuple(found["shown"]), found["duration"], found["sha256"])


def read_json(path: Path) -> dict[str, Any] | None:
    """Read what `write_json` wrote; None of anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write plain values, whole or not at all.

    Raises:
        OSError: if the disk refuses.
    """
    with replacing(path) as file:
        file.write(json.dumps(value).encode())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity_of(source: Path, weights: str, **asked: object) -> dict[str, Any]:
    """What tells one job from another.

    Args:
        source: the film.
        weights: a digest of the network.
        asked: the rest, of plain values.
    """
    stat = source.stat()
    plain = {name: _plain(value) for name, value in asked.items()}
    film = [str(source.resolve()), stat.st_size, stat.st_mtime_ns]
    return {"film": film, "network": weights, **plain}


def _plain(value: Any) -> Any:
    """A value as it comes back from JSON."""
    return json.loads(json.dumps(value))
