"""Takes are made when wanted, kept twice at most, and are the same whoever makes them."""

import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from data.makers import MODEL, data, noise_video, write_pair, write_pictures, write_video
from data.test_degraded_takes import moving
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import (
    DataError,
    TrainingStream,
    check_pairs,
    check_sources,
    inspect_pairs,
    open_training,
    open_validation,
    validation_windows,
)
from vsr_data.cache.takes import TakeFolder
from vsr_data.degradation import degraded_take
from vsr_data.footage.takes import Renewal, Takes, take_generator
from vsr_data.samples.sampling import WindowDraw, sample_generator
from vsr_settings.degradation import H264, NAMED, GaussianNoise, Pipeline

PIPELINE = Pipeline(
    noise=GaussianNoise(kind="gaussian", sigma=(1, 3)),
    codec=H264(kind="h264", crf=(24, 34), speed="ultrafast"),
    clean_share=0.2,
    take=12,
    uses=8,
)
FRAMES = 26


@pytest.fixture
def film(tmp_path):
    return write_video(tmp_path / "film.mkv", list(moving(FRAMES)))


def settings(tmp_path, film, **changes):
    return data(tmp_path, film, degradation=PIPELINE, **changes)


def stream(section, *, workers=0, rank=0, world_size=1, seed=3):
    return TrainingStream(
        open_training(section, MODEL),
        n_frames=5,
        scale=3,
        patch=8,
        seed=seed,
        batch_size=4 // world_size,
        accumulation_steps=2,
        rank=rank,
        world_size=world_size,
        workers=workers,
    )


def seen(source, start, stop):
    steps = [torch.cat([lq for lq, _ in step]) for step in source.steps(start, stop)]
    return torch.stack(steps)


def take_files(section):
    return sorted(Path(section.cache_dir).rglob("*.take"))


@given(st.integers(1, 300), st.integers(1, 9).map(lambda n: 2 * n + 1), st.integers(8, 64))
def test_every_window_lies_in_exactly_one_take_of_bounded_length(windows, n_frames, longest):
    takes = Takes(windows, n_frames, longest)
    found = [takes.of_window(i) for i in range(windows)]
    for i, take in enumerate(found):
        assert take.first <= i
        assert i + n_frames <= take.first + take.frames
        assert take.frames <= max(longest, n_frames)
    distinct = dict.fromkeys(found)
    assert [take.number for take in distinct] == list(range(takes.count))
    for one, following in pairwise(distinct):
        assert following.first == one.first + one.frames - n_frames + 1
    assert sum(take.frames for take in distinct) == takes.frames


