"""Several sources: of any kind, by patterns, each with its weight, and each counted once."""

from pathlib import Path

import pytest
from data.makers import MODEL, data, noise_video, picture, write_pair, write_pictures
from PIL import Image

from vsr_data import DataError, check_sources, open_training, open_validation
from vsr_data.cache import GIB
from vsr_data.footage import kinds

FRAME = 48 * 60 * 3 * (1 + 1 / 9)  # bytes of a frame and its low-resolution version


def listed(*sources, **changes):
    return [{"path": str(path), **changes} for path in sources]


def training(tmp_path, train, **changes):
    val = noise_video(tmp_path / "val.mkv", 5)
    return open_training(data(tmp_path, "", train=train, val=str(val), **changes), MODEL)


def refused(tmp_path, train, match, **changes):
    val = noise_video(tmp_path / "val.mkv", 5)
    section = data(tmp_path, "", train=train, val=str(val), **changes)
    for look in (check_sources, open_training):
        with pytest.raises(DataError, match=match):
            look(section, MODEL)


def folder_of(tmp_path, name, *files, frames=5) -> Path:
    folder = tmp_path / name
    folder.mkdir(parents=True)
    for file in files:
        noise_video(folder / file, frames)
    return folder


# Lists


def test_sources_of_every_kind_go_together_and_keep_their_weights(tmp_path, monkeypatch):
    monkeypatch.setattr("vsr_data.footage.demo.CLIPS_PER_PHOTO", 1)
    write_pair(tmp_path / "pairs", "a")
    write_pictures(tmp_path / "reds/000", 6)
    films = folder_of(tmp_path, "films", "b.mkv", frames=7)
    train = [
        {"path": str(tmp_path / "pairs"), "weight": 2.0},
        {"path": str(tmp_path / "reds")},
        {"path": str(films), "frames": "1:"},
        {"path": "demo", "weight": 0.5},
    ]
    footage = training(tmp_path, train)
    assert footage.groups == (2.0, 1.0, 1.0, 0.5)
    windows = {clip.name: (clip.group, clip.windows) for clip in footage.clips if clip.group < 3}
    assert windows == {"a": (0, 1), "000": (1, 2), "b": (2, 2)}
    assert {clip.group for clip in footage.clips} == {0, 1, 2, 3}
    assert [clip.name for clip in footage.clips] == sorted(clip.name for clip in footage.clips)


def test_a_list_of_one_is_that_source(tmp_path):
    films = folder_of(tmp_path, "films", "a.mkv", "b.mkv")
    one, plain = training(tmp_path, listed(films)), training(tmp_path, str(films))
    assert [clip.name for clip in one.clips] == [clip.name for clip in plain.clips]
    assert one.groups == plain.groups == (1.0,)


def test_names_are_unique_over_all_sources(tmp_path):
    one, other = (folder_of(tmp_path, name, "x.mkv", "y.mkv") for name in ("one", "other"))
    noise_video(other / "z.mkv", 5)
    footage = training(tmp_path, listed(one, other, other / "x.mkv"))
    assert [clip.name for clip in footage.clips] == [
        "one/x",
        "one/y",
        "other/x",
        "other/x (2)",
        "other/y",
        "z",
    ]


def test_files_of_all_sources_that_are_not_used_are_named(tmp_path):
    one, other = (folder_of(tmp_path, name, "x.mkv") for name in ("one", "other"))
    (one / "bad.mp4").write_text("hello")
    (other / "short.avi").write_text("")
    footage = training(tmp_path, listed(one, other, f"{other}/*"))
    assert [Path(item.path).name for item in footage.rejected] == ["bad.mp4", "short.avi"]


def test_a_source_of_a_list_with_nothing_usable_is_a_message(tmp_path):
    one, other = folder_of(tmp_path, "one", "x.mkv"), folder_of(tmp_path, "other")
    refused(tmp_path, listed(one, other), r"data\.train\[1\]\.path = '.*other': there is no video")
    noise_video(other / "y.mkv", 5)
    train = [*listed(one), {"path": str(other), "frames": ":4"}]
    with pytest.raises(
        DataError, match=r"\[1\]\.path = .*\n.*4 frames in data\.train\[1\]\.frames"
    ):
        training(tmp_path, train)


