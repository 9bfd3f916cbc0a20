"""The command: what a run leaves behind, and one clear message for every mistake."""

import copy
import dataclasses
import json
import math
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from vsr_model import load_weights
from vsr_settings import load
from vsr_train.__main__ import main
from vsr_train.folder import RunFolder
from vsr_train.folder.checkpoint import latest_checkpoint
from vsr_train.rehearsal import Rehearsal
from vsr_train.step import Stepper, learning_rate
from vsr_train.validation import Validator

CONFIGS = Path(__file__).parents[2] / "configs"


def rows_of(settings):
    text = RunFolder.of(settings).metrics.read_text()
    return [json.loads(line) for line in text.splitlines()]


TERMS = {"l1", "ms", "grad", "perceptual", "plain", "total"}


def test_a_run_leaves_weights_log_pictures_and_its_settings(command, settings_of):
    code, out, _ = command()
    assert code == 0
    folder = RunFolder.of(settings_of())
    assert load_weights(folder.best).settings.n_feats == 4
    assert load(folder.settings, environ={"VSR_TRAIN__MAX_STEPS": "3"}) != settings_of()
    assert load(folder.settings, environ={}) == settings_of()
    assert len(list(folder.pictures.glob("*.png"))) == 4  # two clips, two validations
    assert list(folder.tensorboard.iterdir())
    *_, best, weights = out.strip().splitlines()
    assert "PSNR" in best
    assert "over bicubic" in best
    assert str(folder.best) in weights


def test_the_log_has_a_row_per_log_and_per_validation(command, settings_of):
    assert command()[0] == 0
    rows = rows_of(settings_of())
    train = [row for row in rows if row["kind"] == "train"]
    assert [row["step"] for row in train] == [1, 2, 4, 6, 8]
    for row in train:
        assert row.keys() == {
            "kind", "step", "time", "loss", "lr", "grad_norm", "samples_per_s", "skipped",
            "memory_mib",
        }  # fmt: skip
        assert row["loss"].keys() == TERMS
        both = row["loss"]["l1"] + row["loss"]["plain"]  # with neighbours and without
        assert math.isclose(row["loss"]["total"], both, rel_tol=1e-6)
        assert row["samples_per_s"] > 0
    validations = [row for row in rows if row["kind"] == "validation"]
    assert [row["step"] for row in validations] == [4, 8]
    for row in validations:
        assert row["sources"].keys() == {"val-0", "val-1"}
        for scores in (row, *row["sources"].values()):
            assert math.isclose(scores["gain_db"], scores["psnr"] - scores["psnr_bilinear"])
            gain = scores["psnr"] - scores["psnr_bicubic"]
            assert math.isclose(scores["gain_bicubic_db"], gain)
            assert {"psnr_y", "ssim", "ssim_bicubic", "temporal_db"} <= scores.keys()
        mean = np.mean([scores["psnr"] for scores in row["sources"].values()])
        assert math.isclose(row["psnr"], mean)


def test_a_skipped_step_advances_neither_the_schedule_nor_the_average(
    command, settings_of, monkeypatch
):
    step, rates = Stepper.step, []

    def skip_two(self, batches, lr):
        rates.append(lr)
        withheld = torch.tensor(float(len(rates) in (3, 4)))
        return dataclasses.replace(step(self, batches, lr), withheld=withheld)

    monkeypatch.setattr(Stepper, "step", skip_two)
    assert command()[0] == 0
    train, updates = settings_of().train, [0, 1, 2, 2, 2, 3, 4, 5]
    assert rates == [learning_rate(update, train) for update in updates]
    stored = torch.load(latest_checkpoint(RunFolder.of(settings_of()).checkpoints))
    assert (stored["step"], stored["skipped"], stored["ema_updates"]) == (8, 2, 6)


def test_the_best_weights_are_the_average_of_the_validation_with_the_highest_psnr(
    command, settings_of, monkeypatch
):
    measure, scores, seen = Validator.measure, iter([20.0, 30.0, 25.0, 30.0]), []

    def scripted(self, network):
        seen.append(copy.deepcopy(network.state_dict()))
        found = measure(self, network)
        return dataclasses.replace(found, mean=found.mean | {"psnr": next(scores)})

    monkeypatch.setattr(Validator, "measure", scripted)
    assert command(train__val_every=2)[0] == 0
    folder = RunFolder.of(settings_of())
    best = load_weights(folder.best).state_dict()
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in best.items())
    stored = torch.load(latest_checkpoint(folder.checkpoints))
    assert stored["best"]["step"] == 4
    for name, tensor in stored["ema_state_dict"].items():
        assert torch.equal(tensor, seen[-1][name])
        assert not torch.equal(tensor, stored["model_state_dict"][name])


