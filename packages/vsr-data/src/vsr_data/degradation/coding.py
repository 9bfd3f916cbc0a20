"""A real encoder over a whole take, in memory, and its decoder: one thread each.

Invariant: the same frames and the same quality give the same bytes, whatever else the machine does;
frame t comes back as frame t.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, assert_never

import av
from av import CodecContext, Packet, VideoFrame
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.filter import Graph
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vsr_data.degradation.frames import LIMITED_RANGE, coding_for
from vsr_data.errors import DataError
from vsr_settings.degradation import Interlacing, Pipeline

Kind = Literal["h264", "h265", "vp9", "mpeg2"]

ENCODERS: Final[dict[Kind, str]] = {
    "h264": "libx264",
    "h265": "libx265",
    "vp9": "libvpx-vp9",
    "mpeg2": "mpeg2video",
}
DECODERS: Final[dict[Kind, str]] = {
    "h264": "h264",
    "h265": "hevc",
    "vp9": "vp9",
    "mpeg2": "mpeg2video",
}
RATE: Final = 25  # frames a second that a bit rate is meant for
LEAST_SIDE: Final = 64  # pixels; under a coding unit, x265 writes beside its memory
INTERLACED: Final = (1 << 18) | (1 << 29)  # AV_CODEC_FLAG_INTERLACED_DCT and _ME
SITED_LEFT: Final[frozenset[Kind]] = frozenset({"h264", "h265", "mpeg2"})  # say their decoders
CAN_INTERLACE: Final[frozenset[Kind]] = frozenset({"h264", "mpeg2"})


@dataclass(frozen=True)
class Encoding:
    """What an encoder is told.

    Attributes:
        kind: the codec.
        quality: constant rate factor, or MPEG-2's quantiser.
        kilobits: a second, in place of the quality.
        gop: frames from one key frame to the next, at most.
        speed: the preset of x264 and x265.
    """

    kind: Kind
    quality: int
    kilobits: int | None
    gop: int
    speed: str = ""


def require_encoders(pipeline: Pipeline) -> None:
    """Refuse a pipeline whose codec this PyAV cannot encode and decode.

    Raises:
        DataError: naming it.
    """
    if pipeline.codec is None:
        return
    kind = pipeline.codec.kind
    try:
        Codec(ENCODERS[kind], "w")
        Codec(DECODERS[kind], "r")
    except UnknownCodecError as error:
        raise DataError(
            f"data.degradation asks for {kind}, whose encoder {ENCODERS[kind]} this PyAV does not "
            "have; install av from its wheel with 'pip install --force-reinstall av', or choose "
            "another codec"
        ) from error


def coded(
    frames: Iterable[VideoFrame], encoding: Encoding, interlace: Interlacing | None
) -> Iterator[VideoFrame]:
    """Encode frames and decode them again.

    Args:
        frames: of one size, at least `LEAST_SIDE`, in yuv420p, numbered by their pts from 0.
        encoding: how.
        interlace: the order of the fields that they are woven of, if they are.

    Yields:
        As many frames, in order.
    """
    decoder = _context(DECODERS[encoding.kind], "r")
    number = 0
    for packet in [*_packets(frames, encoding, interlace), None]:
        for frame in decoder.decode(packet):
            if frame.pts != number:
                raise RuntimeError(f"{encoding} gave back frame {frame.pts} as {number}")
            number += 1
            yield frame


def made_whole(frames: Iterable[VideoFrame], order: Interlacing) -> Iterator[VideoFrame]:
    """Make a frame of every field, by libav's bwdif: twice as many, each of its field's time."""
    graph: Graph | None = None
    for frame in frames:
        if graph is None:
            graph = _graph(frame, order)
        frame.time_base = Fraction(1, RATE)
        graph.vpush(frame)
        yield from _ready(graph)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph)


def _packets(
    frames: Iterable[VideoFrame], encoding: Encoding, interlace: Interlacing | None
) -> Iterator["Packet[VideoStream]"]:
    encoder: VideoCodecContext | None = None
    for frame in frames:
        if encoder is None:
            encoder = _encoder(frame, encoding, interlace)
        frame.time_base = Fraction(1, RATE)
        yield from encoder.encode(frame)
    if encoder is not None:
        yield from encoder.encode(None)


def _encoder(
    frame: VideoFrame, encoding: Encoding, interlace: Interlacing | None
) -> VideoCodecContext:
    encoder = _context(ENCODERS[encoding.kind], "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, RATE), Fraction(RATE)
    encoder.colorspace = coding_for((frame.height, frame.width)).matrix
    encoder.color_range = LIMITED_RANGE
    encoder.gop_size = encoding.gop
    if encoding.kilobits is not None:
        encoder.bit_rate = encoding.kilobits * 1000
    if interlace is not None and encoding.kind in CAN_INTERLACE:
        encoder.flags |= INTERLACED
    if encoding.kind == "mpeg2":
        encoder.max_b_frames = 2  # as DVDs have
    encoder.options = _options(encoding, interlace)
    return encoder


def _context(name: str, mode: Literal["r", "w"]) -> VideoCodecContext:
    """A codec of one thread: several may give other bytes."""
    context = CodecContext.create(name, mode)
    if not isinstance(context, VideoCodecContext):
        raise TypeError(f"{name} is no codec of pictures")
    context.thread_count = 1
    return context


def _options(encoding: Encoding, interlace: Interlacing | None) -> dict[str, str]:
    quality, by_rate = str(encoding.quality), encoding.kilobits is not None
    match encoding.kind:
        case "h264":
            fields = "" if interlace is None else f":{interlace}=1"
            options = {"preset": encoding.speed, "x264-params": f"log-level=none{fields}"}
            return options if by_rate else {**options, "crf": quality}
        case "h265":
            alone = "pools=none:frame-threads=1:wpp=0:log-level=none"
            options = {"preset": encoding.speed, "x265-params": alone}
            return options if by_rate else {**options, "crf": quality}
        case "vp9":
            options = {"deadline": "good", "cpu-used": "4", "row-mt": "0"}
            return options if by_rate else {**options, "crf": quality, "b": "0"}
        case "mpeg2":
            return {} if by_rate else {"qmin": quality, "qmax": quality}
        case _:
            assert_never(encoding.kind)


def _graph(frame: VideoFrame, order: Interlacing) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, RATE)
    )
    whole = graph.add("bwdif", f"mode=send_field:parity={order}:deint=all")
    graph.link_nodes(source, whole, graph.add("buffersink"))
    graph.configure()
    return graph


def _ready(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield frame
