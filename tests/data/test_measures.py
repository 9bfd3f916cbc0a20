"""What pictures show, in figures: each judged by pictures made to have what it measures."""

import io
from functools import cache
from importlib.resources import files
from itertools import pairwise

import av
import numpy as np
import pytest
from data.makers import shared_files, write_video
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from vsr_data.measures import (
    Bars,
    BarsFinder,
    Repeats,
    Sharpness,
    blockiness,
    detail,
    greatest_change,
    is_test_card,
    level,
    luma_of,
    motion,
    noise_sigma,
    reduced,
    window_weights,
)
from vsr_data.video import frames

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")


@cache
def photo(name: str, shrunk: int = 1) -> np.ndarray:
    """Luma of a photograph that scikit-image carries; made smaller, it is as sharp as can be."""
    with Image.open(io.BytesIO((files("skimage.data") / name).read_bytes())) as picture:
        grey = picture.convert("L")
        size = grey.width // shrunk, grey.height // shrunk
        return np.asarray(grey.resize(size, Image.Resampling.BICUBIC) if shrunk > 1 else grey)


def noisy(luma, sigma, seed=0):
    noise = np.random.default_rng(seed).normal(0, sigma, luma.shape)
    return np.clip(np.rint(luma + noise), 0, 255).astype(np.uint8)


