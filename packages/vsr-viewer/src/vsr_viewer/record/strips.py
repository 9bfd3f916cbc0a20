"""The pictures of a validation: one strip for each clip, with its panels cut out of it.

A strip says in its text chunk where its panels are. One without that, as versions before wrote, is
shown whole; what is no sound picture is not shown.
"""

import json
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from vsr_viewer.record.columns import number
from vsr_viewer.record.reading import MIB, UnreadableError, open_inside

FOLDER: Final = "pictures"
ANIMATION: Final = "over-the-run.webp"
CHUNK: Final = "vsr"

PANELS: Final = ("bicubic", "output", "ground truth")

MOST_BYTES: Final = 64 * MIB
MOST_PIXELS: Final = 32_000_000
MOST_FILES: Final = 100_000
"""Entries of the folder that are looked at."""

_NAME: Final = re.compile(r"(.*)-step-([0-9]{9,10})\.png", re.DOTALL)
_HEAD: Final = struct.Struct(">8sI4sII")
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Strip:
    """One clip at one validation."""

    clip: str
    step: int
    panels: Mapping[str, Image.Image]
    """By name: bicubic, output, ground truth; none where the strip does not say where they are."""
    details: Mapping[str, Image.Image]
    """A small part of each panel, pixel for pixel, where the strip has them."""
    psnr: Mapping[str, float]
    """In dB, over what is shown."""
    whole: Image.Image | None
    """All of it, where it has no panels."""


def names_by_step(root: Path) -> dict[int, list[str]]:
    """Return the names of a run's strips by the step in them, each step's in order.

    Raises:
        UnreadableError: if the folder of pictures is not there or cannot be read.
    """
    folder = root / FOLDER
    found: dict[int, list[str]] = {}
    try:
        if not folder.resolve().is_relative_to(root):
            raise UnreadableError("it is a link that leads out of the run's folder")
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST_FILES), entries, strict=False):
                match = _NAME.fullmatch(entry.name)
                if match is not None:
                    found.setdefault(int(match[2]), []).append(entry.name)
    except FileNotFoundError as error:
        raise UnreadableError("it is not there") from error
    except (OSError, RuntimeError) as error:
        raise UnreadableError("it cannot be read") from error
    return {step: sorted(names) for step, names in found.items()}


def read_strip(root: Path, name: str) -> Strip:
    """Read a strip; `name` is that of its file.

    Raises:
        UnreadableError: if it is no sound picture of sensible size.
    """
    match = _NAME.fullmatch(name)
    with open_inside(root, f"{FOLDER}/{name}") as file:
        try:
            _check_head(file.read(_HEAD.size), os.fstat(file.fileno()).st_size)
            file.seek(0)
            with Image.open(file, formats=["PNG"]) as picture:
                picture.load()
                facts = _facts(getattr(picture, "text", {}).get(CHUNK))
                sheet = picture.convert("RGB")
        except UnreadableError:
            raise
        except Exception as error:  # whatever a damaged file does to a decoder
            raise UnreadableError("it is damaged: it is no sound PNG picture") from error
    panels = _cut(sheet, facts.get("panels"))
    psnr = facts.get("psnr")
    clip = facts.get("clip")
    return Strip(
        clip=clip if isinstance(clip, str) else match[1] if match else name,
        step=int(match[2]) if match else 0,
        panels=panels,
        details=_at_pixels(_cut(sheet, facts.get("details")), panels),
        psnr={
            each: number(psnr.get(each))
            for each in PANELS
            if isinstance(psnr, dict) and each in psnr
        },
        whole=None if panels else sheet,
    )


def _check_head(head: bytes, size: int) -> None:
    if size > MOST_BYTES:
        raise UnreadableError(f"it is larger than {MOST_BYTES // MIB} MiB")
    if len(head) < _HEAD.size:
        raise UnreadableError("it is cut short")
    signature, _, kind, width, height = _HEAD.unpack(head)
    if signature != _SIGNATURE or kind != b"IHDR":
        raise UnreadableError("it is no PNG picture")
    if not 0 < width * height <= MOST_PIXELS:
        raise UnreadableError(f"it has {width} × {height} pixels")


def _facts(text: Any) -> dict[str, Any]:
    try:
        facts = json.loads(str(text)) if text is not None else {}
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _cut(sheet: Image.Image, boxes: Any) -> dict[str, Image.Image]:
    """Cut panels out; those whose place is no part of the sheet are left out."""
    found = {}
    for name in PANELS if isinstance(boxes, dict) else ():
        box = boxes.get(name)
        if not isinstance(box, list) or len(box) != 4 or any(type(n) is not int for n in box):
            continue
        left, top, width, height = box
        if min(left, top) < 0 or min(width, height) < 1:
            continue
        if left + width <= sheet.width and top + height <= sheet.height:
            found[name] = sheet.crop((left, top, left + width, top + height))
    return found


def _at_pixels(
    details: Mapping[str, Image.Image], panels: Mapping[str, Image.Image], zoom: int = 4
) -> dict[str, Image.Image]:
    """Undo the enlargement of details: a browser enlarges them as well, for fewer bytes."""
    found = {}
    for name, detail in details.items():
        panel = panels.get(name)
        if panel is not None and detail.size == panel.size:
            size = (max(1, panel.width // zoom), max(1, panel.height // zoom))
            found[name] = detail.resize(size, Image.Resampling.NEAREST)
    return found
