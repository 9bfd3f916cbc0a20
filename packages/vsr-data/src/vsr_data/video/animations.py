"""Animated pictures as films: GIF and APNG through libav, WebP, which it cannot, through Pillow.

What is transparent in them, or in any film, is black. A still picture is no film.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from av import VideoFrame
from av.video.format import VideoFormat
from PIL import Image

from vsr_data.errors import UnusableFileError
from vsr_data.pixels import Pixels
from vsr_data.video.colour import quarter_turns, rgb_from_frame
from vsr_data.video.container import MAX_PIXELS, reason_of
from vsr_data.video.decoding import Frame, FrameRange, Tally, frames

ANIMATIONS: Final = frozenset({".gif", ".apng", ".png", ".webp"})
"""Suffixes of pictures that may move."""

STILLS: Final = frozenset({".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
"""Suffixes of pictures that never do."""

PICTURE_ERRORS: Final = (
    OSError,
    ValueError,
    SyntaxError,  # Pillow's word for a damaged PNG
    EOFError,
    MemoryError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def is_animation(path: Path) -> bool:
    """Whether a file is a picture of several frames: by its bytes, for suffixes of `ANIMATIONS`."""
    if path.suffix.lower() not in ANIMATIONS:
        return False
    try:
        with Image.open(path, formats=("GIF", "PNG", "WEBP")) as picture:
            return bool(getattr(picture, "is_animated", False))
    except PICTURE_ERRORS:
        return False


def is_webp(path: Path) -> bool:
    """Whether a file is named as a WebP, whose animations libav cannot read."""
    return path.suffix.lower() == ".webp"


def webp_header(path: Path) -> tuple[int, int, int]:
    """Height, width and number of frames of a WebP.

    Raises:
        UnusableFileError: it is none.
    """
    try:
        with Image.open(path, formats=("WEBP",)) as picture:
            return picture.height, picture.width, int(getattr(picture, "n_frames", 1))
    except PICTURE_ERRORS as error:
        raise UnusableFileError(f"not a readable picture: {reason_of(error)}") from error


def refuse_still(path: Path) -> None:
    """Check that a file is no still picture.

    Raises:
        UnusableFileError: it is one.
    """
    suffix = path.suffix.lower()
    if suffix not in ANIMATIONS | STILLS or is_animation(path):
        return
    try:
        with Image.open(path) as picture:
            kind = picture.format
    except PICTURE_ERRORS as error:
        raise UnusableFileError(f"not a readable picture: {reason_of(error)}") from error
    raise UnusableFileError(
        f"it is a still picture ({kind}); numbered pictures in a folder of their own make a clip"
    )


def film_frames(
    path: Path,
    wanted: FrameRange = FrameRange(),  # noqa: B008 - frozen
    tally: Tally | None = None,
) -> Iterator[Frame]:
    """Yield the frames of a video as `frames` does, or of an animated picture.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    tally = Tally() if tally is None else tally
    if is_webp(path) and is_animation(path):
        return _webp_frames(path, wanted, tally)
    return frames(path, wanted, tally)


def has_opacity(pixel_format: str) -> bool:
    """Whether pixels of a format may be transparent."""
    if pixel_format == "pal8":
        return True
    return any(each.is_alpha for each in VideoFormat(pixel_format).components)


def rgb_on_black(
    picture: VideoFrame, to_rgb: Callable[[VideoFrame], Pixels] = rgb_from_frame
) -> Pixels:
    """Convert a frame to 8-bit RGB before black: `rgb_HWC`, upright; `to_rgb` does its colours."""
    rgb_HWC = to_rgb(picture)
    rgba_HWC = picture.reformat(format="rgba", threads=1).to_ndarray()
    opacity_HW1 = np.rot90(rgba_HWC[..., 3:], quarter_turns(picture.rotation)).astype(np.uint16)
    return ((rgb_HWC * opacity_HW1 + 127) // 255).astype(np.uint8)


def _webp_frames(path: Path, wanted: FrameRange, tally: Tally) -> Iterator[Frame]:
    try:
        with Image.open(path, formats=("WEBP",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise UnusableFileError(
                    f"its header says {picture.width}×{picture.height}; "
                    f"at most {MAX_PIXELS / 1e6:.0f} megapixels (8K) can be used"
                )
            count = int(getattr(picture, "n_frames", 1))
            for number in range(count if wanted.stop is None else min(count, wanted.stop)):
                picture.seek(number)
                rgba = picture.convert("RGBA")
                tally.decoded += 1
                if number >= wanted.first:
                    whole = VideoFrame.from_ndarray(np.asarray(rgba), "rgba")
                    whole.pts = number
                    yield Frame(number, whole, follows=number > wanted.first)
    except PICTURE_ERRORS as error:
        if not tally.decoded:
            raise UnusableFileError(f"not a readable picture: {reason_of(error)}") from error
        tally.damaged += 1
        tally.note(f"reading stopped: {reason_of(error)}")
