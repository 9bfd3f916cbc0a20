"""The configurations that ship hold what they promise."""

import json
from pathlib import Path

import pytest

from vsr_settings import effective_batch, load, read

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_loads_without_a_warning_and_names_the_schema(path):
    assert read(path, environ={}).warnings == []
    directive, *_ = path.read_text(encoding="utf-8").splitlines()
    assert directive.startswith("#:schema ")
    schema = path.parent / directive.removeprefix("#:schema ")
    assert json.loads(schema.read_text(encoding="utf-8"))["title"] == "Settings"


@pytest.mark.parametrize(("name", "feats", "blocks"), [("p4", 64, 24), ("p4-large", 128, 36)])
def test_the_p4_configs_have_every_value_of_their_table(name, feats, blocks):
    reading = read(ROOT / "configs" / f"{name}.toml", environ={})
    table = {
        "hardware.preset": "tesla-p4",
        "model.n_feats": feats,
        "model.n_blocks": blocks,
        "model.n_frames": 5,
        "model.scale": 3,
        "loss.l1_weight": 1.0,
        "loss.ms_weight": 0.0,
        "loss.grad_weight": 0.0,
        "loss.perceptual_weight": 0.1,
        "data.patch": 180,
        "train.batch_size": 4,
        "train.accumulation_steps": 4,
        "train.use_amp": True,
        "run.name": name,
    }
    for path, value in table.items():
        section, _, field = path.partition(".")
        assert getattr(getattr(reading.settings, section), field) == value
        assert f"{name}.toml:" in reading.sources[path]
    assert effective_batch(reading.settings) == 16
    assert reading.settings.hardware.effective_batch == 16


def test_the_demo_needs_no_card_no_vgg_and_no_files():
    settings = load(ROOT / "configs" / "demo.toml", environ={})
    assert settings.hardware.preset == "cpu"
    assert settings.loss.perceptual_weight == 0
    assert settings.data.train == settings.data.val == "demo"
    assert not settings.train.use_amp


def test_the_p4_config_runs_for_two_steps_on_a_machine_without_a_card():
    environ = {
        "VSR_RUN__DEVICE": "cpu",
        "VSR_LOSS__PERCEPTUAL_WEIGHT": "0",
        "VSR_TRAIN__MAX_STEPS": "2",
        "VSR_DATA__TRAIN": "demo",
        "VSR_DATA__VAL": "demo",
        "VSR_DATA__PATCH": "16",
    }
    settings = load(ROOT / "configs" / "p4.toml", environ=environ)
    assert settings.run.device == "cpu"
    assert settings.train.max_steps == 2
    assert settings.train.warmup_steps == 1
    assert settings.hardware.preset == "tesla-p4"
