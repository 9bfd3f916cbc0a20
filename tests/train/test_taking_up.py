"""What a run takes from a checkpoint, what it does not, and that both are said."""

import re

import pytest
import torch
from train.checkpoint_states import (
    FOOTAGE,
    assert_equal,
    best_of,
    make_run,
    resumed,
    rows_in,
    state_after,
    steps_in,
)

from vsr_data import Footage
from vsr_device import choose_platform
from vsr_model import Network, gather_evidence, save_weights
from vsr_train import RunError
from vsr_train.folder import (
    RunFolder,
    begin,
    best_facts,
    choose_source,
    fingerprints,
    refuse_taken_folder,
    save_checkpoint,
    take_up,
)
from vsr_train.folder.checkpoint import write_checkpoint
from vsr_train.step import TrainingState, learning_rate


@pytest.fixture
def settings(settings_of):
    return settings_of(train__keep_checkpoints=9)


@pytest.fixture
def folder(settings):
    return RunFolder.of(settings)


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
    save_weights(state.average.network, folder.best, best_facts(state, settings, Footage(())))
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


PIPELINE = '{codec = {kind = "h264", crf = [20, 30]}}'
SOURCES = '[{path = "demo"}, {path = "films", weight = 2}]'


def test_tables_that_are_as_they_were_are_not_said_and_others_are_entry_by_entry(
    folder, settings_of
):
    was = settings_of(data__degradation=PIPELINE, data__train=SOURCES)
    make_run(folder, was, 2)
    assert "changed" not in resumed(folder, was)[1]
    worse, fewer = PIPELINE.replace("30", "34"), SOURCES.replace("2", "1")
    _, said = resumed(folder, settings_of(data__degradation=worse, data__train=fewer))
    assert "data.degradation.codec.crf [20, 30] → [20, 34]" in said
    assert "data.train[1].weight 2.0 → 1.0" in said
    assert said.count("changed since") == 2
    _, said = resumed(folder, settings_of(data__degradation="dvd", data__train="demo"))
    assert 'data.degradation {resize = "bicubic", chroma = "444", ' in said
    assert '… → "dvd"' in said
    assert (
        'data.train [{path = "demo", weight = 1.0, frames = ":"}, {path = "film… → "demo"' in said
    )


def test_a_checkpoint_from_before_footage_was_examined_says_what_is_done_now(folder, settings):
    make_run(folder, settings, 1)
    path = folder.checkpoints / "step-000000001.pt"
    stored = torch.load(path, weights_only=True)
    new = r"(?m)^(cuts|interlaced|hdr|bars|windows) = .*\n"
    stored["settings"] = re.sub(new, "", stored["settings"])
    write_checkpoint(path, stored)
    state, said = resumed(folder, settings)
    assert state.step == 1
    assert 'changed since the checkpoint: data.cuts "off" → "auto"' in said
    assert 'changed since the checkpoint: data.windows "uniform" → "detail"' in said


def test_what_footage_is_of_changes_with_what_decides_its_frames_and_their_measurement(settings_of):
    def told(**changed):
        return fingerprints(settings_of(**changed), Footage((), ()), Footage((), ()))

    usual = told()
    assert told(train__seed=9) == usual
    kept = told(data__hdr="keep")
    assert all(kept[part] != usual[part] for part in usual)
    measured = told(data__degradation=PIPELINE)
    assert measured["training"] == usual["training"]
    assert measured["validation"] != usual["validation"]
    assert told(data__train_frames=":64")["training"] != usual["training"]
    assert told(data__train=SOURCES)["validation"] == usual["validation"]


def test_another_network_is_refused(folder, settings, settings_of):
    make_run(folder, settings, 1)
    for change in ({"model__n_blocks": 4}, {"model__scale": 3}, {"model__n_frames": 3}):
        with pytest.raises(RunError, match="holds another network"):
            choose_source(folder, settings_of(**change), resume="auto")


def without_alignment(folder, settings_of, **changed):
    """A run with a checkpoint as it was before networks could align."""
    settings = settings_of(model__align="none", **changed)
    make_run(folder, settings, 1)
    path = folder.checkpoints / "step-000000001.pt"
    stored = torch.load(path, weights_only=True)
    stored["settings"] = stored["settings"].replace('align = "none"\n', "")
    assert "align" not in stored["settings"]
    write_checkpoint(path, stored)
    return path, settings


