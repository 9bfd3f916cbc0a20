"""One picture to judge a network by: three moments of a film, enlarged as usual and by it."""

import os
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from vsr_files import expanded, printable, replacing
from vsr_model import Network
from vsr_upscale.engine import Engine, interpolated
from vsr_upscale.enlarging import opened_film
from vsr_upscale.errors import SourceError, UpscaleError
from vsr_upscale.part import Part
from vsr_upscale.request import Request
from vsr_upscale.source import Film, Picture, Pictures

MOMENTS: Final = (1 / 6, 1 / 2, 5 / 6)
"""Shares of the film's length that are shown."""

WIDEST: Final = 640
"""Columns of a shown frame; a wider one is reduced, and its details are not."""

DETAIL: Final = 104
"""Side of a detail, in pixels of the output."""

DETAILS: Final = 2
"""Details of a frame."""

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
    film, engine = opened_film(path, network, request)
    rows = []
    for seconds in _moments(film, request):
        found = _moment(film, engine, request, seconds)
        if found is not None:
            picture, sr_CHW = found
            usual_CHW = interpolated(picture.rgb_1CHW, engine.scale)[0]
            rows.append(_row(film, seconds, usual_CHW, sr_CHW))
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
    wanted = round((seconds - before + film.origin) / film.time_base)
    best: tuple[Picture, Tensor] | None = None
    for picture, sr_1CHW in engine.enlarge(Pictures(film, Part(before))):
        best = picture, sr_1CHW[0].clamp(0, 1).float().cpu()
        if picture.pts >= wanted:
            break
    return best


def _row(film: Film, seconds: float, usual_CHW: Tensor, sr_CHW: Tensor) -> Image.Image:
    """Two frames side by side, each above the details that the output has most of."""
    places = _finest(sr_CHW)
    panels = [
        _panel(film, usual_CHW, places, f"{seconds:.2f} s, bicubic; details {ZOOM} times as large"),
        _panel(film, sr_CHW, places, f"{seconds:.2f} s, output; details {ZOOM} times as large"),
    ]
    width = max(panel.width for panel in panels)
    row = Image.new("RGB", (2 * width + MARGIN, panels[0].height), "white")
    for column, panel in enumerate(panels):
        row.paste(panel, (column * (width + MARGIN), 0))
    return row


def _panel(
    film: Film, shown_CHW: Tensor, places: list[tuple[int, int]], caption: str
) -> Image.Image:
    frame = Image.fromarray(_pixels(shown_CHW, film.quarter_turns))
    if frame.width > WIDEST:
        height = round(frame.height * WIDEST / frame.width)
        frame = frame.resize((WIDEST, height), Image.Resampling.BOX)
    details = []
    for top, left in places:
        detail_CHW = shown_CHW[:, top : top + DETAIL, left : left + DETAIL]
        detail = Image.fromarray(_pixels(detail_CHW, film.quarter_turns))
        zoomed = detail.width * ZOOM, detail.height * ZOOM
        details.append(detail.resize(zoomed, Image.Resampling.NEAREST))
    beneath = sum(each.width for each in details) + MARGIN * (len(details) - 1)
    tallest = max(each.height for each in details)
    size = max(frame.width, beneath), frame.height + tallest + 2 * MARGIN + CAPTION
    panel = Image.new("RGB", size, "white")
    panel.paste(frame, (0, 0))
    x = 0
    for detail in details:
        panel.paste(detail, (x, frame.height + MARGIN))
        x += detail.width + MARGIN
    below = frame.height + tallest + MARGIN
    ImageDraw.Draw(panel).text((2, below + 3), caption, fill="black")
    return panel


def _finest(sr_CHW: Tensor) -> list[tuple[int, int]]:
    """Tops and lefts of the details with the most change between pixels, apart from each other."""
    luma_HW = sr_CHW.mean(dim=0)
    change_HW = torch.zeros_like(luma_HW)
    change_HW[:, 1:] += (luma_HW[:, 1:] - luma_HW[:, :-1]).abs()
    change_HW[1:] += (luma_HW[1:] - luma_HW[:-1]).abs()
    side = min(DETAIL, *luma_HW.shape)
    step = max(1, side // 8)
    sums = torch.nn.functional.avg_pool2d(change_HW[None, None], side, step)[0, 0]
    found: list[tuple[int, int]] = []
    for place in sums.flatten().argsort(descending=True).tolist():
        top, left = place // sums.shape[1] * step, place % sums.shape[1] * step
        if all(max(abs(top - y), abs(left - x)) >= side for y, x in found):
            found.append((top, left))
        if len(found) == DETAILS:
            break
    return found


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
