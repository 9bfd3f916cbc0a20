"""From sources as the user wrote them to footage, or to one message that says what to do.

Either side of a run has one source or several, of any kind; `footage.kinds` says which kinds there
are and how they are told apart. All sources share one cache and its limit, for frames and for
takes, and a frame that two sources share counts once.
"""

from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Final, assert_never

from vsr_data.degradation import is_plain, require_encoders
from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.degraded_clip import degraded
from vsr_data.footage.demo import check_demo, open_demo
from vsr_data.footage.kinds import (
    Contents,
    Demo,
    Kind,
    Pairs,
    PictureFolders,
    Septuplets,
    Shards,
    Videos,
    contents_of,
)
from vsr_data.footage.names import distinct_names
from vsr_data.footage.picture_folders import open_picture_folders
from vsr_data.footage.picture_pairs import open_picture_pairs
from vsr_data.footage.png import read_size
from vsr_data.footage.room import Room, takes_of
from vsr_data.footage.septuplets import open_septuplets
from vsr_data.footage.shards import open_shards
from vsr_data.footage.video_cache import Survey, check_room, room_held
from vsr_data.footage.videos import check_videos, open_videos
from vsr_data.request import Request, Role
from vsr_files import printable
from vsr_settings import Data, Model
from vsr_settings.degradation import pipeline_of

ROLES: Final[tuple[Role, Role]] = ("train", "val")
MOST_NAMED: Final = 8  # files that one message lists


def open_training(data: Data, model: Model) -> Footage:
    """Open `data.train`; its clips hold a patch and a window.

    Raises:
        DataError: a source has nothing usable, or the cache is too small; the message names the
            files.
    """
    return degraded(_open(data, model, "train"), Request.of(data, model, "train"))


def open_validation(data: Data, model: Model) -> Footage:
    """Open `data.val`; its clips hold a window and are validated as whole frames.

    Raises:
        DataError: nothing usable remains, or the cache is too small; the message names the files.
    """
    return degraded(_open(data, model, "val"), Request.of(data, model, "val"))


def check_sources(data: Data, model: Model) -> list[Survey]:
    """Refuse what cannot be trained or validated on before anything is decoded.

    All sources are looked at: whether they are there, what they hold, the headers of their files,
    what the cache knows of them, and whether their frames will fit into it.

    Returns:
        What is known of the videos among them.

    Raises:
        DataError: one of the sources has nothing usable, or the cache cannot hold their frames.
    """
    require_encoders(pipeline_of(data.degradation))
    surveys: list[Survey] = []
    beside = Room()
    for request in (one for role in ROLES for one in Request.all_of(data, model, role)):
        found, room = _checked(contents_of(request), request)
        surveys, beside = surveys + found, beside | room
    check_room(surveys, beside)
    return surveys


def _checked(contents: Contents, request: Request) -> tuple[list[Survey], Room]:
    """Look at one source without decoding.

    Returns:
        What is known of its videos, if it has any, and what all else takes in the cache.
    """
    surveys, is_usable, rejected = list[Survey](), False, _rejections(contents)
    room = Room()
    for kind in contents.kinds:
        match kind:
            case Videos():
                found = check_videos(list(kind.files), request)
                surveys.append(found)
                is_usable = is_usable or bool(found.entries or found.headers)
                rejected += found.rejections()
            case Demo():
                room |= check_demo(request)
                is_usable = True
            case Pairs():
                footage = open_picture_pairs(kind.place, request, measure=read_size)
                is_usable, rejected = is_usable or bool(footage.clips), rejected + footage.rejected
            case PictureFolders() | Septuplets() | Shards():
                footage = _opened(kind, request, room)
                room |= takes_of(footage.clips, request)
                is_usable, rejected = is_usable or bool(footage.clips), rejected + footage.rejected
            case _:
                assert_never(kind)
    if not is_usable:
        raise DataError(_nothing_usable(request, rejected))
    return surveys, room


@dataclass
class _Part:
    """One kind of what a source holds.

    Attributes:
        kind: which.
        request: of its source.
        room: what it takes in the cache now, or can without anything being decoded.
        footage: its clips, once it is opened.
    """

    kind: Kind
    request: Request
    room: Room = field(default_factory=Room)
    footage: Footage | None = None


