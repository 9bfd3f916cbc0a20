"""The iterator of frames: numbered, timed, and saying where a run of frames starts anew."""

import av
import numpy as np
import pytest
from data.makers import annex_b, noise_video, picture

from vsr_data.errors import UnusableFileError
from vsr_data.video import FrameRange, Tally, frames

H264 = {
    "codec": "libx264",
    "pix_fmt": "yuv420p",
    "options": {"x264-params": "keyint=50:bframes=0:log-level=none"},
}


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


def test_avi_is_timed_by_its_packets_in_order(tmp_path):
    """Which it has in decoding order; a packet that cannot be decoded takes its time with it."""
    path = noise_video(tmp_path / "a.avi", 9, codec="libx264", pix_fmt="yuv420p")
    assert [f.seconds for f in frames(path)] == pytest.approx([i / 25 for i in range(9)])
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        (fifth,) = [p for p in container.demux(video=0) if p.size and p.dts == 4]
    content[fifth.pos : fifth.pos + fifth.size] = bytes(fifth.size)
    path.write_bytes(content)
    tally = Tally()
    found = [f.seconds for f in frames(path, tally=tally, keep_damaged=True)]
    assert tally.damaged
    assert found == sorted(found)
    assert found[-1] == pytest.approx(8 / 25)


def test_damaged_frames_are_kept_for_whoever_shows_every_moment(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 12, 64, 96, **H264)
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    middle = content.index(bytes(packets[5])) + packets[5].size // 2
    content[middle : middle + 50] = bytes(50)
    path.write_bytes(content)
    sound = [f.number for f in frames(path)]
    tally = Tally()
    every = [f.number for f in frames(path, tally=tally, keep_damaged=True)]
    assert tally.damaged
    assert every == list(range(tally.decoded))
    assert len(sound) < len(every)


def test_a_start_is_sought_and_what_follows_is_all_there(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 150, 16, 16, **H264)
    late = [f.seconds for f in frames(path, start_s=5.0)]
    assert late[-1] == pytest.approx(149 / 25)
    assert late[0] <= 5.0
    assert len(late) == round((late[-1] - late[0]) * 25) + 1


def test_what_is_no_video_is_a_reason(tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(UnusableFileError, match="not a readable video"):
        next(frames(tmp_path / "text.mp4"))
