"""Laws of other people's files: the network is found where it lies, its average first."""

import pytest
import torch
from model.damaged_files import assert_same_weights, small_network

from vsr_model import WeightsError, load_weights
from vsr_settings import loads, to_toml

WRAPPERS = ("params", "state_dict", "model", "model_state_dict", "net", "network", "generator")
PREFIXES = ("", "module.", "_orig_mod.", "module._orig_mod.", "model.", "generator.module.")


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_other_people_s_wrappings_load(tmp_path, wrapper, prefix):
    network = small_network()
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save({"epoch": 3, wrapper: state}, tmp_path / "theirs.pth")
    assert_same_weights(network, load_weights(tmp_path / "theirs.pth"))


def _compiled_inside(state):
    return {name.replace("trunk.", "trunk._orig_mod."): tensor for name, tensor in state.items()}


DEEPER = {
    "in two": lambda raw, average: {"model": {"state_dict": raw}},
    "parts compiled": lambda raw, average: _compiled_inside(raw),
    "under no known name": lambda raw, average: {"best": raw},
    "known before unknown": lambda raw, average: {"best": average, "params": raw},
    "beside a discriminator": lambda raw, average: (
        {"d": {"conv.weight": raw["fusion.conv.bias"]}} | raw
    ),
    "itself inside": lambda raw, average: _with_itself(raw),
}

AVERAGED = {
    "params_ema": lambda raw, average: {"params": raw, "params_ema": average},
    "ema_state_dict": lambda raw, average: {"ema_state_dict": average, "model_state_dict": raw},
    "ema": lambda raw, average: {"ema": {"module": average}, "net": raw},
    "names inside": lambda raw, average: (
        {f"net_g.{name}": value for name, value in raw.items()}
        | {f"net_g_ema.{name}": value for name, value in average.items()}
    ),
    "torch's averaged model": lambda raw, average: {
        "model_ema": {f"module.{name}": value for name, value in average.items()}
        | {"n_averaged": torch.tensor(3)},
        "model": raw,
    },
}


def _with_itself(raw):
    wrapped = {"params": raw}
    wrapped["model"] = wrapped
    return wrapped


@pytest.mark.parametrize("wrap", DEEPER.values(), ids=DEEPER)
def test_a_network_is_found_where_it_lies(tmp_path, wrap):
    network, other = small_network(), small_network()
    torch.save(wrap(network.state_dict(), other.state_dict()), tmp_path / "theirs.pth")
    assert_same_weights(network, load_weights(tmp_path / "theirs.pth"))


@pytest.mark.parametrize("wrap", AVERAGED.values(), ids=AVERAGED)
def test_of_weights_and_their_average_the_average_is_taken(tmp_path, wrap):
    raw, average = small_network(), small_network()
    torch.save(wrap(raw.state_dict(), average.state_dict()), tmp_path / "both.pth")
    assert_same_weights(average, load_weights(tmp_path / "both.pth"))


def test_a_file_of_several_networks_is_refused_and_they_are_named(tmp_path):
    state = small_network().state_dict()
    torch.save({"generator": state, "net": dict(state)}, tmp_path / "two.pth")
    with pytest.raises(WeightsError, match="holds 2 networks: 'generator', 'net'"):
        load_weights(tmp_path / "two.pth")


def test_a_file_without_a_network_is_refused_with_what_it_holds(tmp_path):
    torch.save({"epoch": 3, "discriminator": {"conv": torch.zeros(1)}}, tmp_path / "d.pth")
    with pytest.raises(WeightsError, match="it holds 'epoch', 'discriminator'"):
        load_weights(tmp_path / "d.pth")


def test_a_whole_pickled_model_is_refused_as_an_object_of_its_class(tmp_path):
    torch.save(small_network(), tmp_path / "whole.pth")
    with pytest.raises(WeightsError, match="an object of 'vsr_model.network.Network'"):
        load_weights(tmp_path / "whole.pth")


def run_checkpoint(**changes):
    raw, average = small_network(scale=2, n_frames=7), small_network(scale=2, n_frames=7)
    text = to_toml(
        loads(
            "[hardware]\npreset = 'cpu'\n[model]\nn_feats = 8\nn_blocks = 2\nscale = 2\n"
            "n_frames = 7\n[train]\nbatch_size = 1\naccumulation_steps = 16\n",
            "test",
        )
    )
    stored = {
        "format": 1,
        "settings": text,
        "step": 4,
        "model_state_dict": raw.state_dict(),
        "ema_state_dict": average.state_dict(),
    }
    return stored | changes, average


def test_a_run_s_checkpoint_gives_its_average_and_the_window_it_was_trained_with(tmp_path):
    stored, average = run_checkpoint()
    torch.save(stored, tmp_path / "step.pt")
    loaded = load_weights(tmp_path / "step.pt", n_frames=5)
    assert_same_weights(average, loaded)
    assert (loaded.settings.n_frames, loaded.settings.scale) == (7, 2)
    assert loaded.settings.recompute == "auto"


@pytest.mark.parametrize("settings", ["", "[model", "model = 3", 7, "[model]\nn_frames = 4"])
def test_a_run_s_checkpoint_with_settings_of_no_network_is_refused(tmp_path, settings):
    torch.save(run_checkpoint(settings=settings)[0], tmp_path / "step.pt")
    with pytest.raises(WeightsError, match="step.pt"):
        load_weights(tmp_path / "step.pt")


def test_settings_that_contradict_the_tensors_are_refused(tmp_path):
    text = run_checkpoint()[0]["settings"].replace("n_feats = 8", "n_feats = 16")
    torch.save(run_checkpoint(settings=text)[0], tmp_path / "step.pt")
    with pytest.raises(WeightsError, match="states n_feats = 16, and its tensors are those of 8"):
        load_weights(tmp_path / "step.pt")