def _open(data: Data, model: Model, role: Role) -> Footage:
    requests = Request.all_of(data, model, role)
    contents = [contents_of(request) for request in requests]
    sources = [
        [_looked_at(kind, request) for kind in one.kinds]
        for one, request in zip(contents, requests, strict=True)
    ]
    parts = [part for source in sources for part in source]
    others = _held_by_others(data, model, role)
    surveys = [
        check_videos(list(part.kind.files), part.request)
        for part in parts
        if isinstance(part.kind, Videos)
    ]
    if len(surveys) > 1:  # the first must not be decoded in vain
        beside = [part.room for part in parts if not isinstance(part.kind, Videos)]
        check_room(surveys, reduce(or_, beside, others))
    opened = []
    for group, (one, source, request) in enumerate(zip(contents, sources, requests, strict=True)):
        for part in source:
            if part.footage is None:
                beside = [each.room for each in parts if each is not part]
                part.footage = _opened(part.kind, request, reduce(or_, beside, others))
                part.room = _held(part.kind, request)
        found = [part.footage for part in source if part.footage is not None]
        rejected = sum((each.rejected for each in found), _rejections(one))
        clips = tuple(clip for each in found for clip in each.clips)
        if not clips:
            raise DataError(_nothing_usable(request, rejected))
        for clip in clips:
            clip.group = group
        opened.append(
            Footage(
                clips,
                rejected,
                notes=tuple(note for each in found for note in each.notes),
                remarks=tuple(remark for each in found for remark in each.remarks),
            )
        )
    check_room([], reduce(or_, [part.room for part in parts], others))  # headers may have lied
    return _together(opened, tuple(request.weight for request in requests))


def _looked_at(kind: Kind, request: Request) -> _Part:
    """Part of a source, opened if nothing of it has to be decoded for that."""
    if isinstance(kind, Videos | Demo):
        return _Part(kind, request, _held(kind, request))
    footage = _opened(kind, request, Room())
    return _Part(kind, request, takes_of(footage.clips, request), footage)


def _held(kind: Kind, request: Request) -> Room:
    """What part of a source takes in the cache now, or can without anything being decoded."""
    match kind:
        case Videos():
            return room_held(list(kind.files), request)
        case Demo():
            return replace(check_demo(request), coming={})
        case PictureFolders() | Septuplets() if not is_plain(request.pipeline):
            return takes_of(_opened(kind, request, Room()).clips, request)
        case _:
            return Room()


def _opened(kind: Kind, request: Request, beside: Room) -> Footage:
    match kind:
        case Demo():
            return open_demo(request, beside)
        case Pairs():
            return open_picture_pairs(kind.place, request)
        case Septuplets():
            return open_septuplets(kind.place, request)
        case Shards():
            return open_shards(kind.place, request)
        case PictureFolders():
            return open_picture_folders(list(kind.places), request)
        case Videos():
            return open_videos(list(kind.files), request, beside)
        case _:
            assert_never(kind)


def _together(parts: list[Footage], weights: tuple[float, ...]) -> Footage:
    """The footage of several sources as one, no two clips of which have one name."""
    clips = [clip for part in parts for clip in part.clips]
    names = distinct_names([clip.name for clip in clips], [clip.source for clip in clips])
    for clip, name in zip(clips, names, strict=True):
        clip.name = name
    return Footage(
        tuple(sorted(clips, key=lambda clip: clip.name)),
        tuple(dict.fromkeys(item for part in parts for item in part.rejected)),
        weights,
        tuple(note for part in parts for note in part.notes),
        tuple(remark for part in parts for remark in part.remarks),
    )


def _held_by_others(data: Data, model: Model, role: Role) -> Room:
    """What the run's other side takes, which counts against the same limit."""
    room = Room()
    for request in Request.all_of(data, model, "val" if role == "train" else "train"):
        try:
            for kind in contents_of(request).kinds:
                room |= _held(kind, request)
        except DataError:  # opening that one will say so
            continue
    return room


def _rejections(contents: Contents) -> tuple[Rejected, ...]:
    rejected = contents.rejected
    return tuple(Rejected(printable(path), rejected[path]) for path in sorted(rejected))


def _nothing_usable(request: Request, rejected: tuple[Rejected, ...]) -> str:
    lines = [f"{item.path!r}: {item.reason}" for item in rejected[:MOST_NAMED]]
    if len(rejected) > MOST_NAMED:
        lines.append(f"and {len(rejected) - MOST_NAMED} more")
    listed = "".join(f"\n  {line}" for line in lines)
    return (
        f"{request.setting} has nothing usable; mend or replace the files, or name another "
        f"source:{listed}"
    )