# Room


def test_what_sources_share_counts_once(tmp_path):
    one = folder_of(tmp_path, "one", "x.mkv", frames=8)
    noise_video(one / "y.mkv", 8)
    train, room = listed(one, one / "x.mkv"), 21.5 * FRAME / GIB  # 16 frames, and 5 of val.mkv
    footage = training(tmp_path, train, cache_gib=room)
    assert footage.windows == 12
    assert [clip.group for clip in footage.clips] == [0, 1, 0]
    shared = data(tmp_path, "", train=train, val=str(one / "y.mkv"), cache_gib=16.5 * FRAME / GIB)
    check_sources(shared, MODEL)
    assert open_validation(shared, MODEL).windows == 4


def test_sources_that_do_not_fit_together_are_refused_before_one_is_decoded(tmp_path):
    one, other = (folder_of(tmp_path, name, "x.mkv", frames=8) for name in ("one", "other"))
    match = r"data\.train\[0\].* and data\.train\[1\].* need more than data\.cache_gib"
    refused(tmp_path, listed(one, other), match, cache_gib=15.5 * FRAME / GIB)
    assert not list((tmp_path / "cache").glob("*"))


# Patterns


def test_a_pattern_names_several_folders(tmp_path):
    root = tmp_path / "films"
    for name in ("a", "b"):
        folder_of(root, name, "clip.mkv")
    folder_of(root, "c", "other.mkv")
    folder_of(root, ".hidden", "no.mkv")
    (root / "readme.txt").write_text("hello")
    footage = training(tmp_path, f"{root}/*/")
    assert [clip.name for clip in footage.clips] == ["a/clip", "b/clip", "other"]
    assert footage.groups == (1.0,)
    assert not footage.rejected


def test_a_pattern_names_files_however_deep(tmp_path):
    root = tmp_path / "films"
    folder_of(root, "a/b", "x.mkv", "y.nut")
    folder_of(root, "c", "z.mkv")
    footage = training(tmp_path, f"{root}/**/*.mkv")
    assert [clip.name for clip in footage.clips] == ["x", "z"]
    footage = training(tmp_path, f"{root}/**")  # folders, and the files in them
    assert [clip.name for clip in footage.clips] == ["x", "y", "z"]


def test_a_pattern_mixes_kinds(tmp_path):
    root = tmp_path / "sets"
    folder_of(root, "films", "x.mkv")
    write_pictures(root / "reds/000", 5)
    write_pictures(root / "BIx4/000", 5)
    footage = training(tmp_path, f"{root}/*")
    assert [clip.name for clip in footage.clips] == ["000", "x"]
    (item,) = footage.rejected
    assert item.path.endswith("BIx4")
    assert "low-resolution ones" in item.reason


def test_validation_takes_patterns_too(tmp_path):
    root = tmp_path / "films"
    folder_of(root, "a", "x.mkv")
    folder_of(root, "b", "y.mkv")
    section = data(tmp_path, f"{root}/[ab]/*.mkv")
    assert [clip.name for clip in open_validation(section, MODEL).clips] == ["x", "y"]


def test_a_path_that_exists_wins_over_the_pattern(tmp_path):
    folder_of(tmp_path, "a[1]", "x.mkv")
    folder_of(tmp_path, "a1", "y.mkv")
    assert [clip.name for clip in training(tmp_path, str(tmp_path / "a[1]")).clips] == ["x"]
    assert [clip.name for clip in training(tmp_path, str(tmp_path / "a[1-9]")).clips] == ["y"]


