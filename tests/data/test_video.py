"""Videos: runs of undamaged frames, in order, and a reason for everything else."""

import os

import av
import numpy as np
import pytest
from data.makers import (
    MODEL,
    annex_b,
    data,
    noise_video,
    picture,
    shared_files,
)

from vsr_data import DataError, degrade, open_training, open_validation
from vsr_data.footage.videos import video_files
from vsr_data.video import FrameRange


def reasons(footage) -> dict[str, str]:
    return {item.path.rsplit("/", 1)[-1]: item.reason for item in footage.rejected}


def test_frames_come_through_lossless_and_in_order(tmp_path):
    path = noise_video(tmp_path / "noise.mkv", 7, height=49, width=61)
    (clip,) = open_training(data(tmp_path, path, degradation="bicubic"), MODEL).clips
    assert (clip.name, clip.source, clip.windows) == ("noise", str(path), 3)
    assert (clip.lq_size, clip.gt_size) == ((16, 20), (48, 60))
    for i in range(3):
        lq_THWC, gt_HWC = clip.window(i)
        frames = [picture(49, 61, i + t)[:48, :60].copy() for t in range(5)]
        assert np.array_equal(gt_HWC, frames[2])
        assert np.array_equal(lq_THWC, [degrade(frame, 3, "bicubic") for frame in frames])
        assert clip.origin(i) == f"{path} frame {i + 2}"


@pytest.mark.parametrize(
    ("frames", "first", "windows"), [(":", 0, 8), (":9", 0, 5), ("2:", 2, 6), ("3:10", 3, 3)]
)
def test_a_range_of_frames_is_a_slice(tmp_path, frames, first, windows):
    path = noise_video(tmp_path / "noise.mkv", 12)
    (clip,) = open_training(data(tmp_path, path, train_frames=frames), MODEL).clips
    assert clip.windows == windows
    assert np.array_equal(clip.window(0)[1], picture(48, 60, first + 2))
    assert clip.origin(0).endswith(f"frame {first + 2}")


def test_a_range_holds_as_many_frames_as_a_slice():
    for text in (":", "3:", ":4", "2:5", "5:2"):
        chosen = FrameRange.parse(text)
        assert chosen.count(7) == len(range(7)[chosen.first : chosen.stop])


def test_windows_never_cross_a_change_of_size(tmp_path):
    path = tmp_path / "sizes.264"
    path.write_bytes(annex_b(tmp_path, 8, 48, 64) + annex_b(tmp_path, 6, 96, 64))
    footage = open_training(data(tmp_path, path), MODEL)
    assert [(clip.name, clip.gt_size, clip.windows) for clip in footage.clips] == [
        ("sizes", (48, 63), 4),
        ("sizes#2", (96, 63), 2),
    ]
    assert footage.clips[1].origin(0).endswith("frame 10")


def test_raw_h264_without_timestamps_is_read(tmp_path):
    path = tmp_path / "raw.264"
    path.write_bytes(annex_b(tmp_path, 9, 48, 64))
    assert open_training(data(tmp_path, path), MODEL).windows == 5


def test_b_frames_in_avi_do_not_split_it(tmp_path):
    options = {"bf": "2", "x264-params": "bframes=2:log-level=none"}
    how = {"codec": "libx264", "pix_fmt": "yuv420p", "options": options}
    path = noise_video(tmp_path / "b.avi", 20, **how)
    assert open_training(data(tmp_path, path), MODEL).windows == 16


def test_time_that_goes_backwards_splits(tmp_path):
    how = {"codec": "mpeg2video", "pix_fmt": "yuv420p"}
    parts = [noise_video(tmp_path / f"{n}.part.ts", n, **how).read_bytes() for n in (6, 8)]
    path = tmp_path / "back.ts"
    path.write_bytes(b"".join(parts))
    clips = open_training(data(tmp_path, path), MODEL).clips
    assert [clip.windows for clip in clips] == [2, 4]


def test_damage_splits_and_the_next_run_starts_at_a_key_frame(tmp_path):
    first, second = annex_b(tmp_path, 10, 48, 64), annex_b(tmp_path, 10, 48, 64)
    damaged = bytearray(first)
    starts = [i for i in range(len(first) - 4) if first[i : i + 3] == b"\0\0\1"]
    slices = [i for i in starts if first[i + 3] & 31 == 1]
    for i in range(slices[6] + 8, slices[6] + 60):  # the eighth frame: one key frame, then these
        damaged[i] ^= 0xA5
    path = tmp_path / "damaged.264"
    path.write_bytes(bytes(damaged) + second)
    clips = open_training(data(tmp_path, path), MODEL).clips
    assert [clip.windows for clip in clips] == [3, 6]
    assert clips[1].origin(0).endswith("frame 12")