def test_a_checkpoint_from_before_alignment_is_one_without_and_the_refusal_says_what_to_do(
    folder, settings, settings_of
):
    path, plain = without_alignment(folder, settings_of, train__keep_checkpoints=9)
    state, said = resumed(folder, plain)
    assert state.step == 1
    assert "changed" not in said
    with pytest.raises(RunError, match="none") as refused:
        choose_source(folder, settings, resume="auto")
    told = str(refused.value)
    assert 'set model.align = "none"' in told
    assert "start a run of another name from its weights, which --init takes" in told
    other = RunFolder.of(settings_of(run__name="other"))
    assert choose_source(other, settings, init=str(path)).weights is not None


def test_an_aligned_network_goes_into_none_without_alignment(folder, settings, settings_of):
    make_run(folder, settings, 1)
    plain = settings_of(model__align="none")
    with pytest.raises(RunError, match='set model.align = "samples"$'):
        choose_source(folder, plain, resume="auto")
    other = RunFolder.of(settings_of(run__name="other"))
    path = str(folder.checkpoints / "step-000000001.pt")
    with pytest.raises(RunError, match='set model.align = "samples"$'):
        choose_source(other, plain, init=path)


@pytest.mark.parametrize("form", ["weights.safetensors", "weights.pt"])
def test_weights_without_alignment_start_an_aligned_run_from_the_same_output(
    folder, settings, settings_of, tmp_path, form
):
    plain = Network(settings_of(model__align="none").model)
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    if form.endswith("safetensors"):
        save_weights(plain, tmp_path / form)
    else:
        torch.save({"model_state_dict": plain.state_dict()}, tmp_path / form)
    source = choose_source(folder, settings, init=str(tmp_path / form))
    state = TrainingState.fresh(settings, choose_platform(settings))
    take_up(source, state, settings, folder, FOOTAGE)
    network, average = state.network, state.average.network
    assert_equal(dict(network.state_dict()), dict(average.state_dict()))
    generator = torch.Generator().manual_seed(0)
    waves = torch.rand(1, 3, 8, 8, generator=generator)
    wide = torch.nn.functional.interpolate(waves, size=(60, 60), mode="bicubic").clamp(0, 1)
    lq = torch.stack([wide[..., t : t + 48, 2 * t : 2 * t + 48] for t in range(5)], 1)
    lq = torch.nn.functional.avg_pool3d(lq, (1, 2, 2))
    assert gather_evidence(lq, settings.model.scale)[0].mean() > 0.1
    plain = choose_platform(settings).place(plain)
    with torch.no_grad():
        expected = plain(lq)
        assert torch.equal(network(lq), expected)
        assert torch.equal(average(lq), expected)


WATCH = {
    "recorder": {"factors": 1.0, "clipped": 0.0, "steps": 1, "skipped": 0},
    "snapshots": [],
    "validations": [{"step": 1, "gain_db": 0.5}],
    "incidents": 0,
    "reported": "learning",
}
"""As versions before wrote it: without `undone`."""


@pytest.mark.parametrize("part", ["training", "validation"])
def test_other_footage_drops_what_was_learnt_about_the_old_and_says_so(folder, settings, part):
    folder.open(settings, start_step=0)
    state = state_after(settings, 1)
    state.aside, state.best = [4, 5], best_of(1)
    state.watch = WATCH
    save_weights(state.average.network, folder.best, best_facts(state, settings, Footage(())))
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
    undone = [WATCH | {"undone": wrong} for wrong in (5, None, [0], [True], ["1"], [1 << 80])]
    for wrong in ({"looks": []}, {"recorder": {}}, "text", [torch.zeros(1)], None, {1: 2}, *undone):
        state = state_after(settings, 1)
        state.watch = wrong
        save_checkpoint(folder, state, settings)
        state, said = resumed(folder, settings)
        assert state.watch == {}
        assert "watch is not of this version: it begins anew" in said


def test_incidents_that_are_not_examined_yet_are_taken_up(folder, settings):
    folder.open(settings, start_step=0)
    state = state_after(settings, 1)
    state.watch = WATCH | {"undone": [1]}
    save_checkpoint(folder, state, settings)
    assert resumed(folder, settings)[0].watch == state.watch
