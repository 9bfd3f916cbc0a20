"""A whole film enlarged: read ahead, through the network, written behind, and what came of it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import torch
from av import VideoFrame
from torch import Tensor

from vsr_device import choose_inference_platform
from vsr_files import expanded, printable
from vsr_model import Network
from vsr_upscale.agreement import SUSPICIOUS_DB, agreement_db
from vsr_upscale.engine import Engine, digest_of, interpolated
from vsr_upscale.errors import SourceError
from vsr_upscale.output import Encoding, Painter, Writer, check_output, open_writer
from vsr_upscale.progress import Count
from vsr_upscale.request import Request
from vsr_upscale.source import Film, Picture, Pictures, read_film
from vsr_upscale.stages import Ahead, Behind

DEPTH: Final = 4
"""Frames that may wait between reading, the network and writing."""

CHECKED: Final = 96
"""One frame in so many is compared with the film's."""


@dataclass
class Summary:
    """What came of an enlargement.

    Attributes:
        out: the output's name.
        frames: frames of the output, those of an earlier run included.
        size: bytes of the output.
        damaged: frames or packets of the film that are damaged.
        seconds: that this run took.
        fps: frames a second of this run.
        network_share: of the seconds, those in which the network computed.
        agreement_db: mean PSNR against the film of frames reduced to its size; see `agreement`.
        notes: what a user should know, in words.
    """

    out: str
    frames: int = 0
    size: int = 0
    damaged: int = 0
    seconds: float = 0.0
    fps: float = 0.0
    network_share: float = 0.0
    agreement_db: float | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EnlargedFrame:
    """A frame of an enlarged film.

    Attributes:
        number: its place, from 0.
        seconds: when it is shown.
        sr_CHW: RGB in [0, 1], float32 on the CPU, upright.
    """

    number: int
    seconds: float
    sr_CHW: Tensor


@dataclass(frozen=True)
class _Drawn:
    """A picture with its enlargement, on its way to be written."""

    picture: Picture
    sr_1CHW: Tensor


def upscale(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    network: Network,
    request: Request = Request(),  # noqa: B008 - frozen
    *,
    say: Callable[[str], None] = lambda _: None,
    watch: Callable[[Count], None] = lambda _: None,
) -> Summary:
    """Enlarge a film, with all that is beside its pictures.

    Args:
        path: a film or a picture.
        out: a film's name, whose suffix says of which kind; a picture's; a folder's, with a
            separator at its end; or `-` for raw frames to the standard output.
        network: as `vsr_model.load_weights` returns it.
        request: what else is asked for.
        say: called with what a user should know, as soon as it is known.
        watch: called after every frame.

    Returns:
        What came of it.

    Raises:
        UpscaleError: naming what cannot be done and what to do.
        DeviceError: if the device cannot be used.
        OSError: if the disk refuses; what was made is kept for `resume`.
    """
    source = expanded(Path(path))
    output = check_output(os.fspath(out), source)
    platform = choose_inference_platform(request.device, request.precision)
    film = read_film(source, request.deinterlace)
    scale = network.settings.scale
    columns = (2 if request.compare else 1) * film.width
    size = scale * film.height, scale * columns
    digest = digest_of(network)
    engine = Engine(network, platform, (film.height, film.width), request.tile)
    with open_writer(output, film, request, size, digest) as (writer, encoding):
        run = _Run(
            film, request, engine, writer, Painter(film, encoding.pixel_format, encoding.depth)
        )
        for line in run.opening(encoding):
            say(line)
        return run.make(os.fspath(out), scale, say, watch)


def enlarged_frames(
    path: str | os.PathLike[str],
    network: Network,
    request: Request = Request(),  # noqa: B008 - frozen
) -> Iterator[EnlargedFrame]:
    """Yield the frames of a film, enlarged, for whoever does something else with them.

    Args:
        path: a film or a picture.
        network: as `vsr_model.load_weights` returns it.
        request: what is asked for; what says how to write counts for nothing.

    Raises:
        UpscaleError, DeviceError: as `upscale`.
    """
    film = read_film(expanded(Path(path)), request.deinterlace)
    platform = choose_inference_platform(request.device, request.precision)
    engine = Engine(network, platform, (film.height, film.width), request.tile)
    pictures = Pictures(film, request.start, request.duration)
    with closing(Ahead(pictures, DEPTH)) as ahead:
        for picture, sr_1CHW in engine.enlarge(ahead):
            upright = torch.rot90(sr_1CHW[0].clamp(0, 1).float().cpu(), film.quarter_turns, (1, 2))
            seconds = float(picture.pts * film.time_base)
            yield EnlargedFrame(picture.number, seconds, upright.contiguous())


