"""An encoder and a container tried on one black frame, before a film takes days."""

from io import BytesIO

import av
import torch
from av.codec import Codec

from vsr_data.video import reason_of
from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.encoders import Encoding
from vsr_upscale.output.joining import add_video
from vsr_upscale.output.painting import Painter
from vsr_upscale.output.segments import mux_numbered, open_segment
from vsr_upscale.source import Film


def try_encoding(film: Film, encoding: Encoding, container: str) -> None:
    """Encode a frame, put it into a file of the output's kind, and read it back.

    Raises:
        UpscaleError: if the encoder does not start as asked, or such files do not hold what it
            makes.
    """
    segment = BytesIO()
    black = torch.zeros(1, 3, encoding.height, encoding.width)
    try:
        painter = Painter(film, encoding.pixel_format, encoding.depth)
        into, stream = open_segment(segment, film, encoding)
        with into:
            order: list[int] = []
            for frame in (painter.frame(painter.samples(black)), None):
                mux_numbered(into, stream.encode(frame), order)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        asked = " ".join(f"{name}={value}" for name, value in encoding.options.items())
        raise UpscaleError(
            f"encoder {encoding.encoder} does not start with {encoding.pixel_format} of "
            f"{encoding.width}×{encoding.height} and {asked or 'no options'}: {reason_of(error)}; "
            "see --quality, --encoder-option and --pixel-format, or choose another --encoder"
        ) from error
    segment.seek(0)
    if not _is_held(segment, film, encoding, container):
        made = Codec(encoding.encoder, "w").canonical_name
        raise UpscaleError(
            f"{container} files hold no {made} video; choose another --encoder, or name the output "
            ".mkv"
        )


def _is_held(segment: BytesIO, film: Film, encoding: Encoding, container: str) -> bool:
    whole = BytesIO()
    try:
        with av.open(segment, "r") as source, av.open(whole, "w", format=container) as output:
            encoded = source.streams.video[0]
            video = add_video(output, encoded, film, encoding, container)
            for packet in source.demux(encoded):
                if packet.size:
                    packet.stream = video
                    output.mux(packet)
        whole.seek(0)
        with av.open(whole) as read:
            found = read.streams.video[0].codec_context
            return found.codec.canonical_name == encoded.codec_context.codec.canonical_name
    except (av.error.FFmpegError, ValueError, IndexError, AttributeError, OSError):
        return False
