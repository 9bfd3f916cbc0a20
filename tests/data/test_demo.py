"""The demo: photographs filmed by a moving camera, sharp, and never the same for both sides."""

import numpy as np
import pytest
from data.makers import MODEL, data
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import DataError, open_training, open_validation
from vsr_data.degradation import degrade
from vsr_data.footage import demo
from vsr_data.footage.camera import ZOOM, Pose, film, path
from vsr_data.request import Request


@pytest.fixture
def few_clips(monkeypatch):
    monkeypatch.setattr(demo, "CLIPS_PER_PHOTO", 2)


def test_training_films_six_photographs_and_validation_two_others(tmp_path, few_clips):
    section = data(tmp_path, "demo", degradation="bicubic")
    train, val = open_training(section, MODEL), open_validation(section, MODEL)
    names = {clip.name.split("#")[0] for clip in train.clips}
    assert len(names) == 6
    assert [clip.name for clip in val.clips] == ["chelsea", "coffee"]
    assert not names & {clip.name for clip in val.clips}
    assert len({clip.identity for clip in train.clips}) == len(train.clips) == 12
    assert {clip.gt_size for clip in train.clips} == {(192, 192)}
    assert {clip.windows for clip in train.clips} == {5}
    assert {clip.windows for clip in val.clips} == {6}
    assert train.clips[0].source == "demo"
    assert train.clips[0].origin(1) == f"demo {train.clips[0].name} frame 3"
    lq_THWC, gt_HWC = train.clips[0].window(0)
    assert np.array_equal(lq_THWC[2], degrade(np.array(gt_HWC), 3, "bicubic"))


def test_the_demo_is_the_same_every_time(tmp_path, few_clips):
    one = open_validation(data(tmp_path / "one", "demo"), MODEL)
    other = open_validation(data(tmp_path / "other", "demo"), MODEL)
    for a, b in zip(one.clips, other.clips, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a.window(3), b.window(3), strict=True))


def test_frames_move_and_are_sharp(tmp_path, few_clips):
    for clip in open_validation(data(tmp_path, "demo"), MODEL).clips:
        lq_THWC, gt_HWC = clip.window(0)
        moved = np.abs(np.diff(lq_THWC.astype(float), axis=0)).mean((1, 2, 3))
        assert moved.min() > 0.3
        steps = np.abs(np.diff(gt_HWC.astype(float), axis=1)).mean()
        photo = demo._photo(demo.VALIDATION[clip.name])
        pairs = photo[: len(photo) // 2 * 2, : photo.shape[1] // 2 * 2].astype(float)
        halved = (pairs[::2, ::2] + pairs[1::2, ::2] + pairs[::2, 1::2] + pairs[1::2, 1::2]) / 4
        assert steps > 0.9 * np.abs(np.diff(halved, axis=1)).mean()


@pytest.mark.parametrize(("patch", "photos"), [(64, 6), (90, 6), (140, 5), (180, 2), (400, 1)])
def test_a_larger_patch_gets_larger_frames_of_fewer_photographs(tmp_path, patch, photos):
    request = Request.of(data(tmp_path, "demo", patch=patch), MODEL, "train")
    shots, rejected = demo._training(request)
    assert len(shots) == photos * demo.CLIPS_PER_PHOTO
    assert len(rejected) == 6 - photos
    assert {shot.size[0] for shot in shots} == {max(192, patch * 3)}
    assert min(shot.reduction for shot in shots) >= 1


def test_a_patch_no_photograph_holds_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"data\.patch = 500 at scale 3; lower data\.patch"):
        open_training(data(tmp_path, "demo", patch=500), MODEL)


def test_a_cache_too_small_for_the_demo_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"raise data\.cache_gib"):
        open_validation(data(tmp_path, "demo", cache_gib=1e-6), MODEL)


@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(20, 90), st.integers(20, 90)),
    st.floats(1, 2),
    st.integers(1, 40),
    st.integers(2, 20),
)
def test_the_camera_never_leaves_the_photograph(seed, size, reduction, frames, room):
    photo_size = tuple(int(side * reduction * (1 + ZOOM)) + room for side in size)
    poses = path(np.random.default_rng(seed), photo_size, size, reduction, frames)
    assert len(poses) == frames
    for pose in poses:
        for centre, side, length in zip((pose.y, pose.x), size, photo_size, strict=True):
            assert pose.reduction * side / 2 <= centre + 1e-6
            assert centre + pose.reduction * side / 2 <= length + 1e-6


def test_the_camera_at_rest_at_full_size_copies_the_photograph():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.float32)
    assert np.array_equal(film(photo, Pose(10, 15, 1.0), (20, 30)), photo)
    assert np.array_equal(film(photo, Pose(10, 15, 1.0), (10, 20)), photo[5:15, 5:25])
