"""Cuts are found where scenes change, and nowhere else."""

import numpy as np
import pytest
from data.makers import noise_video, shared_files, write_video

from vsr_data.video import CutDetector, frames


def scene(seed, count, height=72, width=96):
    """A smooth picture that moves steadily."""
    rng = np.random.default_rng(seed)
    base = np.kron(rng.integers(0, 256, (8, 12, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    return [base[i : i + height, 2 * i : 2 * i + width] for i in range(count)]


def cuts_of(path):
    detector = CutDetector()
    return [f.number for f in frames(path, keep_damaged=True) if detector.is_cut(f.picture)]


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "yuv444p", "bgr0"])
def test_a_cut_is_where_a_scene_starts(tmp_path, pix_fmt):
    film = [*scene(1, 9), *scene(2, 7), *scene(3, 6)]
    assert cuts_of(write_video(tmp_path / "a.mkv", film, pix_fmt=pix_fmt)) == [0, 9, 16]


def test_motion_and_fades_are_no_cuts(tmp_path):
    fading = [(frame * (1 - i / 20)).astype(np.uint8) for i, frame in enumerate(scene(4, 20))]
    assert cuts_of(write_video(tmp_path / "a.mkv", fading)) == [0]


def test_the_smallest_frames_have_cuts_too(tmp_path):
    assert cuts_of(noise_video(tmp_path / "a.mkv", 3, 2, 2))[0] == 0


HELD = {
    "bbb_854x480_30s.mp4": [0, 285, 378, 553],
    "vpf_dog_848x464.mp4": [0],
    "intel_asl_walk_640x480.mkv": [0],
}
"""Cuts that people see in real clips."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [each for each in shared_files("video") if each.id in HELD or each.values == (None,)]
)
def test_real_clips_are_cut_where_people_see_it(path):
    assert cuts_of(path) == HELD[path.name]
