"""Small films with sound and all that may be beside pictures, and what a file holds."""

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from av.stream import Disposition

from vsr_model import Network
from vsr_settings import Model

QUIET = {"preset": "ultrafast", "crf": "18"}


def base_network(scale=2, n_frames=3, align="none"):
    """An untrained network, ever the same: what it returns is the film, bilinearly enlarged."""
    torch.manual_seed(0)
    return Network(Model(n_feats=2, n_blocks=2, n_frames=n_frames, scale=scale, align=align))


def moving(number, height, width, depth=8):
    """A smooth picture that moves with its number, in codes of a depth."""
    rows, columns = np.mgrid[:height, :width]
    phase = number * 0.7
    red = 128 + 80 * np.sin((columns + phase) / 5) * np.cos(rows / 7)
    green = 128 + 70 * np.sin((rows - phase) / 6)
    blue = 120 + 60 * np.cos((rows + columns + 2 * phase) / 9)
    rgb = np.stack([red, green, blue], axis=-1)
    if depth > 8:
        return (rgb * 257).round().clip(0, 65535).astype(np.uint16)
    return rgb.round().clip(0, 255).astype(np.uint8)


def write_film(
    path: Path,
    count=12,
    *,
    size=(48, 64),
    rate=25,
    times=None,
    time_base=None,
    codec="libx264",
    pix_fmt="yuv420p",
    options=None,
    tags=None,
    aspect=None,
    matrix=None,
    sound=True,
    subtitles=False,
    chapters=(),
    attachment=None,
    cover=False,
    metadata=None,
    draw=moving,
):
    """Encode a film; `times` are in ticks of `time_base`; `tags` are colour attributes."""
    height, width = size
    base = time_base or Fraction(1, rate)
    times = range(count) if times is None else times
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(
            codec, rate=rate, options=QUIET if options is None else options
        )
        stream.height, stream.width, stream.pix_fmt = height, width, pix_fmt
        stream.codec_context.time_base = stream.time_base = base
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if matrix is not None:
            stream.set_display_matrix(matrix)
        audio = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        if audio is not None:
            audio.metadata["language"] = "fin"
        picture = _add_cover(container) if cover else None
        if attachment is not None:
            container.add_attachment("font.ttf", "font/ttf", attachment)
        if chapters:
            container.set_chapters(
                [
                    {
                        "id": i,
                        "start": a,
                        "end": b,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": t},
                    }
                    for i, (a, b, t) in enumerate(chapters)
                ]
            )
        for number, pts in zip(range(count), times, strict=True):
            rgb = draw(number, height, width)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24" if rgb.dtype == np.uint8 else "rgb48le")
            frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = pts, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if picture is not None:
            _write_cover(container, picture)
        if audio is not None:
            _write_sound(container, audio, seconds=float(times[-1] * base) + 0.2)
    return path


def _add_cover(container):
    picture = container.add_stream("png", rate=25)
    picture.height, picture.width, picture.pix_fmt = 20, 30, "rgb24"
    picture.disposition = Disposition.attached_pic
    return picture


def _write_cover(container, picture):
    frame = av.VideoFrame.from_ndarray(moving(0, 20, 30), "rgb24")
    frame.pts = 0
    container.mux(picture.encode(frame))
    container.mux(picture.encode(None))


def covers(path: Path):
    """The bytes of each cover."""
    with av.open(str(path)) as container:
        found = [s for s in container.streams.video if s.disposition & Disposition.attached_pic]
        return [bytes(next(container.demux(stream))) for stream in found]


def _write_sound(container, audio, seconds):
    tone = np.sin(np.arange(int(48000 * seconds)) / 20).astype(np.float32)[None]
    for start in range(0, tone.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))


def shown(path: Path):
    """When each frame of the film is shown, in seconds, as it is decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [float(frame.pts * frame.time_base) for frame in container.decode(stream)]


def decoded(path: Path):
    """Every frame of the film as RGB."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(container.streams.video[0])]


def first_frame(path: Path):
    with av.open(str(path)) as container:
        return next(container.decode(container.streams.video[0]))


def packets(path: Path, kind: str):
    """Digest, time and length of each packet of the streams of a kind, stream by stream."""
    found = {}
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        if not streams:
            return []
        for packet in container.demux(*streams):
            if packet.size:
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                at = round(float(packet.pts * packet.time_base), 3)
                found.setdefault(packet.stream.index, []).append((digest, at))
    return list(found.values())


def side_data_of(frame):
    """What lies beside a frame, by its kind; libav's mapping iterates over positions."""
    kinds = frame.side_data.keys
    return {str(each.type): bytes(each) for each in kinds()}


def matrix_of(frame):
    data = side_data_of(frame).get("Type.DISPLAYMATRIX")
    return None if data is None else tuple(np.frombuffer(data, np.int32).tolist())
