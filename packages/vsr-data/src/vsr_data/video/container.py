"""A video file opened, with its film found and libav kept within bounds.

libav's own log is switched off; what matters of it is said here. Playlists may not open anything
but files, and no frame may be larger than 8K.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from vsr_data.errors import UnusableFileError

MAX_PIXELS: Final = 7680 * 4352  # 8K, in whole macroblocks
OPEN_S: Final = 30.0
MOST_COUNTED: Final = 300  # packets that are read to tell a picture from a film
PICTURE: Final = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
"""What marks a video stream that is no film."""

# FFmpegError is what libav reports; PyAV adds the others for what it cannot represent.
DECODE_ERRORS: Final = (av.error.FFmpegError, OSError, ValueError, ArithmeticError, MemoryError)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video's film for reading.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    with _container(path) as container:
        stream = _film(container, path)
        context = stream.codec_context
        if context.width * context.height > MAX_PIXELS:
            raise UnusableFileError(
                f"its header says {context.width}×{context.height}; "
                f"at most {MAX_PIXELS / 1e6:.0f} megapixels (8K) can be used"
            )
        context.options = {"max_pixels": str(MAX_PIXELS)}
        stream.thread_type = "SLICE"  # frame threads mark other frames as damaged on every run
        yield container, stream


@contextmanager
def _container(path: Path) -> Iterator[InputContainer]:
    av.logging.set_level(None)
    try:
        container = av.open(
            f"file:{path}",  # without it, what stands before a colon would name a protocol
            metadata_errors="ignore",
            timeout=OPEN_S,
            options={"protocol_whitelist": "file"},  # a playlist must not reach into the network
        )
    except DECODE_ERRORS as error:
        raise UnusableFileError(f"not a readable video: {reason_of(error)}") from error
    with container:
        yield container


def _film(container: InputContainer, path: Path) -> VideoStream:
    """The default video stream, but never a picture where there is a film."""
    videos = list(container.streams.video)
    if not videos:
        raise UnusableFileError("it has no video stream")
    films = [stream for stream in videos if not stream.disposition & PICTURE]
    if not films:
        raise UnusableFileError("it has no film, only a picture such as a cover")
    best = container.streams.best("video")
    chosen = best if isinstance(best, VideoStream) and best in films else films[0]
    if len(films) == 1:
        return chosen
    counts = _packet_counts(path, chosen.index)  # a cover need not be marked as one
    if counts[chosen.index] > 1:
        return chosen
    return max(films, key=lambda stream: (counts[stream.index], stream is chosen))


def _packet_counts(path: Path, wanted: int) -> Counter[int]:
    """Packets of every video stream, up to where `wanted` is seen to be more than a picture."""
    counts: Counter[int] = Counter()
    with _container(path) as container:
        try:
            for packet in container.demux(*container.streams.video):
                counts[packet.stream.index] += packet.size > 0
                if counts[wanted] > 1 or counts.total() > MOST_COUNTED:
                    break
        except DECODE_ERRORS:
            pass  # decoding stops here too
    return counts


def reason_of(error: BaseException) -> str:
    """What libav or the system says, as the end of a sentence."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:1].lower() + str(text)[1:120]
