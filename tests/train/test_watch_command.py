"""The command under the watch: refusals, alarms, their report, and going on afterwards."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from vsr_train.folder import RunFolder
from vsr_train.folder.checkpoint import latest_checkpoint

STUCK = {
    "train__max_steps": 60, "train__val_every": 60, "train__save_every": 60, "train__log_every": 10,
    "train__watch_every": 5, "train__warmup_steps": 0,
}  # fmt: skip


@pytest.fixture
def dead(monkeypatch):
    """Networks whose upsampling is all zero from the start."""
    from vsr_model import Network

    initialise = Network._initialise

    def zero(self):
        initialise(self)
        for layer in (self.upsample[0], self.upsample[2]):
            for parameter in layer.parameters():
                torch.nn.init.zeros_(parameter)

    monkeypatch.setattr(Network, "_initialise", zero)


def test_a_run_that_cannot_learn_is_exit_5_saved_and_explained(command, settings_of, dead):
    code, out, err = command(**STUCK)
    assert code == 5
    folder = RunFolder.of(settings_of())
    assert "likely dead output layer" in err
    assert str(folder.diagnosis) in err
    assert "1. dead output layer" in out
    assert "**dead output layer**" in folder.diagnosis.read_text()
    stored = json.loads(folder.diagnosis.with_suffix(".json").read_text())
    assert stored["verdict"] == "stagnating"
    saved = int(latest_checkpoint(folder.checkpoints).stem.removeprefix("step-"))
    assert saved == stored["step"] == 40
    rows = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    assert [r["verdict"] for r in rows if r["kind"] == "verdict"] == ["warming up", "stagnating"]


def test_going_on_after_a_stop_gives_the_run_its_patience_again(command, dead):
    assert command(**STUCK)[0] == 5
    code, out, _ = command("--resume", "auto", **{**STUCK, "train__max_steps": 45})
    assert code == 0
    assert "at step 40" in out


def test_a_run_that_is_only_warned_goes_on_to_its_end(command, settings_of, dead):
    code, out, _ = command(**STUCK, train__on_stagnation="warn")
    assert code == 0
    assert out.count("1. dead output layer") == 1
    assert RunFolder.of(settings_of()).diagnosis.exists()


@pytest.fixture
def mirrored(pairs, tmp_path):
    """The folder of pairs with every ground truth mirrored."""
    import shutil

    copy = tmp_path / "mirrored"
    shutil.copytree(pairs, copy)
    for path in (copy / "Patches" / "GT").iterdir():
        Image.fromarray(np.asarray(Image.open(path))[:, ::-1].copy()).save(path)
    return copy


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["run", "check"])
def test_wrong_pairs_are_exit_3_before_the_first_step(command, settings_of, mirrored, arguments):
    code, _, err = command(*arguments, data__train=mirrored)
    assert code == 3
    assert str(mirrored) in err
    assert "patches-" in err
    assert not RunFolder.of(settings_of()).path.exists()


def test_wrong_pairs_are_told_and_trained_on_where_that_is_asked_for(command, mirrored):
    code, out, _ = command(data__train=mirrored, train__on_stagnation="warn", train__max_steps=2)
    assert code == 0
    assert "training pairs, " in out


def test_a_step_that_is_not_finite_is_told_with_its_sample_and_the_run_goes_on(
    command, settings_of, monkeypatch
):
    """The third micro-batch's loss is NaN once; weights stay finite and the run ends well."""
    from vsr_losses import HybridLoss

    forward, calls = HybridLoss.forward, []

    def broken(self, sr, gt, plain=None):
        calls.append(1)
        terms = forward(self, sr, gt, plain)
        return terms._replace(total=terms.total * (float("nan") if len(calls) == 3 else 1))

    monkeypatch.setattr(HybridLoss, "forward", broken)
    code, out, _ = command()
    assert code == 0
    assert "step 2 was not finite" in out
    assert ".png" in out
    stored = torch.load(latest_checkpoint(RunFolder.of(settings_of()).checkpoints))
    assert all(value.isfinite().all() for value in stored["model_state_dict"].values())
    assert stored["watch"]["incidents"] == 1