class _Run:
    """One enlargement of a film, from where an earlier one left off."""

    def __init__(
        self, film: Film, request: Request, engine: Engine, writer: Writer, painter: Painter
    ) -> None:
        self._film, self._request = film, request
        self._engine, self._writer, self._painter = engine, writer, painter
        self._agreement: list[float] = []
        self._warned = False
        self._first = max(0, writer.done - engine.reach)
        self._pictures = Pictures(film, request.start, request.duration, first=self._first)

    def opening(self, encoding: Encoding) -> Iterator[str]:
        """Say what is about to be done."""
        film, engine = self._film, self._engine
        kept = f"{encoding.encoder}, {encoding.pixel_format}"
        parts = "whole" if engine.tile is None else f"in tiles of {engine.tile}"
        yield (
            f"{printable(film.path)}: {film.width}×{film.height} to "
            f"{encoding.width}×{encoding.height} ({kept}), frames {parts}, "
            f"{engine.platform.device} {engine.platform.precision}"
        )
        if film.fields is not None and self._request.deinterlace == "auto":
            first = "upper" if film.fields == "tff" else "lower"
            yield (
                f"its frames are made of two fields, the {first} one first, and are made whole "
                "with bwdif; --deinterlace off leaves them as they are"
            )
        if self._writer.done:
            yield f"{self._writer.done} frames were enlarged before"

    def make(
        self,
        out: str,
        scale: int,
        say: Callable[[str], None],
        watch: Callable[[Count], None],
    ) -> Summary:
        """Enlarge what is left, and make the output whole."""
        count = Count(done=self._writer.done, before=self._writer.done, total=self._expected())
        began = time.monotonic()
        ahead = Ahead(self._pictures, DEPTH)
        behind = Behind[_Drawn](lambda drawn: self._write(drawn, say), DEPTH)
        try:
            for picture, sr_1CHW in self._engine.enlarge(ahead):
                if picture.number < count.before:
                    continue
                behind.put(_Drawn(picture, self._finished(picture, sr_1CHW, scale)))
                count.done, count.size = picture.number + 1, self._writer.size
                watch(count)
            drawn_s = time.monotonic() - began
            behind.finish()
            if not count.done:
                raise SourceError(self._nothing())
            self._writer.finish()
        finally:
            ahead.close()
            behind.stop()
            self._writer.stop()
        seconds = time.monotonic() - began
        return Summary(
            out=out,
            frames=count.done,
            size=self._writer.size,
            damaged=self._pictures.tally.damaged,
            seconds=seconds,
            fps=(count.done - count.before) / max(seconds, 1e-9),
            network_share=(drawn_s - ahead.waited_s - behind.waited_s) / max(seconds, 1e-9),
            agreement_db=sum(self._agreement) / len(self._agreement) if self._agreement else None,
            notes=[*self._pictures.tally.notes, *self._writer.notes],
        )

    def _finished(self, picture: Picture, sr_1CHW: Tensor, scale: int) -> Tensor:
        """The picture as it is shown: beside the film's, if asked for."""
        if not self._request.compare:
            return sr_1CHW
        usual = interpolated(picture.rgb_1CHW.to(sr_1CHW.device), scale)
        return torch.cat([usual, sr_1CHW], dim=-1)

    def _write(self, drawn: _Drawn, say: Callable[[str], None]) -> None:
        frame = self._painter.paint(drawn.sr_1CHW, drawn.picture.pts)
        if drawn.picture.number % CHECKED == 0:
            self._compare(frame, drawn.picture, say)
        self._writer.write(frame, drawn.picture.duration)

    def _compare(self, frame: VideoFrame, picture: Picture, say: Callable[[str], None]) -> None:
        found = agreement_db(frame, picture.rgb_1CHW)
        self._agreement.append(found)
        if found < SUSPICIOUS_DB and not self._warned:
            self._warned = True
            say(
                f"warning: frame {picture.number} of the output is only {found:.1f} dB like the "
                "film's; look at it before you go on: are these weights for such films?"
            )

    def _expected(self) -> int | None:
        film, request = self._film, self._request
        if not request.start and request.duration is None and film.count is not None:
            return film.count
        if film.seconds is None:
            return None
        left = max(0.0, film.seconds - request.start)
        wanted = left if request.duration is None else min(left, request.duration)
        return max(1, round(wanted * film.rate))

    def _nothing(self) -> str:
        named, request = printable(self._film.path), self._request
        if request.start or request.duration is not None:
            return (
                f"{named!r} has no frame from {request.start:g} s on; it lasts "
                f"{self._film.seconds or 0:.1f} s: choose another --start"
            )
        return f"{named!r} has no frame that can be decoded"
