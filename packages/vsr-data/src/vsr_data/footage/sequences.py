"""Films of numbered pictures in, clips out: looked at by their headers, read on demand."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsr_data.errors import UnusableFileError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.names import LEVELS, Levels, clip_names
from vsr_data.footage.numbered import Numbered
from vsr_data.footage.picture_sequence import PictureSequenceClip
from vsr_data.footage.pictures import picture_size
from vsr_data.footage.ready_made import ReadyMade
from vsr_data.pixels import Size
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.video import FrameRange
from vsr_files import printable

MOST_MEASURED: Final = 60_000
"""Pictures whose headers are all read when a source is opened; of more, one of every film is."""

READERS: Final = 8
"""Films whose headers are read at once: most of the time is the disk's."""

BATCH: Final = 64  # films that a reader is given at a time

Sizes = list[Size | None]
"""Of a film's pictures; None of those that cannot be used."""


@dataclass(frozen=True)
class Sequence:
    """A film of numbered pictures, and where low-resolution ones of it may be.

    Attributes:
        film: the sharp pictures.
        roots: folders above or at them that low-resolution folders may stand beside.
    """

    film: Numbered
    roots: tuple[Path, ...]


@dataclass(frozen=True)
class Run:
    """Pictures that become a clip.

    Attributes:
        gt: the sharp ones.
        size: (height, width) of each.
        lq: ready-made low-resolution ones, if there are any.
    """

    gt: Numbered
    size: Size
    lq: Numbered | None


def open_sequences(
    sequences: list[Sequence],
    rejected: dict[Path, str],
    request: Request,
    name_levels: Levels = LEVELS,
) -> Footage:
    """Make clips of films of pictures; no picture is decoded.

    Args:
        sequences: the films.
        rejected: pictures and folders that cannot be used, and why.
        request: what they are wanted for.
        name_levels: what clips may be called after, as of `clip_names`.
    """
    ready, rejected, wanted = ReadyMade(request), {**rejected}, FrameRange.parse(request.frames)
    films = [one.film.part(wanted.first, wanted.stop) for one in sequences]
    lows = [ready.find(film, one.roots) for film, one in zip(films, sequences, strict=True)]
    sizes = _measured(films, rejected)
    low_sizes = iter(_measured([low[1] for low in lows if low is not None], rejected))
    runs: list[Run] = []
    for film, film_sizes, low in zip(films, sizes, lows, strict=True):
        beside = None if low is None else (*low, next(low_sizes))
        try:
            found = _fitting(film, film_sizes, request)
        except UnusableFileError as error:
            rejected[film.key] = str(error)
            continue
        lq = None if beside is None else _fitting_low(found, *beside, ready)
        runs += [Run(run, size, _same(run, lq)) for run, size in found]
    return Footage(_clips(runs, request, name_levels), _rejections(rejected), notes=ready.notes())


def _measured(films: list[Numbered], rejected: dict[Path, str]) -> list[Sizes]:
    """The sizes of every film's pictures; where there are too many, all are as the first one is.

    Args:
        films: the films.
        rejected: takes up the pictures that cannot be used.
    """
    every = sum(len(film.names) for film in films) <= MOST_MEASURED
    batches = [films[i : i + BATCH] for i in range(0, len(films), BATCH)]

    def measure(batch: list[Numbered]) -> list[Sizes]:
        return [_sizes(film, rejected, every=every) for film in batch]

    with ThreadPoolExecutor(READERS) as pool:
        return [sizes for batch in pool.map(measure, batches) for sizes in batch]


def _sizes(film: Numbered, rejected: dict[Path, str], *, every: bool) -> Sizes:
    sizes: Sizes = []
    for name in film.names if every else film.names[:1]:
        path = film.folder / name
        try:
            sizes.append(picture_size(path))
        except UnusableFileError as error:
            rejected[path] = str(error)
            sizes.append(None)
    return sizes if every else sizes * len(film.names)


def _fitting(film: Numbered, sizes: Sizes, request: Request) -> list[tuple[Numbered, Size]]:
    """The runs of a film that hold a window and a patch, each with the size of its pictures.

    Raises:
        UnusableFileError: there are none.
    """
    runs = film.runs(sizes)
    long = [(run, size) for run, size in runs if len(run.names) >= request.n_frames]
    if not long:
        raise UnusableFileError(_why_too_short(film, [run for run, _ in runs], request))
    misfits = [_misfit(size, request) for _, size in long]
    fitting = [one for one, misfit in zip(long, misfits, strict=True) if misfit is None]
    if not fitting:
        raise UnusableFileError(str(misfits[0]))
    return fitting


def _misfit(size: Size, request: Request) -> str | None:
    lq_size = size[0] // request.scale, size[1] // request.scale
    if min(lq_size) < SMALLEST_PATCH:
        return f"pictures of {size[1]}×{size[0]} are too small to use"
    return request.misfit(lq_size)


def _why_too_short(film: Numbered, runs: list[Numbered], request: Request) -> str:
    longest = max((len(run.names) for run in runs), default=0)
    count = len(film.names)
    ranged = "" if request.frames == ":" else f" in {request.frames_setting} = {request.frames!r}"
    if longest == count:
        pictures = f"{count} picture{'' if count == 1 else 's'}"
        return f"it has {pictures}{ranged}; a window needs {request.n_frames}"
    return (
        f"its longest run of consecutive numbers and one size has {longest} of {count} pictures"
        f"{ranged}; a window needs {request.n_frames}"
    )


def _fitting_low(
    runs: list[tuple[Numbered, Size]],
    folder: Path,
    lq: Numbered,
    sizes: Sizes,
    ready: ReadyMade,
) -> Numbered | None:
    """The ready-made pictures of a film, if every one that is needed is of the size it must be."""
    by_number, scale = dict(zip(lq.numbers, sizes, strict=True)), ready.request.scale
    for run, (height, width) in runs:
        wanted = height // scale, width // scale
        wrong = next((number for number in run.numbers if by_number[number] != wanted), None)
        if wrong is not None:
            found = by_number[wrong]
            shown = "unreadable" if found is None else f"{found[1]}×{found[0]}"
            ready.unused[folder] = (
                f"number {wrong} of {printable(lq.key.name)!r} is {shown}; of {width}×{height} at "
                f"model.scale = {scale} it must be {wanted[1]}×{wanted[0]}"
            )
            return None
    ready.used[folder] += 1
    return lq


def _same(run: Numbered, lq: Numbered | None) -> Numbered | None:
    """The ready-made pictures of a run."""
    if lq is None:
        return None
    first = lq.numbers.index(run.numbers[0])
    return lq.part(first, first + len(run.numbers))


def _clips(runs: list[Run], request: Request, levels: Levels) -> tuple[PictureSequenceClip, ...]:
    counts = Counter(run.gt.key for run in runs)
    names = {key: iter(each) for key, each in clip_names(counts, levels).items()}
    clips = [
        PictureSequenceClip(
            next(names[run.gt.key]),
            run.gt,
            run.size,
            n_frames=request.n_frames,
            scale=request.scale,
            reduction=request.reduction,
            lq=run.lq,
        )
        for run in runs
    ]
    return tuple(sorted(clips, key=lambda clip: clip.name))


def _rejections(rejected: Mapping[Path, str]) -> tuple[Rejected, ...]:
    return tuple(Rejected(printable(path), rejected[path]) for path in sorted(rejected))
