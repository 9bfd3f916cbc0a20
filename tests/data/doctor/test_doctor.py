"""The doctor's command: a row for every file, a reason for what is wrong, and exit codes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from data.makers import MODEL, data, write_pair, write_video
from data.scenes import letterboxed, resized, scene
from PIL import Image

from vsr_data import open_training
from vsr_data.__main__ import main

X264 = {"codec": "libx264", "pix_fmt": "yuv420p"}
HERE = ("--jobs", "0")


def doctor(capsys, *arguments):
    """Run the command in this process; its exit code and what it printed."""
    code = main(["doctor", *map(str, arguments), *HERE])
    return code, capsys.readouterr().out


def found(capsys, *arguments):
    """Run it for JSON; strict, as `parse_constant` sees to."""
    code, text = doctor(capsys, *arguments, "--json")

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return code, json.loads(text, parse_constant=refuse)


@pytest.fixture
def films(tmp_path):
    """A folder of two films."""
    folder = tmp_path / "films"
    folder.mkdir()
    write_video(folder / "a.mp4", scene(1, 12) + scene(2, 12), **X264)
    write_video(folder / "b.mp4", scene(3, 10), **X264)
    return folder


def test_every_film_has_a_row_with_what_it_is(films, capsys):
    code, report = found(capsys, films)
    a, b = report["files"]
    assert code == 0
    assert (a["path"], b["path"]) == (str(films / "a.mp4"), str(films / "b.mp4"))
    assert (a["codec"], a["width"], a["height"], a["frames"]) == ("h264", 128, 96, 24)
    assert (a["interlaced"], a["hdr"], a["rate"], a["seconds"]) == (False, None, 25.0, 0.96)
    assert (a["cuts"], b["cuts"]) == ([12], [])
    assert (a["windows"], b["windows"]) == (16, 6)
    assert a["share"] + b["share"] == pytest.approx(1)
    assert report["totals"]["windows"] == 22


def test_what_cannot_be_read_has_a_row_with_the_reason(films, capsys):
    (films / "empty.mp4").touch()
    (films / "text.mkv").write_text("no film at all")
    os.mkfifo(films / "pipe.mp4")
    write_video(films / "short.mp4", scene(4, 2), **X264)
    code, report = found(capsys, films)
    rows = {Path(row["path"]).name: row for row in report["files"]}
    assert code == 0
    assert [rows[name]["verdict"] for name in ("empty.mp4", "text.mkv", "pipe.mp4")] == [
        "refused"
    ] * 3
    assert rows["empty.mp4"]["problems"] == ["it is empty"]
    assert rows["pipe.mp4"]["problems"] == ["it is not a regular file"]
    assert rows["text.mkv"]["problems"][0].startswith("not a readable video")
    assert rows["short.mp4"]["problems"] == ["it has 2 frames; a window needs 5"]


def test_nothing_usable_exits_with_3_and_says_so(tmp_path, capsys):
    (tmp_path / "empty.mp4").touch()
    code, text = doctor(capsys, tmp_path)
    assert code == 3
    assert "nothing in" in text
    assert "it is empty" in text


def test_a_source_that_is_not_there_is_a_row_beside_others(films, capsys):
    code, report = found(capsys, films, films / "nowhere")
    assert code == 3
    assert [row["verdict"] for row in report["files"]].count("refused") == 1
    assert report["refusals"] == [f"nothing in {films / 'nowhere'} can be trained on"]


def test_a_scene_that_validation_shares_with_training_exits_with_3(films, tmp_path, capsys):
    copy = resized(scene(2, 12), 72, 96)
    write_video(tmp_path / "val.mp4", scene(8, 10) + copy, options={"crf": "30"}, **X264)
    code, report = found(capsys, films, "--val", tmp_path / "val.mp4")
    (leak,) = report["leaks"]
    assert code == 3
    assert (leak["kind"], leak["one"]["path"]) == ("leak", str(films / "a.mp4"))
    assert (leak["one"]["frame"], leak["other"]["frame"]) == (12, 10)
    assert leak["other"]["seconds"] == 0.4
    assert "leaks" in report["refusals"][0]


def test_validation_on_other_scenes_is_fine(films, tmp_path, capsys):
    write_video(tmp_path / "val.mp4", scene(8, 10), **X264)
    code, report = found(capsys, films, "--val", tmp_path / "val.mp4")
    assert (code, report["leaks"], report["refusals"]) == (0, [], [])
    assert [row["role"] for row in report["files"]] == ["train", "train", "val"]


def test_a_film_that_comes_twice_is_told_and_does_no_harm(films, capsys):
    write_video(films / "copy.mkv", resized(scene(3, 10), 144, 192), **X264)
    code, report = found(capsys, films)
    (duplicate,) = report["leaks"]
    assert (code, duplicate["kind"]) == (0, "duplicate")
    assert duplicate["other"]["path"] == str(films / "copy.mkv")


def test_a_patch_that_somebody_chose_refuses_what_is_too_small_and_the_default_does_not(
    films, capsys
):
    _, report = found(capsys, films)
    assert [row["verdict"] for row in report["files"]] == ["usable"] * 2
    assert "data.patch = 32 takes all of them" in report["remarks"][0]["text"]
    code, report = found(capsys, films, "--set", "data.patch=40")
    assert code == 3
    assert "lower data.patch to at most 32" in report["files"][0]["problems"][0]
    code, report = found(capsys, films, "--set", "data.patch=32")
    assert (code, report["remarks"]) == (0, [])


def test_names_are_text_whatever_they_look_like(tmp_path, capsys):
    name = "[bold]a <b>&amp; x.mkv"
    write_video(tmp_path / name, scene(1, 8), **X264)
    code, text = doctor(capsys, tmp_path, "--out", tmp_path / "out")
    page = (tmp_path / "out" / "doctor.html").read_text()
    assert code == 0
    assert name in text
    assert "[bold]a &lt;b&gt;&amp;amp; x.mkv" in page
    assert "<b>&amp; x.mkv" not in page


def test_pairs_of_pictures_are_checked(tmp_path, capsys):
    for number in range(8):
        write_pair(tmp_path / "good", f"{number}", side=40)
    code, report = found(capsys, tmp_path / "good")
    assert code == 0
    assert {row["kind"] for row in report["files"]} == {"pair"}
    for path in sorted((tmp_path / "good/Patches/GT").iterdir()):
        moved = np.roll(np.asarray(Image.open(path)), (2, 3), (0, 1))
        Image.fromarray(moved).save(path)
    code, report = found(capsys, tmp_path / "good")
    assert code == 3
    assert "misalignment" in report["refusals"][0]


def test_a_damaged_pair_costs_itself_alone(tmp_path, capsys):
    for number in range(4):
        write_pair(tmp_path, f"{number}", side=40)
    (tmp_path / "Patches/GT/1.png").write_bytes(b"nonsense")
    code, report = found(capsys, tmp_path)
    assert code == 0
    assert [row["verdict"] for row in report["files"]].count("refused") == 1


def test_folders_of_numbered_pictures_have_a_row_each(tmp_path, capsys):
    for which in (1, 2):
        folder = tmp_path / f"clip{which}"
        folder.mkdir()
        for number, picture in enumerate(scene(which, 7)):
            Image.fromarray(picture).save(folder / f"{number:04}.png")
    code, report = found(capsys, tmp_path)
    assert code == 0
    assert [(row["kind"], row["codec"], row["windows"]) for row in report["files"]] == [
        ("pictures", "png", 3)
    ] * 2


def test_the_demo_can_be_looked_at_and_leaves_nothing_behind(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("vsr_data.footage.demo.CLIPS_PER_PHOTO", 1)
    monkeypatch.setenv("VSR_DATA__CACHE_DIR", str(tmp_path / "cache"))
    code, report = found(capsys, "demo", "--set", "model.n_frames=3", "--set", "data.patch=8")
    assert code == 0
    assert {row["kind"] for row in report["files"]} == {"demo"}
    assert not (tmp_path / "cache").exists()


def test_no_frame_is_written_into_the_cache(films, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("VSR_DATA__CACHE_DIR", str(tmp_path / "cache"))
    assert doctor(capsys, films)[0] == 0
    assert not (tmp_path / "cache").exists()


def test_a_fault_of_the_doctors_own_costs_one_row(films, capsys, monkeypatch):
    def stumble(*_):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("vsr_data.doctor.pieces.examine_video", stumble)
    code, report = found(capsys, films)
    assert code == 3
    assert "stumbled over it (ZeroDivisionError: oh)" in report["files"][0]["problems"][0]


def test_settings_say_what_to_look_at_where_the_command_does_not(films, capsys):
    code, report = found(capsys, "--set", f"data.train={films}")
    assert (code, len(report["files"])) == (0, 2)


def test_nothing_to_look_at_is_refused(capsys):
    assert main(["doctor"]) == 2
    assert "give a SOURCE" in capsys.readouterr().err


def test_settings_that_are_wrong_are_refused(capsys):
    assert main(["doctor", "x", "--set", "data.patch=none"]) == 2
    assert "data.patch" in capsys.readouterr().err


@pytest.mark.parametrize("source", ["", "a\nb", "x" * 5000])
@pytest.mark.parametrize("place", ["doctor {}", "doctor x --val {}", "prepare {} out"])
def test_text_that_is_no_source_is_refused_as_options_are(place, source, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([source if word == "{}" else word for word in place.split()])
    assert stopped.value.code == 2
    assert "is no source" in capsys.readouterr().err


def test_the_largest_patch_it_names_is_one_that_training_takes(tmp_path, capsys):
    """A low-resolution pixel that has seen a bar is not trained on."""
    path = write_video(tmp_path / "film.mkv", letterboxed(scene(1, 12), 30))
    _, report = found(capsys, path, "--set", "data.patch=40")
    (problem, *_) = report["files"][0]["problems"]
    (clip,) = open_training(data(tmp_path, path, patch=8), MODEL).clips
    assert f"lower data.patch to at most {min(clip.lq_size)}" in problem


def test_processes_find_what_this_one_finds(films, capsys):
    _, here = found(capsys, films)
    assert main(["doctor", str(films), "--json", "--jobs", "2"]) == 0
    assert json.loads(capsys.readouterr().out) == here


def test_out_that_cannot_be_written_is_refused_before_anything_is_read(films, capsys):
    (films / "file").touch()
    assert main(["doctor", str(films), "--out", str(films / "file" / "x"), *HERE]) == 2
    assert "cannot be written" in capsys.readouterr().err