def bad_files(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    good = noise_video(folder / "good.mkv", 6)
    noise_video(folder / "short.mkv", 4)
    noise_video(folder / "small.mkv", 6, height=27, width=60)
    noise_video(folder / "tiny.mkv", 6, height=8, width=8)
    whole = noise_video(folder / "cut.mkv", 12).read_bytes()
    (folder / "cut.mkv").write_bytes(whole[: len(whole) // 5])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("version https://example.org/spec\n")
    (folder / "notes.txt").write_text("not a video, and not meant to be")
    (folder / ".hidden.mp4").write_text("left by a file manager")
    (folder / "folder.mp4").mkdir()
    with av.open(str(folder / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return folder, good


def test_bad_files_are_named_and_good_ones_used(tmp_path):
    folder, _ = bad_files(tmp_path)
    footage = open_training(data(tmp_path, folder, patch=12), MODEL)
    assert [clip.name for clip in footage.clips] == ["good"]
    assert reasons(footage) == {
        "cut.mkv": "it has 2 frames; a window needs 5",
        "empty.mp4": "it is empty",
        "short.mkv": "it has 4 frames; a window needs 5",
        "small.mkv": "low-resolution frames are 20×9; data.patch = 12 needs 12×12; lower "
        "data.patch to at most 9",
        "sound.mp4": "it has no video stream",
        "text.mp4": "not a readable video: invalid data found when processing input",
        "tiny.mkv": "low-resolution frames are 2×2; data.patch = 12 needs 12×12",
    }


def test_frames_too_small_for_any_patch_are_not_kept(tmp_path):
    path = noise_video(tmp_path / "tiny.mkv", 6, height=8, width=8)
    with pytest.raises(DataError, match="has 0 frames; .*; frames of 8×8 are too small to use"):
        open_validation(data(tmp_path, path), MODEL)


def test_videos_too_small_for_a_patch_are_not_decoded(tmp_path):
    path = noise_video(tmp_path / "small.mkv", 6)
    with pytest.raises(DataError, match="lower data.patch to at most 16"):
        open_training(data(tmp_path, path, patch=17), MODEL)
    assert not (tmp_path / "cache").exists()


def test_validation_uses_frames_smaller_than_a_patch(tmp_path):
    path = noise_video(tmp_path / "small.mkv", 5, height=27, width=60)
    assert open_validation(data(tmp_path, path, patch=12), MODEL).windows == 1


def test_nothing_usable_is_one_message_with_every_reason(tmp_path):
    folder, good = bad_files(tmp_path)
    good.unlink()
    with pytest.raises(DataError) as caught:
        open_training(data(tmp_path, folder, patch=12), MODEL)
    text = str(caught.value)
    assert text.startswith(f"data.train = {str(folder)!r} has nothing usable; mend or replace")
    assert f"{str(folder / 'short.mkv')!r}: it has 4 frames; a window needs 5" in text
    assert len(text.splitlines()) == 8


def test_a_long_list_of_bad_files_is_cut(tmp_path):
    for i in range(30):
        (tmp_path / f"{i}.mp4").write_bytes(b"")
    with pytest.raises(DataError, match="and 22 more"):
        open_training(data(tmp_path, tmp_path), MODEL)


def test_sources_that_hold_nothing_say_what_was_expected(tmp_path):
    with pytest.raises(DataError, match=r"data\.train = .*no such file or folder; give a video"):
        open_training(data(tmp_path, tmp_path / "missing"), MODEL)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"data\.val = .*no video in this .*; expected .*\.mp4"):
        open_validation(data(tmp_path, tmp_path), MODEL)
    (tmp_path / "inner").mkdir()
    with pytest.raises(DataError, match="1 of .txt, 1 subfolder; .*its subfolders have neither"):
        open_training(data(tmp_path, tmp_path), MODEL)
    (tmp_path / "GT").mkdir()
    with pytest.raises(DataError, match="the folder above Patches"):
        open_training(data(tmp_path, tmp_path), MODEL)


def test_names_are_unique_within_a_folder(tmp_path):
    noise_video(tmp_path / "a.mkv", 5)
    noise_video(tmp_path / "a.nut", 5)
    noise_video(tmp_path / "b.mkv", 5)
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [clip.name for clip in footage.clips] == ["a.mkv", "a.nut", "b"]


def test_the_video_stream_need_not_be_the_first(tmp_path):
    path = tmp_path / "sound_first.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44100, layout="mono")
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 60, "bgr0"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux(sound.encode(silence))
        for i in range(5):
            frame = av.VideoFrame.from_ndarray(picture(48, 60, i), "rgb24")
            container.mux(stream.encode(frame))
        for either in (sound, stream):
            container.mux(either.encode())
    assert open_training(data(tmp_path, path), MODEL).windows == 1


def with_cover(path, frames, *, disposition):
    """A film of noise as second stream, a picture as first."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 96, 96, "yuvj420p"
        film = container.add_stream("ffv1", rate=25)
        film.height, film.width, film.pix_fmt = 48, 60, "bgr0"
        cover.disposition, film.disposition = disposition, 0
        for stream, count in ((cover, 1), (film, frames)):
            for i in range(count):
                rgb_HWC = picture(stream.height, stream.width, i)
                frame = av.VideoFrame.from_ndarray(rgb_HWC, "rgb24")
                frame.pts = i
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize("disposition", ["default", "attached_pic", "still_image"])
def test_a_cover_never_hides_the_film(tmp_path, disposition):
    flag = av.stream.Disposition[disposition]
    path = with_cover(tmp_path / "film.mkv", 6, disposition=flag)
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    assert (clip.gt_size, clip.windows) == ((48, 60), 2)
    assert np.array_equal(clip.window(0)[1], picture(48, 60, 2))


def test_sound_with_a_cover_is_no_film(tmp_path):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 96, 96, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(picture(96, 96), "rgb24")))
        container.mux(cover.encode())
    with pytest.raises(DataError, match="it has no film, only a picture such as a cover"):
        open_training(data(tmp_path, path), MODEL)


@pytest.mark.parametrize("path", shared_files("cases", "cover*.mkv"))
def test_a_real_film_whose_cover_is_the_default_track_opens(tmp_path, path):
    assert open_training(data(tmp_path, path), MODEL).windows == 10


def test_absurd_sizes_are_refused_by_their_header(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "huge.mkv", 5)
    monkeypatch.setattr("vsr_data.video.container.MAX_PIXELS", 48 * 60 - 1)
    with pytest.raises(DataError, match="its header says 60×48; at most 0 megapixels"):
        open_training(data(tmp_path, path), MODEL)


def test_no_file_is_read_without_end(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "slow.mkv", 9)
    monkeypatch.setattr("vsr_data.video.decoding.IDLE_S", -1.0)
    with pytest.raises(DataError, match="has 1 frame; a window needs 5; nothing was decoded for"):
        open_training(data(tmp_path, path), MODEL)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    good = noise_video(tmp_path / "good.mkv", 5)
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "device.mp4").symlink_to("/dev/zero")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "folder.mp4").mkdir()
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    assert [clip.source for clip in footage.clips] == [str(good)]
    assert reasons(footage) == {
        "device.mp4": "it is not a regular file",
        "gone.mp4": "it cannot be read: No such file or directory",
        "loop.mp4": "it cannot be read: Too many levels of symbolic links",
        "pipe.mp4": "it is not a regular file",
    }
    for name in ("pipe.mp4", "device.mp4", "folder.mp4"):
        with pytest.raises(DataError, match="not a regular file|no video in this folder"):
            open_training(data(tmp_path, tmp_path / name), MODEL)
    for name in ("gone.mp4", "loop.mp4"):
        with pytest.raises(DataError, match="no such file|symbolic links"):
            open_training(data(tmp_path, tmp_path / name), MODEL)


@pytest.mark.parametrize("path", shared_files("video"))
def test_real_videos_open(tmp_path, path):
    footage = open_training(data(tmp_path, path, train_frames=":6", patch=32), MODEL)
    assert [(clip.name, clip.windows) for clip in footage.clips] == [(path.stem, 2)]
    assert not footage.rejected
    lq_THWC, gt_HWC = footage.clips[0].window(1)
    assert lq_THWC.shape == (5, *footage.clips[0].lq_size, 3)
    assert gt_HWC.shape == (*footage.clips[0].gt_size, 3)


@pytest.mark.parametrize("path", shared_files("broken"))
def test_broken_files_give_clips_or_a_reason(tmp_path, path):
    try:
        footage = open_training(data(tmp_path, path, train_frames=":60"), MODEL)
    except DataError as error:
        assert path.name in str(error)  # noqa: PT017 - either outcome is right
    else:
        assert footage.windows
        for clip in footage.clips:
            clip.window(clip.windows - 1)


def test_only_names_of_videos_count_in_a_folder(tmp_path):
    for name in ("a.MP4", "b.txt", "c.json", ".d.mp4", "e"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in video_files(tmp_path)] == ["a.MP4"]
