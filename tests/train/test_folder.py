"""A run's folder: who owns it, which checkpoint counts, going back, and what is taken from one."""

import json
import math
import os
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from train.checkpoint_states import (
    FOOTAGE,
    make_run,
    resumed,
    rows_in,
    state_after,
    steps_in,
)

from vsr_device import choose_platform
from vsr_train import RunError
from vsr_train.folder import (
    RunFolder,
    begin,
    choose_source,
    latest_checkpoint,
    owned,
    save_checkpoint,
    take_up,
)
from vsr_train.folder.layout import strict_json
from vsr_train.folder.retention import prune
from vsr_train.step import TrainingState


@pytest.fixture
def settings(settings_of):
    return settings_of(train__keep_checkpoints=9)


@pytest.fixture
def folder(settings):
    return RunFolder.of(settings)


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


def draw(folder, *steps):
    """Make sheets of validations as a run would, and the log's rows of them."""
    folder.pictures.mkdir(exist_ok=True)
    for step in steps:
        folder.log({"kind": "validation", "step": step})
        (folder.pictures / f"a-step-{step:09d}.png").write_bytes(b"sheet")
    for path in (folder.pictures / "over-the-run.webp", folder.page):
        path.write_bytes(b"of all steps")


def test_going_back_moves_the_pictures_and_the_page_of_what_came_after(folder, settings):
    make_run(folder, settings, 3)
    draw(folder, 1, 2, 3)
    own = folder.pictures / "mine.png"
    own.write_bytes(b"somebody's")
    _, said = resumed(folder, settings, "1")
    assert "2 pictures moved to" in said
    assert {path.name for path in folder.pictures.iterdir()} == {"a-step-000000001.png", "mine.png"}
    aside = folder.retired / "1"
    assert sorted(path.name for path in (aside / "pictures").iterdir()) == [
        "a-step-000000002.png", "a-step-000000003.png", "over-the-run.webp",
    ]  # fmt: skip
    assert (aside / "report.html").exists()
    assert not folder.page.exists()


@pytest.mark.parametrize(("step", "stays"), [(1, True), (3, False)])
def test_going_back_behind_an_alarm_moves_its_diagnosis(folder, settings, step, stays):
    make_run(folder, settings, 3)
    facts = folder.diagnosis.with_suffix(".json")
    folder.diagnosis.write_text("why")
    facts.write_text(json.dumps({"step": step}))
    resumed(folder, settings, "2")
    aside = folder.retired / "1" / folder.diagnosis.name
    assert (folder.diagnosis.exists(), facts.exists(), aside.exists()) == (stays, stays, not stays)


def test_pictures_of_forgotten_rows_go_with_them_and_others_stay(folder, settings):
    """A killed run goes on otherwise where its settings have changed."""
    make_run(folder, settings, 2)
    draw(folder, 2, 3)
    others = folder.pictures / "holiday-step-000000009.png"
    others.write_bytes(b"somebody's")
    resumed(folder, settings)
    assert {path.name for path in folder.pictures.iterdir()} == {
        "a-step-000000002.png", "over-the-run.webp", others.name,
    }  # fmt: skip
    assert folder.page.exists()


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


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_is_what_every_reader_takes(value):
    def refuse(token):
        raise AssertionError(token)

    assert json.loads(strict_json(value), parse_constant=refuse) == finite(value)


def finite(value):
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: finite(each) for name, each in value.items()}
        case list():
            return [finite(each) for each in value]
    return value
