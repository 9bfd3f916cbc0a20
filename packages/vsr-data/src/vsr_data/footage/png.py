"""PNG files: checked from end to end without decoding, and read as 8-bit RGB.

The check reads every byte once, so that a picture damaged on the disk is met when a source is
opened and not hours into a run; decoding waits until the picture is needed. What a file is, and how
large, is looked at before any of it is read.
"""

import io
import zlib
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import IO, Final, Literal

import av
import numpy as np
from av import VideoFrame
from PIL import Image

from vsr_data.errors import UnusableFileError
from vsr_data.pixels import Pixels, Size
from vsr_data.video.container import reason_of

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS: Final = 1 << 26  # 67 megapixels: a stack of 5 frames of 4K, and no decompression bomb
MAX_BYTES: Final = 8 * MAX_PIXELS + (1 << 20)  # four 16-bit samples a pixel, and some text
HEADER: Final = 33  # bytes of the signature and the first chunk
BIT_DEPTH_AT: Final = 24  # byte of the header; the colour type is the next
BLOCK: Final = 1 << 20  # bytes read at a time
PLAIN: Final = {bytes([8, 2]): "rgb24", bytes([8, 6]): "rgba"}
"""Bit depth and colour type of what libav decodes twice as fast as Pillow, and its name for it."""
DEEP_SAMPLES: Final = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}


def read_size(path: Path) -> Size:
    """Read a file's header alone.

    Returns:
        (height, width).

    Raises:
        UnusableFileError: it is no PNG, or absurdly large.
    """
    check_kind(path)
    try:
        with path.open("rb") as file:
            return size_in(file.read(HEADER))
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error


def check_png(path: Path) -> Size:
    """Walk a file's chunks and compare their checksums.

    Returns:
        (height, width).

    Raises:
        UnusableFileError: it is no PNG, damaged, cut off or absurdly large.
    """
    check_kind(path)
    try:
        with path.open("rb") as file:
            size = size_in(file.read(HEADER))
            file.seek(len(SIGNATURE))
            while _checked_chunk(file) != b"IEND":
                pass
            return size
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error


def check_kind(path: Path) -> None:
    """Refuse what is no regular file of a size that a picture can have.

    Raises:
        UnusableFileError: it is something else.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
    if S_ISDIR(stat.st_mode):
        raise UnusableFileError("it is a folder")
    if not S_ISREG(stat.st_mode):
        raise UnusableFileError("it is not a regular file")
    if not stat.st_size:
        raise UnusableFileError("it is empty")
    if stat.st_size > MAX_BYTES:
        raise UnusableFileError(
            f"it has {stat.st_size / 1e6:.0f} MB; a PNG of {MAX_PIXELS / 1e6:.0f} megapixels, the "
            f"most that can be used, has at most {MAX_BYTES / 1e6:.0f}"
        )


def size_in(header: bytes) -> Size:
    """(height, width), by the first `HEADER` bytes of a file.

    Raises:
        UnusableFileError: it is no PNG, or absurdly large.
    """
    if header[:8] != SIGNATURE or len(header) < HEADER or header[12:16] != b"IHDR":
        raise UnusableFileError("it is not a PNG file")
    width, height = int.from_bytes(header[16:20]), int.from_bytes(header[20:24])
    if not 0 < width * height <= MAX_PIXELS:
        raise UnusableFileError(
            f"it has {width}×{height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels can be used"
        )
    return height, width


def _checked_chunk(file: IO[bytes]) -> bytes:
    """Read one chunk; returns its kind."""
    length = int.from_bytes(_exactly(file, 4))
    kind = _exactly(file, 4)
    checksum = zlib.crc32(kind)
    while length:
        block = _exactly(file, min(length, BLOCK))
        checksum = zlib.crc32(block, checksum)
        length -= len(block)
    if checksum != int.from_bytes(_exactly(file, 4)):
        raise UnusableFileError("it is damaged; a checksum does not match")
    return kind


def _exactly(file: IO[bytes], count: int) -> bytes:
    block = file.read(count)
    if len(block) < count:
        raise UnusableFileError("it is cut off; its end is missing")
    return block


def read_rgb(path: Path) -> Pixels:
    """Decode a picture of any PNG mode.

    Returns:
        `rgb_HWC`, uint8; 16 bits are rounded to 8, greyscale is repeated, opacity is dropped.

    Raises:
        UnusableFileError: it cannot be decoded.
    """
    read_size(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
    return decoded_rgb(data)


def decoded_rgb(data: bytes) -> Pixels:
    """Decode the bytes of a PNG file, as `read_rgb` does; its header has been looked at.

    Raises:
        UnusableFileError: they cannot be decoded, or a checksum in them does not match.
    """
    try:
        if data[BIT_DEPTH_AT] == 16:
            return deep_rgb(data, "png")
        if data[BIT_DEPTH_AT : BIT_DEPTH_AT + 2] in PLAIN:
            return _plain_rgb(data)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            return np.asarray(picture.convert("RGB"))
    except Exception as error:
        raise UnusableFileError(f"it cannot be decoded: {reason_of(error)}") from error


def deep_rgb(data: bytes, codec: Literal["png", "tiff"]) -> Pixels:
    """Decode a picture of 16 bits, rounded to 8; Pillow would cut them, or not read it.

    Args:
        data: the file's bytes.
        codec: libav's name of its kind, `png` or `tiff`.

    Returns:
        `rgb_HWC`, as of `read_rgb`.

    Raises:
        ValueError, OSError: it cannot be decoded.
    """
    frame = _decoded(data, codec)
    plane, (name, order) = frame.planes[0], (frame.format.name[:-2], frame.format.name[-2:])
    samples = DEEP_SAMPLES.get(name)
    if samples is None:
        raise ValueError(f"{frame.format.name} is not a format of {codec.upper()}")
    rows = np.frombuffer(memoryview(plane), ">u2" if order == "be" else "<u2")
    deep = rows.reshape(-1, plane.line_size // 2)[: frame.height, : frame.width * samples]
    deep_HWC = deep.reshape(frame.height, frame.width, samples)
    colours = deep_HWC[..., :3] if samples >= 3 else deep_HWC[..., :1]
    rgb_HWC = ((colours.astype(np.uint32) + 128) // 257).astype(np.uint8)  # 257 is odd: no ties
    return np.ascontiguousarray(np.broadcast_to(rgb_HWC, (*rgb_HWC.shape[:2], 3)))


def _plain_rgb(data: bytes) -> Pixels:
    return np.ascontiguousarray(_decoded(data, "png").to_ndarray()[..., :3])


def _decoded(data: bytes, codec: Literal["png", "tiff"]) -> VideoFrame:
    av.logging.set_level(None)
    context = av.CodecContext.create(codec, "r")
    context.options = {"err_detect": "crccheck+explode", "max_pixels": str(MAX_PIXELS)}
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    if not frames or not isinstance(frames[0], VideoFrame):
        raise ValueError("it holds no picture")
    return frames[0]
