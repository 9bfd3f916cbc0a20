"""The cache: decoded once, complete or absent, bounded, and safe to share."""

import json
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from data.makers import MODEL, data, noise_video, picture

from vsr_data import DataError, open_training, open_validation
from vsr_data.cache import GIB, Budget, CacheFullError, FrameStore, entry_key

FRAME = 48 * 60 * 3 * (1 + 1 / 9)  # bytes of a frame and its low-resolution version


def windows(footage):
    return [clip.window(i) for clip in footage.clips for i in range(clip.windows)]


def same(one, other) -> bool:
    return all(
        np.array_equal(a, b)
        for x, y in zip(one, other, strict=True)
        for a, b in zip(x, y, strict=True)
    )


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").glob("[!.]*"))


@pytest.fixture
def decodings(monkeypatch):
    """Counts how often a video is decoded."""
    counted = []
    from vsr_data.footage import video_cache

    read = video_cache.FilmReading
    monkeypatch.setattr(
        video_cache,
        "FilmReading",
        lambda path, *rest: (counted.append(path.name), read(path, *rest))[1],
    )
    return counted


def test_a_second_run_decodes_nothing_and_sees_the_same_frames(tmp_path, decodings):
    path = noise_video(tmp_path / "a.mkv", 7)
    first = windows(open_training(data(tmp_path, path), MODEL))
    again = windows(open_training(data(tmp_path, path), MODEL))
    assert decodings == ["a.mkv"]
    assert same(first, again)


def test_windows_and_patches_are_chosen_without_decoding_again(tmp_path, decodings):
    path = noise_video(tmp_path / "a.mkv", 9)
    for n_frames in (3, 5, 7):
        model = MODEL.model_copy(update={"n_frames": n_frames})
        footage = open_training(data(tmp_path, path, patch=n_frames + 7), model)
        assert footage.windows == 10 - n_frames
    assert open_validation(data(tmp_path, path, val_frames="0:"), MODEL).windows == 5
    assert decodings == ["a.mkv"]


def test_whatever_changes_the_frames_decodes_again(tmp_path, decodings):
    path = noise_video(tmp_path / "a.mkv", 9)
    open_training(data(tmp_path, path), MODEL)
    open_training(data(tmp_path, path, degradation="bicubic"), MODEL)
    open_training(data(tmp_path, path, train_frames=":8"), MODEL)
    open_training(data(tmp_path, path), MODEL.model_copy(update={"scale": 2}))
    os.utime(path, ns=(1, 1))
    open_training(data(tmp_path, path), MODEL)
    assert len(decodings) == len(folders(tmp_path)) == 5


def test_files_without_a_usable_frame_are_not_decoded_again(tmp_path, decodings):
    path = noise_video(tmp_path / "a.mkv", 2)
    for _ in range(2):
        with pytest.raises(DataError, match="has 2 frames"):
            open_training(data(tmp_path, path), MODEL)
    assert decodings == ["a.mkv"]


@pytest.mark.parametrize("name", ["gt.rgb", "lq.rgb", "index.json"])
def test_a_damaged_entry_is_made_anew(tmp_path, decodings, name):
    path = noise_video(tmp_path / "a.mkv", 7)
    first = [
        tuple(np.array(x) for x in pair)
        for pair in windows(open_training(data(tmp_path, path), MODEL))
    ]
    (entry,) = (tmp_path / "cache").glob("[!.]*")
    (entry / name).write_bytes((entry / name).read_bytes()[:-1])
    assert same(first, windows(open_training(data(tmp_path, path), MODEL)))
    assert len(decodings) == 2
    assert len(folders(tmp_path)) == 1


def test_an_error_while_writing_leaves_nothing(tmp_path):
    store = FrameStore(tmp_path / "cache")
    budget = Budget(GIB)

    def stops_half_way():
        with store.write("key", budget) as writer:
            writer.append(0, picture(6, 6), picture(2, 2))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        stops_half_way()
    assert folders(tmp_path) == []
    assert budget.used == 0
    assert store.find("key") is None


SCRIPT = """
import sys, time
from pathlib import Path
import numpy as np
from vsr_data.cache import GIB, Budget, FrameStore
with FrameStore(Path(sys.argv[1])).write("key", Budget(GIB)) as writer:
    for i in range(5):
        writer.append(i, np.zeros((6, 6, 3), np.uint8), np.zeros((2, 2, 3), np.uint8))
    print("half", flush=True)
    time.sleep(600)  # until it is killed, however busy the machine
"""


def test_a_killed_run_leaves_no_entry_and_the_next_one_cleans_up(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(cache)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "half\n"
        (partial,) = cache.glob("[!.]*")
        monkeypatch.setattr("vsr_data.cache.store.GRACE_S", -1.0)
        store = FrameStore(cache)
        with store.write("other", Budget(GIB)):
            assert partial.exists()  # its writer lives
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert store.find("key") is None
    with store.write("key", Budget(GIB)) as writer:
        assert not partial.exists()
        writer.append(0, picture(6, 6), picture(2, 2))
    assert store.find("key") is not None
    assert folders(tmp_path) == ["key", "other"]


def test_runs_side_by_side_do_not_corrupt_each_other(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 7)
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda _: windows(open_training(data(tmp_path, path), MODEL)), range(4))
        )
    assert all(same(found[0], other) for other in found[1:])
    assert len(folders(tmp_path)) == 1