def test_a_pattern_that_matches_nothing_says_where_it_ended(tmp_path):
    (tmp_path / "films").mkdir()
    refused(tmp_path, f"{tmp_path}/films/*/", r"nothing matches .*films' is there, but holds nothi")
    refused(tmp_path, f"{tmp_path}/none/*.mp4", r"nothing matches .*; there is no folder '.*none'")
    (tmp_path / "films/a.txt").write_text("hello")
    refused(tmp_path, f"{tmp_path}/films/*", "no video or folder among what this pattern matches")


def test_a_pattern_that_matches_without_end_is_refused(tmp_path, monkeypatch):
    root = folder_of(tmp_path, "films", "a.mkv", "b.mkv", "c.mkv")
    monkeypatch.setattr("vsr_data.footage.places.MOST_MATCHES", 2)
    refused(tmp_path, f"{root}/*", "more than 2 paths; narrow the pattern")


# What is no source


def test_an_lmdb_is_told_to_be_converted(tmp_path):
    place = tmp_path / "train.lmdb"
    place.mkdir()
    for name in ("data.mdb", "lock.mdb", "meta_info.txt"):
        (place / name).write_text("")
    refused(tmp_path, str(place), r"LMDB database; write its pictures into folders.*docs/data\.md")
    refused(tmp_path, str(place / "data.mdb"), "LMDB database")
    (tmp_path / "above").mkdir()
    place.rename(tmp_path / "above/train.lmdb")
    refused(tmp_path, str(tmp_path / "above"), "in its subfolders are LMDB databases")


def test_a_folder_with_nothing_usable_says_what_was_seen(tmp_path):
    folder = folder_of(tmp_path, "films")
    refused(tmp_path, str(folder), "no video in this folder, which has nothing in it")
    for name in ("a.srt", "b.srt", "c.nfo", "README"):
        (folder / name).write_text("")
    folder_of(folder, "x", "film.mkv")
    seen = r"which has 2 of \.srt, 1 of \.nfo, 1 of no suffix, 1 subfolder; .*films/\*/'"
    refused(tmp_path, str(folder), seen)
    (folder / "x").rename(tmp_path / "x")
    (folder / "deep").mkdir()
    (tmp_path / "x").rename(folder / "deep/x")
    refused(tmp_path, str(folder), r"films/\*\*/\*\.mp4'")


def test_a_folder_above_those_of_a_data_set_says_which_to_name(tmp_path):
    for name in ("train_sharp", "train_sharp_bicubic/X4"):
        write_pictures(tmp_path / "REDS" / name / "000", 5)
    match = "hold folders of pictures: name one, such as '.*REDS/train_sharp'"
    refused(tmp_path, str(tmp_path / "REDS"), match)


def test_a_single_picture_is_no_source(tmp_path):
    write_pictures(tmp_path / "000", 5)
    path = tmp_path / "000/00000001.png"
    refused(tmp_path, str(path), "a single picture; give the folder of numbered pictures")


def test_stills_among_videos_are_named_and_texts_are_not(tmp_path):
    folder = folder_of(tmp_path, "films", "a.mkv")
    Image.fromarray(picture(48, 60)).save(folder / "poster.jpg")
    Image.fromarray(picture(48, 60)).save(folder / "still.webp")
    (folder / "a.srt").write_text("hello")
    footage = training(tmp_path, str(folder))
    assert {Path(item.path).name: item.reason for item in footage.rejected} == {
        "poster.jpg": kinds.STILL,
        "still.webp": kinds.STILL,
    }


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".png", ".webp"])
@pytest.mark.parametrize("beside", [[], ["a.mkv"]])
def test_animations_are_films(tmp_path, suffix, beside):
    folder = folder_of(tmp_path, "films", *beside)
    frames = [Image.fromarray(picture(48, 60, i)) for i in range(6)]
    how = {"format": "PNG"} if suffix == ".apng" else {}
    path = folder / f"dance{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, **how)
    footage = training(tmp_path, str(folder))
    assert {clip.name: clip.windows for clip in footage.clips}["dance"] == 2
    assert len(footage.clips) == 1 + len(beside)
    (clip,) = training(tmp_path, str(path)).clips
    assert clip.name == "dance"
