"""The encoders of libav that are worth using, what to ask of them, and which pixels they take."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import av
from av.codec import Codec

from vsr_upscale.errors import UpscaleError
from vsr_upscale.output.painting import is_rgb, subsampling
from vsr_upscale.request import Request
from vsr_upscale.source import Film


@dataclass(frozen=True)
class Encoder:
    """What to ask of an encoder.

    Attributes:
        quality_option: the option that trades size for quality; None where there is none.
        quality: its value: nothing that the network drew is lost to the eye.
        options: what else to set.
    """

    quality_option: str | None = None
    quality: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)


_QUIET: Final = {"x265-params": "log-level=none"}
_NVENC: Final = {"preset": "p6", "tune": "hq", "rc": "vbr", "b:v": "0"}

ENCODERS: Final[dict[str, Encoder]] = {
    "libx264": Encoder("crf", 16, {"preset": "medium"}),
    "libx265": Encoder("crf", 17, {"preset": "medium", **_QUIET}),
    "libsvtav1": Encoder("crf", 22, {"preset": "6"}),
    "libvpx-vp9": Encoder("crf", 20, {"b:v": "0", "row-mt": "1", "cpu-used": "2"}),
    "ffv1": Encoder(options={"level": "3", "slices": "16", "slicecrc": "1"}),
    "prores_ks": Encoder("qscale", 5, {"vendor": "apl0"}),
    "dnxhd": Encoder(options={"profile": "dnxhr_hq"}),
    "h264_nvenc": Encoder("cq", 17, _NVENC),
    "hevc_nvenc": Encoder("cq", 18, _NVENC),
    "av1_nvenc": Encoder("cq", 22, _NVENC),
}
"""By libav's names; any other video encoder that this libav has can be named too."""

_USUAL: Final = {
    (False, False): "libx264",
    (False, True): "libx265",
    (True, False): "libvpx-vp9",
    (True, True): "libsvtav1",
}
"""What is encoded with unasked: whether into WebM, and whether of more than 8 bits."""


@dataclass(frozen=True)
class Encoding:
    """An encoder, with all that it is asked for."""

    encoder: str
    options: dict[str, str]
    pixel_format: str
    depth: int
    height: int
    width: int
    turns: int = 0
    """Counter-clockwise quarter turns of the frames, where no tag will tell a player."""

    @property
    def shown(self) -> str:
        """The encoder's name as people know it."""
        return "raw" if self.encoder == "wrapped_avframe" else self.encoder


def choose_encoding(
    film: Film, request: Request, container: str, size: tuple[int, int], turns: int
) -> Encoding:
    """Decide how a film's output is encoded.

    Args:
        film: the film.
        request: what is asked for.
        container: libav's name of the output's.
        size: height and width of the output's frames.
        turns: counter-clockwise quarter turns by which they are turned already.

    Raises:
        UpscaleError: if there is no such encoder, or it does not take such pixels.
    """
    name = request.encoder or _USUAL[container == "webm", film.depth > 8]
    codec, (height, width) = _codec(name), size
    _check_options(codec, request)
    known = ENCODERS.get(name, Encoder())
    pixel_format = _pixel_format(codec, film, request, height, width)
    options = dict(known.options)
    if request.quality is not None and known.quality_option is None:
        raise UpscaleError(
            f"--quality is {request.quality:g}, and {name} has no such figure here; "
            "leave it out, or name the encoder's own with --encoder-option NAME=VALUE"
        )
    if known.quality_option is not None and known.quality is not None:
        figure = known.quality if request.quality is None else request.quality
        options[known.quality_option] = f"{figure:g}"
    _add_mastering(name, options, film)
    for option, value in request.encoder_options:
        lists = option.endswith("-params") and option in options
        options[option] = f"{options[option]}:{value}" if lists else value
    return Encoding(
        encoder=name,
        options=options,
        pixel_format=pixel_format,
        depth=_depth(pixel_format),
        height=height,
        width=width,
        turns=turns,
    )


def _codec(name: str) -> Codec:
    try:
        codec = Codec(name, "w")
    except (av.error.FFmpegError, ValueError) as error:
        there = ", ".join(each for each in ENCODERS if _exists(each))
        raise UpscaleError(f"--encoder is {name!r}; this libav has {there}") from error
    if codec.type != "video":
        raise UpscaleError(f"--encoder is {name!r}, which encodes {codec.type}, not video")
    return codec


def _check_options(codec: Codec, request: Request) -> None:
    """Refuse options that the encoder does not know: libav would pass over them."""
    known = codec.create("video").supported_options
    names = {option.name for option in (*known.private, *known.generic)}
    for name, _ in request.encoder_options:
        if name not in names:
            near = difflib.get_close_matches(name, sorted(names), n=1)
            mean = f"; did you mean {near[0]!r}?" if near else ""
            raise UpscaleError(f"--encoder-option is {name!r}, which {codec.name} has not{mean}")


