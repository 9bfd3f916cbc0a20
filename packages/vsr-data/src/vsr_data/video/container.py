"""A video file opened, with its film found and libav kept within bounds.

libav's own log is switched off; what matters of it is said here. Playlists may not open anything
but files, and no frame may be larger than 8K.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_data.errors import UnusableFileError

MAX_PIXELS: Final = 7680 * 4352  # 8K, in whole macroblocks
OPEN_S: Final = 30.0

# FFmpegError is what libav reports; PyAV adds the others for what it cannot represent.
DECODE_ERRORS: Final = (av.error.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video's film for reading.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    av.logging.set_level(None)
    try:
        container = av.open(
            str(path),
            metadata_errors="ignore",
            timeout=OPEN_S,
            options={"protocol_whitelist": "file"},  # a playlist must not reach into the network
        )
    except DECODE_ERRORS as error:
        raise UnusableFileError(f"not a readable video: {reason_of(error)}") from error
    with container:
        stream = container.streams.best("video")
        if not isinstance(stream, VideoStream):
            raise UnusableFileError("it has no video stream")
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise UnusableFileError(
                f"its header says {context.width}×{context.height}; "
                f"at most {MAX_PIXELS / 1e6:.0f} megapixels (8K) can be used"
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "SLICE"  # frame threads mark other frames as damaged on every run
        yield container, stream


def reason_of(error: BaseException) -> str:
    """What libav or the system says, as the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:1].lower() + str(text)[1:120]
