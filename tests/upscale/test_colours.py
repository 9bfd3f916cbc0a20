"""Colours go through decoding, the network and encoding, and come out as they were."""

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from upscale.films import base_network, write_film

from vsr_data.video import YccCoding, unit_from_frame
from vsr_upscale import upscale
from vsr_upscale.output.painting import Painter
from vsr_upscale.source import read_film

BARS = [(235, 235, 235), (180, 180, 20), (20, 180, 180), (20, 160, 20), (180, 20, 180),
        (180, 20, 20), (20, 20, 180), (60, 60, 60)]  # fmt: skip
LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114)}


def bar_codes(matrix, full, depth):
    """Y, Cb, Cr of each bar by the definition, in float64 and by hand."""
    red_weight, blue_weight = LUMA[matrix]
    codes = []
    for red, green, blue in np.array(BARS) / 255:
        y = red_weight * red + (1 - red_weight - blue_weight) * green + blue_weight * blue
        cb, cr = (blue - y) / (2 * (1 - blue_weight)), (red - y) / (2 * (1 - red_weight))
        if full:
            whole = 2**depth - 1
            codes.append((y * whole, cb * whole + 2 ** (depth - 1), cr * whole + 2 ** (depth - 1)))
        else:
            unit = 2 ** (depth - 8)
            codes.append((unit * (16 + 219 * y), unit * (128 + 224 * cb), unit * (128 + 224 * cr)))
    return np.round(codes)


def bars_film(path, matrix, full, depth):
    """Flat bars, losslessly encoded from codes that nobody's conversion has touched."""
    codes = bar_codes(matrix, full, depth)
    pix_fmt = "yuv420p" if depth == 8 else "yuv420p10le"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 16 * len(BARS), pix_fmt
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = 2 if full else 1
        for number in range(3):
            frame = av.VideoFrame(stream.width, stream.height, pix_fmt)
            kind = np.uint8 if depth == 8 else np.uint16
            for plane, values, wide in zip(frame.planes, codes.T, (16, 8, 8), strict=True):
                rows = np.frombuffer(memoryview(plane), kind)
                rows = rows.reshape(-1, plane.line_size // np.dtype(kind).itemsize)
                rows[:, : wide * len(BARS)] = np.repeat(values, wide).astype(kind)
            frame.colorspace, frame.color_range, frame.pts = matrix, 2 if full else 1, number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", [1, 6], ids=["BT.709", "BT.601"])
def test_flat_bars_are_within_two_codes(tmp_path, matrix, full, depth):
    film = bars_film(tmp_path / "bars.mkv", matrix, full, depth)
    upscale(film, tmp_path / "out.mkv", base_network(scale=3))
    with av.open(str(tmp_path / "out.mkv")) as container:
        frame = list(container.decode(container.streams.video[0]))[1]
    kind = np.uint8 if depth == 8 else np.uint16
    expected = bar_codes(matrix, full, depth)
    for plane, codes, wide in zip(frame.planes, expected.T, (48, 24, 24), strict=True):
        rows = np.frombuffer(memoryview(plane), kind)
        rows = rows.reshape(-1, plane.line_size // np.dtype(kind).itemsize)
        middles = rows[rows.shape[0] // 4, wide // 2 : wide * len(BARS) : wide].astype(float)
        assert np.abs(middles - codes).max() <= 2 * 2 ** (depth - 8)


@given(
    matrix=st.sampled_from([1, 4, 5, 6, 7, 9, 10]),
    full=st.booleans(),
    depth=st.sampled_from([8, 10, 12]),
    rgb=st.tuples(*[st.floats(0, 1)] * 3),
)
def test_to_codes_and_back_is_the_same_colour(matrix, full, depth, rgb):
    coding = YccCoding(matrix, full, depth)
    to_rgb, rgb_offset = coding.to_rgb()
    to_codes, offset = coding.from_unit()
    codes = to_codes @ torch.tensor(rgb, dtype=torch.float64) + offset
    back = to_rgb @ (codes / 2 ** (depth - 8)) + rgb_offset
    assert back.div(255).tolist() == pytest.approx(list(rgb), abs=1e-9)
    assert float(codes.min()) >= -1e-9
    assert float(codes.max()) <= 2**depth - 1 + 1e-6 + 2 ** (depth - 1) * full


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le", "yuv444p12le", "gbrp", "rgb24"])
def test_what_is_painted_is_read_as_it_was(film, pixel_format):
    depth = {"yuv444p10le": 10, "yuv444p12le": 12}.get(pixel_format, 8)
    picture = torch.rand(1, 3, 6, 10)
    painter = Painter(read_film(film), pixel_format, depth)
    frame = painter.frame(painter.samples(picture), 7)
    assert (frame.pts, frame.format.name) == (7, pixel_format)
    step = 1.2 / 2**depth * (1 if pixel_format in ("gbrp", "rgb24") else 2)
    assert (unit_from_frame(frame) - picture[0]).abs().max() < step


def test_colours_beyond_what_codes_hold_are_the_nearest(film):
    painter = Painter(read_film(film), "yuv444p", 8)
    wild = torch.tensor([-3.0, 9.0]).repeat(3, 4).view(1, 3, 2, 4)
    for one, other in zip(painter.samples(wild), painter.samples(wild.clamp(0, 1)), strict=True):
        assert np.array_equal(one, other)


def test_ten_bits_keep_what_eight_would_lose(tmp_path):
    film = write_film(
        tmp_path / "film.mkv",
        2,
        codec="ffv1",
        pix_fmt="yuv420p10le",
        options={},
        draw=lambda number, height, width: np.broadcast_to(
            np.linspace(20_000, 21_000, width)[None, :, None], (height, width, 3)
        ).astype(np.uint16).copy(),
    )  # fmt: skip
    upscale(film, tmp_path / "out.mkv", base_network())
    with av.open(str(tmp_path / "out.mkv")) as container:
        frame = next(container.decode(container.streams.video[0]))
    assert frame.format.name == "yuv420p10le"
    luma = np.frombuffer(memoryview(frame.planes[0]), np.uint16)
    row = luma.reshape(-1, frame.planes[0].line_size // 2)[40, :128]
    assert len(np.unique(row)) > 10  # a ramp of 4 codes of eight bits


@pytest.mark.parametrize(("chroma", "rows"), [("420", 2), ("422", 1)])
def test_chroma_lies_where_it_is_looked_for(film, chroma, rows):
    """On every other column, and in 4:2:0 between two rows: a ramp keeps its slope and place."""
    height, width = 24, 40
    along_x = torch.linspace(0.2, 0.8, width).expand(height, width)
    along_y = torch.linspace(0.2, 0.8, height)[:, None].expand(height, width)
    for ramp, axis in ((along_x, 1), (along_y, 0)):
        picture = torch.stack([torch.full_like(ramp, 0.5), torch.full_like(ramp, 0.5), ramp])
        whole, part = (
            Painter(read_film(film), f"yuv{each}p12le", 12).samples(picture[None])[1].astype(float)
            for each in ("444", chroma)
        )
        columns = np.arange(0, width, 2)
        found, at = (part, whole[:, columns])
        if rows == 2:
            at = (at[::2] + at[1::2]) / 2
        inner = np.s_[1:-1, 1:-1]
        assert np.abs(found - at)[inner].max() <= 1, axis
