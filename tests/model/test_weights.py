"""Laws of weights files: they rebuild their network, old ones load, and nothing in them runs."""

import json
import os
import socket
import sys
import types

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model.damaged_files import assert_same_weights, small_network
from safetensors import safe_open
from safetensors.torch import save_file

from vsr_model import WeightsError, load_weights, save_weights

ALIGN = pytest.mark.parametrize("align", ["none", "samples"])


@given(st.sampled_from([3, 5, 9]), st.sampled_from([2, 3, 4]), st.sampled_from(["none", "samples"]))
def test_a_safetensors_file_alone_rebuilds_its_network(tmp_path_factory, n_frames, scale, align):
    network = small_network(4, 4, n_frames=n_frames, scale=scale, align=align, recompute="blocks")
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    save_weights(network, path)
    loaded = load_weights(path)
    assert_same_weights(network, loaded)
    assert loaded.settings == network.settings.model_copy(update={"recompute": "auto"})
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert [file.name for file in path.parent.iterdir()] == ["best.safetensors"]


def write_stating(path, state, **stated):
    """Write weights with metadata that state so much of their network."""
    save_file(state, path, metadata={"vsr_model": json.dumps(stated)})


@ALIGN
def test_a_file_states_whether_its_network_aligns(tmp_path, align):
    save_weights(small_network(align=align), tmp_path / "best.safetensors")
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert json.loads(file.metadata()["vsr_model"])["align"] == align


@ALIGN
def test_a_file_that_does_not_say_aligns_where_it_has_weights_for_it(tmp_path, align):
    """As files from before there was a choice, which have none, and bare state dicts."""
    network = small_network(4, 4, align=align)
    torch.save(network.state_dict(), tmp_path / "bare.pth")
    write_stating(tmp_path / "old.safetensors", network.state_dict(), n_feats=4, n_frames=7)
    for name in ("bare.pth", "old.safetensors"):
        loaded = load_weights(tmp_path / name)
        assert loaded.settings.align == align
        assert_same_weights(network, loaded)


@ALIGN
def test_a_file_that_says_otherwise_than_its_weights_is_refused(tmp_path, align):
    state = small_network(align=align).state_dict()
    other = {"none": "samples", "samples": "none"}[align]
    write_stating(tmp_path / "odd.safetensors", state, align=other)
    message = f"states align = {other}, and its tensors are those of {align}"
    with pytest.raises(WeightsError, match=message):
        load_weights(tmp_path / "odd.safetensors")


