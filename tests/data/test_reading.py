"""Films as training reads them: runs within scenes, no frame twice, no bars, and an account."""

import io
from collections import Counter
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
from data.makers import MODEL, data, noise_video, shared_files, write_video
from PIL import Image

from vsr_data import DataError, TrainingStream, degrade, open_training
from vsr_data.errors import UnusableFileError
from vsr_data.footage.active import Active
from vsr_data.footage.reading import FilmReading
from vsr_data.footage.remarks import problems_of, remarks_on
from vsr_data.measures import Bars
from vsr_data.request import Request

HEIGHT, WIDTH = 96, 144


@cache
def coffee() -> np.ndarray:
    data = (files("skimage.data") / "coffee.png").read_bytes()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def scene(count, y=0, x=0, speed=2) -> list[np.ndarray]:
    """A camera that moves over a photograph."""
    return [
        coffee()[y + i * speed : y + i * speed + HEIGHT, x + i * speed : x + i * speed + WIDTH]
        for i in range(count)
    ]


def black(count) -> list[np.ndarray]:
    """Nothing, with just enough flicker that no frame is a repetition."""
    return [np.full((HEIGHT, WIDTH, 3), i % 2 * 3, np.uint8) for i in range(count)]


def read(tmp_path, path, **changes):
    """Everything that is read of a film, and the account of it."""
    reading = FilmReading(path, Request.of(data(tmp_path, path, **changes), MODEL, "train"))
    return [*reading], reading.account


def numbers_and_starts(rows) -> list[tuple[int, bool]]:
    return [(number, starts_run) for number, _, starts_run, _ in rows]


def test_a_film_is_read_whole_with_what_each_frame_shows(tmp_path):
    film = scene(9)
    rows, account = read(tmp_path, write_video(tmp_path / "a.mkv", film))
    assert numbers_and_starts(rows) == [(i, i == 0) for i in range(9)]
    assert all(np.array_equal(gt, film[number]) for number, gt, *_ in rows)
    assert rows[0][3].motion == 0
    assert all(measures.motion > 1 and measures.detail > 1 for *_, measures in rows[1:])
    assert (account.decoded, account.runs, account.longest) == (9, 1, 9)
    assert (account.codec, account.height, account.width) == ("ffv1", HEIGHT, WIDTH)
    assert account.motion == pytest.approx(np.mean([row[3].motion for row in rows[1:]]), abs=0.01)
    assert account.detail == pytest.approx(np.mean([row[3].detail for row in rows]), abs=0.01)
    assert account.level == pytest.approx(np.mean([row[3].level for row in rows]), abs=0.01)
    assert account.problems == account.cuts == account.notes == []


def test_a_cut_ends_a_run_unless_nobody_looks_for_any(tmp_path):
    film = [*scene(9), *[255 - frame for frame in scene(7, 200, 300)]]
    path = write_video(tmp_path / "a.mkv", film)
    rows, account = read(tmp_path, path, cuts="auto")
    assert [number for number, starts_run in numbers_and_starts(rows) if starts_run] == [0, 9]
    assert account.cuts == [9]
    assert (account.runs, account.longest) == (2, 9)
    rows, account = read(tmp_path, path, cuts="off")
    assert account.cuts == []
    assert account.runs == 1
    assert [clip.windows for clip in open_training(data(tmp_path, path), MODEL).clips] == [12]
    clips = open_training(data(tmp_path, path, cuts="auto"), MODEL).clips
    assert [clip.windows for clip in clips] == [5, 3]
    assert clips[1].origin(0).endswith("frame 11")


def test_repeated_frames_are_left_out_and_their_run_goes_on(tmp_path):
    moving = scene(12)
    film = [*moving[:4], moving[3], moving[3], *moving[4:]]
    path = write_video(tmp_path / "a.mkv", film)
    rows, account = read(tmp_path, path)
    assert numbers_and_starts(rows) == [(i, i == 0) for i in (0, 1, 2, 3, *range(6, 14))]
    assert (account.decoded, account.repeated, account.runs, account.longest) == (14, 2, 1, 12)
    (clip,) = (footage := open_training(data(tmp_path, path), MODEL)).clips
    assert clip.windows == 8
    assert [clip.origin(i).rsplit(" ", 1)[1] for i in range(4)] == ["2", "3", "6", "7"]
    assert np.array_equal(clip.window(2)[1], moving[4])
    assert footage.remarks == ((str(path), "2 repeated frames left out"),)


