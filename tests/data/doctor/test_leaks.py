"""A scene that two files share is named with its frame and time in both."""

import pytest
from data.scenes import resized, scene

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.fingerprints import TrailMaker
from vsr_data.doctor.leaks import find_leaks


def film(path, scenes, role="train", rate=25.0, size=None):
    """A file of scenes: numbers of them, each of so many frames."""
    maker, number = TrailMaker(), 0
    for which, frames in scenes:
        pictures = (
            scene(which, 1) * frames if size is None else resized(scene(which, 1), *size) * frames
        )
        for i, picture in enumerate(pictures):
            maker.add(number, picture, starts_scene=i == 0)
            number += 1
    return Examined(path, role, "video", rate=rate, trail=maker.trail())


def test_a_scene_on_both_sides_is_a_leak_at_its_place_in_both():
    training = film("train.mp4", [(1, 50), (2, 50), (3, 50)])
    validation = film("val.mp4", [(7, 10), (2, 50)], role="val", rate=10.0, size=(60, 80))
    (leak,) = find_leaks([training], [validation])
    assert leak.kind == "leak"
    assert (leak.one.path, leak.one.frame, leak.one.seconds) == ("train.mp4", 50, 2.0)
    assert (leak.other.path, leak.other.frame, leak.other.seconds) == ("val.mp4", 10, 1.0)


def test_different_scenes_of_one_film_are_no_leak():
    training = film("train.mp4", [(number, 20) for number in range(20)])
    validation = film("val.mp4", [(number, 20) for number in range(20, 40)], role="val")
    assert find_leaks([training], [validation]) == []


def test_two_files_of_training_with_one_scene_are_a_duplicate():
    (found,) = find_leaks([film("a.mp4", [(1, 9), (2, 9)]), film("b.mp4", [(5, 9), (2, 9)])], [])
    assert found.kind == "duplicate"
    assert (found.one.path, found.other.path) == ("a.mp4", "b.mp4")
    assert (found.one.frame, found.other.frame) == (9, 9)


def test_a_scene_that_comes_twice_in_one_file_is_nobodys_business():
    assert find_leaks([film("a.mp4", [(1, 9), (2, 9), (1, 9)])], []) == []


def test_scenes_that_follow_one_another_in_both_files_are_one_stretch():
    scenes = [(number, 30) for number in range(6)]
    (found,) = find_leaks([film("a.mp4", scenes), film("b.mp4", scenes)], [])
    assert (found.one.frame, found.last.frame, found.matches) == (0, 150, 6)


def test_scenes_far_apart_in_one_file_are_stretches_of_their_own():
    apart = [(1, 10), *((number, 60) for number in range(20, 25)), (2, 10)]
    found = find_leaks([film("a.mp4", apart), film("b.mp4", [(1, 10), (2, 10)])], [])
    assert [(each.one.frame, each.other.frame) for each in found] == [(0, 0), (310, 10)]


@pytest.mark.parametrize("rate", [None, 25.0])
def test_a_film_whose_rate_nobody_knows_has_frames_and_no_times(rate):
    films = [film(name, [(1, 9)], rate=rate) for name in ("a.mp4", "b.mp4")]
    (found,) = find_leaks(films, [])
    assert found.one.frame == 0
    assert (found.one.seconds is None) == (rate is None)


def test_files_without_a_frame_share_nothing():
    assert find_leaks([Examined("a", "train", "video")], [Examined("b", "val", "video")]) == []
