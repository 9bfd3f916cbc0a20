"""From an output's name to who writes it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

from av import VideoFrame

from vsr_files import expanded, printable, replacing
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.beside import Beside
from vsr_upscale.output.encoders import Encoding, choose_encoding
from vsr_upscale.output.film import FilmWriter
from vsr_upscale.output.job import Job, identity_of
from vsr_upscale.output.pictures import FORMATS, FolderWriter, PictureWriter
from vsr_upscale.output.pipe import PipeWriter
from vsr_upscale.output.trial import try_encoding
from vsr_upscale.request import Request
from vsr_upscale.source import Film

CONTAINERS: Final = {
    ".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm",
    ".ts": "mpegts",
}  # fmt: skip
"""Suffixes of films, and libav's names of their formats."""

TURNING: Final = frozenset({"matroska", "mp4", "mov", "webm"})
"""Formats of films that say how a player turns them; others get frames that stand upright."""

PIPE: Final = "-"

Kind = Literal["film", "raw", "pipe", "picture", "folder"]


@dataclass(frozen=True)
class Output:
    """Where enlarged frames go.

    Attributes:
        kind: a film, raw frames in a file or to the standard output, one picture, or a folder.
        path: the file or folder; meaningless for a pipe.
    """

    kind: Kind
    path: Path

    @property
    def container(self) -> str:
        """Libav's name of a film's format; empty for other kinds."""
        return CONTAINERS.get(self.path.suffix.lower(), "") if self.kind == "film" else ""


class Writer(Protocol):
    """What takes enlarged frames, one by one."""

    notes: list[str]
    """What is left out and why, in words."""

    @property
    def done(self) -> int:
        """Frames that were written for good before the first one that is to be written."""

    @property
    def size(self) -> int:
        """Bytes that are written for good."""

    @property
    def patience_s(self) -> float | None:
        """Seconds that a frame may take to be written when all is to stop; None waits."""

    def write(self, frame: VideoFrame, pts: int, duration: int) -> None:
        """Take a frame, when it is shown, and the ticks for which where none follows."""

    def finish(self) -> None:
        """Make the output whole."""

    def stop(self) -> None:
        """Give up what is half written."""


def check_output(out: str, source: Path) -> Output:
    """Find out what an output's name means, before anything takes time.

    Raises:
        UpscaleError: if it means nothing, or the source itself, or its folder is not there.
    """
    if out == PIPE:
        if sys.stdout.isatty():
            raise UpscaleError(
                "- stands for the standard output, which is a terminal here; pipe it into another "
                "program"
            )
        return Output("pipe", Path(PIPE))
    path = expanded(out)
    if not out:
        raise UpscaleError("the output has no name; give one, such as film-x3.mkv")
    if path.is_dir() or out.endswith(("/", "\\")):
        return Output("folder", path)
    suffix = path.suffix.lower()
    if not path.parent.is_dir():
        raise UpscaleError(f"{printable(out)!r} must lie in a folder that exists")
    if path.exists() and source.exists() and path.samefile(source):
        raise UpscaleError(f"{printable(out)!r} is the film itself; give the output another name")
    if suffix in FORMATS:
        return Output("picture", path)
    if suffix == ".y4m":
        return Output("raw", path)
    if suffix in CONTAINERS:
        return Output("film", path)
    known = ", ".join([*CONTAINERS, ".y4m", *FORMATS])
    what = f"the suffix {suffix!r}" if suffix else "no suffix"
    raise UpscaleError(
        f"{printable(out)!r} has {what}, which means nothing here; use {known}, a name that ends "
        "in / for a folder of pictures, or - for a pipe"
    )


@contextmanager
def open_writer(
    output: Output, film: Film, request: Request, size: tuple[int, int], network: str
) -> Iterator[tuple[Writer, Encoding]]:
    """Open what writes an output, and say which frames it takes.

    Args:
        output: where they go.
        film: what is enlarged.
        request: what is asked for.
        size: height and width of the frames as coded.
        network: a digest of the network's weights.

    Raises:
        UpscaleError: if the output is there already, or cannot be made as asked.
        OSError: if the disk refuses.
    """
    match output.kind:
        case "film":
            with _film_writer(output, film, request, size, network) as (writer, encoding):
                yield writer, encoding
        case "raw":
            _refuse_to_replace(output.path, request)
            with replacing(output.path) as file:
                encoding = _raw(film, size)
                yield PipeWriter(file, film, encoding), encoding
        case "pipe":
            encoding = _raw(film, size)
            yield PipeWriter(sys.stdout.buffer, film, encoding), encoding
        case "picture":
            _refuse_to_replace(output.path, request)
            yield PictureWriter(output.path), _rgb(film, size)
        case "folder":
            encoding = _rgb(film, size)
            identity = _identity(film, request, encoding, network)
            resume, overwrite = request.resume, request.overwrite
            yield FolderWriter(output.path, identity, resume=resume, overwrite=overwrite), encoding


@contextmanager
def _film_writer(
    output: Output, film: Film, request: Request, size: tuple[int, int], network: str
) -> Iterator[tuple[FilmWriter, Encoding]]:
    turns = 0 if output.container in TURNING else film.quarter_turns
    size = _turned(size, turns)
    encoding = choose_encoding(film, request, output.container, size, turns)
    job = Job(output.path, _identity(film, request, encoding, network))
    job.check_free(resume=request.resume, overwrite=request.overwrite)
    try_encoding(film, encoding, output.container)
    beside = Beside.of(film, output.container)
    with job.opened(resume=request.resume, overwrite=request.overwrite):
        writer = FilmWriter(film, request.part, encoding, beside, job)
        writer.notes += beside.notes
        if encoding.depth < film.depth:
            writer.notes.append(
                f"{encoding.encoder} takes {encoding.depth} bits here; the film's {film.depth} are "
                "rounded to them"
            )
        yield writer, encoding


def _identity(film: Film, request: Request, encoding: Encoding, network: str) -> dict[str, Any]:
    asked = {"start": request.start, "duration": request.duration, "compare": request.compare}
    return identity_of(film.path, network, encoding=asdict(encoding), fields=film.fields, **asked)


def _raw(film: Film, size: tuple[int, int]) -> Encoding:
    height, width = _turned(size, film.quarter_turns)
    chroma = "444" if height % 2 or width % 2 else "420"
    depth = film.depth if film.depth in {8, 10, 12} else 8
    name = f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p{depth}le"
    return Encoding("wrapped_avframe", {}, name, depth, height, width, film.quarter_turns)


def _rgb(film: Film, size: tuple[int, int]) -> Encoding:
    height, width = _turned(size, film.quarter_turns)
    name, depth = ("rgb48le", 16) if film.depth > 8 else ("rgb24", 8)
    return Encoding("png", {}, name, depth, height, width, film.quarter_turns)


def _turned(size: tuple[int, int], turns: int) -> tuple[int, int]:
    return (size[1], size[0]) if turns % 2 else size


def _refuse_to_replace(path: Path, request: Request) -> None:
    if path.exists() and not request.overwrite:
        raise UpscaleError(
            f"{printable(path)!r} is there already; give another name, or replace it with "
            "--overwrite"
        )
