"""Pictures of the kinds that data sets are kept in: their sizes by their headers, their pixels.

A header costs tens of microseconds, and no file is decoded for its size. PNG is `png`'s; the others
are Pillow's, but for TIFF of 16 bits, which Pillow cannot read.
"""

import io
from pathlib import Path
from typing import IO, Final

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, ImageFileDirectory_v2

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.png import MAX_PIXELS, check_kind, deep_rgb, read_rgb, read_size
from vsr_data.pixels import Pixels, Size
from vsr_data.video.container import reason_of
from vsr_files import printable

FORMATS: Final = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
"""What is taken for a picture, by its suffix in lower case."""

DEEP_BITS: Final = 16
BITS_PER_SAMPLE: Final = 258  # tag of TIFF


def is_picture(name: str) -> bool:
    """Whether a file is taken for a picture, by its name."""
    return not name.startswith(".") and Path(name).suffix.lower() in FORMATS


def picture_size(path: Path) -> Size:
    """Read a picture's header.

    Returns:
        (height, width).

    Raises:
        UnusableFileError: it is no picture of its suffix's kind, animated, or absurdly large.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind == "PNG":
        return read_size(path)
    check_kind(path)
    try:
        with path.open("rb") as file:
            return _bounded(_tiff_size(file) if kind == "TIFF" else _still_size(file, kind))
    except UnusableFileError:
        raise
    except Exception as error:  # Pillow has no bound to what it raises
        raise UnusableFileError(f"it is not a readable picture: {reason_of(error)}") from error


def read_picture(path: Path) -> Pixels:
    """Decode a picture.

    Returns:
        `rgb_HWC`, uint8; 16 bits are rounded to 8, greyscale is repeated, opacity is dropped.

    Raises:
        UnusableFileError: it cannot be decoded.
    """
    kind = FORMATS.get(path.suffix.lower())
    if kind == "PNG":
        return read_rgb(path)
    picture_size(path)
    try:
        data = path.read_bytes()
        if kind == "TIFF" and _tiff_bits(data) == DEEP_BITS:
            return deep_rgb(data, "tiff")
        with Image.open(io.BytesIO(data), formats=[str(kind)]) as picture:
            return np.asarray(picture.convert("RGB"))
    except Exception as error:
        raise UnusableFileError(f"it cannot be decoded: {reason_of(error)}") from error


def expected_picture(path: Path, size: Size, remedy: str) -> Pixels:
    """Decode a picture that was looked at before, while a run needs it.

    Args:
        path: the picture.
        size: what its header said then, as (height, width).
        remedy: what a person does where it is no longer so.

    Raises:
        DataError: it is gone, damaged or of another size.
    """
    try:
        rgb_HWC = read_picture(path)
    except UnusableFileError as error:
        raise DataError(
            f"picture {printable(path)!r} is no longer usable: {error}; {remedy}"
        ) from error
    if rgb_HWC.shape[:2] != size:
        raise DataError(
            f"picture {printable(path)!r} was {size[1]}×{size[0]} and is now "
            f"{rgb_HWC.shape[1]}×{rgb_HWC.shape[0]}; {remedy}"
        )
    return rgb_HWC


def _still_size(file: IO[bytes], kind: str | None) -> Size:
    if kind is None:
        raise UnusableFileError(f"its suffix is none of {', '.join(FORMATS)}")
    with Image.open(file, formats=[kind]) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise UnusableFileError("it is animated; a folder of pictures has one frame a file")
        return picture.height, picture.width


def _tiff_size(file: IO[bytes]) -> Size:
    directory = _tiff_directory(file)
    if directory.next:
        raise UnusableFileError("it has several pages; a folder of pictures has one frame a file")
    return int(directory[IMAGELENGTH]), int(directory[IMAGEWIDTH])


def _tiff_bits(data: bytes) -> int:
    return int(_tiff_directory(io.BytesIO(data)).get(BITS_PER_SAMPLE, (1,))[0])


def _tiff_directory(file: IO[bytes]) -> ImageFileDirectory_v2:
    directory = ImageFileDirectory_v2(file.read(8))
    file.seek(directory.next)
    directory.load(file)
    return directory


def _bounded(size: Size) -> Size:
    if not 0 < size[0] * size[1] <= MAX_PIXELS:
        raise UnusableFileError(
            f"it has {size[1]}×{size[0]} pixels; at most {MAX_PIXELS / 1e6:.0f} megapixels can be "
            "used"
        )
    return size
