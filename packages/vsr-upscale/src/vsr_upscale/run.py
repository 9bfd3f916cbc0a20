"""One enlargement of a film: read ahead, through the network, written behind; what came of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

import torch
from av import VideoFrame
from torch import Tensor

from vsr_files import printable
from vsr_upscale.agreement import SUSPICIOUS_DB, agreement_db
from vsr_upscale.engine import Engine, interpolated
from vsr_upscale.errors import SourceError
from vsr_upscale.output import Encoding, Painter, Planes, Writer
from vsr_upscale.progress import Count
from vsr_upscale.request import Request
from vsr_upscale.source import Film, Picture, Pictures
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
class _Drawn:
    """A picture with the samples of its enlargement, on its way to be written."""

    picture: Picture
    planes: Planes


class Side:
    """What a player would show, put at the left of the output as it is seen upright."""

    def __init__(self, film: Film, scale: int) -> None:
        self._scale = scale
        self._along = -2 if film.quarter_turns % 2 else -1
        self._is_last = film.quarter_turns in {2, 3}
        high, wide = (2, 1) if self._along == -2 else (1, 2)
        self.size = high * scale * film.height, wide * scale * film.width

    def beside(self, picture: Picture, sr_1CHW: Tensor) -> Tensor:
        """Return both as one picture."""
        usual = interpolated(picture.rgb_1CHW.to(sr_1CHW.device), self._scale)
        both = [sr_1CHW, usual] if self._is_last else [usual, sr_1CHW]
        return torch.cat(both, dim=self._along)


class Run:
    """One enlargement of a film, from where an earlier one left off."""

    def __init__(
        self,
        film: Film,
        request: Request,
        engine: Engine,
        *,
        writer: Writer,
        encoding: Encoding,
        side: Side | None,
    ) -> None:
        self._film, self._request, self._engine = film, request, engine
        self._writer, self._encoding, self._side = writer, encoding, side
        self._turns = encoding.turns
        self._painter = Painter(film, encoding.pixel_format, encoding.depth, encoding.turns)
        self._agreement: list[float] = []
        self._warned = False
        first = max(0, writer.done - engine.reach)
        self._pictures = Pictures(film, request.part, first=first)

    def opening(self) -> Iterator[str]:
        """Say what is about to be done, and what of the film will not be in the output."""
        film, engine, encoding = self._film, self._engine, self._encoding
        kept = f"{encoding.shown}, {encoding.pixel_format}"
        parts = "whole" if engine.tile is None else f"in tiles of {engine.tile}"
        yield (
            f"{printable(film.path)}: {film.width}×{film.height} to "
            f"{encoding.width}×{encoding.height} ({kept}), frames {parts}, "
            f"{engine.platform.device} {engine.platform.precision}"
        )
        if film.videos > 1:
            yield (
                f"note: of the file's {film.videos} videos, stream {film.stream} is enlarged; the "
                "others stay as they are"
            )
        yield from (f"note: {note}" for note in self._writer.notes)
        if film.fields is not None and self._request.deinterlace == "auto":
            first = "upper" if film.fields == "tff" else "lower"
            yield (
                f"note: its frames are made of two fields, the {first} one first, and are made "
                "whole with bwdif; --deinterlace off leaves them as they are"
            )
        if self._writer.done:
            yield f"{self._writer.done} frames were enlarged before"

    def make(self, out: str, say: Callable[[str], None], watch: Callable[[Count], None]) -> Summary:
        """Enlarge what is left, and make the output whole."""
        count = Count(done=self._writer.done, before=self._writer.done, total=self._expected())
        began, known = time.monotonic(), len(self._writer.notes)
        network_s = self._enlarge_rest(count, say, watch)
        seconds = time.monotonic() - began
        notes = [*self._pictures.tally.notes, *self._writer.notes[known:]]
        for note in notes:
            say(f"note: {note}")
        return Summary(
            out=out,
            frames=count.done,
            size=self._writer.size,
            damaged=self._pictures.tally.damaged,
            seconds=seconds,
            fps=(count.done - count.before) / max(seconds, 1e-9),
            network_share=network_s / max(seconds, 1e-9),
            agreement_db=sum(self._agreement) / len(self._agreement) if self._agreement else None,
            notes=[*self._writer.notes[:known], *notes],
        )

    def _enlarge_rest(
        self, count: Count, say: Callable[[str], None], watch: Callable[[Count], None]
    ) -> float:
        """Enlarge and write; return the seconds in which nothing else was waited for."""
        began = time.monotonic()
        ahead = Ahead(self._pictures, DEPTH)
        behind = Behind[_Drawn](lambda drawn: self._write(drawn, say), DEPTH)
        try:
            for picture, sr_1CHW in self._engine.enlarge(ahead):
                if picture.number < count.before:
                    continue
                shown = self._side.beside(picture, sr_1CHW) if self._side else sr_1CHW
                behind.put(_Drawn(picture, self._painter.samples(shown)))
                count.done, count.size = picture.number + 1, self._writer.size
                watch(count)
            network_s = time.monotonic() - began - ahead.waited_s - behind.waited_s
            behind.finish()
            if not count.done:
                raise SourceError(self._nothing())
            self._writer.finish()
        finally:
            ahead.close()
            behind.stop(self._writer.patience_s)
            self._writer.stop()
        return network_s

    def _write(self, drawn: _Drawn, say: Callable[[str], None]) -> None:
        picture = drawn.picture
        frame = self._painter.frame(drawn.planes, picture.pts)
        if picture.number % CHECKED == 0:
            self._compare(frame, picture, say)
        self._writer.write(frame, picture.pts, picture.duration)

    def _compare(self, frame: VideoFrame, picture: Picture, say: Callable[[str], None]) -> None:
        """Compare a frame that stands as the film's does with it."""
        turns = self._turns
        if self._side is not None and self._film.quarter_turns and not turns:
            return  # two pictures, of which a player alone turns the right one to the right
        found = agreement_db(frame, picture.rgb_1CHW, self._engine.scale, turns)
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
        if request.duration == 0:
            return "--duration is 0, which asks for nothing; leave it out, or ask for more"
        if request.start or request.duration is not None:
            return (
                f"{named!r} has no frame from {request.start:g} s on; it lasts "
                f"{self._film.seconds or 0:.1f} s: choose another --start"
            )
        return f"{named!r} has no frame that can be decoded"