def coded(lumas, codec="libx264", **options):
    """Pictures as they come back from an encoder."""
    buffer = io.BytesIO()
    height, width = (side - side % 2 for side in lumas[0].shape)
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for luma in lumas:
            rgb = np.repeat(luma[:height, :width, None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return [luma_of(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def luma_of_noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


SIDES = st.integers(16, 70)
quick = settings(max_examples=15, phases=[Phase.generate])


@given(SIDES, SIDES, st.integers(1, 4), st.integers(0, 99))
@quick
def test_reduced_luma_is_the_mean_of_its_pixels(height, width, factor, seed):
    luma = luma_of_noise(height, width, seed)
    small = reduced(luma, factor)
    rows, columns = height // factor, width // factor
    cropped = luma[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    assert small.shape == (rows, columns)
    assert np.abs(small - cropped.mean(axis=(1, 3))).max() < 0.6


@given(SIDES, SIDES, st.integers(0, 99))
@quick
def test_activity_is_that_of_its_definition(height, width, seed):
    luma, other = luma_of_noise(height, width, seed), luma_of_noise(height, width, seed + 1)
    values = luma.astype(float)
    along = [np.abs(np.diff(values, axis=axis)).mean() for axis in (0, 1)]
    assert detail(luma) == pytest.approx(np.mean(along))
    assert motion(luma, other) == pytest.approx(np.abs(values - other).mean())
    assert motion(luma, luma) == greatest_change(luma, luma) == 0
    assert level(luma) == pytest.approx(values.mean())
    assert detail(np.full_like(luma, seed)) == 0


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("sigma", [4, 8, 16])
def test_noise_is_found_within_a_fifth(name, sigma):
    found = noise_sigma(noisy(photo(name), sigma))
    assert abs(found - sigma) < 0.2 * sigma


@pytest.mark.parametrize("size", [(64, 64), (300, 200), (720, 1280)])
def test_noise_on_an_even_picture_is_found_within_a_tenth(size):
    for sigma in (1, 3, 10):
        even = np.full(size, 120, np.uint8)
        assert noise_sigma(noisy(even, sigma)) == pytest.approx(sigma, rel=0.1)


def test_there_is_no_noise_in_an_even_picture_nor_where_black_clips_it():
    assert noise_sigma(np.full((90, 90), 33, np.uint8)) == 0
    half_black = photo("chelsea.png").copy()
    half_black[:, :200] = 0
    assert noise_sigma(noisy(half_black, 5)) == pytest.approx(5, rel=0.2)


@pytest.mark.parametrize("name", PHOTOS)
def test_blocks_show_more_the_worse_a_picture_is_coded(name):
    luma = photo(name, 2)
    found = []
    for quality in (90, 60, 30, 10):
        buffer = io.BytesIO()
        Image.fromarray(luma).save(buffer, "jpeg", quality=quality)
        found.append(blockiness(np.asarray(Image.open(buffer))))
    assert found == sorted(found)
    assert found[-1] > 1.5


@pytest.mark.parametrize(
    ("codec", "option", "strengths"),
    [("libx264", "crf", (26, 34, 42)), ("mpeg2video", "qmin", (3, 10, 28))],
)
def test_blocks_show_more_the_coarser_a_codec_quantises(codec, option, strengths):
    film = [photo("coffee.png", 2)[i : i + 160, i : i + 256] for i in range(6)]
    found = []
    for strength in strengths:
        options = {option: str(strength)}
        if option == "qmin":
            options["qmax"] = str(strength)
        found.append(np.mean([blockiness(luma) for luma in coded(film, codec, **options)]))
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.05


@given(st.sampled_from(PHOTOS), st.integers(0, 7), st.integers(0, 7), st.integers(100, 140))
@quick
def test_a_picture_without_blocks_has_none_at_any_size_and_place(name, y, x, side):
    assert blockiness(photo(name, 2)[y : y + side, x : x + side + 9]) == pytest.approx(1, abs=0.12)
    assert blockiness(luma_of_noise(side, side + x)) == pytest.approx(1, abs=0.05)


def test_blocks_are_seen_after_enlarging_on_their_larger_grid():
    buffer = io.BytesIO()
    luma = photo("coffee.png", 2)[:160, :256]
    Image.fromarray(luma).save(buffer, "jpeg", quality=20)

    def enlarged(picture):
        wide = picture.width * 3, picture.height * 3
        return np.asarray(picture.resize(wide, Image.Resampling.BICUBIC))

    blocks = blockiness(enlarged(Image.open(buffer)), grid=24)
    assert blocks > blockiness(enlarged(Image.fromarray(luma)), grid=24) + 0.1


def sharpness_of(*lumas) -> float:
    gathered = Sharpness()
    for luma in lumas:
        gathered.add(luma)
    return gathered.enlarged()


TWICE_ENLARGED = ("astronaut.png", "coffee.png", "motorcycle_left.png")
"""Not chelsea, which has too much noise, nor rocket, whose edges are drawn: both might be soft."""


@pytest.mark.parametrize(
    ("name", "factor"), [*((name, 2) for name in TWICE_ENLARGED), *((name, 3) for name in PHOTOS)]
)
def test_an_enlarged_picture_is_found(name, factor):
    luma = photo(name)
    size = luma.shape[1] * factor, luma.shape[0] * factor
    enlarged = Image.fromarray(luma).resize(size, Image.Resampling.BICUBIC)
    assert sharpness_of(np.asarray(enlarged)) > 1


@pytest.mark.parametrize("name", PHOTOS)
def test_a_sharp_picture_is_not_called_enlarged_noisy_or_coded_as_it_may_be(name):
    luma = photo(name, 2)
    assert sharpness_of(photo(name)) == sharpness_of(luma) == sharpness_of(noisy(luma, 5)) == 1
    assert sharpness_of(*coded([luma] * 3, crf="30")) == 1


def test_black_bars_do_not_hide_that_a_picture_was_enlarged():
    luma = Image.fromarray(photo("coffee.png")).resize((1800, 1200), Image.Resampling.BICUBIC)
    barred = np.pad(np.asarray(luma), ((150, 150), (0, 0)))
    assert sharpness_of(barred) > 1


@pytest.mark.slow
@pytest.mark.parametrize("path", shared_files("video"))
def test_no_real_clip_is_called_enlarged_or_barred_by_mistake(path):
    gathered, bars = Sharpness(), BarsFinder()
    for frame in frames(path):
        if frame.number % 12 == 0:
            luma = luma_of(frame.rgb())
            gathered.add(luma)
            bars.add(luma)
        if frame.number > 200:
            break
    assert gathered.enlarged() == 1
    expected = Bars(left=4, right=5) if "friday" in path.name else Bars()  # 1940's gate
    assert bars.bars() == expected


def filmed(bars: Bars, black=0, height=180, width=320, count=6):
    """A camera that moves over a photograph, with bars around what it sees."""
    rows, columns = slice(bars.top, height - bars.bottom), slice(bars.left, width - bars.right)
    film = []
    for i in range(count):
        luma = np.full((height, width), black, np.uint8)
        luma[rows, columns] = photo("coffee.png")[9 * i : 9 * i + height, 9 * i : 9 * i + width][
            rows, columns
        ]
        film.append(luma)
    return film


def bars_of(film) -> Bars:
    finder = BarsFinder()
    for luma in film:
        finder.add(luma)
    return finder.bars()


WIDTHS = st.one_of(st.just(0), st.integers(2, 40))


@given(WIDTHS, WIDTHS, WIDTHS, WIDTHS, st.integers(0, 30))
@settings(max_examples=25, phases=[Phase.generate])
def test_bars_of_any_width_and_any_black_are_found(top, bottom, left, right, black):
    found = bars_of(filmed(Bars(top, bottom, left, right), black))
    for is_bar, was_bar in zip(found, (top, bottom, left, right), strict=True):
        assert was_bar <= is_bar <= was_bar + 3 if was_bar else is_bar == 0


@pytest.mark.parametrize("bars", [Bars(24, 24), Bars(left=90, right=90), Bars(12, 12, 20, 20)])
def test_bars_are_found_though_a_codec_rings_at_their_edge(bars):
    found = bars_of(coded(filmed(bars), crf="32"))
    for is_bar, was_bar in zip(found, bars, strict=True):
        assert abs(is_bar - was_bar) <= 2


def test_dark_scenes_have_no_bars():
    ramp = np.linspace(0, 1.5, 180)[:, None].clip(0, 1)
    night = [noisy(luma * ramp * 0.4, 1.5, i) for i, luma in enumerate(filmed(Bars()))]
    assert bars_of(night) == Bars()
    assert bars_of([np.zeros((90, 160), np.uint8)] * 5) == Bars()
    text = np.zeros((180, 320), np.uint8)
    text[80:100, 100:220:4] = 200
    assert bars_of([text] * 5) == Bars()


def test_subtitles_do_not_hide_a_bar():
    film = filmed(Bars(30, 30), count=24)
    for luma in film[5:7]:
        luma[160:170, 80:240:3] = 220
    assert bars_of(film) == Bars(30, 30)


def test_what_is_looked_at_for_bars_is_bounded_and_of_one_size():
    finder = BarsFinder()
    for luma in filmed(Bars(20, 20)) * 40:
        finder.add(luma)
    finder.add(np.zeros((20, 20), np.uint8))
    assert finder.bars() == Bars(20, 20)
    assert len(finder._rows._frames) <= 48


def test_a_test_card_is_told_from_a_picture():
    card = np.repeat(np.array([[235, 210, 170, 145, 106, 81, 41, 16]], np.uint8), 40, axis=1)
    assert is_test_card(np.repeat(card, 180, axis=0))
    assert not any(is_test_card(photo(name)) for name in PHOTOS)
    assert not is_test_card(np.zeros((180, 320), np.uint8))


def kept(film, starts=(0,)) -> list[int]:
    repeats = Repeats()
    return [
        i for i, luma in enumerate(film) if not repeats.is_repeated(luma, starts_run=i in starts)
    ]


@pytest.mark.parametrize("options", [None, {"crf": "18"}, {"crf": "26"}])
def test_repeated_frames_are_found_coded_or_not(options):
    moving = [photo("coffee.png")[3 * i : 3 * i + 240, 4 * i : 4 * i + 320] for i in range(20)]
    film = [*moving[:10], *[moving[10]] * 6, *moving[11:]]
    film = film if options is None else coded(film, **options)
    assert kept(film) == [*range(11), *range(16, 25)]


@pytest.mark.parametrize("options", [None, {"crf": "20"}])
def test_a_film_in_which_every_frame_is_there_twice_keeps_one_of_each(options):
    moving = [photo("coffee.png")[2 * i : 2 * i + 240, 3 * i : 3 * i + 320] for i in range(30)]
    film = [luma for luma in moving for _ in range(2)]
    found = kept(film if options is None else coded(film, **options))
    assert found[-20:] == list(range(20, 60, 2))
    assert len(found) <= 30 + (0 if options is None else 5)  # until the cadence is known


def test_slow_motion_is_no_repetition():
    start, end = (photo("coffee.png")[:240, i : i + 320].astype(float) for i in (0, 1))
    film = [noisy(start + (end - start) * i / 8, 1, i) for i in range(9)]
    assert kept(film) == list(range(9))
    assert kept([photo("coffee.png")[:240, :320]] * 4, starts=(0, 2)) == [0, 2]


@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(0, 40)), min_size=5, max_size=30),
    st.sampled_from([3, 5]),
    st.floats(0, 10),
)
@quick
def test_weights_are_bounded_and_grow_with_what_is_shown(measures, n_frames, grain):
    shown = np.array(measures)
    weights = window_weights(shown[:, 0], shown[:, 1], n_frames, typical=64, grain=grain)
    assert weights.dtype == np.int64
    assert len(weights) == len(measures) - n_frames + 1
    assert weights.min() >= 1
    assert weights.max() <= 64 * 3.5
    more = window_weights(shown[:, 0] * 2, shown[:, 1] * 2, n_frames, typical=64, grain=grain)
    assert (more >= weights).all()


def test_usual_film_has_the_typical_weight_and_black_next_to_none():
    usual = window_weights(np.full(9, 2.0), np.full(9, 3.0), 5, typical=64)
    black = window_weights(np.zeros(9), np.full(9, 0.02), 5, typical=64)
    static = window_weights(np.zeros(9), np.full(9, 3.0), 5, typical=64)
    rich = window_weights(np.full(9, 8.0), np.full(9, 9.0), 5, typical=64)
    assert set(usual) == {64}
    assert set(black) == {1}
    assert set(static) == {16}
    assert 2 * 64 < rich[0] < 4 * 64


def test_grain_on_black_is_not_worth_more_than_black():
    film = [noisy(np.full((240, 320), 30, np.uint8), 6, i) for i in range(7)]
    moved = np.array([0.0, *(motion(b, a) for a, b in pairwise(film))])
    shown = np.array([detail(luma) for luma in film])
    assert window_weights(moved, shown, 5, typical=64)[0] > 64
    grain = 2 / np.pi**0.5 * noise_sigma(film[0])
    assert window_weights(moved, shown, 5, typical=64, grain=grain)[0] < 20


def test_videos_are_made_of_what_is_measured(tmp_path):
    """`write_video` and `luma_of` agree on what luma is, so that tests above speak of films."""
    grey = np.repeat(photo("chelsea.png")[:100, :120, None], 3, axis=2)
    path = write_video(tmp_path / "a.mkv", [grey] * 3)
    assert all(np.array_equal(luma_of(frame.rgb()), grey[..., 0]) for frame in frames(path))
