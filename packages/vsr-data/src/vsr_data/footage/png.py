"""PNG files: checked from end to end without decoding, and read as 8-bit RGB.

The check reads every byte once, so that a picture damaged on the disk is met when a source is
opened and not hours into a run; decoding waits until the picture is needed.
"""

import zlib
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from vsr_data.errors import UnusableFileError
from vsr_data.pixels import Pixels, Size

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS: Final = 1 << 26  # 67 megapixels: a stack of 5 frames of 4K, and no decompression bomb


def check_png(path: Path) -> Size:
    """Walk a file's chunks and compare their checksums.

    Returns:
        (height, width).

    Raises:
        UnusableFileError: it is no PNG, damaged, cut off or absurdly large.
    """
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error
    if not data:
        raise UnusableFileError("it is empty")
    if bytes(data[:8]) != SIGNATURE or len(data) < 33 or bytes(data[12:16]) != b"IHDR":
        raise UnusableFileError("it is not a PNG file")
    at, kind = 8, b""
    while kind != b"IEND":
        if at + 12 > len(data):
            raise UnusableFileError("it is cut off; its end is missing")
        length = int.from_bytes(data[at : at + 4])
        end = at + 12 + length
        if end > len(data):
            raise UnusableFileError("it is cut off; its end is missing")
        kind = bytes(data[at + 4 : at + 8])
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            raise UnusableFileError("it is damaged; a checksum does not match")
        at = end
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not 0 < width * height <= MAX_PIXELS:
        raise UnusableFileError(
            f"it has {width}×{height} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels can be used"
        )
    return height, width


def read_rgb(path: Path) -> Pixels:
    """Decode a picture of any PNG mode.

    Returns:
        `rgb_HWC`, uint8; 16 bits are rounded to 8, greyscale is repeated, opacity is dropped.

    Raises:
        UnusableFileError: it cannot be decoded.
    """
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise UnusableFileError(f"it has grown to {picture.width}×{picture.height} pixels")
            if picture.mode.startswith("I"):  # 16-bit greyscale, which convert would clip
                grey = np.asarray(picture).astype(np.float32) / 257
                return np.repeat(grey.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnusableFileError(f"it cannot be decoded: {reason}") from error
