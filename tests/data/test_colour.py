"""Colour: every matrix, range, depth and subsampling against plain float64 arithmetic."""

import av
import numpy as np
import pytest
from data.makers import MODEL, data, picture, shared_files
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import open_training
from vsr_data.video.colour import quarter_turns, rgb_from_frame

MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
UNSPECIFIED = 2
FORMATS = {
    "yuv420p": (8, 2, 2),
    "yuvj420p": (8, 2, 2),
    "yuv422p": (8, 1, 2),
    "yuv444p": (8, 1, 1),
    "yuv411p": (8, 1, 4),
    "yuv420p10le": (10, 2, 2),
    "yuv422p10le": (10, 1, 2),
    "yuv444p12le": (12, 1, 1),
    "gray": (8, 1, 1),
    "gray10le": (10, 1, 1),
}


def frame_of(name: str, planes: list[np.ndarray]) -> av.VideoFrame:
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], name)
    for plane, values in zip(frame.planes, planes, strict=True):
        kind = np.uint8 if values.dtype == np.uint8 else np.dtype("<u2")
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[: values.shape[0], : values.shape[1]] = values
        plane.update(rows.tobytes())
    return frame


def expected_rgb(y, cb, cr, weights, depth, *, full) -> np.ndarray:
    """ITU-R BT.601, BT.709 and BT.2020 in float64, from integer code values."""
    unit = 2.0 ** (depth - 8)
    if full:
        span = 2**depth - 1
        y, cb, cr = y / span, (cb - 128 * unit) / span, (cr - 128 * unit) / span
    else:
        y, cb, cr = (y - 16 * unit) / (219 * unit), cb / unit - 128, cr / unit - 128
        cb, cr = cb / 224, cr / 224
    red_weight, blue_weight = weights
    red, blue = y + 2 * (1 - red_weight) * cr, y + 2 * (1 - blue_weight) * cb
    green = (y - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(255 * np.stack([red, green, blue], -1), 0, 255)


@given(
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from([*MATRICES, UNSPECIFIED]),
    st.booleans(),
    st.integers(0, 2**32),
    st.sampled_from([(16, 24), (17, 23), (720, 16)]),
)
def test_flat_colours_follow_the_frames_own_matrix_and_range(name, matrix, full, seed, size):
    depth, _, _ = FORMATS[name]
    full = full or name.startswith("yuvj")
    values = np.random.default_rng(seed).integers(20, 236, 3) << (depth - 8)
    if name.startswith("gray"):
        values[1:] = 128 << (depth - 8)
    kind = np.uint8 if depth == 8 else np.uint16
    template = av.VideoFrame(size[1], size[0], name)
    planes = [
        np.full((plane.height, plane.width), value, kind)
        for plane, value in zip(template.planes, values, strict=False)
    ]
    frame = frame_of(name, planes)
    frame.colorspace, frame.color_range = matrix, 2 if full else 1
    weights = MATRICES.get(matrix, MATRICES[1 if size[0] >= 720 else 6])
    expected = expected_rgb(*(float(value) for value in values), weights, depth, full=full)
    rgb_HWC = rgb_from_frame(frame)
    assert rgb_HWC.shape == (*size, 3)
    assert rgb_HWC.dtype == np.uint8
    assert np.abs(rgb_HWC - expected).max() <= 0.51


@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([(12, 16), (11, 15)]))
def test_full_chroma_is_converted_pixel_by_pixel(seed, full, size):
    planes = np.random.default_rng(seed).integers(16, 236, (3, *size), dtype=np.uint8)
    frame = frame_of("yuv444p", list(planes))
    frame.colorspace, frame.color_range = 1, 2 if full else 1
    expected = expected_rgb(*planes.astype(float), MATRICES[1], 8, full=full)
    assert np.abs(rgb_from_frame(frame) - expected).max() <= 0.51


@pytest.mark.parametrize("name", ["rgb24", "bgr24", "bgra", "gbrp"])
def test_rgb_comes_through_unchanged(name):
    pixels = picture(9, 14)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=name)
    assert np.array_equal(rgb_from_frame(frame), pixels)


def test_deep_rgb_is_rounded_to_eight_bits():
    deep = np.random.default_rng(0).integers(0, 65536, (9, 14, 3), dtype=np.uint16)
    frame = av.VideoFrame.from_ndarray(deep, "rgb48le")
    assert np.abs(rgb_from_frame(frame) - deep / 257).max() <= 0.51


def test_luma_is_exact_where_chroma_is_subsampled():
    luma = np.random.default_rng(0).integers(16, 236, (32, 48), dtype=np.uint8)
    neutral = np.full((16, 24), 128, np.uint8)
    frame = frame_of("yuv420p", [luma, neutral, neutral])
    frame.colorspace, frame.color_range = 1, 1
    grey = (luma[..., None] - 16.0) * 255 / 219
    assert np.abs(rgb_from_frame(frame) - np.clip(grey, 0, 255)).max() <= 0.51


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_only_quarter_turns_turn_a_frame(rotation):
    turns = quarter_turns(rotation)
    assert turns in range(4)
    if abs(rotation) > 360 or rotation % 90:
        assert turns == 0


def test_positive_rotation_is_counter_clockwise():
    assert [quarter_turns(degrees) for degrees in (0, 90, 180, -180, -90, 270, -2147483648)] == [
        0, 1, 2, 2, 3, 3, 0,
    ]  # fmt: skip


@pytest.mark.parametrize("path", shared_files("video")[:1])
def test_the_two_ranges_of_one_picture_look_the_same(tmp_path, path):
    means = []
    for name in ("bt601_full_range.mp4", "bt601_limited_range.mp4"):
        section = data(tmp_path, path.parent / name, train_frames=":5")
        means.append(open_training(section, MODEL).clips[0].window(0)[1].mean((0, 1)))
    assert np.abs(means[0] - means[1]).max() < 3


@pytest.mark.parametrize("path", shared_files("video")[:1])
def test_rotated_videos_stand_upright(tmp_path, path):
    section = data(tmp_path, path.parent / "nasa_13013_rotated.mp4", train_frames=":5")
    assert open_training(section, MODEL).clips[0].gt_size == (480, 270)
    section = data(tmp_path, path.parent / "nasa_13013_multistream.mp4", train_frames=":5")
    assert open_training(section, MODEL).clips[0].gt_size == (270, 480)


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p10le"])
def test_a_deep_frame_converts_the_same_way_every_time(name):
    """swscale's threads raced here: about one conversion in 300 had eight wrong pixels."""
    template = av.VideoFrame(23, 17, name)
    planes = [
        np.full((plane.height, plane.width), value << 2, np.uint16)
        for plane, value in zip(template.planes, (120, 90, 200), strict=True)
    ]
    first = rgb_from_frame(frame_of(name, planes))
    for _ in range(1500):
        assert np.array_equal(rgb_from_frame(frame_of(name, planes)), first)
