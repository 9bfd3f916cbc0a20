"""One window as a sheet: bicubic, output, ground truth and error, and a detail of each below them.

The file says in a text chunk where its panels are, so that whoever reads it need not guess.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from vsr_files import make_folder, printable, replacing
from vsr_losses import psnr
from vsr_train.validation import Comparison

CHUNK: Final = "vsr"
"""Key of the text chunk: `clip`, `step`, `panels` and `details` by name as [left, top, width,
height], and `psnr` in dB of what is shown."""

PANEL: Final = 480
"""Largest side of a panel in pixels; a larger frame is cut to its centre, where detail shows."""

ZOOM: Final = 4
"""How many times a detail is enlarged."""

CAPTION: Final = 22
"""Height of a line of text, in pixels."""

GAP: Final = 4
"""Pixels between panels."""

LEAST_WIDTH: Final = 132
"""Pixels that the caption of a panel needs."""

FULL_ERROR: Final = 0.2
"""Error of a channel, of 1, that the error map shows brightest."""

HEAT: Final = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
"""Colours of the error map from none to full, evenly spaced; as bright as they are far."""

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""


def write_comparison(comparison: Comparison, step: int, path: Path) -> None:
    """Write one comparison, each panel with its PSNR over what is shown; it is on the disk then.

    Raises:
        OSError: if the disk refuses; nothing of it is left.
    """
    pictures = {
        "bicubic": _centre(comparison.bicubic_CHW),
        "output": _centre(comparison.sr_CHW),
        "ground truth": _centre(comparison.gt_CHW),
    }
    gt = pictures["ground truth"]
    scores = {
        name: round(float(psnr(pictures[name][None], gt[None])), 3)
        for name in ("bicubic", "output")
    }
    box = detail_box(pictures["bicubic"], gt)
    shown = {name: _pixels(picture) for name, picture in pictures.items()}
    shown["error"] = _heat((pictures["output"] - gt).abs().amax(0))
    height, width = gt.shape[-2:]
    cell = max(width, LEAST_WIDTH) + GAP
    below = CAPTION + height + CAPTION
    sheet = Image.new("RGB", (cell * len(shown) - GAP, below + height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    pen.text((4, 3), f"{printable(comparison.name)} · step {step}", fill="black", font=font)
    panels: dict[str, Box] = {}
    details: dict[str, Box] = {}
    for column, (name, pixels) in enumerate(shown.items()):
        left = column * cell
        panel, detail = Image.fromarray(pixels), Image.fromarray(_cut(pixels, box))
        size = (detail.width * width // box[2], detail.height * height // box[3])
        sheet.paste(panel, (left, CAPTION))
        sheet.paste(detail.resize(size, Image.Resampling.NEAREST), (left, below))
        panels[name], details[name] = (left, CAPTION, width, height), (left, below, *size)
        pen.text((left + 4, CAPTION + height + 3), _caption(name, scores), fill="black", font=font)
    facts = {
        "clip": comparison.name, "step": step, "psnr": scores,
        "panels": panels, "details": details,
    }  # fmt: skip
    info = PngInfo()
    info.add_itxt(CHUNK, json.dumps(facts))
    make_folder(path.parent)
    with replacing(path) as file:
        # the least compression: a third of the time, a tenth more bytes
        sheet.save(file, format="PNG", pnginfo=info, compress_level=1)


def detail_box(bicubic_CHW: Tensor, gt_CHW: Tensor) -> Box:
    """Return where a picture lacks most of its detail: the same place at every validation."""
    height, width = gt_CHW.shape[-2:]
    side_y, side_x = max(1, height // ZOOM), max(1, width // ZOOM)
    missing = (bicubic_CHW - gt_CHW).square().mean(0, dtype=torch.float64)  # edges before grain
    below = F.pad(missing.cumsum(0).cumsum(1), (1, 0, 1, 0))  # sums of all boxes, each in one go
    rows = below[side_y:] - below[:-side_y]
    sums = rows[:, side_x:] - rows[:, :-side_x]
    top, left = divmod(int(sums.argmax()), sums.shape[1])
    return left, top, side_x, side_y


def _caption(name: str, scores: dict[str, float]) -> str:
    if name == "error":
        return f"error, white from {FULL_ERROR:g}"
    return f"{name} {scores[name]:.2f} dB" if name in scores else name


def _cut(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    left, top, width, height = box
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def _centre(picture_CHW: Tensor) -> Tensor:
    height, width = picture_CHW.shape[-2:]
    top, left = max(0, height - PANEL) // 2, max(0, width - PANEL) // 2
    return picture_CHW[:, top : top + PANEL, left : left + PANEL]


def _pixels(picture_CHW: Tensor) -> NDArray[np.uint8]:
    return picture_CHW.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _heat(error_HW: Tensor) -> NDArray[np.uint8]:
    """Colour an error map."""
    at = (error_HW / FULL_ERROR).clamp(0, 1).numpy() * (len(HEAT) - 1)
    colours = np.array(HEAT, np.float32)
    low = np.minimum(at.astype(np.int64), len(HEAT) - 2)
    part = (at - low)[..., None]
    return (colours[low] * (1 - part) + colours[low + 1] * part).round().astype(np.uint8)
