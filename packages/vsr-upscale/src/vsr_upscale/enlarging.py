"""Films enlarged, for whoever calls from Python: into a file, or frame by frame."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vsr_device import choose_inference_platform
from vsr_files import expanded
from vsr_model import Network
from vsr_upscale.engine import Engine, digest_of
from vsr_upscale.output import check_output, open_writer
from vsr_upscale.progress import Count
from vsr_upscale.request import Request
from vsr_upscale.run import DEPTH, Run, Side, Summary
from vsr_upscale.source import Film, Pictures, read_film
from vsr_upscale.stages import Ahead


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
    film, engine = opened_film(source, network, request)
    side = Side(film, network.settings.scale) if request.compare else None
    size = side.size if side else (engine.scale * film.height, engine.scale * film.width)
    with open_writer(output, film, request, size, digest_of(network)) as (writer, encoding):
        run = Run(film, request, engine, writer=writer, encoding=encoding, side=side)
        for line in run.opening():
            say(line)
        return run.make(os.fspath(out), say, watch)


def opened_film(
    path: str | os.PathLike[str], network: Network, request: Request
) -> tuple[Film, Engine]:
    """Find out what a film is, and place a network where it is to be enlarged.

    Raises:
        UpscaleError, DeviceError: as `upscale`.
    """
    platform = choose_inference_platform(request.device, request.precision)
    film = read_film(expanded(Path(path)), request.deinterlace)
    return film, Engine(network, platform, (film.height, film.width), request.tile)


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
    film, engine = opened_film(path, network, request)
    with closing(Ahead(Pictures(film, request.part), DEPTH)) as ahead:
        for picture, sr_1CHW in engine.enlarge(ahead):
            upright = torch.rot90(sr_1CHW[0].clamp(0, 1).float().cpu(), film.quarter_turns, (1, 2))
            seconds = float(picture.pts * film.time_base)
            yield EnlargedFrame(picture.number, seconds, upright.contiguous())