def test_a_film_of_one_picture_says_why_it_is_too_short(tmp_path):
    path = write_video(tmp_path / "still.mkv", [coffee()[:HEIGHT, :WIDTH]] * 9)
    with pytest.raises(DataError, match="has 1 frame; a window needs 5; 8 frames show what the"):
        open_training(data(tmp_path, path), MODEL)


def test_cuts_are_named_where_they_leave_no_window(tmp_path):
    film = [*scene(4), *[255 - frame for frame in scene(4, 200, 300)]]
    path = write_video(tmp_path / "a.mkv", film)
    with pytest.raises(
        DataError, match=r"run has 4 of 8 frames; .* needs 5; runs end at 1 scene cut"
    ):
        open_training(data(tmp_path, path, cuts="auto"), MODEL)


def test_what_is_read_depends_on_neither_window_nor_patch_nor_what_only_chooses(tmp_path):
    path = write_video(tmp_path / "a.mkv", scene(8))
    whole, account = read(tmp_path, path)
    changes = {"patch": 20, "bars": "keep", "windows": "uniform", "workers": 0}
    other, its_account = read(tmp_path, path, **changes)
    assert account == its_account
    assert all(
        (a[0], a[2], a[3]) == (b[0], b[2], b[3]) and np.array_equal(a[1], b[1])
        for a, b in zip(whole, other, strict=True)
    )
    open_training(data(tmp_path, path), MODEL)
    open_training(data(tmp_path, path, **changes), MODEL)
    assert len([*(tmp_path / "cache").glob("[!.]*")]) == 1
    open_training(data(tmp_path, path, cuts="auto"), MODEL)
    open_training(data(tmp_path, path, hdr="keep"), MODEL)
    open_training(data(tmp_path, path, interlaced="keep"), MODEL)
    assert len([*(tmp_path / "cache").glob("[!.]*")]) == 4


def barred(count, bars: Bars) -> list[np.ndarray]:
    film = []
    for frame in scene(count):
        shown = np.zeros_like(frame)
        rows, columns = (
            slice(bars.top, HEIGHT - bars.bottom),
            slice(bars.left, WIDTH - bars.right),
        )
        shown[rows, columns] = frame[rows, columns]
        film.append(shown)
    return film


BARRED = Bars(10, 12, 20, 15)


