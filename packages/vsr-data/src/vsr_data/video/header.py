"""What a video file claims about itself, and how far the claim can be checked without decoding."""

from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from vsr_data.video.animations import is_webp, webp_header
from vsr_data.video.container import DECODE_ERRORS, opened


@dataclass(frozen=True)
class Header:
    """What a file claims about itself, before anything is decoded.

    Attributes:
        height: rows of a frame as coded, before it is rotated.
        width: columns of a frame as coded.
        frames: how many there are; None where the file does not say.
    """

    height: int
    width: int
    frames: int | None


def read_header(path: Path) -> Header:
    """Open a video and close it again.

    Raises:
        UnusableFileError: it is no video, or its frames are absurdly large.
    """
    if is_webp(path):
        return Header(*webp_header(path))
    with opened(path) as (container, stream):
        context = stream.codec_context
        frames = stream.frames or None
        if frames is None and stream.average_rate:
            seconds = _seconds(container, stream)
            frames = None if seconds is None else int(seconds * float(stream.average_rate)) + 1
        return Header(context.height, context.width, frames)


def count_packets(path: Path) -> int:
    """How many frames a video can have at most: reads all of it, but decodes nothing.

    Raises:
        UnusableFileError: it is no video.
    """
    if is_webp(path):
        return webp_header(path)[-1]
    n_packets = 0
    with opened(path) as (container, stream):
        most = path.stat().st_size
        try:
            for packet in container.demux(stream):
                n_packets += packet.size > 0
                if n_packets > most:
                    break
        except DECODE_ERRORS:
            pass  # decoding stops here too
    return n_packets


def _seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base
