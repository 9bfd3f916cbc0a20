"""Names of clips: never two alike, and text that can be printed anywhere."""

import os
from pathlib import Path

import pytest
from data.makers import MODEL, annex_b, data, noise_video, write_pair
from hypothesis import example, given
from hypothesis import strategies as st

from vsr_data import DataError, open_training
from vsr_data.footage.names import clip_names
from vsr_files import printable

NAMES = st.sampled_from(["x", "x#2", "x (2)", "x.mp4", "\udcff", "\\udcff", "\n", "a\udc80", "é"])
FILES = st.builds(lambda *parts: Path("".join(parts)), NAMES, NAMES | st.just(""), st.sampled_from(
    ["", ".mp4", ".mkv", "#2.mp4", "#3", " (2).mkv", "\udcfe.mkv"]
))  # fmt: skip


@given(st.dictionaries(FILES, st.integers(1, 4), max_size=12))
@example(dict.fromkeys(map(Path, ["a.mkv", "a.nut", "a.mkv.avi", "a.mkv.mp4"]), 1))
def test_no_two_clips_have_one_name_and_every_name_can_be_printed(files):
    found = clip_names(files)
    assert {path: len(names) for path, names in found.items()} == files
    names = [name for each in found.values() for name in each]
    assert len(names) == len(set(names))
    for name in names:
        assert name.isprintable()
        name.encode("utf-8")


@given(st.dictionaries(FILES, st.integers(1, 4), min_size=1, max_size=8), st.randoms())
def test_names_do_not_depend_on_the_order_of_files(files, random):
    shuffled = list(files.items())
    random.shuffle(shuffled)
    assert clip_names(dict(shuffled)) == clip_names(files)


@given(st.text(st.characters(), max_size=8))
def test_printable_text_is_what_any_console_of_unicode_takes(text):
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert printable(shown) == shown


def names_of(tmp_path, folder):
    return [clip.name for clip in open_training(data(tmp_path, folder), MODEL).clips]


def test_a_file_named_like_anothers_second_clip_is_told_from_it(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    both = annex_b(tmp_path, 6, 48, 64) + annex_b(tmp_path, 6, 96, 64)
    (folder / "x.264").write_bytes(both)
    noise_video(folder / "x#2.mkv", 5)
    assert names_of(tmp_path, folder) == ["x#2.mkv", "x.264", "x.264#2"]


def test_undecodable_names_are_read_and_shown(tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    plain = noise_video(tmp_path / "plain.mkv", 5).read_bytes()
    try:
        for name in (b"a\xff.mkv", b"a\xfe.mkv", b"bad\xff.mkv"):
            Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(
                b"" if name.startswith(b"bad") else plain
            )
    except OSError:
        pytest.skip("this file system refuses names that are no UTF-8")
    footage = open_training(data(tmp_path, folder), MODEL)
    assert [clip.name for clip in footage.clips] == ["a\\udcfe", "a\\udcff"]
    shown = [clip.source for clip in footage.clips] + [item.path for item in footage.rejected]
    shown += [clip.origin(0) for clip in footage.clips]
    assert all(text.isprintable() for text in shown)
    assert len(footage.rejected) == 1


def test_undecodable_names_of_pictures_are_read_and_shown(tmp_path):
    write_pair(tmp_path, "a")
    try:
        for part in ("GT", "LR"):
            old = tmp_path / "Patches" / part / "a.png"
            old.rename(os.fsdecode(os.fsencode(old.parent) + b"/a\xff.png"))
    except OSError:
        pytest.skip("this file system refuses names that are no UTF-8")
    (clip,) = open_training(data(tmp_path, tmp_path), MODEL).clips
    assert clip.name == "a\\udcff"
    clip.window(0)


def test_a_colon_in_a_relative_name_is_no_protocol(tmp_path, monkeypatch):
    folder = tmp_path / "videos"
    folder.mkdir()
    noise_video(tmp_path / "plain.mkv", 5).rename(folder / "concat:12.mkv")
    monkeypatch.chdir(folder)
    assert names_of(tmp_path, "concat:12.mkv") == ["concat:12"]


@pytest.mark.parametrize("setting", ["train", "cache_dir"])
def test_the_home_of_nobody_is_a_path_that_is_not_there(tmp_path, monkeypatch, setting):
    monkeypatch.chdir(tmp_path)
    path = noise_video(tmp_path / "a.mkv", 5)
    section = data(tmp_path, path).model_copy(update={setting: "~nobody-at-all/x"})
    if setting == "train":
        with pytest.raises(DataError, match=r"'~nobody-at-all/x': no such file or folder"):
            open_training(section, MODEL)
    else:
        assert open_training(section, MODEL).windows == 1


def test_without_a_home_the_default_cache_is_kept_elsewhere(tmp_path, monkeypatch):
    def unknown(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", unknown)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    path = noise_video(tmp_path / "a.mkv", 5)
    assert open_training(data(tmp_path, path, cache_dir="~/.cache/vsr"), MODEL).windows == 1
    assert list(tmp_path.glob("home-*/.cache/vsr/*/index.json"))