def test_a_sample_that_breaks_its_step_is_set_aside_also_when_the_run_is_resumed(
    command, settings_of, pairs, tmp_path, monkeypatch
):
    """One of six pairs is white, and white makes the loss NaN."""
    from vsr_losses import HybridLoss

    copy = tmp_path / "one-white"
    shutil.copytree(pairs, copy)
    for kind in ("GT", "LR"):
        path = copy / "Patches" / kind / "patches-2.png"
        with Image.open(path) as picture:
            size = picture.size
        Image.new("RGB", size, "white").save(path)
    forward, white = HybridLoss.forward, []

    def broken(self, sr, gt, plain=None):
        terms = forward(self, sr, gt, plain)
        is_white = bool(gt.amin((1, 2, 3)).eq(1).any())
        white.append(is_white)
        nan = float("nan") if is_white else 1
        return terms._replace(l1=terms.l1 * nan, total=terms.total * nan)

    monkeypatch.setattr(HybridLoss, "forward", broken)
    changed = {"data__train": copy, "train__max_steps": 12, "train__log_every": 1}
    code, out, _ = command(**changed)
    assert code == 0
    assert "patches-2.png" in out
    assert "which is set aside" in out
    assert any(white)
    white.clear()
    changed["train__max_steps"] = 60
    assert command("--resume", "auto", **changed)[0] == 0
    assert not any(white)
    stored = torch.load(latest_checkpoint(RunFolder.of(settings_of()).checkpoints))
    assert stored["aside"] == [2]


def test_a_loss_that_is_never_finite_is_exit_5_with_the_run_saved(
    command, settings_of, monkeypatch
):
    from vsr_losses import HybridLoss

    forward = HybridLoss.forward

    def broken(self, sr, gt, plain=None):
        terms = forward(self, sr, gt, plain)
        return terms._replace(l1=terms.l1 * float("nan"), total=terms.total * float("nan"))

    monkeypatch.setattr(HybridLoss, "forward", broken)
    code, out, err = command(train__max_steps=40, train__val_every=40)
    assert code == 5
    assert "loss term l1 is not finite" in out
    assert "too many steps were not finite" in err
    assert latest_checkpoint(RunFolder.of(settings_of()).checkpoints) is not None


@pytest.mark.parametrize("amp_dtype", ["fp16", "bf16"])
def test_snapshots_are_resumed_exactly_under_amp(command, settings_of, amp_dtype):
    amp = {"train__use_amp": "true", "train__amp_dtype": amp_dtype, "train__watch_every": 3}
    assert command(run__name="whole", **amp)[0] == 0
    assert command(**amp)[0] == 0
    folders = [RunFolder.of(settings_of(run__name=name)) for name in ("whole", "tiny")]
    latest_checkpoint(folders[1].checkpoints).unlink()
    assert command("--resume", "auto", **amp)[0] == 0
    one, other = (torch.load(latest_checkpoint(f.checkpoints))["watch"] for f in folders)
    assert one == other
    assert [snapshot["step"] for snapshot in one["snapshots"]] == [3, 6]


def test_a_short_run_that_learns_nothing_is_exit_5_and_explained(command, settings_of):
    """Fewer steps than the default cadence of snapshots: the end is judged all the same."""
    still = {"train__max_steps": 60, "train__max_lr": 1e-8, "train__min_lr": 0}
    code, out, err = command(**still, train__log_every=60)
    assert code == 5
    folder = RunFolder.of(settings_of())
    assert "without learning" in err
    assert "likely learning rate too small; raise train.max_lr from 1e-08" in err
    assert str(folder.diagnosis) in err
    assert "1. learning rate too small" in out
    assert "**learning rate too small**" in folder.diagnosis.read_text()
    stored = json.loads(folder.diagnosis.with_suffix(".json").read_text())
    assert (stored["step"], stored["verdict"]) == (60, "stagnating")
    assert latest_checkpoint(folder.checkpoints).name == "step-000000060.pt"
    code, out, _ = command("--overwrite", **still, train__on_stagnation="warn")
    assert code == 0
    assert any("no detail restored" in line for line in out.splitlines()[-4:])
    assert folder.diagnosis.exists()
