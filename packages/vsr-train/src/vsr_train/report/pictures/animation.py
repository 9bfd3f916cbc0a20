"""One detail over the run: from bicubic by every output that is kept to the ground truth."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from vsr_files import replacing
from vsr_train.report.pictures.comparison import CAPTION, CHUNK, LEAST_WIDTH

FRAME_MS, HELD_MS = 400, 1600
"""How long outputs are shown, and how long the first, the last output and the ground truth."""


def write_animation(sheets: Sequence[Path], path: Path) -> None:
    """Write the animation of a clip whose sheets are given, the earliest first; it loops.

    Raises:
        OSError: if a sheet cannot be read or the disk refuses.
    """
    frames: list[Image.Image] = []
    truth: Image.Image | None = None
    for place in sheets:
        with Image.open(place) as sheet:
            text = getattr(sheet, "text", {}).get(CHUNK)
            if text is None:  # as versions before drew it
                continue
            facts = json.loads(text)
            psnr = facts["psnr"]
            if not frames:
                frames.append(_frame(sheet, facts, "bicubic", f"bicubic {psnr['bicubic']:.2f} dB"))
            caption = f"step {facts['step']} {psnr['output']:.2f} dB"
            frames.append(_frame(sheet, facts, "output", caption))
            truth = _frame(sheet, facts, "ground truth", "ground truth")
    if truth is None:
        return
    middle = [FRAME_MS] * (len(frames) - 2)
    with replacing(path) as file:
        frames[0].save(
            file,
            format="WEBP",
            save_all=True,
            append_images=[*frames[1:], truth],
            duration=[HELD_MS, *middle, HELD_MS, HELD_MS],
            loop=0,
            quality=80,
            method=2,  # a fifth of the usual effort; details are small
        )


def _frame(sheet: Image.Image, facts: dict[str, Any], name: str, caption: str) -> Image.Image:
    left, top, width, height = facts["details"][name]
    frame = Image.new("RGB", (max(width, LEAST_WIDTH), height + CAPTION), "white")
    frame.paste(sheet.crop((left, top, left + width, top + height)), (0, 0))
    font = ImageFont.load_default(14)
    ImageDraw.Draw(frame).text((4, height + 3), caption, fill="black", font=font)
    return frame
