"""Pictures of runs as WebP: each encoded once, and embedded in a page or linked from it.

What a page embeds never takes more room than it has left.
"""

import base64
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from PIL import Image, WebPImagePlugin

from vsr_viewer.record import ANIMATION, FOLDER, Strip, UnreadableError, read_inside, read_strip

QUALITY: Final = 90
"""Of WebP: what a network adds must not drown in what a codec takes."""

EFFORT: Final = 2

LARGEST_SIDE: Final = 960
"""Pixels of a side; larger pictures are made smaller."""

MOST_ANIMATION: Final = 8 << 20
"""Bytes of an animation."""

_FORMAT: Final = WebPImagePlugin.WebPImageFile.format
"""Imported by name: Pillow would import every format it knows to find this one."""

_WEBP: Final = (b"RIFF", b"WEBP")


@dataclass(frozen=True)
class Encoded:
    """A picture as a browser takes it."""

    digest: str
    """Names its content."""
    content: bytes
    width: int
    height: int


@dataclass(frozen=True)
class ShownStrip:
    """One clip at one validation, encoded."""

    clip: str
    step: int
    panels: Mapping[str, Encoded]
    details: Mapping[str, Encoded]
    psnr: Mapping[str, float]
    whole: Encoded | None


class Shelf:
    """The encoded pictures of a run; what does not change is not encoded again.

    Args:
        root: the run's folder, resolved.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._strips: dict[object, ShownStrip | UnreadableError] = {}
        self._encoded: dict[bytes, Encoded] = {}

    def strips(self, names: list[str]) -> tuple[list[ShownStrip], list[str]]:
        """Return the strips of some files, and what is wrong with the others; forget all others."""
        kept, found, wrong = {}, [], []
        for name in names:
            key = self._key(name)
            one = self._strips.get(key) or self._read(name)
            kept[key] = one
            if isinstance(one, ShownStrip):
                found.append(one)
            else:
                wrong.append(f"{FOLDER}/{name}: {one}")
        self._strips = kept
        used = {id(each) for strip in found for each in _pictures(strip)}
        self._encoded = {key: each for key, each in self._encoded.items() if id(each) in used}
        return found, wrong

    def animation(self) -> Encoded | None:
        """Return the animation over the run; None where there is none that is sound."""
        try:
            content = read_inside(self._root, f"{FOLDER}/{ANIMATION}", MOST_ANIMATION)
            if (content[:4], content[8:12]) != _WEBP:
                return None
            with Image.open(io.BytesIO(content), formats=[_FORMAT]) as picture:
                width, height = picture.size
        except Exception:  # noqa: BLE001 - whatever a damaged file does to a decoder
            return None
        return Encoded(_digest(content), content, width, height)

    def _key(self, name: str) -> object:
        try:
            facts = (self._root / FOLDER / name).stat()
        except (OSError, ValueError):
            return name
        return name, facts.st_mtime_ns, facts.st_size, facts.st_ino

    def _read(self, name: str) -> ShownStrip | UnreadableError:
        try:
            strip = read_strip(self._root, name)
        except UnreadableError as error:
            return error
        return self._shown(strip)

    def _shown(self, strip: Strip) -> ShownStrip:
        return ShownStrip(
            strip.clip,
            strip.step,
            {name: self._encode(panel) for name, panel in strip.panels.items()},
            {name: self._encode(detail) for name, detail in strip.details.items()},
            strip.psnr,
            None if strip.whole is None else self._encode(strip.whole),
        )

    def _encode(self, picture: Image.Image) -> Encoded:
        """Encode pixels that were not encoded yet: bicubic and truth stay over a run."""
        key = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).digest()
        if key not in self._encoded:
            self._encoded[key] = encode(picture)
        return self._encoded[key]


def encode(picture: Image.Image) -> Encoded:
    """Return a picture in RGB as WebP."""
    if max(picture.size) > LARGEST_SIDE:
        picture = picture.copy()
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, _FORMAT, quality=QUALITY, method=EFFORT)
    content = buffer.getvalue()
    return Encoded(_digest(content), content, *picture.size)


class Sources(Protocol):
    """Where the pictures of a page come from."""

    def take(self, pictures: list[Encoded]) -> list[str] | None:
        """Return the addresses of pictures that belong together; None where they have no room."""


class Embedded:
    """Pictures within the page.

    Args:
        room: bytes of the page that they may take.
    """

    def __init__(self, room: int) -> None:
        self._room = room

    def take(self, pictures: list[Encoded]) -> list[str] | None:
        """Return the pictures as addresses that hold them, or None."""
        addresses = [_data_address(each.content) for each in pictures]
        size = sum(map(len, addresses))
        if size > self._room:
            return None
        self._room -= size
        return addresses


class Linked:
    """Pictures that a server hands out; it remembers which the page has named.

    Args:
        base: what comes before a picture's digest in its address.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self.named: dict[str, bytes] = {}

    def take(self, pictures: list[Encoded]) -> list[str]:
        """Return the addresses."""
        self.named |= {each.digest: each.content for each in pictures}
        return [f"{self._base}{each.digest}.webp" for each in pictures]


def _pictures(strip: ShownStrip) -> list[Encoded]:
    whole = [] if strip.whole is None else [strip.whole]
    return [*strip.panels.values(), *strip.details.values(), *whole]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _data_address(content: bytes) -> str:
    return "data:image/webp;base64," + base64.b64encode(content).decode()
