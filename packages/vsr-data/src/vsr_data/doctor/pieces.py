"""From sources to pieces of work: a video, or some clips of pictures, for one process each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, assert_never

from vsr_data.doctor.examination import examine_clips, examine_video, require_regular
from vsr_data.doctor.findings import Examined, Remark
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip, Footage
from vsr_data.footage.demo import open_demo
from vsr_data.footage.kinds import (
    Demo,
    Kind,
    Pairs,
    PictureFolders,
    Septuplets,
    Shards,
    Videos,
    contents_of,
)
from vsr_data.footage.picture_folders import open_picture_folders
from vsr_data.footage.picture_pairs import open_picture_pairs
from vsr_data.footage.room import Room
from vsr_data.footage.septuplets import open_septuplets
from vsr_data.footage.shards import open_shards
from vsr_data.request import Request
from vsr_data.samples.sampling import spread
from vsr_data.video import FrameRange, read_header
from vsr_files import printable

MOST_CLIPS: Final = 4000
"""Pairs or folders of pictures of one source that are looked at: of more, evenly spaced ones."""

TOGETHER: Final = 64
"""Of those, how many one process reads."""


@dataclass(frozen=True)
class Piece:
    """What one process reads.

    Attributes:
        request: what it is wanted for.
        video: a file; or else
        clips: clips by the name of what they are of.
        frames: how many there are to read, as far as anybody knows.
    """

    request: Request
    video: Path | None = None
    clips: tuple[tuple[str, tuple[Clip, ...]], ...] = ()
    frames: int = 0

    def failed(self, reason: str) -> list[Examined]:
        """What there is to say of it when reading it failed."""
        names = [name for name, _ in self.clips] if self.video is None else [printable(self.video)]
        return [refusal(name, reason, self.request) for name in names]


@dataclass
class Opened:
    """A source, ready to be read.

    Attributes:
        pieces: what there is to read.
        refused: files that are left out before anything is read.
        remarks: what there is to say of all of it.
        made: footage with low-resolution frames of its own, whose pairs can be checked.
    """

    pieces: list[Piece] = field(default_factory=list)
    refused: list[Examined] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    made: list[Footage] = field(default_factory=list)


def examine(piece: Piece, watch: Callable[[int], object]) -> list[Examined]:
    """Read a piece."""
    if piece.video is not None:
        return [examine_video(piece.video, piece.frames, piece.request, watch)]
    found: list[Examined] = []
    for name, clips in piece.clips:
        before = sum(file.account.decoded for file in found)
        found.append(examine_clips(name, clips, piece.request, partial(_tell, watch, before)))
    return found


def _tell(watch: Callable[[int], object], before: int, frames: int) -> None:
    watch(before + frames)


def open_source(request: Request, scratch: Path, *, patch_is_given: bool) -> Opened:
    """Find out what there is to read of a source; what cannot be used is among what is refused.

    Args:
        request: the source.
        scratch: an empty folder for what has to be made before it can be read.
        patch_is_given: whether what is too small for `data.patch` is to be refused.
    """
    opened = Opened()
    patch = request.patch if patch_is_given else None
    request = replace(request, cache_dir=str(scratch), patch=patch)
    try:
        contents = contents_of(request)
    except DataError as error:
        opened.refused.append(_refused_source(error, request))
        return opened
    for path in sorted(contents.rejected):
        opened.refused.append(refusal(printable(path), contents.rejected[path], request))
    for kind in contents.kinds:
        try:
            _open(kind, request, opened)
        except DataError as error:
            opened.refused.append(_refused_source(error, request))
    return opened


def refusal(name: str, reason: str, request: Request) -> Examined:
    """A file that is left out."""
    return Examined(name, request.role, "video", refused=reason, group=request.group)


def _refused_source(error: DataError, request: Request) -> Examined:
    """A source as a whole, whose name need not be said twice."""
    reason = str(error).removeprefix(f"{request.setting}: ")
    return refusal(printable(request.source), reason, request)


def _open(kind: Kind, request: Request, opened: Opened) -> None:
    match kind:
        case Videos():
            opened.pieces += [
                Piece(request, path, frames=_frames(path, request)) for path in kind.files
            ]
        case Pairs():
            _take(open_picture_pairs(kind.place, request), request, opened)
        case Shards():
            _take(open_shards(kind.place, request), request, opened)
        case Septuplets():
            _take(open_septuplets(kind.place, request), request, opened)
        case PictureFolders():
            _take(open_picture_folders(list(kind.places), request), request, opened)
        case Demo():
            _take(open_demo(request, Room()), request, opened)
        case _:
            assert_never(kind)


def _frames(path: Path, request: Request) -> int:
    try:
        require_regular(path)
        return FrameRange.parse(request.frames).count(read_header(path).frames or 0)
    except UnusableFileError:
        return 0  # reading it will say why


def _take(footage: Footage, request: Request, opened: Opened) -> None:
    """Make pieces of clips that are decoded on demand."""
    for rejected in footage.rejected:
        opened.refused.append(refusal(rejected.path, rejected.reason, request))
    opened.remarks += [Remark("note", "source", note) for note in footage.notes]
    named: dict[str, list[Clip]] = {}
    for clip in footage.clips:
        name = f"demo {clip.name.partition('#')[0]}" if clip.source == "demo" else clip.source
        named.setdefault(name, []).append(clip)
    names = list(named)
    if len(names) > MOST_CLIPS:
        what = f"{len(names):,} clips, of which {MOST_CLIPS:,} were looked at, evenly spaced"
        opened.remarks.append(Remark("note", "sampled", what))
        names = [names[i] for i in spread(len(names), MOST_CLIPS)]
    opened.pieces += list(_batches({name: tuple(named[name]) for name in names}, request))
    if any(clip.is_ready_made or not clip.frames for clip in footage.clips):
        opened.made.append(footage)


def _batches(named: dict[str, tuple[Clip, ...]], request: Request) -> Iterator[Piece]:
    names: Sequence[str] = list(named)
    for start in range(0, len(names), TOGETHER):
        clips = tuple((name, named[name]) for name in names[start : start + TOGETHER])
        frames = sum(max(clip.frames, clip.windows) for _, each in clips for clip in each)
        yield Piece(request, clips=clips, frames=frames)
