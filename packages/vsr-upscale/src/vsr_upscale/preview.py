"""One picture to judge a network by: three moments of a film, enlarged as usual and by it."""

import os
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from vsr_device import choose_inference_platform
from vsr_files import expanded, printable, replacing
from vsr_model import Network
from vsr_upscale.engine import Engine, interpolated
from vsr_upscale.errors import SourceError, UpscaleError
from vsr_upscale.request import Request
from vsr_upscale.source import Film, Picture, Pictures, read_film

MOMENTS: Final = (1 / 6, 1 / 2, 5 / 6)
"""Shares of the film's length that are shown."""

WIDEST: Final = 640
"""Columns of a shown frame; a wider one is reduced, and its details are not."""

DETAIL: Final = 96
"""Side of a detail, in pixels of the output."""

ZOOM: Final = 3
"""Pixels of the picture that a detail's pixel is shown by."""

MARGIN: Final = 8
CAPTION: Final = 18


def write_preview(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    network: Network,
    request: Request = Request(),  # noqa: B008 - frozen
) -> None:
    """Write three moments of a film, bicubic beside the output, each with its finest detail.

    Args:
        path: the film.
        out: a `.png`.
        network: the network.
        request: what part of the film, and where to compute.

    Raises:
        UpscaleError: if the film or the name cannot be used.
        OSError: if the disk refuses.
    """
    target = expanded(Path(out))
    if target.suffix.lower() != ".png" or not target.parent.is_dir():
        raise UpscaleError(
            f"a preview is a .png in a folder that exists, and {printable(target)!r} is not"
        )
    if target.exists() and not request.overwrite:
        raise UpscaleError(
            f"{printable(target)!r} is there already; give another name, or replace it with "
            "--overwrite"
        )
    film = read_film(expanded(Path(path)), request.deinterlace)
    platform = choose_inference_platform(request.device, request.precision)
    engine = Engine(network, platform, (film.height, film.width), request.tile)
    rows = []
    for seconds in _moments(film, request):
        found = _moment(film, engine, request, seconds)
        if found is not None:
            picture, sr_CHW = found
            usual_CHW = interpolated(picture.rgb_1CHW, network.settings.scale)[0]
            rows.append(_row(film, picture, usual_CHW, sr_CHW))
    if not rows:
        raise SourceError(f"{printable(film.path)!r} has no frame that can be shown")
    with replacing(target) as file:
        _sheet(rows).save(file, format="PNG")


def _moments(film: Film, request: Request) -> list[float]:
    if film.seconds is None:
        return [request.start]
    left = max(0.0, film.seconds - request.start)
    length = left if request.duration is None else min(left, request.duration)
    return [request.start + share * length for share in MOMENTS]


def _moment(
    film: Film, engine: Engine, request: Request, seconds: float
) -> tuple[Picture, Tensor] | None:
    """The first frame from a time on, enlarged, with frames before it in its window."""
    before = max(request.start, seconds - (engine.reach + 0.5) / float(film.rate))
    wanted = round(seconds / film.time_base) - round(before / film.time_base)
    best: tuple[Picture, Tensor] | None = None
    for picture, sr_1CHW in engine.enlarge(Pictures(film, before)):
        best = picture, sr_1CHW[0].clamp(0, 1).float().cpu()
        if picture.pts - round(film.origin / film.time_base) >= wanted:
            break
    return best


def _row(film: Film, picture: Picture, usual_CHW: Tensor, sr_CHW: Tensor) -> Image.Image:
    """Two frames side by side, and a detail of each beneath, where the output has most of it."""
    top, left = _finest(sr_CHW)
    place = np.s_[:, top : top + DETAIL, left : left + DETAIL]
    panels = []
    for name, shown_CHW in (("bicubic", usual_CHW), ("output", sr_CHW)):
        frame = Image.fromarray(_pixels(shown_CHW, film.quarter_turns))
        if frame.width > WIDEST:
            height = round(frame.height * WIDEST / frame.width)
            frame = frame.resize((WIDEST, height), Image.Resampling.BOX)
        detail = Image.fromarray(_pixels(shown_CHW[place], film.quarter_turns))
        detail = detail.resize(
            (detail.width * ZOOM, detail.height * ZOOM), Image.Resampling.NEAREST
        )
        panels.append((name, frame, detail))
    width = max(panels[0][1].width, panels[0][2].width)
    height = panels[0][1].height + panels[0][2].height + MARGIN + CAPTION
    row = Image.new("RGB", (2 * width + MARGIN, height), "white")
    pen = ImageDraw.Draw(row)
    seconds = float(picture.pts * film.time_base)
    for column, (name, frame, detail) in enumerate(panels):
        x = column * (width + MARGIN)
        row.paste(frame, (x, 0))
        row.paste(detail, (x, frame.height + MARGIN))
        pen.text((x + 2, height - CAPTION + 3), f"{name} · detail ×{ZOOM}", fill="black")
    del seconds
    return row


def _finest(sr_CHW: Tensor) -> tuple[int, int]:
    """Top and left of the detail with the most change between pixels."""
    luma_HW = sr_CHW.mean(dim=0)
    change_HW = torch.zeros_like(luma_HW)
    change_HW[:, 1:] += (luma_HW[:, 1:] - luma_HW[:, :-1]).abs()
    change_HW[1:] += (luma_HW[1:] - luma_HW[:-1]).abs()
    height, width = luma_HW.shape
    side = min(DETAIL, height, width)
    sums = torch.nn.functional.avg_pool2d(change_HW[None, None], side, max(1, side // 4))[0, 0]
    place = int(sums.argmax())
    step = max(1, side // 4)
    return place // sums.shape[1] * step, place % sums.shape[1] * step


def _pixels(shown_CHW: Tensor, quarter_turns: int) -> NDArray[np.uint8]:
    upright = torch.rot90(shown_CHW, quarter_turns, (1, 2))
    return upright.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _sheet(rows: list[Image.Image]) -> Image.Image:
    width = max(row.width for row in rows)
    height = sum(row.height for row in rows) + MARGIN * (len(rows) - 1)
    sheet = Image.new("RGB", (width, height), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height + MARGIN
    return sheet