def test_runs_too_short_for_any_window_take_no_space(tmp_path):
    store = FrameStore(tmp_path / "cache")
    budget = Budget(GIB)
    with store.write("key", budget) as writer:
        for number, side in enumerate((6, 6, 12, 6, 6, 6)):
            writer.append(number, picture(side, side, number), picture(side // 3, side // 3))
    entry = store.find("key")
    assert [(run.numbers, run.frames) for run in entry.segments] == [((3, 4, 5), 3)]
    assert entry.n_bytes == budget.used == 3 * (6 * 6 + 2 * 2) * 3
    assert (entry.account.runs, entry.account.longest) == (3, 3)


def test_the_limit_is_checked_by_the_header_before_decoding(tmp_path, decodings):
    path = noise_video(tmp_path / "a.mkv", 20)
    limit = 19.5 * FRAME / GIB
    with pytest.raises(DataError) as caught:
        open_training(data(tmp_path, path, cache_gib=limit), MODEL)
    for part in ("data.cache_gib", f"{limit:g} GiB", "at least", "data.train_frames = ':300'"):
        assert part in str(caught.value)
    assert not decodings
    section = data(tmp_path, path, cache_gib=limit, train_frames=":19")
    assert open_training(section, MODEL).windows == 15


def test_the_limit_stops_a_decoding_whose_header_said_nothing(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "a.mkv", 20)
    monkeypatch.setattr("vsr_data.footage.video_cache._wanted_bytes", lambda *_: 0)
    with pytest.raises(DataError, match=r"full at frame 11 of .*raise data\.cache_gib"):
        open_training(data(tmp_path, path, cache_gib=10.5 * FRAME / GIB), MODEL)
    assert folders(tmp_path) == []


def test_training_and_validation_share_the_limit(tmp_path):
    train, val = noise_video(tmp_path / "a.mkv", 8), noise_video(tmp_path / "b.mkv", 8)
    section = data(tmp_path, train, val=str(val), cache_gib=15.5 * FRAME / GIB)
    open_training(section, MODEL)
    with pytest.raises(DataError, match=r"data\.val .*data\.val_frames"):
        open_validation(section, MODEL)
    shared = data(tmp_path, train, cache_gib=8.5 * FRAME / GIB)
    assert open_validation(shared, MODEL).windows == 4  # the same frames count once


def test_a_header_that_lies_does_not_refuse_a_run(tmp_path, monkeypatch):
    path = noise_video(tmp_path / "a.mkv", 8)
    from vsr_data.footage import video_cache

    read_header = video_cache.read_header

    def lies(path):
        header = read_header(path)
        return type(header)(header.height, header.width, 10**9)

    monkeypatch.setattr(video_cache, "read_header", lies)
    section = data(tmp_path, path, cache_gib=9 * FRAME / GIB)
    assert open_training(section, MODEL).windows == 4


def test_a_cache_that_cannot_be_written_is_a_message(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 5)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"frame cache .* cannot be written: .*data\.cache_dir"):
        open_training(data(tmp_path, path, cache_dir=str(tmp_path / "file" / "cache")), MODEL)


def test_clips_travel_to_other_processes_without_their_pixels(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 40)
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    before = clip.window(3)
    packed = pickle.dumps(clip)
    assert len(packed) < 4000
    assert same([before], [pickle.loads(packed).window(3)])  # noqa: S301 - packed just now


def test_frames_that_vanish_are_a_message(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 5)
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    (entry,) = (tmp_path / "cache").glob("[!.]*")
    (entry / "gt.rgb").unlink()
    with pytest.raises(DataError, match="decoded anew"):
        clip.window(0)
    with pytest.raises(IndexError, match="1 windows"):
        clip.window(1)


def test_keys_differ_by_every_fact():
    assert entry_key(a=1) != entry_key(a=2) != entry_key(b=2)


def test_the_budget_refuses_what_does_not_fit():
    budget = Budget(10)
    budget.spend(10)
    with pytest.raises(CacheFullError):
        budget.spend(1)


def test_an_index_of_another_format_is_ignored(tmp_path):
    store = FrameStore(tmp_path / "cache")
    with store.write("key", Budget(GIB)):
        pass
    index = tmp_path / "cache" / "key" / "index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "format": 0}))
    assert store.find("key") is None


def test_sharp_frames_are_those_of_the_windows_in_their_order(tmp_path):
    path = noise_video(tmp_path / "a.mkv", 9)
    (clip,) = open_training(data(tmp_path, path), MODEL).clips
    assert clip.frames == 9
    whole = clip.gt_frames(0, 9)
    for i in range(clip.windows):
        assert np.array_equal(whole[i + 2], clip.window(i)[1])
    assert np.array_equal(clip.gt_frames(3, 4, slice(9, 21)), whole[3:7, 9:21])
    with pytest.raises(IndexError, match="9 frames; got frames 5 to 10"):
        clip.gt_frames(5, 5)
