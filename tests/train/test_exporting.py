"""`python -m vsr_train export`: a checkpoint's averaged weights as a file that explains itself."""

import json
import re
import threading

import pytest
import torch
from train.checkpoint_states import make_run, state_after

from vsr_model import load_weights, read_facts
from vsr_settings.degradation_text import store_degradation
from vsr_train.__main__ import COMMANDS, main
from vsr_train.folder import RunFolder, owned, save_checkpoint
from vsr_train.folder import checkpoint as checkpoints


@pytest.fixture
def settings(settings_of):
    return settings_of(train__keep_checkpoints=9, run__license="cc-by-4.0")


@pytest.fixture
def folder(settings):
    return RunFolder.of(settings)


@pytest.fixture
def export(capsys):
    """Run `python -m vsr_train export`; return (exit code, stdout, stderr)."""

    def run(*arguments):
        code = main(["export", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


def test_the_newest_averaged_weights_are_written_to_last(folder, settings, export):
    make_run(folder, settings, 3)
    code, out, _ = export(folder.path)
    assert code == 0
    assert str(folder.last) in out
    assert "step-000000003.pt" in out
    average = state_after(settings, 3).average.network.state_dict()
    written = load_weights(folder.last)
    assert written.settings == settings.model.model_copy(update={"recompute": "auto"})
    for name, tensor in written.state_dict().items():
        assert torch.equal(tensor, average[name])
        assert not torch.equal(tensor, state_after(settings, 3).network.state_dict()[name])


def test_the_weights_say_step_licence_degradation_and_what_was_found_at_that_step(
    folder, settings, export
):
    make_run(folder, settings, 2)
    figures = {"psnr": 30.5, "psnr_y": 32.0, "ssim": 0.9, "gain_bicubic_db": 1.5}
    folder.log({"kind": "validation", "step": 2, **figures, "temporal_db": float("nan")})
    folder.log({"kind": "validation", "step": 1, **figures, "psnr": 20.0})
    code, out, _ = export(folder.path)
    assert code == 0
    assert "30.50 dB, +1.50 dB over bicubic" in out
    facts = read_facts(folder.last)
    said = {name: float(facts.pop(name)) for name in figures}
    assert said == figures
    assert facts == {
        "step": "2",
        "license": "cc-by-4.0",
        "degradation": store_degradation(settings.data.degradation),
    }


def test_weights_of_a_step_that_was_not_validated_carry_no_figures(folder, settings, export):
    make_run(folder, settings, 3)
    folder.log({"kind": "validation", "step": 3, "psnr": 30.5})
    code, out, _ = export(folder.path, "--step", 2)
    assert code == 0
    assert "not validated" in out
    assert read_facts(folder.last).keys() == {"step", "license", "degradation"}


def test_of_ready_made_pairs_nobody_says_what_they_are_degraded_by(command, settings_of, export):
    assert command(train__max_steps=1)[0] == 0
    folder = RunFolder.of(settings_of())
    assert json.loads(folder.about.read_text())["ready_made"] is True
    assert export(folder.path)[0] == 0
    assert "degradation" not in read_facts(folder.last)
    assert "degradation" not in read_facts(folder.best)
    best, last = (load_weights(path).state_dict() for path in (folder.best, folder.last))
    assert all(torch.equal(tensor, last[name]) for name, tensor in best.items())
    assert read_facts(folder.best) == read_facts(folder.last)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(folder, settings, export):
    make_run(folder, settings, 3)
    newest = folder.checkpoints / "step-000000003.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    assert export(folder.path)[0] == 0
    assert read_facts(folder.last)["step"] == "2"
    code, _, err = export(folder.path, "--step", 3)
    assert code == 2
    assert "is damaged" in err


def test_a_run_that_is_going_on_is_exported_all_the_same(folder, settings, export):
    make_run(folder, settings, 2)
    with owned(folder):
        assert export(folder.path)[0] == 0


def test_a_checkpoint_that_a_run_deletes_meanwhile_is_passed_over_for_its_newer_one(
    folder, settings_of, export, monkeypatch
):
    settings = settings_of(train__keep_checkpoints=1)
    make_run(folder, settings, 1)
    damage = checkpoints.damage

    def damage_while_the_run_goes_on(path):
        if not (folder.checkpoints / "step-000000002.pt").exists():
            saving = threading.Thread(
                target=save_checkpoint, args=(folder, state_after(settings, 2), settings)
            )
            saving.start()
            saving.join()
        return damage(path)

    monkeypatch.setattr("vsr_train.exporting.damage", damage_while_the_run_goes_on)
    assert export(folder.path)[0] == 0
    assert read_facts(folder.last)["step"] == "2"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nowhere",), "is no run's folder"),
        (("n" * 300,), "cannot be looked at .*give a run's folder"),
        (("RUN", "--out", "n" * 300 + "/net.safetensors"), "cannot be looked at"),
        (("RUN", "--step", "7"), "no checkpoint of step 7 .* 1, 2"),
        (("RUN", "--out", "FOLDER/net.pth"), r"must be a \.safetensors file"),
        (("RUN", "--out", "FOLDER/none/net.safetensors"), "in a folder that exists"),
        (("RUN", "--out", "FOLDER/there.safetensors"), "--overwrite"),
    ],
)
def test_what_cannot_be_exported_is_exit_2_in_words(
    folder, settings, export, tmp_path, arguments, expected
):
    make_run(folder, settings, 2)
    (tmp_path / "there.safetensors").write_text("somebody's")
    given = [each.replace("RUN", str(folder.path)) for each in arguments]
    code, _, err = export(*(each.replace("FOLDER", str(tmp_path)) for each in given))
    assert code == 2
    assert re.search(expected, err)
    assert (tmp_path / "there.safetensors").read_text() == "somebody's"
    assert not folder.last.exists()


def test_a_run_without_a_checkpoint_is_exit_2_with_the_way_to_one(folder, settings, export):
    folder.open(settings, start_step=0)
    code, _, err = export(folder.path)
    assert code == 2
    assert "kill -USR2" in err


def test_another_name_is_written_and_replaced_where_that_is_asked_for(
    folder, settings, export, tmp_path
):
    make_run(folder, settings, 2)
    out = tmp_path / "net.safetensors"
    assert export(folder.path, "--out", out)[0] == 0
    assert export(folder.path, "--step", 1, "--out", out, "--overwrite")[0] == 0
    assert read_facts(out)["step"] == "1"
    assert not folder.last.exists()


def test_the_licence_is_the_one_that_the_settings_name_now(folder, settings, export):
    make_run(folder, settings, 1)
    text = folder.settings.read_text()
    for written, said in (("mit", "mit"), ("No Licence!", None), ("unknown", None)):
        folder.settings.write_text(text.replace('"cc-by-4.0"', f'"{written}"'))
        assert export(folder.path)[0] == 0
        assert read_facts(folder.last).get("license") == said


def test_the_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for word, (_, what) in COMMANDS.items():
        assert f"python -m vsr_train {word}" in text
        assert what in text
