"""Old Python configurations become TOML that loads, without being run."""

from pathlib import Path

import pytest

from vsr_settings import loads
from vsr_settings.__main__ import main
from vsr_settings.commands.importing import import_python

OLD = '''
"""Configuration."""
import os
from pathlib import Path

N_FEATS = 128
N_BLOCKS: int = 36
NUM_FRAMES, SCALE = 5, 3
BATCH_SIZE = 2
ACCUMULATION_STEPS = 16 // BATCH_SIZE
LEARNING_RATE = 2e-4
MIN_LR = LEARNING_RATE / 100
MAX_STEPS = 1e5
WARMUP_STEPS = 5 * 100
L1_WEIGHT = 1
MS_WEIGHT = GRAD_WEIGHT = 0.0
PERCEPTUAL_WEIGHT = 0.1
USE_AMP = 1
PATCH_SIZE = 180
WEIGHT_DECAY = -1
GRAD_CLIP = 1.0
VAL_EVERY = 1000
SAVE_EVERY = 10 ** 3
SEED = int(os.environ["SEED"])
NUM_WORKERS = 4
EMA_DECAY = 1 - 1e-3
DATA_ROOT = "/data/films"
LOG_DIR = Path("logs")
WANDB = True
lower_case = 3


def N_THINGS():
    return 3
'''


def test_known_names_become_settings_that_load():
    settings = loads(import_python(OLD).toml())
    assert (settings.model.n_feats, settings.model.n_blocks) == (128, 36)
    assert (settings.train.batch_size, settings.train.accumulation_steps) == (2, 8)
    assert (settings.train.max_lr, settings.train.min_lr) == (2e-4, 2e-6)
    assert (settings.train.max_steps, settings.train.warmup_steps) == (100_000, 500)
    assert settings.train.use_amp is True
    assert settings.train.ema_decay == pytest.approx(0.999)
    assert settings.train.save_every == 1000
    assert settings.loss.perceptual_weight == 0.1
    assert settings.data.patch == 180
    assert settings.data.workers == 4
    assert settings.data.train == "/data/films"


def test_what_is_left_out_is_listed_with_line_and_reason():
    dropped = {one.name: (one.line, one.reason) for one in import_python(OLD).dropped}
    assert set(dropped) == {"WEIGHT_DECAY", "SEED", "LOG_DIR", "WANDB"}
    assert dropped["WEIGHT_DECAY"] == (20, "must be a number from 0 to 10, got -1")
    assert "was not run" in dropped["SEED"][1]
    assert "no such setting" in dropped["WANDB"][1]


def test_the_file_is_never_run(tmp_path):
    mark = tmp_path / "mark"
    text = f"import os\nN_FEATS = 8\nSEED = open({str(mark)!r}, 'w').write('x')\n"
    assert import_python(text).values == {"model.n_feats": 8}
    assert not mark.exists()


def test_a_batch_the_preset_does_not_demand_is_kept_as_it_was():
    imported = import_python("BATCH_SIZE = 8\nACCUMULATION_STEPS = 1")
    settings = loads(imported.toml())
    assert (settings.train.batch_size, settings.hardware.effective_batch) == (8, 8)
    assert any("effective_batch is 8" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("text", "kept", "left_out"),
    [
        ("BATCH_SIZE = 0\nACCUMULATION_STEPS = 4", {"train.accumulation_steps"}, {"BATCH_SIZE"}),
        ("LR = 1e-9", set(), {"LR"}),
        ("WARMUP_STEPS = 10**6\nMAX_STEPS = 100", {"train.max_steps"}, {"WARMUP_STEPS"}),
        ("SEED = 10**10**10", set(), {"SEED"}),
        ("SEED = 1/0", set(), {"SEED"}),
        ("SEED = 'a' * 9", set(), {"SEED"}),
        ("SEED = (-8) ** 0.5", set(), {"SEED"}),
        ("SEED = " + "-" * 90 + "1", set(), {"SEED"}),
        ("LR = 1e-4\nMAX_LR = 2e-4", {"train.max_lr"}, {"LR"}),
        ("SEED = 1\nSEED = 2", {"train.seed"}, {"SEED"}),
        ("class Config:\n    SEED = 3\n    N_FEATS = None", {"train.seed"}, {"N_FEATS"}),
        ("RUN_NAME = '\\d'", set(), {"RUN_NAME"}),
    ],
)
def test_what_cannot_stand_is_dropped_and_the_rest_loads(text, kept, left_out):
    imported = import_python(text)
    assert set(imported.values) == kept
    assert {one.name for one in imported.dropped} == left_out
    loads(imported.toml())


def test_a_folder_of_patches_is_its_own_validation_source(tmp_path):
    (tmp_path / "Patches").mkdir()
    settings = loads(import_python(f"DATA_ROOT = {str(tmp_path)!r}").toml())
    assert settings.data.val == settings.data.train == str(tmp_path)


def test_the_command_writes_a_new_file_that_checks(tmp_path, capsys):
    old, new = tmp_path / "config.py", tmp_path / "new.toml"
    old.write_text(OLD, encoding="utf-8")
    assert main(["import", str(old), "-o", str(new)]) == 0
    output = capsys.readouterr()
    assert output.out == ""
    assert f"{old}:20: WEIGHT_DECAY: dropped: must be a number" in output.err
    assert main(["check", str(new)]) == 0
    assert main(["import", str(old), "-o", str(new)]) == 2
    assert "exists" in capsys.readouterr().err


def test_the_command_prints_toml_where_no_file_is_named(tmp_path, capsys):
    old = tmp_path / "config.py"
    old.write_text("SEED = 3", encoding="utf-8")
    assert main(["import", str(old)]) == 0
    assert loads(capsys.readouterr().out).train.seed == 3


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"N_FEATS = (", "is not Python"),
        (b"N_FEATS = 3\0", "is not Python"),
        (b"\xff", "is not UTF-8"),
        (b"x = 1", "holds no setting"),
        (b"(" * 5000, "is not Python"),
    ],
)
def test_what_is_no_configuration_is_refused(content, says, tmp_path, capsys):
    path = tmp_path / "config.py"
    path.write_bytes(content)
    assert main(["import", str(path)]) == 2
    output = capsys.readouterr()
    assert says in output.err
    assert output.out == ""


@pytest.mark.parametrize(
    ("output", "says"),
    [("missing/x.toml", "cannot be written"), ("a\0b", "cannot be written"), (".", "exists")],
)
def test_an_output_that_cannot_be_written_is_refused(output, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.py").write_text("SEED = 3", encoding="utf-8")
    assert main(["import", "config.py", "-o", output]) == 2
    assert says in capsys.readouterr().err
