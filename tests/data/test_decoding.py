"""The iterator of frames: numbered, timed, and saying where a run of frames starts anew."""

import numpy as np
import pytest
from data.makers import annex_b, noise_video, picture

from vsr_data.errors import UnusableFileError
from vsr_data.video import FrameRange, Tally, frames


def test_frames_are_numbered_and_timed_and_the_first_follows_none(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 5)
    seen = [(f.number, f.seconds, f.follows, f.size) for f in frames(path)]
    assert [number for number, *_ in seen] == list(range(5))
    assert [seconds for _, seconds, *_ in seen] == pytest.approx([i / 25 for i in range(5)])
    assert [follows for *_, follows, _ in seen] == [False, True, True, True, True]
    assert {size for *_, size in seen} == {(48, 60)}


def test_a_range_starts_a_run_and_keeps_the_numbers_of_the_file(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 9)
    tally = Tally()
    found = [(f.number, f.follows, f.rgb()) for f in frames(path, FrameRange(3, 6), tally)]
    assert [(number, follows) for number, follows, _ in found] == [(3, False), (4, True), (5, True)]
    for number, _, rgb_HWC in found:
        assert np.array_equal(rgb_HWC, picture(48, 60, number))
    assert (tally.decoded, tally.damaged, tally.notes) == (6, 0, [])


def test_a_new_size_and_time_that_goes_backwards_break_a_run(tmp_path):
    sizes = tmp_path / "sizes.264"
    sizes.write_bytes(annex_b(tmp_path, 4, 48, 64) + annex_b(tmp_path, 3, 96, 64))
    assert [f.number for f in frames(sizes) if not f.follows] == [0, 4]
    how = {"codec": "mpeg2video", "pix_fmt": "yuv420p"}
    parts = [noise_video(tmp_path / f"{n}.part.ts", n, **how).read_bytes() for n in (6, 8)]
    back = tmp_path / "back.ts"
    back.write_bytes(b"".join(parts))
    assert [f.number for f in frames(back) if not f.follows] == [0, 6]


def test_avi_has_no_frame_times(tmp_path):
    path = noise_video(tmp_path / "a.avi", 3)
    assert [f.seconds for f in frames(path)] == [None] * 3


def test_what_is_no_video_is_a_reason(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(UnusableFileError, match="not a readable video"):
        next(frames(tmp_path / "text.mp4"))