def test_bars_are_cropped_from_clips_and_no_low_resolution_pixel_has_seen_one(tmp_path):
    path = write_video(tmp_path / "a.mkv", barred(9, BARRED))
    section = data(tmp_path, path, degradation="bicubic")
    (clip,) = (footage := open_training(section, MODEL)).clips
    assert footage.remarks[0][1] == (
        "black bars are cropped: 10 rows at the top, 12 rows at the bottom, 20 columns at the "
        "left, 15 columns at the right"
    )
    top, left = 5 * 3, 9 * 3  # the first whole pixel, and two that cubic convolution reaches
    height, width = HEIGHT - top - 6 * 3, WIDTH - left - 7 * 3
    assert clip.gt_size == (height, width)
    assert clip.lq_size == (height // 3, width // 3)
    full = scene(9)
    for i in range(clip.windows):
        lq_THWC, gt_HWC = clip.window(i)
        assert np.array_equal(gt_HWC, full[i + 2][top : top + height, left : left + width])
        whole = degrade(np.ascontiguousarray(full[i + 2]), 3, "bicubic")
        assert np.array_equal(lq_THWC[2], whole[5 : 5 + height // 3, 9 : 9 + width // 3])
        crop_lq, crop_gt = clip.crop(i, 3, 4, 10)
        assert np.array_equal(crop_lq, lq_THWC[:, 3:13, 4:14])
        assert np.array_equal(crop_gt, gt_HWC[9:39, 12:42])
    assert np.array_equal(clip.gt_frames(2, 1)[0], clip.window(0)[1])
    assert np.array_equal(clip.gt_frames(2, 1, slice(6, 9))[0], clip.window(0)[1][6:9])
    assert np.array_equal(clip.reduced_frames(0, 5), clip.window(0)[0])


def test_bars_are_kept_where_that_is_wanted(tmp_path):
    path = write_video(tmp_path / "a.mkv", barred(6, BARRED))
    footage = open_training(data(tmp_path, path, bars="keep"), MODEL)
    assert footage.clips[0].gt_size == (HEIGHT, WIDTH)
    assert footage.remarks[0][1].startswith("black bars are kept, as data.bars says: 10 rows")


def test_what_bars_leave_may_be_too_small_for_a_patch(tmp_path):
    path = write_video(tmp_path / "a.mkv", barred(6, BARRED))
    match = (
        "without its black bars, low-resolution frames are 32×21; data.patch = 24 needs 24×24; "
        "lower data.patch to at most 21, or set data.bars = 'keep'"
    )
    with pytest.raises(DataError, match=match):
        open_training(data(tmp_path, path, patch=24), MODEL)
    assert open_training(data(tmp_path, path, patch=24, bars="keep"), MODEL).windows == 2


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("bar", [1, 2, 3, 7, 12, 40])
def test_the_active_part_is_out_of_reach_of_bars(scale, bar):
    """Bicubic's kernel, widened `scale` times, is 0 from two low-resolution pixels on."""
    size = 60, 80
    bars = Bars(bar, bar, bar, bar)
    active = Active.within(bars, size, scale)
    gt = np.zeros((size[0] * scale, size[1] * scale, 3), np.uint8)
    gt[bar:-bar, bar:-bar] = 200
    lq = degrade(gt, scale, "bicubic")
    rows = slice(active.top, active.top + active.height)
    columns = slice(active.left, active.left + active.width)
    assert (lq[rows, columns] == 200).all()
    assert active.top == active.left <= bar / scale + 2.5
    assert Active.within(Bars(), size, scale) == Active.whole(size)


def drawn_from(footage, draws=1000) -> Counter:
    stream = TrainingStream(
        footage, n_frames=5, scale=3, patch=8, seed=4, batch_size=1, accumulation_steps=1
    )
    frames = (stream.origin(step, 0).split(" frame ")[1].split(" ")[0] for step in range(draws))
    return Counter(int(frame) for frame in frames)


def test_the_black_half_of_a_film_is_hardly_drawn_from_and_yet_may_be(tmp_path):
    path = write_video(tmp_path / "a.mkv", [*black(60), *scene(60, speed=3)])
    counts = drawn_from(open_training(data(tmp_path, path), MODEL))
    from_black = sum(counts[number] for number in range(60))
    assert 0 < from_black < 0.1 * 1000
    uniform = drawn_from(open_training(data(tmp_path, path, windows="uniform"), MODEL))
    assert 400 < sum(uniform[number] for number in range(60)) < 600


def test_a_static_stretch_is_drawn_less_but_not_left_out(tmp_path):
    """Grain keeps it from being a repetition."""
    rng = np.random.default_rng(0)
    still = coffee()[100 : 100 + HEIGHT, 100 : 100 + WIDTH].astype(float)
    static = [
        np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(40)
    ]
    path = write_video(tmp_path / "a.mkv", [*scene(40, speed=3), *static])
    counts = drawn_from(open_training(data(tmp_path, path), MODEL))
    assert 0.05 * 1000 < sum(counts[number] for number in range(43, 80)) < 0.35 * 1000


def test_no_window_is_much_likelier_than_a_median_one(tmp_path):
    path = write_video(tmp_path / "a.mkv", [*scene(30, speed=1), *scene(30, speed=4)])
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    weights = clip.weights()
    assert len(weights) == clip.windows
    assert weights.max() <= 8 * np.median(weights)


def test_noise_that_differs_in_every_frame_is_not_all_that_a_film_shows(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 6)
    footage = open_training(data(tmp_path, path), MODEL)
    assert "strong grain" in footage.remarks[0][1]
    assert footage.clips[0].weights().min() >= 1


def test_frames_of_another_size_are_not_cropped_by_the_bars_of_the_first(tmp_path):
    reading_of = {
        (96, 144): Active.within(BARRED, (32, 48), 3).size,
        (48, 63): (16, 21),
    }
    from vsr_data.cache import Account, Entry, Segment
    from vsr_data.cache.entry import Strip
    from vsr_data.footage.videos import _active

    account = Account(height=96, width=145, bars=list(BARRED))
    request = Request.of(data(tmp_path, "x"), MODEL, "train")
    for gt_size, lq_size in reading_of.items():
        small = gt_size[0] // 3, gt_size[1] // 3
        gt, lq = (Strip("x", 0, size, (1, 2, 3)) for size in (gt_size, small))
        segment = Segment((0, 1, 2), gt, lq)
        entry = Entry(tmp_path, (segment,), account, 0, is_untouched=True)
        assert _active(entry, segment, request).size == lq_size


def test_what_is_mended_or_spoils_training_is_a_sentence(tmp_path):
    from vsr_data.cache import Account

    request = Request.of(data(tmp_path, "x"), MODEL, "train")
    kept = Request.of(data(tmp_path, "x", interlaced="keep", hdr="keep"), MODEL, "train")
    film = {"decoded": 9, "runs": 1, "longest": 9, "motion": 2.0, "level": 90.0}
    assert problems_of(Account(**film), request) == []
    for changes, told, told_if_kept in (
        (
            {"fields": "tff"},
            "interlaced video (upper field first) is made whole by bwdif",
            "interlaced video (upper field first) is taken as it is, combed",
        ),
        (
            {"fields": "bff", "telecined": True},
            "telecined film (3:2 pulldown) is undone, one frame in five dropped",
            "telecined film (3:2 pulldown) is taken as it is",
        ),
        ({"hdr": "pq"}, "HDR (PQ) is tone-mapped to SDR", "HDR (PQ) is trained on its code values"),
        ({"damaged": 1}, "1 damaged frame left out", None),
        ({"notes": ["reading stopped: end of file"]}, "reading stopped: end of file", None),
        ({"enlarged": 2.0}, "it looks enlarged about ×2 from a smaller picture", None),
        ({"blockiness": 1.62}, "a codec's blocks show (1.62; 1 is none)", None),
        ({"noise": 6.24}, "strong grain (σ 6.2 levels of 255)", None),
        ({"level": 1.0, "motion": 0.0}, "nearly all of it is black", None),
        ({"motion": 0.02, "detail": 4.0}, "next to nothing moves", None),
        ({"pixel_aspect": 16 / 11}, "pixels are not square (16:11)", None),
    ):
        account = Account(**{**film, **changes})
        account.problems = problems_of(account, request)
        assert remarks_on(account, request).startswith(told)
        (sentence,) = problems_of(account, kept)
        assert sentence.startswith(told_if_kept or told)


def test_what_a_setting_refuses_is_the_files_reason(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "a.mkv", 6)

    def refused(*_, **how):
        raise UnusableFileError(f"it is HDR video, which data.hdr = {how['hdr']!r} leaves out")

    monkeypatch.setattr("vsr_data.footage.reading.mended_frames", refused)
    with pytest.raises(
        DataError, match="'a.mkv|a.mkv': it is HDR video, which data.hdr = 'refuse'"
    ):
        open_training(data(tmp_path, path, hdr="refuse"), MODEL)


def test_a_pixel_format_that_cannot_be_converted_is_a_reason(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "a.mkv", 6)

    def with_cuts(found):
        for frame in found:
            yield frame, False
            raise ValueError("32 bits to a sample are too many")

    monkeypatch.setattr("vsr_data.footage.reading.with_cuts", with_cuts)
    with pytest.raises(DataError, match="has 1 frame; .*; its frames cannot be used: 32 bits to"):
        open_training(data(tmp_path, path, cuts="auto"), MODEL)


def test_entries_of_the_format_before_are_not_found(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 6)
    open_training(data(tmp_path, path), MODEL)
    (entry,) = (tmp_path / "cache").iterdir()
    index = entry / "index.json"
    from vsr_data.cache.entry import Entry

    text = index.read_text()
    assert '"format": 3' in text
    assert Entry.load(entry) is not None
    index.write_text(text.replace('"format": 3', '"format": 2'))
    assert Entry.load(entry) is None
    assert open_training(data(tmp_path, path), MODEL).windows == 2


@pytest.mark.slow
@pytest.mark.parametrize("path", [*shared_files("broken"), *shared_files("cases")])
def test_broken_files_are_read_as_far_as_they_go_or_refused_with_a_reason(tmp_path, path):
    section = data(tmp_path, path, train_frames=":40", cuts="auto")
    reading = FilmReading(path, Request.of(section, MODEL, "train"))
    try:
        rows = [*reading]
    except UnusableFileError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
    else:
        assert reading.account.decoded >= len(rows)
        assert rows or not reading.account.runs
        assert all(isinstance(sentence, str) for sentence in reading.account.problems)
