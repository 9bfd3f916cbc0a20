"""Cached frames: never trained on once their bytes changed, whoever changed them and when."""

import json
import os
import resource
import zlib

import numpy as np
import pytest
from data.makers import MODEL, data, noise_video, picture

from vsr_data import DataError, open_training
from vsr_data.cache import Budget, FrameStore, StripReader
from vsr_data.cache.store import GIB


def entry_of(tmp_path):
    (entry,) = (tmp_path / "cache").glob("[!.]*")
    return entry


def flip(path, place, *, keep_times=False):
    """Change one bit of a file; with `keep_times` only the change time tells of it."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 16]))
    if keep_times:
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def frames_of(footage):
    return [clip.window(i)[1] for clip in footage.clips for i in range(clip.windows)]


@pytest.mark.parametrize("name", ["gt.rgb", "lq.rgb", "index.json"])
@pytest.mark.parametrize("keep_times", [False, True])
def test_an_entry_whose_bytes_changed_is_made_anew(tmp_path, name, keep_times):
    path = noise_video(tmp_path / "a.mkv", 7)
    section = data(tmp_path, path)
    before = frames_of(open_training(section, MODEL))
    flip(entry_of(tmp_path) / name, 100, keep_times=keep_times)
    assert np.array_equal(before, frames_of(open_training(section, MODEL)))
    assert entry_of(tmp_path)  # in the same place, whole again
    assert np.array_equal(before, frames_of(open_training(section, MODEL)))


@pytest.mark.parametrize("name", ["gt.rgb", "lq.rgb"])
def test_bytes_that_rot_without_a_trace_are_noticed_before_they_are_used(
    tmp_path, monkeypatch, name
):
    """A disk that decays leaves a file's times as they are."""
    path = noise_video(tmp_path / "a.mkv", 9)
    section = data(tmp_path, path)
    before = frames_of(open_training(section, MODEL))
    side = entry_of(tmp_path) / name
    flip(side, side.stat().st_size // 2)
    stamps = json.loads((entry_of(tmp_path) / "index.json").read_text())["stamps"]
    monkeypatch.setattr("vsr_data.cache.entry._stamps", lambda _: stamps)
    (clip,) = open_training(section, MODEL).clips
    with pytest.raises(DataError, match=r"changed on the disk.*start the run again"):
        [clip.crop(i, 2, 3, 8) for i in range(clip.windows)]
    assert np.array_equal(before, frames_of(open_training(section, MODEL)))


@pytest.fixture
def compared(monkeypatch):
    """Counts how often bytes are compared with a digest."""
    counted, crc32 = [], zlib.crc32
    monkeypatch.setattr(zlib, "crc32", lambda *given: (counted.append(1), crc32(*given))[1])
    return counted


def test_files_that_were_only_touched_are_compared_once_and_not_decoded(tmp_path, caplog, compared):
    path = noise_video(tmp_path / "a.mkv", 5)
    section = data(tmp_path, path)
    open_training(section, MODEL)
    os.utime(entry_of(tmp_path) / "gt.rgb", ns=(1, 1))
    caplog.set_level("INFO", "vsr_data")
    for count in (10, 0):  # frames of both sides; then their new times are known
        compared.clear()
        open_training(section, MODEL)
        assert len(compared) == count
    assert not caplog.records


def test_an_index_that_says_something_else_is_not_believed(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 5)
    section = data(tmp_path, path)
    open_training(section, MODEL)
    index = entry_of(tmp_path) / "index.json"
    text = index.read_text()
    assert text.count('"numbers": [0,') == 1
    index.write_text(text.replace('"numbers": [0,', '"numbers": [7,'))
    (clip,) = open_training(section, MODEL).clips
    assert clip.origin(0).endswith("frame 2")


def test_a_cache_cut_short_under_a_run_is_a_message(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 9)
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    clip.window(4)
    for name in ("gt.rgb", "lq.rgb"):
        os.truncate(entry_of(tmp_path) / name, 1000)
        with pytest.raises(DataError, match="cut short"):
            clip.crop(4, 0, 0, 8)


def test_clips_hold_no_file_open(tmp_path):
    for i in range(40):
        noise_video(tmp_path / f"{i:02}.mkv", 5, height=24, width=24)
    footage = open_training(data(tmp_path, tmp_path), MODEL)
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + 8, before[1]))
    try:
        assert len(frames_of(footage)) == 40
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_crop_is_a_part_of_its_window(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 7)
    section = data(tmp_path, path)
    for _ in range(2):  # decoded, and from the cache
        (clip,) = open_training(section, MODEL).clips
        for _ in range(2):  # compared with digests, and not again
            for i, y, x in ((0, 0, 0), (2, 8, 12), (1, 3, 5)):
                lq_THWC, gt_HWC = clip.crop(i, y, x, 8)
                whole_lq, whole_gt = clip.window(i)
                assert np.array_equal(lq_THWC, whole_lq[:, y : y + 8, x : x + 8])
                rows, columns = slice(3 * y, 3 * (y + 8)), slice(3 * x, 3 * (x + 8))
                assert np.array_equal(gt_HWC, whole_gt[rows, columns])


def test_a_frame_is_compared_with_its_digest_once_in_a_process(tmp_path, compared):
    store = FrameStore(tmp_path)
    with store.write("key", Budget(GIB)) as writer:
        for number in range(3):
            writer.append(number, picture(6, 6, number), picture(2, 2, number))
    entry = store.find("key")
    reader = StripReader(entry.folder, entry.segments[0].gt)
    compared.clear()
    for _ in range(3):
        assert np.array_equal(reader.read(0, 3)[1], picture(6, 6, 1))
    assert len(compared) == 3