def _exists(name: str) -> bool:
    try:
        Codec(name, "w")
    except (av.error.FFmpegError, ValueError):
        return False
    return True


_SAME: Final = {"yuv420p": "nv12", "yuv420p10le": "p010le"}
"""Formats of the same samples in another order, which some encoders take alone."""


def _pixel_format(codec: Codec, film: Film, request: Request, height: int, width: int) -> str:
    taken = [each.name for each in codec.video_formats or ()]
    if request.pixel_format is not None:
        return _asked_format(codec, taken, request.pixel_format, height, width)
    depths = [film.depth, *(depth for depth in (10, 8, 12) if depth != film.depth)]
    chromas = {"420": ["420", "422", "444"], "422": ["420", "422", "444"], "444": ["420", "444"]}
    for depth in depths:
        for chroma in chromas[film.subsampling]:
            name = f"yuv{chroma}p" if depth == 8 else f"yuv{chroma}p{depth}le"
            for each in (name, _SAME.get(name, name)):
                if each in taken and _fits(each, height, width):
                    return each
    usable = [each for each in taken if _is_known(each) and _fits(each, height, width)]
    if usable:
        return usable[0]
    raise UpscaleError(
        f"{codec.name} takes {', '.join(taken) or 'no pixels that are known here'}, none of which "
        f"holds {width}×{height}; choose another with --encoder"
    )


def _asked_format(codec: Codec, taken: list[str], name: str, height: int, width: int) -> str:
    if name not in taken or not _is_known(name):
        known = ", ".join(each for each in taken if _is_known(each))
        raise UpscaleError(f"--pixel-format is {name!r}; {codec.name} takes {known}")
    if not _fits(name, height, width):
        raise UpscaleError(
            f"--pixel-format is {name!r}, whose chroma covers pairs of pixels, and the output is "
            f"{width}×{height}; use one of 4:4:4, such as yuv444p"
        )
    return name


def _is_known(name: str) -> bool:
    return name.startswith(("yuv4", "gbr", "rgb", "bgr", "nv12", "p010le"))


def _fits(name: str, height: int, width: int) -> bool:
    """Whether chroma covers frames of that size whole."""
    wide, high = (1, 1) if is_rgb(name) else subsampling(name)
    return wide in {1, 2} and high in {1, 2} and not (width % wide or height % high)


def _depth(pixel_format: str) -> int:
    depth = max(each.bits for each in av.VideoFormat(pixel_format).components)
    return depth if not is_rgb(pixel_format) else max(8, depth)


def _add_mastering(name: str, options: dict[str, str], film: Film) -> None:
    """Tell encoders that take it in words what display the film was mastered on."""
    display, light = film.mastering_display, film.light_level
    key, nits, chromaticity = {
        "libx265": ("x265-params", 10_000, 50_000),
        "libx264": ("x264-params", 10_000, 50_000),
        "libsvtav1": ("svtav1-params", 1, 1),
    }.get(name, ("", 0, 0))
    if not key:
        return
    words = [options[key]] if key in options else []
    if display is not None and (text := _display_text(display, chromaticity, nits)):
        named = "mastering-display" if name != "libx265" else "master-display"
        words.append(f"{named}={text}")
    if light is not None and len(light) >= 8:
        most, average = memoryview(light[:8]).cast("I")
        named = {"libx265": "max-cll", "libx264": "cll", "libsvtav1": "content-light"}[name]
        words.append(f"{named}={most},{average}")
    if words:
        options[key] = ":".join(words)


def _display_text(data: bytes, chromaticity: int, nits: int) -> str | None:
    """AVMasteringDisplayMetadata in an encoder's units, or None where it is not all there."""
    numbers = memoryview(data[:80]).cast("i")
    if len(data) < 88 or not all(memoryview(data[80:88]).cast("i")) or not all(numbers[1::2]):
        return None
    values = [
        Fraction(over, under) for over, under in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    red, green, blue, white = (values[2 * i : 2 * i + 2] for i in range(4))
    darkest, brightest = values[8:]

    def pair(both: Sequence[Fraction], unit: int) -> str:
        shown = [float(each) if unit == 1 else round(each * unit) for each in both]
        return f"({shown[0]},{shown[1]})"

    points = {"G": green, "B": blue, "R": red, "WP": white}
    text = "".join(f"{key}{pair(point, chromaticity)}" for key, point in points.items())
    return f"{text}L{pair([brightest, darkest], nits)}"
