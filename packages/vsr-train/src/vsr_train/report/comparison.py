"""Comparison pictures for people: bicubic, output and ground truth side by side, as PNG."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from vsr_files import make_folder, replacing
from vsr_losses import psnr
from vsr_train.validation import Comparison

PANEL = 480
"""Largest side of a panel in pixels; a larger frame is cut to its centre, where detail shows."""

CAPTION = 16
"""Height of the line under the panels, in pixels."""


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write one comparison, each panel with its PSNR over what is shown; it is on the disk then.

    Raises:
        OSError: if the disk refuses; nothing of it is left.
    """
    gt = _centre(comparison.gt_CHW)
    panels = {
        "bicubic": _centre(comparison.bicubic_CHW),
        "output": _centre(comparison.sr_CHW),
        "ground truth": gt,
    }
    height, width = gt.shape[-2:]
    sheet = Image.new("RGB", (width * len(panels), height + CAPTION), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (name, panel_CHW) in enumerate(panels.items()):
        sheet.paste(Image.fromarray(_pixels(panel_CHW)), (column * width, 0))
        score = "" if panel_CHW is gt else f" {float(psnr(panel_CHW[None], gt[None])):.2f} dB"
        pen.text((column * width + 4, height + 2), name + score, fill="black")
    make_folder(path.parent)
    with replacing(path) as file:
        sheet.save(file, format="PNG")


def _centre(picture_CHW: Tensor) -> Tensor:
    height, width = picture_CHW.shape[-2:]
    top, left = max(0, height - PANEL) // 2, max(0, width - PANEL) // 2
    return picture_CHW[:, top : top + PANEL, left : left + PANEL]


def _pixels(picture_CHW: Tensor) -> NDArray[np.uint8]:
    return picture_CHW.mul(255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
