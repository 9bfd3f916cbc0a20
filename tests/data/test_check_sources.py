"""Cheap refusals first: both sources are looked at before a frame of either is decoded."""

import os

import pytest
from data.makers import MODEL, data, noise_video, write_pair, write_pictures

from vsr_data import DataError, check_sources, open_training, open_validation
from vsr_data.cache import GIB, FrameStore
from vsr_data.footage import demo, pictures, video_cache
from vsr_settings.degradation import GaussianNoise, Pipeline

FRAME = 48 * 60 * 3 * (1 + 1 / 9)  # bytes of a frame and its low-resolution version
TAKE = 12 * 16 * 20 * 3  # bytes of a take that is as long as the clip of 12 frames
NOISY = Pipeline(noise=GaussianNoise(kind="gaussian", sigma=(1, 3)), take=12)


@pytest.fixture(autouse=True)
def _nothing_is_decoded(monkeypatch):
    def decoded(*_, **__):
        raise AssertionError("decoded before it was refused")

    monkeypatch.setattr(video_cache, "FilmReading", decoded)
    monkeypatch.setattr(demo, "film", decoded)
    monkeypatch.setattr(demo, "_photo", decoded)
    monkeypatch.setattr(pictures, "read_rgb", decoded)


def refused(section, match):
    with pytest.raises(DataError, match=match):
        check_sources(section, MODEL)


def test_sources_that_can_be_used_pass_and_leave_no_trace(tmp_path):
    folder = tmp_path / "pairs"
    write_pair(folder, "a")
    video = noise_video(tmp_path / "a.mkv", 5)
    for train in ("demo", video, folder):
        check_sources(data(tmp_path, train, val=str(video)), MODEL)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("train", ["demo", "a.mkv"])
def test_a_misspelt_validation_source_is_refused(tmp_path, train):
    noise_video(tmp_path / "a.mkv", 5)
    train = train if train == "demo" else tmp_path / train
    section = data(tmp_path, train, val=str(tmp_path / "nothing.mp4"))
    refused(section, r"data\.val = .*nothing\.mp4': no such file or folder")


def test_files_without_a_readable_header_are_refused(tmp_path):
    good = noise_video(tmp_path / "a.mkv", 5)
    folder = tmp_path / "videos"
    folder.mkdir()
    refused(data(tmp_path, good, val=str(folder)), r"data\.val .*no video in this folder")
    (folder / "text.mp4").write_text("hello")
    refused(data(tmp_path, good, val=str(folder)), r"data\.val .*nothing usable.*\n.*text\.mp4")
    refused(data(tmp_path, folder, val=str(good)), r"data\.train .*nothing usable.*\n.*text\.mp4")


def test_pictures_that_do_not_belong_together_are_refused(tmp_path):
    good = noise_video(tmp_path / "a.mkv", 5)
    folder = tmp_path / "pairs"
    write_pair(folder, "a", n_frames=7)
    refused(data(tmp_path, folder, val=str(good)), r"data\.train .*nothing usable")


def test_frames_of_both_sources_that_exceed_the_limit_together_are_refused(tmp_path):
    train, val = noise_video(tmp_path / "a.mkv", 8), noise_video(tmp_path / "b.mkv", 8)
    limit = 15.5 * FRAME / GIB
    refused(
        data(tmp_path, train, val=str(val), cache_gib=limit),
        r"data\.train = .* and data\.val = .* need more than data\.cache_gib",
    )
    check_sources(data(tmp_path, train, cache_gib=limit), MODEL)  # the same frames count once


@pytest.mark.parametrize("source", ["demo", "a.mkv"])
def test_a_cache_that_cannot_be_written_is_refused(tmp_path, source):
    noise_video(tmp_path / "a.mkv", 5)
    source = source if source == "demo" else tmp_path / source
    (tmp_path / "file").write_text("in the way")
    section = data(tmp_path, source, cache_dir=str(tmp_path / "file" / "cache"))
    refused(section, r"frame cache .* cannot be written.*data\.cache_dir")
    section = data(tmp_path, source, cache_dir=str(tmp_path / ("long" * 100)))
    refused(section, r"frame cache .* cannot be written.*data\.cache_dir")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write and read everywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    video = noise_video(tmp_path / "a.mkv", 5)
    (tmp_path / "cache").mkdir(mode=0o500)
    refused(data(tmp_path, video), r"frame cache .* cannot be written")
    (tmp_path / "shut").mkdir(mode=0o000)
    refused(data(tmp_path, tmp_path / "shut", val=str(video)), "permission")


def test_what_the_cache_knows_to_be_unusable_is_refused(tmp_path, monkeypatch):
    short, good = noise_video(tmp_path / "a.mkv", 4), noise_video(tmp_path / "b.mkv", 5)
    monkeypatch.undo()
    with pytest.raises(DataError):
        open_training(data(tmp_path, short), MODEL)
    refused(data(tmp_path, good, val=str(short)), r"data\.val .*\n.*it has 4 frames")


