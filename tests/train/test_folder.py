"""A run's folder: who owns it, which checkpoint counts, going back, and what is taken from one."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from train.checkpoint_states import FOOTAGE, state_after

from vsr_device import choose_platform
from vsr_model import Network, save_weights
from vsr_train import RunError
from vsr_train.folder import (
    RunFolder,
    begin,
    best_facts,
    choose_source,
    latest_checkpoint,
    owned,
    refuse_taken_folder,
    save_checkpoint,
    take_up,
)
from vsr_train.folder.history import prune
from vsr_train.step import TrainingState, learning_rate


@pytest.fixture
def settings(settings_of):
    return settings_of(train__keep_checkpoints=9)


@pytest.fixture
def folder(settings):
    return RunFolder.of(settings)


def best_of(step, psnr=30.0):
    return {"step": step, "psnr": psnr, "gain_bicubic_db": 0.5}


def make_run(folder, settings, last, *, first=1, best=None, seed=0):
    """Make the steps of a run in its folder, a row and a checkpoint each."""
    folder.open(settings, start_step=first - 1)
    for step in range(first, last + 1):
        folder.log({"kind": "train", "step": step, "seed": seed})
        state = state_after(settings, step, seed=seed)
        if step == best:
            state.best = best_of(step)
            save_weights(state.average.network, folder.best, best_facts(state))
        elif best is not None and step > best:
            state.best = best_of(best)
        save_checkpoint(folder, state, settings)


def resumed(folder, settings, resume="auto", *, footage=FOOTAGE, **options):
    """Go on; return (state, everything that is said)."""
    source = choose_source(folder, settings, resume=resume, **options)
    if not options.get("overwrite"):
        refuse_taken_folder(folder, source)
    state = TrainingState.fresh(settings, choose_platform(settings))
    notes = take_up(source, state, settings, folder, footage)
    notes += begin(folder, settings, state, source, overwrite=options.get("overwrite", False))
    return state, "\n".join(notes)


def steps_in(folder):
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("step-*.pt"))


def rows_in(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("by", ["step", "path"])
def test_going_back_moves_aside_what_came_after_and_auto_goes_on_from_the_new_past(
    folder, settings, by
):
    make_run(folder, settings, 4, best=3)
    to = "2" if by == "step" else str(folder.checkpoints / "step-000000002.pt")
    state, said = resumed(folder, settings, to)
    assert state.step == 2
    assert "went back to step 2: step-000000003, step-000000004; 2 rows" in said
    assert "best.safetensors of step 3" in said
    assert steps_in(folder.checkpoints) == [1, 2]
    assert steps_in(folder.retired / "1") == [3, 4]
    assert rows_in(folder.metrics) == [1, 2]
    assert rows_in(folder.retired / "1" / "metrics.jsonl") == [3, 4]
    assert (folder.retired / "1" / "best.safetensors").exists()
    assert not folder.best.exists()
    assert state.best == {}
    make_run(folder, settings, 3, first=3, seed=5)
    state, said = resumed(folder, settings)
    assert state.step == 3
    assert "went back" not in said
    resumed(folder, settings, "1")
    assert steps_in(folder.retired / "2") == [2, 3]


def test_what_was_just_written_is_never_deleted(folder, settings_of):
    settings = settings_of(train__keep_checkpoints=1)
    make_run(folder, settings_of(train__keep_checkpoints=9), 4)
    resumed(folder, settings, "1")
    save_checkpoint(folder, state_after(settings, 2), settings)
    assert steps_in(folder.checkpoints) == [2]
    make_run(folder, settings_of(train__keep_checkpoints=9), 4)
    prune(
        folder.checkpoints, written=folder.checkpoints / "step-000000002.pt", keep=1, keep_every=0
    )
    assert steps_in(folder.checkpoints) == [2, 4]


def test_other_names_folders_fifos_and_links_are_left_alone_and_never_opened(
    folder, settings_of, tmp_path
):
    settings = settings_of(train__keep_checkpoints=1)
    make_run(folder, settings, 1)
    beside = folder.checkpoints
    (beside / "step-000000007.pt").mkdir()
    os.mkfifo(beside / "step-000000008.pt")
    (tmp_path / "elsewhere.pt").write_bytes(b"")
    (beside / "step-000000009.pt").symlink_to(tmp_path / "elsewhere.pt")
    names = ["step-000000001-good.pt", "step-old.pt", "step-1.pt", "step-0000000099.pt"]
    names += ["step-٠٠٠٠٠٠٠٠٦.pt", ".step-000000005.pt.swp"]
    for name in names:
        (beside / name).write_bytes(b"somebody's")
    before = {path.name for path in beside.iterdir()}
    assert latest_checkpoint(beside).name == "step-000000001.pt"
    state, _ = resumed(folder, settings)
    assert state.step == 1
    save_checkpoint(folder, state_after(settings, 2), settings)
    after = {path.name for path in beside.iterdir()}
    assert after == before - {"step-000000001.pt"} | {"step-000000002.pt"}


def test_a_copy_under_another_name_can_be_gone_back_to(folder, settings):
    make_run(folder, settings, 3)
    copy = folder.checkpoints / "step-000000002-good.pt"
    shutil.copy(folder.checkpoints / "step-000000002.pt", copy)
    state, _ = resumed(folder, settings, str(copy))
    assert state.step == 2
    assert steps_in(folder.retired / "1") == [2, 3]
    assert latest_checkpoint(folder.checkpoints).name == "step-000000002.pt"
    assert copy.exists()


def _damage(path):
    path.write_bytes(path.read_bytes()[:1000])


def test_damaged_checkpoints_are_passed_over_in_words_and_moved_aside(folder, settings):
    make_run(folder, settings, 3)
    _damage(folder.checkpoints / "step-000000003.pt")
    state, said = resumed(folder, settings)
    assert state.step == 2
    assert re.search(r"passed over: checkpoint '.*step-000000003.pt' is damaged", said)
    assert steps_in(folder.checkpoints) == [1, 2]
    assert steps_in(folder.retired / "1") == [3]


def test_where_all_checkpoints_are_damaged_a_run_is_refused_never_started_afresh(folder, settings):
    make_run(folder, settings, 2)
    for path in folder.checkpoints.iterdir():
        _damage(path)
    with pytest.raises(RunError, match=r"step-000000002.pt.*step-000000001.pt"):
        choose_source(folder, settings, resume="auto")


def test_where_all_checkpoints_were_moved_aside_a_run_is_refused_too(folder, settings):
    make_run(folder, settings, 2)
    resumed(folder, settings, "1")
    (folder.checkpoints / "step-000000001.pt").unlink()
    with pytest.raises(RunError, match="only what was moved aside"):
        choose_source(folder, settings, resume="auto")


def test_a_step_that_is_not_there_is_answered_with_those_that_are(folder, settings):
    make_run(folder, settings, 3)
    resumed(folder, settings, "2")
    with pytest.raises(RunError, match=r"no checkpoint of step 3 .* 1, 2; '.*retired/1/step-00000"):
        choose_source(folder, settings, resume="3")


def test_a_run_killed_while_it_went_back_finds_a_whole_past(folder, settings, monkeypatch):
    make_run(folder, settings, 4, best=3)
    source = choose_source(folder, settings, resume="1")
    state = TrainingState.fresh(settings, choose_platform(settings))
    take_up(source, state, settings, folder, FOOTAGE)
    moves, move = [], shutil.move

    def move_and_die(*arguments):
        move(*arguments)
        moves.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "move", move_and_die)
    for step in (3, 2):
        with pytest.raises(KeyboardInterrupt):
            begin(folder, settings, state, source)
        assert latest_checkpoint(folder.checkpoints).name == f"step-00000000{step}.pt"
        assert rows_in(folder.metrics) == [1, 2, 3, 4]
    monkeypatch.undo()
    begin(folder, settings, state, source)
    assert steps_in(folder.checkpoints) == [1]
    kept = sorted(step for place in folder.retired.iterdir() for step in steps_in(place))
    assert kept == [2, 3, 4]


def test_partials_of_killed_runs_are_removed_when_a_run_opens(folder, settings):
    make_run(folder, settings, 1)
    left = [place / ".0123456789abcdef.partial" for place in (folder.path, folder.checkpoints)]
    for path in left:
        path.write_bytes(b"half")
    resumed(folder, settings)
    assert not any(path.exists() for path in left)


def test_rows_with_bad_bytes_or_cut_short_are_dropped_and_the_others_kept(folder, settings):
    make_run(folder, settings, 3)
    rows = folder.metrics.read_bytes().splitlines(keepends=True)
    bad = [b"\xff\xfe\n", b'{"step": "x"}\n', b'{"step": NaN}\n', b"[" * 9999 + b"\n", b"3\n"]
    folder.metrics.write_bytes(b"".join([rows[0], *bad, *rows[1:], b'{"step": 2']))
    resumed(folder, settings)
    assert folder.metrics.read_bytes() == b"".join(rows)


def test_what_a_run_goes_on_from_is_in_its_folder_before_its_first_step(folder, settings, tmp_path):
    """So that a kill before the next save does not make `auto` start from other weights."""
    network = Network(settings.model)
    torch.nn.init.normal_(network.feat_extract.bias)
    save_weights(network, tmp_path / "w.safetensors")
    source = choose_source(folder, settings, init=str(tmp_path / "w.safetensors"))
    state = TrainingState.fresh(settings, choose_platform(settings))
    take_up(source, state, settings, folder, FOOTAGE)
    begin(folder, settings, state, source)
    state, said = resumed(folder, settings)
    assert "at step 0" in said
    assert torch.equal(state.network.feat_extract.bias, network.feat_extract.bias)


def test_init_takes_the_averaged_weights_of_a_checkpoint_or_others_and_starts_at_step_0(
    folder, settings, settings_of
):
    make_run(folder, settings, 2)
    other = RunFolder.of(settings_of(run__name="other"))
    path = str(folder.checkpoints / "step-000000002.pt")
    source = choose_source(other, settings, init=path)
    state = TrainingState.fresh(settings, choose_platform(settings))
    notes = take_up(source, state, settings, other, FOOTAGE)
    assert (state.step, len(state.optimizer.state)) == (0, 0)
    assert "start at step 0" in notes[0]
    with pytest.raises(RunError, match="already has a run in it"):
        refuse_taken_folder(folder, choose_source(folder, settings, init=path))
    source = choose_source(folder, settings, resume="auto", init=path)
    assert source.stored["step"] == 2
    assert choose_source(other, settings, resume="auto", init=path).weights is not None


def test_options_that_contradict_each_other_are_refused_before_anything_is_deleted(
    folder, settings, settings_of
):
    make_run(folder, settings, 2)
    path = folder.checkpoints / "step-000000002.pt"
    for options in (
        {"resume": "auto"},
        {"resume": "2"},
        {"resume": str(path)},
        {"init": str(path)},
    ):
        with pytest.raises(RunError, match="--overwrite deletes the run that"):
            choose_source(folder, settings, overwrite=True, **options)
    with pytest.raises(RunError, match="--init .* starts anew and --resume '2' goes on"):
        choose_source(folder, settings, resume="2", init=str(path))
    assert steps_in(folder.checkpoints) == [1, 2]


def test_another_runs_checkpoint_goes_on_in_an_empty_folder_only(folder, settings, settings_of):
    make_run(folder, settings, 2, best=1)
    elsewhere = settings_of(run__name="elsewhere", train__keep_checkpoints=9)
    other = RunFolder.of(elsewhere)
    path = str(folder.checkpoints / "step-000000002.pt")
    state, said = resumed(other, elsewhere, path)
    assert (state.step, state.best) == (2, {})
    assert "another run's: best and the watch begin anew" in said
    assert steps_in(other.checkpoints) == [2]
    folder.log({"step": 3})
    with pytest.raises(RunError, match="not the run of"):
        resumed(folder, settings, str(other.checkpoints / "step-000000002.pt"))
    assert rows_in(folder.metrics) == [1, 2, 3]
    state, _ = resumed(
        folder, settings, str(other.checkpoints / "step-000000002.pt"), overwrite=True
    )
    assert steps_in(folder.checkpoints) == [2]
    assert not folder.best.exists()


def test_overwriting_leaves_what_people_put_beside_checkpoints(folder, settings):
    make_run(folder, settings, 2, best=1)
    (folder.checkpoints / "step-000000001-good.pt").write_bytes(b"somebody's")
    (folder.path / "notes.txt").write_bytes(b"somebody's")
    resumed(folder, settings, None, overwrite=True)
    left = {path.name for path in folder.path.iterdir()}
    assert left == {"checkpoints", "notes.txt", "settings.toml"}
    assert [path.name for path in folder.checkpoints.iterdir()] == ["step-000000001-good.pt"]


def test_best_begins_anew_where_its_file_is_not_the_checkpoints(folder, settings):
    make_run(folder, settings, 3, best=1)
    state, said = resumed(folder, settings)
    assert state.best == best_of(1)
    assert "begins anew" not in said
    state.best = best_of(3, psnr=31.0)
    save_weights(state.average.network, folder.best, best_facts(state))
    state, said = resumed(folder, settings)
    assert state.best == {}
    assert "best.safetensors is of step 3: best begins anew" in said
    folder.best.write_bytes(b"not weights")
    assert "does not say its step" in resumed(folder, settings)[1]
    folder.best.unlink()
    assert "best.safetensors is not here: best begins anew" in resumed(folder, settings)[1]


def test_every_setting_that_changed_is_said_and_what_the_learning_rate_does(
    folder, settings, settings_of
):
    make_run(folder, settings, 2)
    changed = {"train__keep_checkpoints": 9, "train__weight_decay": 0.5, "train__seed": 4}
    now = settings_of(train__max_steps=80, **changed)
    _, said = resumed(folder, now)
    was, becomes = (learning_rate(2, each.train) for each in (settings, now))
    assert "changed since the checkpoint: train.weight_decay 0.0 → 0.5" in said
    assert "changed since the checkpoint: train.seed 0 → 4" in said
    assert f"train.max_steps 8 → 80: the learning rate goes from {was:.1e} to {becomes:.1e}" in said
    assert "run.name" not in said
    assert "changed" not in resumed(folder, settings)[1]


def test_another_network_is_refused(folder, settings, settings_of):
    make_run(folder, settings, 1)
    for change in ({"model__n_blocks": 4}, {"model__scale": 3}, {"model__n_frames": 3}):
        with pytest.raises(RunError, match="holds another network"):
            choose_source(folder, settings_of(**change), resume="auto")


@pytest.mark.parametrize("part", ["training", "validation"])
def test_other_footage_drops_what_was_learnt_about_the_old_and_says_so(folder, settings, part):
    folder.open(settings, start_step=0)
    state = state_after(settings, 1)
    state.aside, state.best = [4, 5], best_of(1)
    recorder = {"factors": 1.0, "clipped": 0.0, "steps": 1, "skipped": 0}
    state.watch = {
        "recorder": recorder,
        "snapshots": [],
        "validations": [{"step": 1, "gain_db": 0.5}],
        "incidents": 0,
        "reported": "learning",
    }
    save_weights(state.average.network, folder.best, best_facts(state))
    save_checkpoint(folder, state, settings)
    same, _ = resumed(folder, settings)
    assert (same.aside, same.best, same.watch) == (state.aside, state.best, state.watch)
    state, said = resumed(folder, settings, footage=FOOTAGE | {part: "c" * 64})
    if part == "training":
        assert (state.aside, state.best) == ([], best_of(1))
        assert "the training footage; 2 windows set aside are drawn again" in said
    else:
        assert (state.aside, state.best) == ([4, 5], {})
        assert state.watch == same.watch | {"validations": []}
        assert "best and what the watch knows of validations begin anew" in said
    assert state.footage[part] == "c" * 64


def test_a_watch_that_is_not_todays_begins_anew_and_says_so(folder, settings):
    folder.open(settings, start_step=0)
    for wrong in ({"looks": []}, {"recorder": {}}, "text", [torch.zeros(1)], None, {1: NAN}):
        state = state_after(settings, 1)
        state.watch = wrong
        save_checkpoint(folder, state, settings)
        state, said = resumed(folder, settings)
        assert state.watch == {}
        assert "watch is not of this version: it begins anew" in said


NAN = float("nan")

OWNER = """
import sys, time
from pathlib import Path
from vsr_train.folder import RunFolder, owned
with owned(RunFolder(Path(sys.argv[1]))):
    print("owned", flush=True)
    time.sleep(600)
"""


def test_a_living_run_owns_its_folder_and_a_dead_ones_is_free(folder):
    arguments = [sys.executable, "-c", OWNER, str(folder.path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"owned\n"
            with pytest.raises(RunError, match="in use by another run"), owned(folder):
                pass
            assert folder.lock.exists()
        finally:
            process.kill()
    with owned(folder):
        (folder.path / "something").touch()
    with owned(folder, alone=False):
        pass


def test_a_run_that_was_refused_leaves_no_folder(folder):
    with pytest.raises(RunError, match="footage"), owned(folder):
        raise RunError("no footage")
    assert not folder.path.exists()


def test_a_folder_that_cannot_be_made_is_refused_in_words(folder):
    folder.path.parent.mkdir(parents=True)
    folder.path.write_bytes(b"a file")
    with pytest.raises(RunError, match=r"cannot be written .*run\.dir"), owned(folder):
        pass
