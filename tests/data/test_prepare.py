"""`python -m vsr_data prepare`: chosen windows as files, the same ones whoever stopped it."""

import gc
import hashlib
import json
import operator
import os
import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest
from data.makers import SHARED, noise_video, picture, write_pictures, write_video
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vsr_data import DataError, open_training, open_validation
from vsr_data.__main__ import main
from vsr_data.footage.degraded_clip import renewed
from vsr_data.footage.manifest import MANIFEST, UNFINISHED
from vsr_data.preparing import prepare as story
from vsr_data.preparing.choosing import chosen_windows, shares
from vsr_data.preparing.processes import done_by
from vsr_settings import ExitCode, read

LAYOUTS = ["pictures", "shards"]


@pytest.fixture
def films(tmp_path):
    """Three films of different length."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, frames in (("a.b", 7), ("c d", 12), ("e", 9)):
        noise_video(folder / f"{name}.mkv", frames)
    return folder


def held_out(films):
    """Films beside those that are trained on."""
    folder = films.with_name("held-out")
    if not folder.exists():
        shutil.copytree(films, folder)
    return folder


def options(tmp_path, **more) -> list[str]:
    """Settings of small windows; `area` makes noise differ from its neighbours."""
    values = {
        "patch": 8,
        "degradation": "area",
        "cuts": "off",
        "cache_dir": tmp_path / "cache",
        **more,
    }
    return [f"--set=data.{key}={value}" for key, value in values.items()]


def prepare(tmp_path, films, out, *args, **more) -> int:
    names = {arg.partition("=")[2].partition("=")[0] for arg in args if arg.startswith("--set")}
    sets = [arg for arg in options(tmp_path, **more) if arg.split("=")[1] not in names]
    return main(["prepare", str(films), str(out), "--processes=1", *sets, *args])


def section(tmp_path, train, val=None, **more):
    """Settings as the command sees them, for training."""
    sets = [option.removeprefix("--set=") for option in options(tmp_path, **more)]
    chosen = [f"data.train={train}", f"data.val={val or train}"]
    return read(None, [*sets, *chosen], rules=()).settings


def rows(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / MANIFEST).read_text().splitlines()[1:]]


def files(out: Path) -> dict[str, bytes]:
    """Everything below a folder, by name."""
    found = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_training_on_what_was_prepared_sees_what_direct_training_cuts(tmp_path, films, layout):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, f"--layout={layout}", "--windows=9") == 0
    settings = section(tmp_path, films)
    direct = {clip.name: clip for clip in open_training(settings.data, settings.model).clips}
    settings = section(tmp_path, out)
    footage = open_training(settings.data, settings.model)
    assert footage.windows == 9
    seen = [clip.window(i) for clip in footage.clips for i in range(clip.windows)]
    for row, (lq_THWC, gt_HWC) in zip(rows(out), seen, strict=True):
        lq, gt = direct[row["clip"]].crop(row["window"], row["y"], row["x"], 8)
        assert np.array_equal(lq_THWC, lq)
        assert np.array_equal(gt_HWC, gt)


def test_degraded_windows_are_those_of_the_first_step_of_a_run(tmp_path, films):
    """A pipeline with noise and a codec: the take that direct training makes with the seed."""
    out, pipeline = tmp_path / "out", "{noise = {kind = 'gaussian', sigma = 9}, take = 8}"
    args = ["--layout=shards", "--windows=9", "--set=train.seed=5"]
    assert prepare(tmp_path, films, out, *args, degradation=pipeline) == 0
    before = section(tmp_path, films, degradation=pipeline)
    direct = renewed(open_training(before.data, before.model), 5, 16)
    clips = {clip.name: clip.at(0) for clip in direct.clips}
    after = section(tmp_path, out)
    footage = open_training(after.data, after.model)
    assert all(clip.is_degraded for clip in footage.clips)
    assert "whatever data.degradation says" in footage.notes[0]
    seen = [clip.window(i) for clip in footage.clips for i in range(clip.windows)]
    for row, (lq_THWC, gt_HWC) in zip(rows(out), seen, strict=True):
        lq, gt = clips[row["clip"]].crop(row["window"], row["y"], row["x"], 8)
        assert np.array_equal(lq_THWC, lq)
        assert np.array_equal(gt_HWC, gt)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_validation_on_what_was_prepared_sees_what_direct_validation_does(tmp_path, films, layout):
    out = tmp_path / "out"
    args = [f"--layout={layout}", f"--val={held_out(films)}"]
    assert prepare(tmp_path, films, out, *args, val_windows=2) == 0
    before, after = section(tmp_path, films), section(tmp_path, out)
    direct = open_validation(before.data, before.model)
    footage = open_validation(after.data, after.model)
    assert footage.windows == 6
    seen = [clip.window(i) for clip in footage.clips for i in range(clip.windows)]
    for clip in direct.clips:
        for i in (0, clip.windows - 1):
            lq, gt = clip.window(i)
            assert any(
                lq.shape == one.shape and np.array_equal(lq, one) and np.array_equal(gt, other)
                for one, other in seen
            )
    if layout == "shards":
        assert [clip.name for clip in footage.clips] == ["a.b", "c d", "e"]


def test_whole_frames_are_written_on_request(tmp_path, films):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--whole", "--windows=4") == 0
    for row in rows(out):
        with Image.open(out / row["gt"]["file"]) as gt, Image.open(out / row["lq"]["file"]) as lq:
            assert (gt.size, lq.size) == ((60, 48), (20, 5 * 16))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_manifest_has_every_file_with_its_digest_source_and_frame(tmp_path, films, layout):
    out = tmp_path / "out"
    args = [f"--layout={layout}", "--windows=9", f"--val={held_out(films)}"]
    assert prepare(tmp_path, films, out, *args) == 0
    head = json.loads((out / MANIFEST).read_text().splitlines()[0])
    assert (head["seed"], head["degradation"], head["scale"], head["n_frames"]) == (0, "area", 3, 5)
    assert {"av", "numpy", "torch", "python"} <= set(head["versions"])
    listed = rows(out)
    assert {role: sum(row["role"] == role for row in listed) for role in ("train", "val")} == {
        "train": 9,
        "val": 9 + 2,  # four windows of each, of which one has three
    }
    for row in listed:
        for side in ("gt", "lq"):
            place = row[side]
            data = (out / place["file"]).read_bytes()
            data = data[place["offset"] : place["offset"] + place["n_bytes"]]
            assert hashlib.sha256(data).hexdigest() == place["sha256"]
        whose = films if row["role"] == "train" else held_out(films)
        assert row["source"].startswith(str(whose))
        assert row["frame"] == row["window"] + 2


def test_no_window_is_written_twice_and_every_clip_has_some(tmp_path, films):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--windows=10") == 0
    chosen = [(row["clip"], row["window"]) for row in rows(out)]
    assert len(set(chosen)) == 10
    assert {clip for clip, _ in chosen} == {"a.b", "c d", "e"}


def test_more_windows_than_there_are_is_all_of_them(tmp_path, films):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--windows=1000") == 0
    assert len(rows(out)) == 3 + 8 + 5


@given(
    st.lists(st.integers(1, 1000), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 9)
)
def test_windows_are_chosen_without_replacement(weights, wanted, seed):
    wanted = min(wanted, len(weights))
    for given_ in (np.array(weights), None):
        chosen = chosen_windows(len(weights), given_, wanted, np.random.default_rng(seed))
        assert sorted(set(chosen.tolist())) == chosen.tolist()
        assert len(chosen) == wanted
        assert 0 <= chosen[0] <= chosen[-1] < len(weights)


def test_windows_are_chosen_in_proportion_to_their_weights():
    weights = np.array([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4])
    counts = np.zeros(12)
    for seed in range(4000):
        counts[chosen_windows(12, weights, 2, np.random.default_rng(seed))] += 1
    assert np.allclose(counts / 4000, weights * 2 / weights.sum(), atol=0.03)


@given(st.lists(st.tuples(st.floats(0.1, 1e6), st.integers(0, 50)), min_size=1), st.integers(0, 99))
def test_shares_are_of_the_number_and_never_more_than_there_is(parts, wanted):
    masses, most = [mass for mass, _ in parts], [count for _, count in parts]
    found = shares(masses, most, wanted)
    assert sum(found) == min(wanted, sum(most))
    assert all(share <= count for share, count in zip(found, most, strict=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_seed_decides_and_nothing_else(tmp_path, films, layout):
    for name, seed in (("one", 1), ("two", 1), ("three", 2)):
        args = [f"--layout={layout}", "--windows=6", f"--set=train.seed={seed}"]
        assert prepare(tmp_path, films, tmp_path / name, *args) == 0
    one, two, three = (files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one != three


@pytest.mark.parametrize("layout", LAYOUTS)
def test_how_many_processes_write_changes_nothing(tmp_path, films, layout):
    args = [f"--layout={layout}", "--shard-mb=1", "--whole", "--windows=16"]
    for name, count in (("one", 1), ("two", 2)):
        more = [*args, f"--processes={count}"]
        assert prepare(tmp_path, films, tmp_path / name, *more) == 0
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_tar_has_no_owner_and_no_time(tmp_path, films):
    assert prepare(tmp_path, films, tmp_path / "out", "--layout=shards", "--windows=3") == 0
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.uname) == (0, 0, 0, "")


def test_shards_are_no_larger_than_they_may_be(tmp_path, films, monkeypatch):
    monkeypatch.setattr("vsr_data.commands.prepare.MEGABYTE", 40_000)
    args = ["--layout=shards", "--windows=16", "--shard-mb=1"]
    assert prepare(tmp_path, films, tmp_path / "out", *args) == 0
    sizes = [path.stat().st_size for path in (tmp_path / "out").glob("*.tar")]
    assert len(sizes) > 3
    assert max(sizes) <= 40_000


def test_a_second_run_does_nothing_and_says_so(tmp_path, films, capsys, monkeypatch):
    for layout in LAYOUTS:
        args = [f"--layout={layout}", "--windows=6"]
        assert prepare(tmp_path, films, tmp_path / layout, *args) == 0
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / layout).rglob("*")}
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr("vsr_data.commands.prepare.opened_footage", None)  # not even opened
            assert prepare(tmp_path, films, tmp_path / layout, *args) == 0
        assert "nothing to do" in capsys.readouterr().out
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / layout).rglob("*")}
        assert before == after


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (["--windows=7"], "windows was 6, now 7"),
        (["--layout=shards"], "layout was 'pictures', now 'shards'"),
        (["--set=data.patch=9"], "patch was 8, now 9"),
        (["--set=train.seed=3"], "seed was 0, now 3"),
        (["--set=data.degradation=bicubic"], "degradation was 'area', now 'bicubic'"),
        (["--set=model.n_frames=3"], "n_frames was 5, now 3"),
    ],
)
@pytest.mark.parametrize("is_finished", [True, False])
def test_other_settings_into_the_same_folder_are_refused(
    tmp_path, films, capsys, changed, named, is_finished
):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--windows=6") == 0
    if not is_finished:
        unfinish(out)
    before = files(out)
    assert prepare(tmp_path, films, out, "--windows=6", *changed) == ExitCode.DATA
    message = capsys.readouterr().err
    assert named in message
    assert "name another folder" in message
    assert files(out) == before


def unfinish(out: Path) -> None:
    """Make a folder what it was before its first part was done."""
    (out / UNFINISHED).mkdir()
    head = json.loads((out / MANIFEST).read_text().splitlines()[0])
    (out / UNFINISHED / story.PLAN).write_text(json.dumps(head))
    (out / MANIFEST).unlink()


def test_other_footage_into_the_same_folder_is_refused(tmp_path, films, capsys):
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--windows=6") == 0
    unfinish(out)
    noise_video(films / "new.mkv", 9)
    assert prepare(tmp_path, films, out, "--windows=6") == ExitCode.DATA
    assert "other footage" in capsys.readouterr().err


def test_a_film_that_shows_something_else_at_the_same_size_is_other_footage(
    tmp_path, films, capsys
):
    raw = {"codec": "rawvideo", "pix_fmt": "bgr24"}
    film = noise_video(films / "raw.avi", 9, **raw)
    out, size = tmp_path / "out", film.stat().st_size
    assert prepare(tmp_path, films, out, "--windows=6") == 0
    unfinish(out)
    write_video(film, [picture(48, 60, 100 + i) for i in range(9)], **raw)
    assert film.stat().st_size == size
    assert prepare(tmp_path, films, out, "--windows=6") == ExitCode.DATA
    assert "other footage" in capsys.readouterr().err


def test_pictures_that_changed_are_other_footage(tmp_path, capsys):
    folder, out = tmp_path / "pictures", tmp_path / "out"
    write_pictures(folder, 9)
    assert prepare(tmp_path, folder, out) == 0
    Image.new("RGB", (60, 48)).save(folder / "00000003.png")
    assert prepare(tmp_path, folder, out) == ExitCode.DATA
    assert "other footage" in capsys.readouterr().err


def test_a_folder_with_other_files_in_it_is_refused(tmp_path, films, capsys):
    assert prepare(tmp_path, films, films) == ExitCode.DATA
    assert "it holds other files; name a new or an empty folder" in capsys.readouterr().err
    assert sorted(path.name for path in films.iterdir()) == ["a.b.mkv", "c d.mkv", "e.mkv"]


def test_a_folder_that_is_being_prepared_is_refused(tmp_path, films, capsys):
    out = tmp_path / "out"
    with story._held(out):
        assert prepare(tmp_path, films, out) == ExitCode.DATA
    assert "another process is preparing it" in capsys.readouterr().err


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_has_gone_is_written_again(tmp_path, films, layout, capsys):
    out = tmp_path / "out"
    args = [f"--layout={layout}", "--windows=6"]
    assert prepare(tmp_path, films, out, *args) == 0
    before = files(out)
    (out / rows(out)[2]["gt"]["file"]).unlink()
    assert prepare(tmp_path, films, out, *args) == 0
    assert "nothing to do" not in capsys.readouterr().out.splitlines()[-1]
    assert files(out) == before


def killed_at(count: int, arguments: list[str]) -> int | None:
    """Run the command in a process that dies when it puts its n-th file or folder on the disk.

    Returns:
        Its exit code; None where it died.
    """
    child = os.fork()
    if not child:
        gc.disable()  # a decoder of the parent's would be freed, and wait for threads it lacks
        left, fsync = iter(range(count)), os.fsync

        def die_or_sync(descriptor):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)

        os.fsync = die_or_sync
        os._exit(main(arguments))
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_run_that_is_killed_again_and_again_comes_to_the_same_bytes(
    tmp_path, films, layout, monkeypatch
):
    monkeypatch.setattr("vsr_data.commands.prepare.MEGABYTE", 60_000)
    args = [
        f"--layout={layout}",
        "--windows=6",
        "--whole",
        "--shard-mb=1",
        f"--val={held_out(films)}",
    ]
    assert prepare(tmp_path, films, tmp_path / "whole", *args) == 0
    out = tmp_path / "killed"
    command = ["prepare", str(films), str(out), "--processes=1", *options(tmp_path), *args]
    deaths = 0
    while (code := killed_at(2**deaths, command)) is None:
        deaths += 1
    assert code == 0
    assert deaths > 3
    assert files(out) == files(tmp_path / "whole")


def test_an_interrupted_run_ends_clean_and_is_gone_on_with(tmp_path, films, monkeypatch, capsys):
    out, args = tmp_path / "out", ["--layout=shards", "--windows=16", "--whole", "--shard-mb=1"]
    monkeypatch.setattr("vsr_data.commands.prepare.MEGABYTE", 60_000)
    assert prepare(tmp_path, films, tmp_path / "whole", *args) == 0
    calls = []

    def interrupted(self, there, total):
        calls.append(there)
        if there:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vsr_data.commands.prepare.Progress.watch", interrupted)
        assert prepare(tmp_path, films, out, *args) == 128 + signal.SIGINT
    assert "stopped" in capsys.readouterr().err
    assert 0 < calls[-1] < 16
    assert not list(out.rglob("*.partial"))
    assert prepare(tmp_path, films, out, *args) == 0
    assert "from before" in capsys.readouterr().out
    assert files(out) == files(tmp_path / "whole")


def test_processes_do_every_item_and_tell_what_went_wrong():
    halves = done_by(2, operator.floordiv, (60,), range(1, 7))
    assert sorted(halves) == [10, 12, 15, 20, 30, 60]
    with pytest.raises(ZeroDivisionError):
        list(done_by(2, operator.floordiv, (60,), [1, 0, 2, 3]))
    with pytest.raises(DataError, match="a process that prepares windows died"):
        list(done_by(2, os._exit, (), [1, 2, 3]))


def test_files_that_cannot_be_used_are_listed_with_their_reasons(tmp_path, films, capsys):
    (films / "broken.mp4").write_bytes(b"no film")
    out = tmp_path / "out"
    assert prepare(tmp_path, films, out, "--windows=3") == 0
    assert f"not used: {films / 'broken.mp4'}: " in capsys.readouterr().out
    (rejected,) = json.loads((out / MANIFEST).read_text().splitlines()[0])["rejected"]
    assert rejected[0] == str(films / "broken.mp4")


def test_a_validation_source_that_is_trained_on_is_refused(tmp_path, films, capsys):
    assert prepare(tmp_path, films, tmp_path / "out", f"--val={films}") == ExitCode.SETTINGS
    assert "must not be trained on" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_source_without_anything_usable_is_one_message(tmp_path, capsys):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "broken.mp4").write_bytes(b"no film")
    assert prepare(tmp_path, tmp_path / "films", tmp_path / "out") == ExitCode.DATA
    assert "broken.mp4" in capsys.readouterr().err


@pytest.mark.slow
def test_every_broken_file_is_used_or_has_a_reason(tmp_path, capsys):
    folder = SHARED / "broken"
    if not folder.is_dir():
        pytest.skip("the folder shared/data with test clips is not beside the checkout")
    out = tmp_path / "out"
    more = {"patch": 16, "train_frames": ":40"}
    assert prepare(tmp_path, folder, out, "--windows=60", **more) == 0
    head = json.loads((out / MANIFEST).read_text().splitlines()[0])
    reasons = dict(head["rejected"])
    used = {name for name, _ in head["films"]}
    for path in folder.iterdir():
        assert str(path) in used or reasons[str(path)]
    assert "Traceback" not in capsys.readouterr().err