def noisy(tmp_path, train, val, n_bytes):
    places = {"val": str(val), "degradation": NOISY}
    return data(tmp_path, train, cache_gib=n_bytes / GIB, **places)


def test_takes_of_both_sides_pictures_count_together(tmp_path):
    """Two versions of each training take, and one of each validation take."""
    train, val = tmp_path / "train", tmp_path / "val"
    write_pictures(train, 12)
    write_pictures(val, 12)
    limit = noisy(tmp_path, train, val, 2.9 * TAKE)
    refused(limit, r"data\.train = .* and data\.val = .* need more than .*degraded frames")
    refused(limit, r"raise data\.cache_gib, or use fewer frames, as in data\.train_frames")
    for opened in (open_training, open_validation):
        with pytest.raises(DataError, match=r"need more than .*degraded frames"):
            opened(limit, MODEL)
    enough = noisy(tmp_path, train, val, 3.01 * TAKE)
    check_sources(enough, MODEL)
    assert open_training(enough, MODEL).clips[0].is_degraded
    assert open_validation(enough, MODEL).clips[0].is_degraded
    less = {"train_frames": ":9", "val_frames": ":9"}
    check_sources(limit.model_copy(update=less), MODEL)


def test_takes_of_pictures_count_with_the_frames_of_films(tmp_path, monkeypatch):
    film, folder = noise_video(tmp_path / "a.mkv", 12), tmp_path / "pictures"
    write_pictures(folder, 12)
    room = 12 * FRAME + 3 * TAKE
    for train, val in ((film, folder), (folder, film)):
        refused(noisy(tmp_path, train, val, room - 100), r"need more than data\.cache_gib")
        check_sources(noisy(tmp_path, train, val, room + 100), MODEL)
    monkeypatch.undo()
    with pytest.raises(DataError, match=r"need more than data\.cache_gib"):
        open_training(noisy(tmp_path, film, folder, room - 100), MODEL)
    assert not (tmp_path / "cache").exists()
    section = noisy(tmp_path, film, folder, room + 100)
    assert open_training(section, MODEL).windows == open_validation(section, MODEL).windows == 8


def test_a_film_longer_than_its_header_says_leaves_room_for_takes(tmp_path, monkeypatch):
    film, folder = noise_video(tmp_path / "a.mkv", 12), tmp_path / "pictures"
    write_pictures(folder, 12)
    monkeypatch.undo()
    monkeypatch.setattr(video_cache, "_wanted_bytes", lambda *_: 0)
    section = noisy(tmp_path, film, folder, 12 * FRAME + 2.5 * TAKE)
    with pytest.raises(DataError, match=r"full at frame 1\d of .*raise data\.cache_gib"):
        open_training(section, MODEL)


@pytest.mark.parametrize("degradation", ["bicubic", NOISY])
def test_what_the_demo_needs_is_refused_before_it_is_filmed(tmp_path, degradation):
    section = data(tmp_path, "demo", degradation=degradation)
    requests = [demo.Request.of(section, MODEL, role) for role in ("train", "val")]
    needed = sum(demo.check_demo(request).needed for request in requests)
    limit = section.model_copy(update={"cache_gib": (needed - 100) / GIB})
    refused(
        limit, r"data\.train = 'demo' and data\.val = 'demo' need more than .*lower data\.patch"
    )
    check_sources(section.model_copy(update={"cache_gib": (needed + 100) / GIB}), MODEL)


def test_a_disk_too_full_for_frames_and_takes_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    write_pictures(folder, 12)
    film = noise_video(tmp_path / "a.mkv", 12)
    for source, needed in ((folder, 3 * TAKE), (film, 12 * FRAME + 3 * TAKE)):
        section = data(tmp_path, source, degradation=NOISY)
        monkeypatch.setattr(FrameStore, "free_bytes", lambda _, n=needed: int(n) - 100)
        refused(section, r"disk of data\.cache_dir = .* free; .*another data\.cache_dir")
        monkeypatch.setattr(FrameStore, "free_bytes", lambda _, n=needed: int(n) + 100)
        check_sources(section, MODEL)


def test_takes_that_lie_on_a_full_disk_make_way_for_their_successors(tmp_path, monkeypatch):
    folder = tmp_path / "pictures"
    write_pictures(folder, 12)
    section = data(tmp_path, folder, degradation=NOISY)
    monkeypatch.setattr(FrameStore, "free_bytes", lambda _: 0)
    refused(section, r"disk of data\.cache_dir")
    entry = tmp_path / "cache" / ("a" * 40)
    entry.mkdir(parents=True)
    (entry / "0.0.take").write_bytes(bytes(3 * TAKE))
    check_sources(section, MODEL)
