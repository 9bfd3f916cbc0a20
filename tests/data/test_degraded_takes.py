"""A take is degraded as its pipeline says, in place: no frame moves, in time or in space."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import DataError, degrade
from vsr_data.degradation import coding, degraded_take, draw, require_encoders
from vsr_settings.degradation import (
    H264,
    H265,
    NAMED,
    AnisotropicBlur,
    GaussianBlur,
    GaussianNoise,
    Mpeg2,
    Pipeline,
    PoissonNoise,
    SensorNoise,
    Vp9,
)

SCALE = 3
CODECS = {
    "h264": H264(kind="h264", crf=20),
    "h264 by rate": H264(kind="h264", bit_rate=1500),
    "h265": H265(kind="h265", crf=20, speed="ultrafast"),
    "vp9": Vp9(kind="vp9", crf=20),
    "mpeg2": Mpeg2(kind="mpeg2", quantiser=2),
}
PIPELINES = {
    **{name: Pipeline(codec=codec) for name, codec in CODECS.items()},
    "tff": Pipeline(interlace="tff"),
    "bff": Pipeline(interlace="bff", chroma="420"),
    "tff in h264": Pipeline(interlace="tff", codec=CODECS["h264"]),
    "bff in mpeg2": Pipeline(interlace="bff", codec=CODECS["mpeg2"]),
    "tff in vp9": Pipeline(interlace="tff", codec=CODECS["vp9"]),
    "lanczos": Pipeline(resize="lanczos"),
    "area": Pipeline(resize="area"),
    "bd": Pipeline(resize="subsample", blur=GaussianBlur(kind="gaussian", sigma=1.6)),
    "skewed": Pipeline(blur=AnisotropicBlur(kind="anisotropic", sigma=(1.0, 2.0))),
    "420": Pipeline(chroma="420"),
}


def rng(seed=0):
    return np.random.default_rng(seed)


def moving(frames, height=96, width=120, speed=3):
    """A smooth coloured texture that pans by whole low-resolution pixels: `gt_THWC`."""
    side = max(height, width) + speed * frames
    noise = np.fft.rfft2(rng(5).standard_normal((3, side, side)))
    far = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    smooth = np.fft.irfft2(noise * np.exp(-((far / 0.08) ** 2)), s=(side, side))
    smooth = (128 + 45 * smooth / smooth.std()).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)
    return np.stack([smooth[:height, speed * t : speed * t + width] for t in range(frames)])


def plain(gt_THWC, kind="bicubic", scale=SCALE):
    return np.stack([degrade(frame, scale, kind) for frame in gt_THWC])


@pytest.mark.parametrize("name", ["bicubic", "area"])
def test_a_pipeline_that_only_reduces_is_the_reduction(name):
    gt_THWC = moving(3)
    lq_THWC = degraded_take(gt_THWC, Pipeline(resize=name), SCALE, rng())
    assert np.array_equal(lq_THWC, plain(gt_THWC, name))


@pytest.mark.parametrize("name", [*NAMED, *CODECS])
def test_the_same_generator_gives_the_same_bytes_and_another_does_not(name):
    pipeline = PIPELINES[name] if name in PIPELINES else NAMED[name]
    gt_THWC = moving(6)
    once = degraded_take(gt_THWC, pipeline, SCALE, rng(1))
    assert once.dtype == np.uint8
    assert np.array_equal(once, degraded_take(gt_THWC, pipeline, SCALE, rng(1)))
    if name in {"dvd", "phone"}:
        assert not np.array_equal(once, degraded_take(gt_THWC, pipeline, SCALE, rng(2)))


@pytest.mark.parametrize("name", PIPELINES)
def test_no_frame_moves_in_time_or_space(name):
    gt_THWC = moving(13)
    lq = degraded_take(gt_THWC, PIPELINES[name], SCALE, rng()).astype(float)
    reduced = plain(gt_THWC).astype(float)
    errors = ((lq[:, None] - reduced[None]) ** 2).mean((2, 3, 4))
    assert errors.argmin(1).tolist() == list(range(13))
    inner = (slice(None), slice(6, -6), slice(6, -6))
    for axis in (1, 2):  # least squares of what a small shift would change
        slope = np.gradient(reduced, axis=axis)[inner]
        shift = ((lq - reduced)[inner] * slope).sum() / (slope**2).sum()
        assert abs(shift) < 0.06, f"axis {axis} moves by {shift:.3f} px"


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_subsampling_takes_the_middle(scale):
    ramp = np.broadcast_to(np.arange(24)[:, None, None] * 8, (24, 24, 3)).astype(np.uint8)
    lq_HWC = degraded_take(ramp[None], Pipeline(resize="subsample"), scale, rng())[0]
    middle = (np.arange(24 // scale) * scale + (scale - 1) / 2) * 8
    assert np.array_equal(lq_HWC[:, 0, 0], middle)


@pytest.mark.parametrize(
    ("kind", "finest"),
    [("gaussian", 0.3), ("anisotropic", 1.0)],  # finer ones differ at the highest frequency
)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 99))
def test_a_blur_is_its_formula_in_float64(kind, finest, one, other, seed):
    sigma = sorted(finest + part * (3 - finest) for part in (one, other))
    blur = {"gaussian": GaussianBlur, "anisotropic": AnisotropicBlur}[kind](kind=kind, sigma=sigma)
    pipeline = Pipeline(resize="subsample", blur=blur)
    gt_HWC = rng(seed).integers(0, 256, (33, 39, 3), dtype=np.uint8)
    spread = draw(pipeline, rng(seed)).blur
    reach = 15
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = x * np.cos(spread.angle) + y * np.sin(spread.angle)
    across = y * np.cos(spread.angle) - x * np.sin(spread.angle)
    kernel = np.exp(-0.5 * ((along / spread.along) ** 2 + (across / spread.across) ** 2))
    kernel /= kernel.sum()
    wide = np.pad(gt_HWC, ((reach, reach), (reach, reach), (0, 0)), mode="reflect").astype(float)
    parts = np.lib.stride_tricks.sliding_window_view(wide, kernel.shape, axis=(0, 1))
    blurred = np.einsum("yxcij,ij->yxc", parts[1::3, 1::3], kernel)
    lq_HWC = degraded_take(gt_HWC[None], pipeline, SCALE, rng(seed))[0]
    # Half a level of rounding; a sampled ellipse and an exact one differ at the highest frequency.
    assert np.abs(lq_HWC - blurred).max() <= (0.6 if kind == "gaussian" else 0.9)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("size", [(17, 23), (64, 64)])
def test_flat_colours_and_odd_sizes_come_back(name, size):
    for colour in [(16, 180, 90), (250, 5, 5), (128, 128, 128)]:
        gt_HWC = np.broadcast_to(np.uint8(colour), (size[0] * SCALE, size[1] * SCALE, 3))
        for interlace in (None, "tff"):
            pipeline = Pipeline(codec=CODECS[name], interlace=interlace)
            lq_THWC = degraded_take(np.stack([gt_HWC] * 3), pipeline, SCALE, rng())
            assert lq_THWC.shape == (3, *size, 3)
            assert np.abs(lq_THWC - np.array(colour, float)).max() <= 3


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("name", ["dvd", "web-video"])
def test_as_many_frames_come_back(name, frames):
    assert len(degraded_take(moving(frames), NAMED[name], SCALE, rng())) == frames


@pytest.mark.parametrize(
    ("noise", "expected"),
    [
        (GaussianNoise(kind="gaussian", sigma=6), lambda level: 6),
        (PoissonNoise(kind="poisson", photons=200), lambda level: (level * 255 / 200) ** 0.5),
        (PoissonNoise(kind="poisson", photons=2000), lambda level: (level * 255 / 2000) ** 0.5),
        (
            SensorNoise(kind="sensor", read=4, photons=1000),
            lambda level: (16 + level * 255 / 1000) ** 0.5,
        ),
    ],
)
def test_noise_is_as_strong_as_asked_and_new_in_every_frame(noise, expected):
    for level in (60, 180):
        gt_THWC = np.full((4, 150, 150, 3), level, np.uint8)
        lq = degraded_take(gt_THWC, Pipeline(noise=noise), SCALE, rng()).astype(float)
        assert lq.std() == pytest.approx(expected(level), rel=0.06)
        assert lq.mean() == pytest.approx(level, abs=0.6)
        assert abs(np.corrcoef(lq[0].ravel(), lq[1].ravel())[0, 1]) < 0.1


def test_sensor_noise_is_a_little_alike_among_neighbours():
    sensor = SensorNoise(kind="sensor", read=4, photons=1e6)
    lq = degraded_take(
        np.full((2, 150, 150, 3), 128, np.uint8), Pipeline(noise=sensor), SCALE, rng()
    ).astype(float)
    beside = np.corrcoef(lq[:, :, 1:].ravel(), lq[:, :, :-1].ravel())[0, 1]
    assert 0.3 < beside < 0.8


def test_shares_decide_how_often_a_part_acts_and_ranges_what_it_draws():
    pipeline = Pipeline(
        blur=GaussianBlur(kind="gaussian", sigma=(0.5, 1.5), share=0.3),
        codec=H264(kind="h264", crf=(18, 20), gop=(12, 14)),
        clean_share=0.25,
    )
    recipes = [draw(pipeline, rng(seed)) for seed in range(400)]
    kept = [recipe for recipe in recipes if not recipe.is_only_reduced]
    assert len(kept) == pytest.approx(300, abs=40)
    blurs = [recipe.blur for recipe in kept if recipe.blur]
    assert len(blurs) == pytest.approx(0.3 * len(kept), abs=35)
    assert all(0.5 <= blur.along == blur.across <= 1.5 for blur in blurs)
    assert {recipe.encoding.quality for recipe in kept} == {18, 19, 20}
    assert {recipe.encoding.gop for recipe in kept} == {12, 13, 14}


def test_a_part_left_out_changes_no_other():
    full = NAMED["phone"]
    for seed in range(20):
        with_blur, without = (
            draw(p, rng(seed)) for p in (full, full.model_copy(update={"blur": None}))
        )
        assert (with_blur.noise, with_blur.encoding) == (without.noise, without.encoding)


def test_an_encoder_that_is_not_there_is_told_before_training(monkeypatch):
    require_encoders(NAMED["web-video"])
    monkeypatch.setitem(coding.ENCODERS, "h264", "libnothing")
    with pytest.raises(DataError, match="whose encoder libnothing this PyAV does not have"):
        require_encoders(NAMED["web-video"])
