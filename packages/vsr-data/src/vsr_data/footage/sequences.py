"""Films of numbered pictures in, clips out: looked at by their headers, read on demand."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vsr_data.errors import UnusableFileError
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.names import clip_names
from vsr_data.footage.numbered import Numbered
from vsr_data.footage.picture_sequence import PictureSequenceClip, Reduction
from vsr_data.footage.pictures import picture_sizes
from vsr_data.footage.ready_made import ReadyMade
from vsr_data.pixels import Size
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.video import FrameRange
from vsr_files import printable
from vsr_settings.degradation import pipeline_of

MOST_MEASURED: Final = 60_000
"""Pictures whose headers are all read when a source is opened; of more, one of every film is."""

Sizes = Mapping[Path, Size | UnusableFileError]


@dataclass(frozen=True)
class Sequence:
    """A film of numbered pictures, and where low-resolution ones of it may be.

    Attributes:
        film: the sharp pictures.
        roots: folders above or at them that low-resolution folders may stand beside.
    """

    film: Numbered
    roots: tuple[Path, ...]


def open_sequences(
    sequences: list[Sequence], rejected: dict[Path, str], request: Request
) -> Footage:
    """Make clips of films of pictures; no picture is decoded.

    Args:
        sequences: the films.
        rejected: pictures and folders that cannot be used, and why.
        request: what they are wanted for.
    """
    ready = ReadyMade(request)
    wanted = FrameRange.parse(request.frames)
    films = [one.film.part(wanted.first, wanted.stop) for one in sequences]
    lows = [ready.find(film, one.roots) for film, one in zip(films, sequences, strict=True)]
    everything = [*films, *(low[1] for low in lows if low is not None)]
    sizes = _measured(everything)
    rejected = {
        **rejected,
        **{path: str(size) for path, size in sizes.items() if isinstance(size, UnusableFileError)},
    }
    runs: list[tuple[Numbered, Size, Numbered | None]] = []
    for film, low in zip(films, lows, strict=True):
        try:
            found = _fitting(film, sizes, request)
        except UnusableFileError as error:
            rejected[film.key] = str(error)
            continue
        lq = _fitting_low(film, low, found, sizes, ready)
        runs += [(run, size, _same(run, lq)) for run, size in found]
    return Footage(_clips(runs, request), _rejections(rejected), notes=ready.notes())


def _measured(films: list[Numbered]) -> Sizes:
    """The size of every picture, or of one of every film where there are too many."""
    if sum(len(film.names) for film in films) <= MOST_MEASURED:
        return picture_sizes(path for film in films for path in film.paths)
    return picture_sizes(film.folder / film.names[0] for film in films if film.names)


def _sizes(film: Numbered, sizes: Sizes) -> list[Size | None]:
    """The size of every picture of a film; those that were not looked at are as the first."""
    found: list[Size | None] = []
    for path in film.paths:
        size = sizes.get(path, found[0] if found else None)
        found.append(None if isinstance(size, UnusableFileError) else size)
    return found


def _fitting(film: Numbered, sizes: Sizes, request: Request) -> list[tuple[Numbered, Size]]:
    """The runs of a film that hold a window and a patch, each with the size of its pictures.

    Raises:
        UnusableFileError: there are none.
    """
    known = _sizes(film, sizes)
    by_name = dict(zip(film.names, known, strict=True))
    runs = film.runs(known)
    long = [run for run in runs if len(run.names) >= request.n_frames]
    if not long:
        raise UnusableFileError(_why_too_short(film, runs, request))
    sized = [(run, by_name[run.names[0]] or (0, 0)) for run in long]
    misfits = [_misfit(size, request) for _, size in sized]
    fitting = [one for one, misfit in zip(sized, misfits, strict=True) if misfit is None]
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
    film: Numbered,
    low: tuple[Path, Numbered] | None,
    runs: list[tuple[Numbered, Size]],
    sizes: Sizes,
    ready: ReadyMade,
) -> Numbered | None:
    """The ready-made pictures of a film, if every one that is needed is of the size it must be."""
    if low is None:
        return None
    folder, lq = low
    by_number = dict(zip(lq.numbers, _sizes(lq, sizes), strict=True))
    scale = ready.request.scale
    for run, (height, width) in runs:
        for number in run.numbers:
            found = by_number[number]
            if found != (height // scale, width // scale):
                shown = "unreadable" if found is None else f"{found[1]}×{found[0]}"
                ready.unused[folder] = (
                    f"number {number} of {printable(film.key.name)!r} is {shown}; of "
                    f"{width}×{height} at model.scale = {scale} it must be "
                    f"{width // scale}×{height // scale}"
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


def _clips(
    runs: list[tuple[Numbered, Size, Numbered | None]], request: Request
) -> tuple[PictureSequenceClip, ...]:
    reduction: Reduction = (
        "area" if pipeline_of(request.degradation).resize == "area" else "bicubic"
    )
    counts: dict[Path, int] = {}
    for run, _, _ in runs:
        counts[run.key] = counts.get(run.key, 0) + 1
    names = {key: iter(each) for key, each in clip_names(counts).items()}
    clips = [
        PictureSequenceClip(
            next(names[run.key]),
            run,
            size,
            n_frames=request.n_frames,
            scale=request.scale,
            reduction=reduction,
            lq=lq,
        )
        for run, size, lq in runs
    ]
    return tuple(sorted(clips, key=lambda clip: clip.name))


def _rejections(rejected: Mapping[Path, str]) -> tuple[Rejected, ...]:
    return tuple(Rejected(printable(path), rejected[path]) for path in sorted(rejected))
