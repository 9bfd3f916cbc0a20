"""A weights file says which degradation its network was trained for."""

import pytest
import torch

from vsr_data import Clip, Footage
from vsr_model import Network, load_weights, read_facts, save_weights
from vsr_settings import Data, Hardware, Model, Run, Settings, Train, to_toml
from vsr_settings.degradation import NAMED, GaussianBlur, Pipeline
from vsr_settings.degradation_text import (
    describe_degradation,
    restore_degradation,
    store_degradation,
)
from vsr_train.folder import best_facts
from vsr_train.step import TrainingState

BD = Pipeline(resize="subsample", blur=GaussianBlur(kind="gaussian", sigma=1.6))
SMALL = Model(n_feats=4, n_blocks=2)


@pytest.mark.parametrize("degradation", [*NAMED, *NAMED.values(), BD])
def test_a_stored_degradation_is_read_back(degradation):
    assert restore_degradation(store_degradation(degradation)) == degradation
    assert "\n" not in describe_degradation(degradation)


@pytest.mark.parametrize("text", ["", "ready", "{", '{"blur": 3}', "[" * 9999, "null"])
def test_anything_else_is_no_degradation(text):
    assert restore_degradation(text) is None


def test_words_name_the_parts():
    assert describe_degradation("bicubic") == "bicubic"
    assert describe_degradation(BD) == "gaussian blur σ 1.6 · subsample"
    assert describe_degradation("web-video").startswith("web-video: bicubic · h264 crf ")


class Still(Clip):
    name, source, windows, lq_size, gt_size = "still", "memory", 1, (8, 8), (24, 24)

    def __init__(self, ready_made):
        self.is_ready_made = ready_made

    def window(self, i):
        raise NotImplementedError

    def origin(self, i):
        return "memory"


@pytest.mark.parametrize("ready_made", [False, True])
def test_the_best_weights_say_what_they_were_trained_for(tmp_path, ready_made):
    settings = Settings(
        hardware=Hardware(preset="cpu"), model=SMALL, data=Data(degradation=BD), train=Train()
    )
    state = object.__new__(TrainingState)
    state.best = {"step": 4, "psnr": 30.0}
    facts = best_facts(state, settings, Footage((Still(ready_made),)))
    save_weights(Network(SMALL), tmp_path / "best.safetensors", facts)
    load_weights(tmp_path / "best.safetensors")
    said = read_facts(tmp_path / "best.safetensors").get("degradation")
    assert said == (None if ready_made else store_degradation(BD))


def test_the_best_weights_say_step_figures_and_the_licence_that_was_chosen():
    state = object.__new__(TrainingState)
    state.best = {"step": 4, "psnr": 30.0, "ssim": 0.9, "temporal_db": 0.25, "change_error": 0.1}
    settings = Settings(model=SMALL, run=Run(license="mit"))
    assert best_facts(state, settings, Footage((Still(True),))) == {
        "step": "4", "psnr": "30.0", "ssim": "0.9", "temporal_db": "0.25", "license": "mit",
    }  # fmt: skip
    unknown = best_facts(state, Settings(model=SMALL), Footage((Still(True),)))
    assert "license" not in unknown


def test_a_checkpoint_tells_by_its_settings(tmp_path):
    settings = Settings(hardware=Hardware(preset="cpu"), model=SMALL, data=Data(degradation=BD))
    stored = {"format": 2, "settings": to_toml(settings), "network": Network(SMALL).state_dict()}
    torch.save(stored, tmp_path / "step.pt")
    assert restore_degradation(read_facts(tmp_path / "step.pt")["degradation"]) == BD
