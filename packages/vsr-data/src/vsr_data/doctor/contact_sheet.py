"""A contact sheet: windows as training draws them, the network's input beside its target."""

from itertools import zip_longest
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vsr_data.doctor.drawing import SHOWN
from vsr_data.doctor.findings import Examined, WindowPicture
from vsr_data.doctor.report import Report
from vsr_data.doctor.words import clock, short_name
from vsr_data.pixels import Pixels
from vsr_files import replacing

MOST: Final = 24
"""Windows on a sheet."""

COLUMNS: Final = 2
GAP: Final = 12
CAPTION: Final = 20
LONGEST: Final = 60
"""Characters of a name under a window."""

PAPER, INK, FAINT = (246, 246, 244), (24, 24, 24), (96, 96, 96)


def side_by_side(picture: WindowPicture) -> Pixels:
    """`rgb_HWC`: the input, every pixel of it a square of as many as the scale, and the target."""
    scale = picture.gt_HWC.shape[0] // picture.lq_HWC.shape[0]
    enlarged = picture.lq_HWC.repeat(scale, axis=0).repeat(scale, axis=1)
    return np.concatenate([enlarged, picture.gt_HWC], axis=1)


def chosen(report: Report) -> list[tuple[Examined, WindowPicture]]:
    """One window of every file that gives some, then a second one, as far as there is room."""
    files = [file for file in report.files if file.pictures and not file.refused]
    rows = zip_longest(*(file.pictures for file in files))
    found = ((file, one) for row in rows for file, one in zip(files, row, strict=True) if one)
    return sorted(
        [pair for pair, _ in zip(found, range(MOST), strict=False)],
        key=lambda pair: (files.index(pair[0]), pair[1].number),
    )


def contact_sheet(report: Report) -> Image.Image | None:
    """Draw the sheet; None where there is no window to show."""
    pairs = chosen(report)
    if not pairs:
        return None
    columns = min(COLUMNS, len(pairs))
    cell = 2 * SHOWN + GAP, SHOWN + CAPTION + GAP
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (GAP + columns * cell[0], GAP + CAPTION + rows * cell[1]), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    pen.text(
        (GAP, GAP - 4), "left: what the network is given; right: what it should make", FAINT, font
    )
    for i, (file, picture) in enumerate(pairs):
        x, y = GAP + i % columns * cell[0], GAP + CAPTION + i // columns * cell[1]
        sheet.paste(Image.fromarray(side_by_side(picture)), (x, y))
        pen.text((x, y + SHOWN + 2), caption(file, picture), INK, font)
    return sheet


def caption(file: Examined, picture: WindowPicture) -> str:
    """Where a window is from."""
    name = short_name(file.path)
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    at = clock(file.seconds_of(picture.number))
    return f"{name}, frame {picture.number}{f', {at}' if at else ''}"


def write_contact_sheet(sheet: Image.Image, path: Path) -> None:
    """Write it as PNG; as a whole or not at all.

    Raises:
        OSError: the disk refuses.
    """
    with replacing(path) as file:
        sheet.save(file, format="PNG")