@given(st.integers(1, 50), st.integers(0, 5), st.integers(1, 9), st.integers(0, 500))
def test_a_take_is_made_anew_once_a_round_and_not_all_at_once(round_steps, before, own, step):
    renewal = Renewal(0, round_steps, before, before + own)
    for take in range(own):
        now, then = renewal.version(take, step), renewal.version(take, step + round_steps)
        assert then == now + 1
    changed = [
        sum(renewal.version(take, s + 1) != renewal.version(take, s) for take in range(own))
        for s in range(step, step + round_steps)
    ]
    assert sum(changed) == own
    assert max(changed) <= -(-(before + own) // round_steps)


def test_a_window_is_cut_from_one_take_made_by_the_pure_function(tmp_path, film):
    section = settings(tmp_path, film)
    gt_THWC = moving(FRAMES)
    clip = open_validation(section, MODEL).clips[0]
    for i in (0, 3, 7, 8, 15, 21):
        take = clip.takes.of_window(i)
        rng = take_generator(None, clip._clip.content, take.first, 0)
        frames = gt_THWC[take.first : take.first + take.frames]
        lq_THWC = degraded_take(frames, PIPELINE, 3, rng)
        lq, gt = clip.window(i)
        assert np.array_equal(lq, lq_THWC[i - take.first : i - take.first + 5])
        assert np.array_equal(gt, gt_THWC[i + 2])
        lq, gt = clip.crop(i, 3, 5, 9)
        assert np.array_equal(lq, clip.window(i)[0][:, 3:12, 5:14])
        assert np.array_equal(gt, gt_THWC[i + 2, 9:36, 15:42])


def test_steps_are_the_same_whoever_cuts_them_and_wherever_a_run_goes_on(tmp_path, film):
    section = settings(tmp_path, film)
    whole = seen(stream(section), 0, 12)
    assert len(whole.flatten(1).unique(dim=0)) == 12
    assert torch.equal(seen(stream(section, workers=2), 0, 12), whole)
    elsewhere = settings(tmp_path, film, cache_dir=str(tmp_path / "empty"))
    assert torch.equal(seen(stream(elsewhere), 7, 12), whole[7:])
    halves = [seen(stream(section, rank=rank, world_size=2), 0, 6) for rank in (0, 1)]
    mixed = torch.stack([half.reshape(6, 2, 2, *half.shape[2:]) for half in halves], 2)
    assert torch.equal(mixed.reshape(whole[:6].shape), whole[:6])


def test_takes_change_with_the_rounds_and_two_versions_of_each_are_kept(tmp_path, film):
    section = settings(tmp_path, film)
    source = stream(section)
    clip = source._cutter._clips[0]
    assert clip._renewal.round_steps == 3
    windows = [clip.at(step).window(4)[0].tobytes() for step in range(12)]
    assert len(set(windows)) in {4, 5}
    assert windows[0] != windows[-1]
    seen(source, 0, 30)
    kept = [path.name.split(".")[0] for path in take_files(section)]
    assert max(kept.count(take) for take in kept) <= 2
    n_bytes = sum(path.stat().st_size for path in take_files(section))
    frame_bytes = clip.lq_size[0] * clip.lq_size[1] * 3
    assert n_bytes <= 2 * clip.takes.frames * frame_bytes + 1000 * len(kept)


def test_takes_of_each_source_are_cut_from_as_often_whatever_its_weight(tmp_path):
    """`uses` times a version on average, though samples are drawn by weight and not by windows."""
    places = [tmp_path / name for name in ("few", "many")]
    for number, place in enumerate(places):
        write_pictures(place, (12, 44)[number], first=100 * number)
    train = [{"path": str(place), "weight": w} for place, w in zip(places, (3, 1), strict=True)]
    pipeline = PIPELINE.model_copy(update={"uses": 24})
    section = data(tmp_path, places[0], train=train, degradation=pipeline)
    source = stream(section)
    draw, clips = WindowDraw(open_training(section, MODEL)), source._cutter._clips
    assert [clip._renewal.round_steps for clip in clips] == [4, 60]
    uses = Counter()
    for step in range(400):
        for index in range(8):
            choice = draw.choose(sample_generator(3, step, index))
            clip = clips[choice.clip]
            take = clip.takes.of_window(choice.window).number
            uses[clip.group, take, clip._renewal.version(take, step)] += 1
    for group in (0, 1):
        last = max(version for of, _, version in uses if of == group)
        whole = [n for (of, _, v), n in uses.items() if of == group and 0 < v < last - 1]
        assert np.mean(whole) == pytest.approx(24, rel=0.15)


def test_takes_are_others_in_a_run_of_another_seed(tmp_path, film):
    section = settings(tmp_path, film)
    one, other = (stream(section, seed=seed)._cutter._clips[0].window(4)[0] for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_validation_sees_one_version_always(tmp_path, film):
    section = settings(tmp_path, film)
    footage = open_validation(section, MODEL)
    first = [lq for _, _, lq, _ in validation_windows(footage, 4)]
    for path in take_files(section):
        path.unlink()
    again = [lq for _, _, lq, _ in validation_windows(open_validation(section, MODEL), 4)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_what_changed_on_the_disk_is_made_again(tmp_path, film):
    section = settings(tmp_path, film)
    before = seen(stream(section), 0, 3)
    paths = take_files(section)
    assert paths
    for number, path in enumerate(paths):
        with path.open("r+b") as file:
            if number % 2:
                file.truncate(path.stat().st_size // 2)
            else:
                file.seek(100)
                byte = file.read(1)
                file.seek(100)
                file.write(bytes([byte[0] ^ 1]))
    assert torch.equal(seen(stream(section), 0, 3), before)


def test_a_take_that_several_want_is_made_once(tmp_path):
    calls = []

    def make():
        calls.append(1)
        return np.full((3, 8, 8, 3), 7, np.uint8)

    def want(_):
        return TakeFolder(tmp_path, "a" * 40, "film").find_or_make(0, 0, make).read(1, 2)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(want, range(4)))
    assert len(calls) == 1
    assert all((frames == 7).all() for frames in found)


def test_another_degradation_decodes_nothing(tmp_path, film):
    open_training(data(tmp_path, film, degradation="bicubic"), MODEL)
    film_bytes, times = film.read_bytes(), film.stat()
    entries = set((tmp_path / "cache").iterdir())
    for name in ("web-video", "phone", "dvd", PIPELINE):
        open_training(data(tmp_path, film, degradation=name), MODEL)
    assert set((tmp_path / "cache").iterdir()) == entries
    assert (film.read_bytes(), film.stat().st_mtime_ns) == (film_bytes, times.st_mtime_ns)


def test_takes_count_against_the_cache(tmp_path, film):
    frames = FRAMES * 96 * 120 * 3 * (1 + 1 / 9)
    gib = frames * 1.2 / (1 << 30)
    plain = data(tmp_path, film, degradation="bicubic", cache_gib=gib, val_frames=":")
    check_sources(plain, MODEL)
    with pytest.raises(DataError, match="data.cache_gib"):
        check_sources(settings(tmp_path, film, cache_gib=gib), MODEL)
    open_training(plain, MODEL)
    with pytest.raises(DataError, match="degraded frames"):
        check_sources(settings(tmp_path, film, cache_gib=gib), MODEL)
    check_sources(settings(tmp_path, film, cache_gib=gib * 2), MODEL)


def test_ready_made_pairs_are_taken_as_they_are(tmp_path):
    frames = write_pair(tmp_path, "x")
    section = data(tmp_path, tmp_path, degradation="web-video")
    clip = open_training(section, MODEL).clips[0]
    assert not clip.is_degraded
    assert np.array_equal(clip.window(0)[1], frames[2])


def test_pairs_are_not_called_wrong_for_what_degrades_them(tmp_path, film):
    for name in ("web-video", "dvd", "phone", PIPELINE):
        source = stream(data(tmp_path, film, degradation=name))
        findings = check_pairs(source, 3)
        assert not [each for each in findings if each.severity != "note"], name


def test_a_constant_shift_is_found_under_compression():
    gt = moving(16, height=96, width=96, speed=9)
    pipeline = NAMED["web-video"].model_copy(update={"clean_share": 0.0})
    lq = degraded_take(gt, pipeline, 3, np.random.default_rng(0))
    lq_NTCHW = torch.from_numpy(lq).permute(0, 3, 1, 2)[:, None] / 255
    gt_NCHW = torch.from_numpy(np.roll(gt, 2, axis=2)).permute(0, 3, 1, 2) / 255
    found = inspect_pairs(lq_NTCHW, gt_NCHW, 3, degraded=True)
    assert found[0].name == "constant misalignment"


@pytest.mark.parametrize("kind", ["film", "pictures"])
def test_a_copy_of_footage_is_degraded_as_the_original(tmp_path, kind):
    """A run goes on elsewhere, and processes on several machines read copies of their own."""
    here, there = tmp_path / "here" / "x", tmp_path / "there" / "x"
    if kind == "film":
        for folder in (here, there):
            folder.mkdir(parents=True)
            noise_video(folder / "a.mkv", 12)
    else:
        write_pictures(here, 12)
        shutil.copytree(here, there)
    for path in there.iterdir():
        os.utime(path, ns=(1, 1))
    noise = {"noise": {"kind": "gaussian", "sigma": 8.0}}
    one, other = (
        open_validation(data(tmp_path, place, degradation=noise), MODEL).clips[0]
        for place in (here, there)
    )
    assert one.is_degraded
    assert np.array_equal(one.window(1)[0], other.window(1)[0])
