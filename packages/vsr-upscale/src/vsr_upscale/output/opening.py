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
from vsr_upscale.output.encoders import Encoding, choose_encoding
from vsr_upscale.output.film import FilmWriter
from vsr_upscale.output.job import Job, identity_of
from vsr_upscale.output.pictures import FORMATS, FolderWriter, PictureWriter
from vsr_upscale.output.pipe import PipeWriter
from vsr_upscale.request import Request
from vsr_upscale.source import Film

CONTAINERS: Final = {
    ".mkv": "matroska", ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".webm": "webm",
    ".ts": "mpegts", ".avi": "avi", ".nut": "nut",
}  # fmt: skip
"""Suffixes of films, and libav's names of their formats."""

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

    def write(self, frame: VideoFrame, duration: int) -> None:
        """Take a frame, and the ticks that it is shown for where none follows."""

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
        return Output("pipe", Path(PIPE))
    path = expanded(out)
    if path.is_dir() or out.endswith(("/", "\\")) or not path.suffix:
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
    raise UpscaleError(
        f"{printable(out)!r} has a suffix that means nothing here; use "
        f"{', '.join([*CONTAINERS, '.y4m', *FORMATS])}, a folder for pictures, or - for a pipe"
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
        size: height and width of the frames.
        network: a digest of the network's weights.

    Raises:
        UpscaleError: if the output is there already, or cannot be made as asked.
        OSError: if the disk refuses.
    """
    height, width = size
    match output.kind:
        case "film":
            encoding = choose_encoding(film, request, output.container, height, width)
            job = Job(output.path, _identity(film, request, encoding, network))
            with job.opened(resume=request.resume, overwrite=request.overwrite):
                writer = FilmWriter(
                    film,
                    encoding,
                    job,
                    output.container,
                    start=request.start,
                    duration=request.duration,
                )
                yield writer, encoding
        case "raw":
            _refuse_to_replace(output.path, request)
            with replacing(output.path) as file:
                encoding = _raw(film, height, width)
                yield PipeWriter(file, film, encoding), encoding
        case "pipe":
            encoding = _raw(film, height, width)
            yield PipeWriter(sys.stdout.buffer, film, encoding), encoding
        case "picture":
            _refuse_to_replace(output.path, request)
            yield PictureWriter(output.path, film), _rgb(film, height, width)
        case "folder":
            resume, overwrite = request.resume, request.overwrite
            writer_ = FolderWriter(output.path, film, resume=resume, overwrite=overwrite)
            yield writer_, _rgb(film, height, width)


def _identity(film: Film, request: Request, encoding: Encoding, network: str) -> dict[str, Any]:
    asked = {"start": request.start, "duration": request.duration, "compare": request.compare}
    return identity_of(film.path, network, encoding=asdict(encoding), fields=film.fields, **asked)


def _raw(film: Film, height: int, width: int) -> Encoding:
    even = not (height % 2 or width % 2)
    chroma = "420" if even else "444"
    depth = film.depth if film.depth in {8, 10, 12} else 8
    name = f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p{depth}le"
    return Encoding("wrapped_avframe", {}, name, depth, height, width)


def _rgb(film: Film, height: int, width: int) -> Encoding:
    deep = film.depth > 8
    return Encoding("png", {}, "rgb48le" if deep else "rgb24", 16 if deep else 8, height, width)


def _refuse_to_replace(path: Path, request: Request) -> None:
    if path.exists() and not request.overwrite:
        raise UpscaleError(
            f"{printable(path)!r} is there already; give another name, or replace it with "
            "--overwrite"
        )
