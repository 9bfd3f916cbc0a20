"""What lies beside a decoded frame's pixels, such as how bright its film becomes."""

import struct
from typing import Any, Final

from av import VideoFrame
from av.sidedata.sidedata import Type

_MASTERING: Final = struct.Struct("@22i")  # AVMasteringDisplayMetadata: ten fractions, two flags
_LIGHT: Final = struct.Struct("@2I")  # AVContentLightMetadata


def side_data_of(frame: VideoFrame, kind: Type) -> bytes | None:
    """Bytes of a kind of side data, laid out as libav does; None where there is none."""
    try:
        every: Any = frame.side_data  # which its stubs say is another kind of mapping
    except ValueError:  # a kind of data among it that PyAV does not know, such as EXIF
        return None
    found = [bytes(data) for data in every.keys() if data.type == kind]  # noqa: SIM118 - so is iterating
    return found[0] if found else None


def peak_of(frame: VideoFrame) -> float | None:
    """Candela a square metre of a film's brightest pixel, else of what it was mastered on."""
    light = side_data_of(frame, Type.CONTENT_LIGHT_LEVEL)
    if light is not None and len(light) >= _LIGHT.size:
        most, _ = _LIGHT.unpack(light[: _LIGHT.size])
        if most:
            return float(most)
    display = side_data_of(frame, Type.MASTERING_DISPLAY_METADATA)
    if display is None or len(display) < _MASTERING.size:
        return None
    *_, numerator, denominator, _, has_luminance = _MASTERING.unpack(display[: _MASTERING.size])
    if not has_luminance or numerator <= 0 or denominator <= 0:
        return None
    return float(numerator / denominator)