def test_a_run_learns(command, settings_of):
    """The network beats the base it starts from, on pictures it was never shown."""
    changed = {"train__max_steps": 120, "train__val_every": 120, "train__save_every": 120}
    assert command(**changed, model__n_feats=8, train__max_lr=1e-2)[0] == 0
    rows = rows_of(settings_of())
    assert rows[-1]["gain_db"] > 0.5
    losses = [row["loss"]["total"] for row in rows if row["kind"] == "train"]
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_a_comparison_shows_bicubic_output_and_ground_truth(command, settings_of, pairs):
    assert command(train__max_steps=1)[0] == 0
    folder = RunFolder.of(settings_of())
    (path, _) = sorted(folder.pictures.glob("*.png"))
    with Image.open(path) as picture:
        sheet, facts = np.asarray(picture), json.loads(picture.text["vsr"])
    assert (facts["clip"], facts["step"]) == ("val-0", 1)
    gt, frames = (
        np.asarray(Image.open(pairs / "Val" / kind / "val-0.png")) for kind in ("GT", "LR")
    )
    lq = torch.tensor(frames).view(1, 5, 24, 24, 3).permute(0, 1, 4, 2, 3) / 255
    bicubic = torch.nn.functional.interpolate(lq[:, 2], scale_factor=2, mode="bicubic")
    with torch.no_grad():
        pictures = bicubic, load_weights(folder.best)(lq)
    panels = [(picture[0].clamp(0, 1) * 255).permute(1, 2, 0).numpy() for picture in pictures]
    for name, panel in zip(("bicubic", "output", "ground truth"), (*panels, gt), strict=True):
        left, top, width, height = facts["panels"][name]
        shown = sheet[top : top + height, left : left + width]
        assert np.abs(shown - panel).max() <= 0.51
    judged = peak_signal_noise_ratio(gt, panels[1].round().astype(np.uint8))
    assert math.isclose(facts["psnr"]["output"], judged, abs_tol=0.01)


def test_the_check_builds_everything_and_writes_nothing(command, settings_of):
    code, out, _ = command("--check")
    assert code == 0
    assert "network     4×2" in out
    assert not RunFolder.of(settings_of()).path.exists()


def test_a_check_does_not_mind_a_run_in_the_folder(command):
    assert command(train__max_steps=1)[0] == 0
    assert command("--check")[0] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_first_step_is_one_line(command, monkeypatch, heeded, number):
    from vsr_train import command as program

    monkeypatch.setattr(program, "prepare", lambda *_, **__: os.kill(os.getpid(), number))
    code, _, err = command()
    assert code == 128 + number
    assert err == f"error: {number.name}: stopped at once; what was saved before is whole\n"


def test_validating_without_a_checkpoint_is_refused(command):
    code, out, err = command("--validate-only")
    assert code == 2
    assert "--resume PATH" in err
    assert "PSNR" not in out


def test_a_card_that_is_planned_for_and_not_there_is_noted(command):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    _, out, _ = command("--check", run__device="auto", hardware__preset="t4")
    assert "no Tesla T4" in out


def test_a_run_is_never_overwritten_unasked(command, settings_of):
    assert command(train__max_steps=1)[0] == 0
    before = RunFolder.of(settings_of()).metrics.read_text()
    code, _, err = command(train__max_steps=2)
    assert code == 2
    for way_out in ("--resume auto", "run.name", "--overwrite"):
        assert way_out in err
    assert RunFolder.of(settings_of()).metrics.read_text() == before
    assert command("--overwrite", train__max_steps=2)[0] == 0
    assert RunFolder.of(settings_of()).metrics.read_text() != before


def test_overwriting_deletes_only_what_a_run_writes(command, settings_of):
    folder = RunFolder.of(settings_of())
    folder.path.mkdir(parents=True)
    (folder.path / "notes.txt").write_text("mine")
    assert command(train__max_steps=1)[0] == 0
    assert command("--overwrite", train__max_steps=1)[0] == 0
    assert (folder.path / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_the_p4_settings_run_in_ci_without_a_card_or_vgg_weights(monkeypatch, tmp_path, capsys):
    """The line of the README's CI, with a smaller patch: 64×24, sixteen samples a step."""
    environment = {
        "RUN__DEVICE": "cpu", "LOSS__PERCEPTUAL_WEIGHT": "0", "TRAIN__MAX_STEPS": "2",
        "DATA__TRAIN": "demo", "DATA__VAL": "demo", "DATA__PATCH": "16",
        "DATA__VAL_WINDOWS": "1", "DATA__CACHE_DIR": str(tmp_path / "cache"),
        "RUN__DIR": str(tmp_path / "runs"),
    }  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(f"VSR_{name}", value)
    assert main(["--settings", str(CONFIGS / "p4.toml")]) == 0
    out = capsys.readouterr().out
    assert "64×24, 2,321,923 parameters" in out
    assert "4 × 4 × 1 = 16 samples a step" in out
    lines = (tmp_path / "runs" / "p4" / "metrics.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["kind"] for row in rows] == ["train", "verdict", "train", "validation"]


def test_a_settings_mistake_is_exit_2(command):
    code, _, err = command("--set", "train.batch_sise=2")
    assert code == 2
    assert "batch_size" in err


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, "there is no video in this folder"),
        ({"readme.txt": b"hello", "notes.md": b"# notes"}, "there is no video in this folder"),
        ({"cut.mp4": b"no film"}, "has nothing usable"),
        (None, "no such file or folder"),
    ],
    ids=["empty folder", "folder of text files", "damaged", "missing"],
)
def test_footage_that_cannot_be_used_is_exit_3(command, tmp_path, content, expected):
    source = tmp_path / "clips"
    if content is not None:
        source.mkdir()
        for name, data in content.items():
            (source / name).write_bytes(data)
    code, _, err = command(data__train=source)
    assert code == 3
    assert str(source) in err
    assert expected in err


