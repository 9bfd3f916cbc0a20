"""Copies of a picture have its fingerprint, however they are coded; other pictures have not."""

import numpy as np
import pytest
from data.makers import write_video
from data.scenes import letterboxed, resized, scene

from vsr_data.doctor.fingerprints import NEWS, Trail, TrailMaker, fingerprints
from vsr_data.doctor.leaks import LEAST_ALIKE, MOST_DIFFERENT
from vsr_data.video import frames

X264 = {"codec": "libx264", "pix_fmt": "yuv420p"}


def coded(path, pictures, crf):
    write_video(path, pictures, options={"crf": str(crf)}, **X264)
    return [frame.rgb() for frame in frames(path)]


def are_alike(one, other):
    """Whether any fingerprint of one frame matches any of the other."""
    return any(
        (a.signs != b.signs).sum() <= MOST_DIFFERENT
        and float(a.thumb.astype(np.float32) @ b.thumb.astype(np.float32)) >= LEAST_ALIKE
        for a in fingerprints(one)
        for b in fingerprints(other)
    )


@pytest.mark.parametrize("number", range(4))
def test_a_frame_that_is_made_smaller_and_coded_again_is_alike(tmp_path, number):
    original = scene(number, 6)
    copy = coded(tmp_path / "copy.mp4", resized(original, 54, 72), crf=32)
    assert all(are_alike(one, other) for one, other in zip(original, copy, strict=True))


@pytest.mark.parametrize("number", range(4))
def test_a_frame_with_bars_around_it_is_alike(tmp_path, number):
    original = scene(number, 6)
    copy = coded(tmp_path / "copy.mp4", letterboxed(resized(original, 72, 128), 12), crf=28)
    assert all(are_alike(one, other) for one, other in zip(original, copy, strict=True))


def test_frames_of_different_scenes_are_not_alike():
    firsts = [scene(number, 1)[0] for number in range(40)]
    pairs = [(i, k) for i in range(40) for k in range(i) if are_alike(firsts[i], firsts[k])]
    assert pairs == []


@pytest.mark.parametrize("level", [0, 7, 128, 255])
def test_a_picture_that_shows_nothing_has_no_fingerprint(level):
    assert fingerprints(np.full((90, 160, 3), level, np.uint8)) == ()


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 400), (300, 2), (31, 33)])
def test_a_picture_of_any_size_may_be_asked_for(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    assert len(fingerprints(pixels)) <= 2


def test_a_still_film_leaves_one_fingerprint_and_every_new_scene_one_more():
    maker = TrailMaker()
    for number in range(60):
        picture = scene(number // 20, 1)[0]
        maker.add(number, picture, starts_scene=number % 20 == 0)
    trail = maker.trail()
    assert trail.numbers == (0, 20, 40)
    assert trail.signs_NB.shape == (3, 64)


def test_what_is_not_kept_is_within_a_few_signs_of_what_is():
    maker = TrailMaker()
    film = scene(3, 8, 240, 320)
    for number, picture in enumerate(film):
        maker.add(number, picture, starts_scene=number == 0)
    kept = maker.trail().signs_NB
    for picture in film[::3]:
        (made,) = fingerprints(picture)
        assert (kept != made.signs).sum(axis=1).min() <= NEWS


def test_no_frame_leaves_an_empty_trail():
    trail = TrailMaker().trail()
    assert isinstance(trail, Trail)
    assert trail.signs_NB.shape == (0, 64)
    assert trail.thumbs_NP.shape == (0, 256)
