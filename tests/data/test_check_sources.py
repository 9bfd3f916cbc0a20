"""Cheap refusals first: both sources are looked at before a frame of either is decoded."""

import os

import pytest
from data.makers import MODEL, data, noise_video, write_pair

from vsr_data import DataError, check_sources, open_training
from vsr_data.cache import GIB
from vsr_data.footage import demo, pictures, video_cache

FRAME = 48 * 60 * 3 * (1 + 1 / 9)  # bytes of a frame and its low-resolution version


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