def test_a_picture_that_vanishes_while_training_is_exit_3_with_the_run_saved(
    command, settings_of, pairs, tmp_path
):
    import shutil

    source = tmp_path / "copy"
    shutil.copytree(pairs, source)

    def vanish():
        for path in (source / "Patches" / "GT").iterdir():
            path.write_bytes(b"")

    step = Stepper.step
    made = []

    def step_then_vanish(self, *arguments):
        result = step(self, *arguments)
        made.append(1)
        if len(made) == 3:
            vanish()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "step", step_then_vanish)
        code, _, err = command(data__train=source, train__max_steps=40, train__save_every=1000)
    assert code == 3
    assert ".png" in err
    saved = latest_checkpoint(RunFolder.of(settings_of()).checkpoints)
    assert int(saved.stem.removeprefix("step-")) >= 3


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_exit_4(command):
    code, _, err = command(run__device="cuda", hardware__preset="t4", data__workers=0)
    assert code == 4
    assert "run.device" in err


def test_running_out_of_memory_is_exit_4_with_a_way_out(command, monkeypatch):
    def exhaust(self, *arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Stepper, "step", exhaust)
    code, _, err = command()
    assert code == 4
    assert "model.recompute" in err


def test_a_run_that_diverges_is_exit_5_and_its_last_checkpoint_is_finite(command, settings_of):
    """An absurd learning rate; what was saved before is still good."""
    code, _, err = command(
        train__max_lr=1, train__max_steps=400, train__grad_clip=0, train__warmup_steps=0,
        train__save_every=1, model__n_blocks=24, model__n_feats=16,
    )  # fmt: skip
    assert code == 5
    assert "train.max_lr" in err
    saved = latest_checkpoint(RunFolder.of(settings_of()).checkpoints)
    stored = torch.load(saved, weights_only=True)
    assert stored["step"] > 0
    assert all(tensor.isfinite().all() for tensor in stored["model_state_dict"].values())


def test_weights_that_are_not_finite_are_neither_validated_nor_saved(
    command, settings_of, monkeypatch
):
    step, made = Stepper.step, []

    def break_the_sixth(self, batches, lr):
        result = step(self, batches, lr)
        made.append(result)
        if len(made) == 6:
            self._optimizer.param_groups[0]["params"][-1].data.fill_(math.nan)
        return result

    monkeypatch.setattr(Stepper, "step", break_the_sixth)
    code, _, err = command()
    assert code == 5
    assert "the weights are not finite" in err
    folder = RunFolder.of(settings_of())
    assert latest_checkpoint(folder.checkpoints).name == "step-000000004.pt"
    validated = [row["step"] for row in rows_of(settings_of()) if row["kind"] == "validation"]
    assert validated == [4]
    assert all(
        tensor.isfinite().all() for tensor in load_weights(folder.best).state_dict().values()
    )


def test_missing_perceptual_weights_are_exit_2_with_the_way_without(command, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", _unreachable)
    code, _, err = command(loss__perceptual_weight=0.1)
    assert code == 2
    assert "vgg16-397923af.pth" in err
    assert "loss.perceptual_weight = 0" in err


def _unreachable(*_, **__):
    raise OSError("network is unreachable")


def test_the_time_of_the_whole_run_is_told_once_after_the_first_row(command):
    code, out, _ = command()
    assert code == 0
    lines = out.splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.startswith("about ")]
    assert lines[at].endswith(" for the whole run, 2 validations apart")
    assert lines[at - 1].startswith("step 1/8 · ")


def test_where_steps_were_rehearsed_the_time_is_told_before_the_first(command, monkeypatch):
    """As on a card."""
    rehearsal = Rehearsal(100, 120, 90, 110, seconds_per_step=600.0)
    monkeypatch.setattr("vsr_train.run.rehearse", lambda *_: rehearsal)
    _, out, _ = command("--check")
    assert "time        about 1 h 20 min for the whole run, 2 validations apart" in out
    _, out, _ = command(train__max_steps=2)
    assert out.index("time        about 20 min for the whole run") < out.index("step 1/2 · ")
    assert out.count("for the whole run") == 1


def test_every_line_of_the_log_tells_the_time_left_and_validations_what_they_took(
    command, settings_of
):
    code, out, _ = command()
    assert code == 0
    rows = [line for line in out.splitlines() if re.match(r"step \d+/8 · ", line)]
    assert [bool(re.search(r" · \d+:\d\d left$", row)) for row in rows] == [True] * 4 + [False]
    assert all(row["seconds"] > 0 for row in rows_of(settings_of()) if row["kind"] == "validation")