def test_a_disk_that_fills_up_leaves_the_file_before_whole(tmp_path, monkeypatch):
    path, network = tmp_path / "best.safetensors", small_network()
    save_weights(network, path)

    def fill_up(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", fill_up)
        with pytest.raises(OSError, match="No space left"):
            save_weights(small_network(), path)
    assert_same_weights(network, load_weights(path))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("bare", [True, False])
def test_an_old_checkpoint_loads_with_its_size_read_from_the_shapes(tmp_path, prefix, bare):
    network = small_network(4, 4, scale=2, align="none")
    state = {prefix + name: tensor for name, tensor in network.state_dict().items()}
    torch.save(state if bare else {"step": 7, "model_state_dict": state}, tmp_path / "old.pth")
    loaded = load_weights(tmp_path / "old.pth")
    assert_same_weights(network, loaded)
    assert (loaded.settings.n_feats, loaded.settings.n_blocks, loaded.settings.scale) == (4, 4, 2)


def test_the_objects_beside_the_weights_are_neither_imported_nor_run(tmp_path, monkeypatch):
    """The real old files pickle a scheduler whose class no longer exists, and more."""
    ran = []

    class Adaptive:
        def __init__(self):
            self.plateau = {"best": 0.5}

        def __setstate__(self, state):
            ran.append("setstate")

        def __reduce_ex__(self, protocol):
            return (make, ("argument",), {"plateau": 1})

    def make(argument):
        ran.append("reduce")
        return Adaptive()

    module = types.ModuleType("old_trainer")
    module.Adaptive, module.make = Adaptive, make
    for name, thing in (("Adaptive", Adaptive), ("make", make)):
        thing.__module__, thing.__qualname__ = "old_trainer", name
    monkeypatch.setitem(sys.modules, "old_trainer", module)
    network = small_network(4, 4, align="none")
    optimizer = torch.optim.AdamW(network.parameters())
    everything = {
        "step": 1200,
        "model_state_dict": network.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": Adaptive(),
        "metrics": {"psnr": 28.5},
        "timestamp": "2026-01-31T12:00:00",
    }
    torch.save(everything, tmp_path / "old.pth")
    monkeypatch.delitem(sys.modules, "old_trainer")
    assert_same_weights(network, load_weights(tmp_path / "old.pth"))
    assert not ran
    assert "old_trainer" not in sys.modules


def test_a_checkpoint_that_calls_the_system_is_refused_unrun(tmp_path):
    class Attack:
        def __reduce__(self):
            import os

            return (os.system, (f"touch {tmp_path / 'pwned'}",))

    torch.save(
        {"model_state_dict": small_network(4, 4).state_dict(), "x": Attack()}, tmp_path / "a.pth"
    )
    with pytest.raises(WeightsError, match="a.pth"):
        load_weights(tmp_path / "a.pth")
    assert not (tmp_path / "pwned").exists()


def _without(name):
    state = small_network(4, 4).state_dict()
    del state[name]
    return state


BAD = {
    "empty": b"",
    "text": b"<html>404</html>",
    "list": [1, 2, 3],
    "nothing of ours": {"weight": torch.zeros(3)},
    "one tensor missing": _without("fusion.conv.bias"),
    "one tensor of alignment missing": _without("align.conv.weight"),
    "no size": _without("feat_extract.weight"),
    "one too many": small_network(4, 4).state_dict() | {"extra": torch.zeros(1)},
    "odd shapes": small_network(4, 4).state_dict()
    | {"fusion.conv.weight": torch.zeros(4, 4, 1, 1)},
    "whole numbers": {k: v.to(torch.int8) for k, v in small_network(4, 4).state_dict().items()},
    "scale of no kind": small_network(4, 4).state_dict()
    | {"upsample.0.weight": torch.zeros(5, 4, 3, 3)},
    "no dimensions": small_network(4, 4).state_dict() | {"feat_extract.weight": torch.tensor(1.0)},
}


BAD_FILES = [
    pytest.param(content, suffix, id=f"{name}.{suffix}")
    for name, content in BAD.items()
    for suffix in ("pth", "safetensors")
    if suffix == "pth" or not isinstance(content, list)  # a safetensors file holds only tensors
]


@pytest.mark.parametrize(("content", "suffix"), BAD_FILES)
def test_a_bad_file_is_refused_with_its_name(tmp_path, content, suffix):
    path = tmp_path / f"bad.{suffix}"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        (torch.save if suffix == "pth" else save_file)(content, path)
    with pytest.raises(WeightsError, match=f"bad.{suffix}"):
        load_weights(path)


def test_a_file_cut_short_is_refused(tmp_path):
    for name, write in (("cut.pth", torch.save), ("cut.safetensors", save_weights)):
        network = small_network(4, 4)
        path = tmp_path / name
        write(network.state_dict() if write is torch.save else network, path)
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(WeightsError, match=name):
            load_weights(path)


def _fifo(path):
    os.mkfifo(path)
    return path


def _socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    return path


NO_FILES = {
    "missing": lambda path: path,
    "folder": lambda path: path.parent,
    "FIFO": _fifo,
    "socket": _socket,
    "device": lambda path: "/dev/zero",
    "very long": lambda path: path.with_name("x" * 5000),
    "NUL": lambda path: f"{path}\0",
    "link to itself": lambda path: path.symlink_to(path) or path,
}


@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, monkeypatch, make):
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="it is not a file") as caught:
        load_weights(path)
    assert repr(str(path)) in str(caught.value)


def test_weights_of_two_precisions_are_refused(tmp_path):
    state = small_network().state_dict()
    state["fusion.conv.bias"] = state["fusion.conv.bias"].half()
    torch.save(state, tmp_path / "mixed.pth")
    with pytest.raises(WeightsError, match="torch.float16, torch.float32"):
        load_weights(tmp_path / "mixed.pth")


def test_a_name_of_255_bytes_can_be_written(tmp_path):
    path = tmp_path / ("é" * 121 + "x.safetensors")
    assert len(path.name.encode()) == 255
    save_weights(small_network(), path)
    assert load_weights(path).settings.n_feats == 8
