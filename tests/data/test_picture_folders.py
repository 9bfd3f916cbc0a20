"""Folders of numbered pictures: one folder a clip, in the order of the numbers, read on demand."""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from data.makers import MODEL, data, picture, write_pictures
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vsr_data import DataError, TrainingStream, check_sources, open_training, open_validation
from vsr_data.degradation import degrade
from vsr_data.footage import pictures, sequences
from vsr_data.footage.numbered import Numbered, numbered_pictures
from vsr_data.footage.pictures import FORMATS, picture_size, read_picture
from vsr_settings import Model

AT_4 = Model(scale=4)


def training(tmp_path, source, model=MODEL, **changes):
    return open_training(data(tmp_path, source, **changes), model)


def reduced(frames, scale, how="area"):
    return [degrade(np.ascontiguousarray(frame), scale, how) for frame in frames]


def write_reduced(folder: Path, frames, scale: int, names) -> list[np.ndarray]:
    """Low-resolution pictures that cannot be mistaken for ones made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    low = [255 - frame for frame in reduced(frames, scale)]
    for name, pixels in zip(names, low, strict=True):
        Image.fromarray(pixels).save(folder / name)
    return low


def names(count: int, pattern: str = "{:08d}.png") -> list[str]:
    return [pattern.format(i) for i in range(count)]


# Layouts


def test_every_subfolder_of_pictures_is_a_clip(tmp_path):
    """As REDS: train_sharp/000/00000000.png."""
    root = tmp_path / "train_sharp"
    frames = {name: write_pictures(root / name, 7) for name in ("000", "001")}
    (root / "empty").mkdir()
    footage = training(tmp_path, root)
    assert [(clip.name, clip.windows, clip.frames) for clip in footage.clips] == [
        ("000", 3, 7),
        ("001", 3, 7),
    ]
    for clip in footage.clips:
        assert np.array_equal(clip.gt_frames(0, 7), frames[clip.name])
        for i in range(clip.windows):
            lq_THWC, gt_HWC = clip.window(i)
            assert np.array_equal(gt_HWC, frames[clip.name][i + 2])
            assert np.array_equal(lq_THWC, reduced(frames[clip.name][i : i + 5], 3))
        assert clip.origin(1) == str(root / clip.name / "00000003.png")
    assert not (tmp_path / "cache").exists()


def test_a_folder_of_pictures_is_a_clip_itself(tmp_path):
    write_pictures(tmp_path / "calendar", 5, name="im{}.png", first=8)  # 8, 9, 10, 11, 12
    (clip,) = training(tmp_path, tmp_path / "calendar").clips
    assert (clip.name, clip.windows) == ("calendar", 1)
    assert clip.origin(0).endswith("im10.png")


@pytest.mark.parametrize(
    ("layout", "sources", "called"),
    [
        ("GT/calendar", ["", "GT", "GT/calendar"], "calendar"),  # Vid4
        ("calendar", ["", "calendar"], "calendar"),  # Vid4 as it is often handed on
        ("car05_001/truth", ["", "car05_001", "car05_001/truth"], "car05_001"),  # SPMCS
        ("HR/000", ["", "HR"], "000"),
    ],
)
def test_the_sharp_pictures_of_a_data_set_are_found(tmp_path, layout, sources, called):
    root = tmp_path / "set"
    write_pictures(root / layout, 5)
    for source in sources:
        (clip,) = training(tmp_path, root / source).clips
        assert clip.name == called


def test_several_series_in_one_folder_are_clips_of_their_own(tmp_path):
    root = tmp_path / "flat"
    write_pictures(root, 5, name="calendar_{:03d}.png")
    write_pictures(root, 6, name="city_{:03d}.png")
    footage = training(tmp_path, root)
    assert [(clip.name, clip.frames) for clip in footage.clips] == [("calendar", 5), ("city", 6)]


# Order and gaps


def test_series_whose_names_differ_in_a_separator_alone_are_both_used(tmp_path):
    root = tmp_path / "mixed"
    write_pictures(root, 6, name="a_{:03d}.png")
    write_pictures(root, 5, name="a{:03d}.png")
    footage = training(tmp_path, root)
    assert sorted((clip.name, clip.frames) for clip in footage.clips) == [("a", 5), ("a (2)", 6)]


def test_a_missing_number_ends_a_clip_and_no_window_crosses_it(tmp_path):
    root = tmp_path / "000"
    write_pictures(root, 16)
    (root / "00000005.png").unlink()
    (root / "00000014.png").unlink()
    footage = training(tmp_path, root)
    assert [(clip.name, clip.frames) for clip in footage.clips] == [("000", 5), ("000#2", 8)]
    assert [clip.origin(0)[-12:] for clip in footage.clips] == ["00000002.png", "00000008.png"]


def test_pictures_of_another_size_end_a_clip(tmp_path):
    root = tmp_path / "000"
    write_pictures(root, 6)
    write_pictures(root, 6, 60, 48, first=6)
    assert [clip.gt_size for clip in training(tmp_path, root).clips] == [(48, 60), (60, 48)]


NUMBERS = st.lists(st.integers(0, 40), unique=True, min_size=1).map(sorted)
SIZES = st.sampled_from([None, (8, 8), (8, 9)])


@given(NUMBERS, st.data())
def test_runs_are_what_can_be_read_without_a_gap(numbers, draw):
    sizes = draw.draw(st.lists(SIZES, min_size=len(numbers), max_size=len(numbers)))
    film = Numbered(Path("x"), Path("x"), tuple(numbers), tuple(str(n) for n in numbers))
    runs = film.runs(sizes)
    usable = [n for n, size in zip(numbers, sizes, strict=True) if size is not None]
    assert [n for run, _ in runs for n in run.numbers] == usable
    known = dict(zip(numbers, sizes, strict=True))
    for run, size in runs:
        assert list(run.numbers) == list(range(run.numbers[0], run.numbers[0] + len(run.numbers)))
        assert {known[n] for n in run.numbers} == {size}
        assert run.names == tuple(str(n) for n in run.numbers)
    for (before, size), (after, other) in pairwise(runs):
        assert before.numbers[-1] + 1 != after.numbers[0] or size != other


@given(st.lists(st.integers(0, 10**9), unique=True, min_size=1, max_size=20), st.randoms())
def test_pictures_are_ordered_by_number_however_they_are_written(numbers, random):
    files = [f"f_{number:0{random.randint(1, 6)}d}x4.png" for number in numbers]
    random.shuffle(files)
    (film,), rejected = numbered_pictures(Path("folder"), files)
    assert not rejected
    assert list(film.numbers) == sorted(numbers)
    assert [int(name[2:-6]) for name in film.names] == sorted(numbers)


def test_pictures_without_a_place_are_named(tmp_path):
    root = tmp_path / "000"
    write_pictures(root, 5)
    write_pictures(root, 1, name="{}.png", first=3)  # 3.png beside 00000003.png
    Image.fromarray(picture(48, 60)).save(root / "cover.jpg")
    (root / "notes.txt").write_text("ignored")
    footage = training(tmp_path, root)
    assert footage.windows == 1
    assert {Path(item.path).name: item.reason for item in footage.rejected} == {
        "3.png": "it has the same number as '00000003.png'",
        "cover.jpg": "its name has no number, so that its place is unknown",
    }


def test_a_range_of_frames_counts_pictures_from_nought(tmp_path):
    write_pictures(tmp_path / "000", 12, first=100)
    (clip,) = training(tmp_path, tmp_path / "000", train_frames="2:9").clips
    assert clip.windows == 3
    assert clip.origin(0).endswith("00000104.png")
    with pytest.raises(DataError, match=r"it has 4 pictures in data\.train_frames = '8:'; a windo"):
        training(tmp_path, tmp_path / "000", train_frames="8:")


# Ready-made low-resolution pictures


@pytest.mark.parametrize(
    ("sharp", "low"),
    [
        ("train/train_sharp/000", "train/train_sharp_bicubic/X4/000"),  # REDS
        ("REDS4/GT/000", "REDS4/sharp_bicubic/000"),
        ("Vid4/GT/000", "Vid4/BIx4/000"),
        ("set/HR/000", "set/LR_bicubic/X4/000"),
        ("set/gt/000", "set/lq/000"),
        ("SPMCS/000/truth", "SPMCS/000/input4"),
        ("one/GT", "one/lq"),
    ],
)
def test_ready_made_frames_beside_are_taken(tmp_path, sharp, low):
    frames = write_pictures(tmp_path / sharp, 6, 48, 64)
    small = write_reduced(tmp_path / low, frames, 4, names(6))
    footage = training(tmp_path, tmp_path / sharp, AT_4)
    (clip,) = footage.clips
    assert clip.is_ready_made
    assert np.array_equal(clip.window(1)[0], small[1:6])
    assert np.array_equal(clip.crop(1, 2, 3, 8)[0], np.stack(small[1:6])[:, 2:10, 3:11])
    (note,) = footage.notes
    assert note.startswith("low-resolution frames of 1 clip are those of")


def test_ready_made_frames_that_do_not_fit_are_not_taken_and_it_is_said(tmp_path):
    frames = write_pictures(tmp_path / "GT/000", 6, 48, 72)
    write_reduced(tmp_path / "BIx4/000", frames, 4, names(6))
    write_reduced(tmp_path / "lq/000", frames, 4, names(6))
    write_reduced(tmp_path / "LR_bicubic/X3/000", frames[:5], 3, names(5))
    write_reduced(tmp_path / "BDx3/000", frames, 3, names(6))
    footage = training(tmp_path, tmp_path / "GT")
    assert not footage.clips[0].is_ready_made
    assert np.array_equal(footage.clips[0].window(0)[0], reduced(frames[:5], 3))
    found = "\n".join(footage.notes)
    assert "BDx3' are not used: they are blurred, which data.degradation does not ask for" in found
    assert "BIx4' are not used: they are ×4, model.scale = 3" in found
    assert "X3' are not used: '" in found
    assert "has no picture of number 5" in found
    assert "lq' are not used: number 0 of '000' is 18×12; of 72×48 at model.scale = 3" in found


def test_ready_made_frames_that_some_clips_lack_are_told(tmp_path):
    for clip, count in (("000", 6), ("001", 5)):
        frames = write_pictures(tmp_path / "GT" / clip, 6, 48, 64)
        write_reduced(tmp_path / "BIx4" / clip, frames[:count], 4, names(count))
    footage = training(tmp_path, tmp_path / "GT", AT_4)
    assert [clip.is_ready_made for clip in footage.clips] == [True, False]
    used, unused = footage.notes
    assert used.startswith("low-resolution frames of 1 clip are those of")
    assert "are not used for some clips: " in unused
    assert "has no picture of number 5" in unused


def test_a_degradation_of_ones_own_makes_its_own_frames(tmp_path):
    frames = write_pictures(tmp_path / "GT/000", 6, 48, 64)
    write_reduced(tmp_path / "BIx4/000", frames, 4, names(6))
    blurred = write_reduced(tmp_path / "BDx4/000", frames, 4, names(6))
    footage = training(tmp_path, tmp_path / "GT", AT_4, degradation="web-video")
    assert not footage.clips[0].is_ready_made
    assert "data.degradation asks for frames of its own" in "\n".join(footage.notes)
    blur = {"blur": {"kind": "gaussian", "sigma": 1.6}, "resize": "subsample"}
    footage = training(tmp_path, tmp_path / "GT", AT_4, degradation=blur)
    assert np.array_equal(footage.clips[0].window(0)[0], blurred[:5])


# Pictures


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_kind_of_picture_is_read(tmp_path, suffix):
    how = {"lossless": True} if suffix == ".webp" else {}
    frames = write_pictures(tmp_path / "000", 5, name="{:03d}" + suffix.upper(), **how)
    (clip,) = training(tmp_path, tmp_path / "000").clips
    gt_HWC = clip.window(0)[1]
    if suffix in {".jpg", ".jpeg"}:
        assert gt_HWC.shape == frames[2].shape
    else:
        assert np.array_equal(gt_HWC, frames[2])


def test_what_is_no_still_picture_is_refused_by_its_header(tmp_path):
    stills = [Image.fromarray(picture(48, 60, i)) for i in range(2)]
    how = {"save_all": True, "append_images": stills[1:]}
    stills[0].save(tmp_path / "a.webp", **how)
    stills[0].save(tmp_path / "a.tif", **how)
    (tmp_path / "a.jpg").write_text("hello")
    (tmp_path / "a.bmp").write_bytes(b"")
    for name, reason in [
        ("a.webp", "it is animated"),
        ("a.tif", "it has several pages"),
        ("a.jpg", "it is not a readable picture"),
        ("a.bmp", "it is empty"),
    ]:
        with pytest.raises(pictures.UnusableFileError, match=reason):
            picture_size(tmp_path / name)


def test_sixteen_bits_of_tiff_are_rounded(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (9, 7), dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.tif")
    assert picture_size(tmp_path / "a.tif") == (9, 7)
    expected = np.repeat(np.rint(deep / 257).astype(np.uint8)[..., None], 3, axis=2)
    assert np.array_equal(read_picture(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("how", ["bicubic", "area"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_crop_is_a_part_of_the_whole_window(tmp_path, how, scale):
    write_pictures(tmp_path / "000", 5, 30 * scale + 1, 40 * scale + scale - 1)
    model = Model(scale=scale)
    (clip,) = training(tmp_path, tmp_path / "000", model, degradation=how).clips
    assert clip.lq_size == (30, 40)
    lq_THWC, gt_HWC = clip.window(0)
    for y, x, side in [(0, 0, 8), (22, 32, 8), (3, 5, 20), (10, 0, 9), (0, 10, 30)]:
        lq, gt = clip.crop(0, y, x, side)
        assert np.array_equal(lq, lq_THWC[:, y : y + side, x : x + side])
        rows, columns = (slice(at * scale, (at + side) * scale) for at in (y, x))
        assert np.array_equal(gt, gt_HWC[rows, columns])


# What goes wrong


def test_pictures_with_unreadable_headers_are_named_and_end_a_run(tmp_path):
    root = tmp_path / "sharp"
    write_pictures(root / "000", 12)
    write_pictures(root / "001", 4)
    (root / "000/00000005.png").write_text("version https://example.org")
    footage = open_validation(data(tmp_path, root), MODEL)
    assert [clip.frames for clip in footage.clips] == [5, 6]
    assert {item.path: item.reason for item in footage.rejected} == {
        str(root / "000/00000005.png"): "it is not a PNG file",
        str(root / "001"): "it has 4 pictures; a window needs 5",
    }


def test_of_very_many_pictures_one_of_a_folder_is_looked_at(tmp_path, monkeypatch):
    root = tmp_path / "sharp"
    for name in ("000", "001"):
        write_pictures(root / name, 6)
    looked_at = []
    measure = sequences.picture_size
    monkeypatch.setattr(
        sequences, "picture_size", lambda path: (looked_at.append(path), measure(path))[1]
    )
    for most, count in ((12, 12), (11, 2)):
        monkeypatch.setattr(sequences, "MOST_MEASURED", most)
        looked_at.clear()
        assert training(tmp_path, root).windows == 4
        assert len(looked_at) == count


@pytest.mark.parametrize("how", ["cut", "resized", "gone", "flipped"])
def test_a_picture_damaged_while_training_is_a_message_that_names_it(tmp_path, how):
    write_pictures(tmp_path / "000", 5)
    footage = training(tmp_path, tmp_path / "000")
    stream = TrainingStream(
        footage, n_frames=5, scale=3, patch=8, seed=0, batch_size=1, accumulation_steps=1
    )
    stream.sample(0, 0)
    bad = tmp_path / "000/00000003.png"
    content = bad.read_bytes()
    middle = len(content) // 2
    match how:
        case "cut":
            bad.write_bytes(content[:middle])
        case "flipped":
            flipped = bytes([content[middle] ^ 1])
            bad.write_bytes(content[:middle] + flipped + content[middle + 1 :])
        case "resized":
            Image.fromarray(picture(45, 45)).save(bad)
        case "gone":
            bad.unlink()
    with pytest.raises(DataError, match=r"picture .*00000003\.png.*restore the file"):
        stream.sample(0, 0)


def test_a_source_without_a_usable_clip_says_why(tmp_path):
    root = tmp_path / "sharp"
    write_pictures(root / "short", 4)
    write_pictures(root / "gaps", 9)
    for number in (4, 6):
        (root / f"gaps/{number:08d}.png").unlink()
    write_pictures(root / "small", 5, 30, 30)
    with pytest.raises(DataError) as caught:
        check_sources(data(tmp_path, root, patch=12), MODEL)
    text = str(caught.value)
    assert "short': it has 4 pictures; a window needs 5" in text
    assert "longest run of consecutive numbers and one size has 4 of 7 pictures" in text
    assert "small': low-resolution frames are 10×10; data.patch = 12 needs 12×12" in text


def test_clips_of_pictures_travel_without_their_pixels(tmp_path):
    write_pictures(tmp_path / "000", 40)
    (clip,) = training(tmp_path, tmp_path / "000").clips
    packed = pickle.dumps(clip)
    assert len(packed) < 4000
    other = pickle.loads(packed)  # noqa: S301 - packed just now
    assert np.array_equal(other.window(3)[0], clip.window(3)[0])
