"""Laws of weights files: they rebuild their network, old ones load, and nothing in them runs."""

import os
import socket
import sys
import types
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model.damaged_files import pth, small_network
from safetensors.torch import load_file, save_file

from vsr_model import WeightsError, load_weights, save_weights
from vsr_model.weights import read_checkpoint, require_tensors
from vsr_settings import loads, to_toml


def assert_same_weights(one, other):
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@given(st.sampled_from([3, 5, 9]), st.sampled_from([2, 3, 4]))
def test_a_safetensors_file_alone_rebuilds_its_network(tmp_path_factory, n_frames, scale):
    network = small_network(4, 4, n_frames=n_frames, scale=scale, recompute="blocks")
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    save_weights(network, path)
    loaded = load_weights(path)
    assert_same_weights(network, loaded)
    assert loaded.settings == network.settings.model_copy(update={"recompute": "auto"})
    assert all(parameter.requires_grad for parameter in loaded.parameters())
    assert [file.name for file in path.parent.iterdir()] == ["best.safetensors"]


def test_a_disk_that_fills_up_leaves_the_file_before_whole(tmp_path, monkeypatch):
    path, network, write = tmp_path / "best.safetensors", small_network(), Path.write_bytes
    save_weights(network, path)

    def fill_up(self, content):
        write(self, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", fill_up)
        with pytest.raises(OSError, match="No space left"):
            save_weights(small_network(), path)
    assert_same_weights(network, load_weights(path))


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("bare", [True, False])
def test_an_old_checkpoint_loads_with_its_size_read_from_the_shapes(tmp_path, prefix, bare):
    network = small_network(4, 4, scale=2)
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
    network = small_network(4, 4)
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


def test_weights_of_two_precisions_are_refused(tmp_path):
    state = small_network().state_dict()
    state["fusion.conv.bias"] = state["fusion.conv.bias"].half()
    torch.save(state, tmp_path / "mixed.pth")
    with pytest.raises(WeightsError, match="torch.float16, torch.float32"):
        load_weights(tmp_path / "mixed.pth")


def everything():
    """Return what a checkpoint may hold, in every layout that is sound."""
    rows = torch.arange(24.0).reshape(4, 6)
    return {
        "plain": [1, -2, 1 << 60, 2.5, True, None, "text", (3, "x"), {"a": {7: []}}, b"\x00\xff"],
        "types": [
            torch.arange(3).to(dtype)
            for dtype in (
                torch.float64,
                torch.float16,
                torch.bfloat16,
                torch.int64,
                torch.int32,
                torch.int16,
                torch.int8,
                torch.uint8,
                torch.bool,
                torch.complex64,
                torch.complex128,
            )
        ],
        "layouts": [rows, rows.t(), rows[1:, ::2], rows[2], torch.tensor(5.0), torch.empty(0, 3)],
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "size": rows.shape,
    }


def assert_equal(one, other):
    assert isinstance(one, tuple) == isinstance(other, tuple)
    if isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert one.stride() == other.stride()
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other


@pytest.mark.parametrize("legacy", [False, True])
def test_a_checkpoint_reads_as_torch_reads_it(tmp_path, legacy):
    path = tmp_path / "all.pt"
    path.write_bytes(pth(everything(), legacy=legacy))
    assert_equal(torch.load(path, weights_only=True), read_checkpoint(path))


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_checkpoint_of_a_later_pickle_protocol_reads_too(tmp_path, protocol):
    torch.save(everything(), tmp_path / "all.pt", pickle_protocol=protocol)
    assert_equal(everything()["plain"], read_checkpoint(tmp_path / "all.pt")["plain"])


def test_a_safetensors_file_reads_as_its_own_library_reads_it(tmp_path):
    rows = everything()["types"][:9]  # the library stores no complex numbers
    save_file({str(index): row for index, row in enumerate(rows)}, tmp_path / "all.safetensors")
    assert_equal(
        load_file(tmp_path / "all.safetensors"), read_checkpoint(tmp_path / "all.safetensors")
    )


def test_an_optimiser_s_state_reads_as_torch_reads_it(tmp_path):
    network = small_network()
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.rand(1, 5, 3, 8, 8)).mean().backward()
    optimizer.step()
    torch.save(optimizer.state_dict(), tmp_path / "o.pt")
    assert_equal(optimizer.state_dict(), read_checkpoint(tmp_path / "o.pt"))


NOT_FITTING = {
    "lacks": ({}, "lacks 'step'"),
    "extra": ({"step": torch.tensor(1.0), "x": 1}, "has an extra 'x'"),
    "shape": ({"step": torch.zeros(3)}, r"has 'step' of shape \(3,\), not \(\)"),
    "not finite": ({"step": torch.tensor(float("inf"))}, "has 'step' with 1 of 1 values NaN"),
    "whole numbers": ({"step": torch.tensor(1)}, "has 'step' as torch.int64, not floating point"),
    "no tensor": ({"step": 1.0}, "has 'step' as a float, not a dense tensor"),
    "sparse": ({"step": torch.zeros(3).to_sparse()}, "has 'step' as a sparse tensor"),
    "meta": ({"step": torch.tensor(1.0, device="meta")}, "has 'step' as a tensor without values"),
}


@pytest.mark.parametrize(("found", "reason"), NOT_FITTING.values(), ids=NOT_FITTING)
def test_tensors_that_cannot_take_another_s_place_are_named(found, reason):
    with pytest.raises(WeightsError, match=f"'a.pt' does not fit the optimiser: it.*{reason}"):
        require_tensors(found, {"step": torch.tensor(0.0)}, what="the optimiser", path="a.pt")


def test_whole_numbers_must_be_of_the_very_type():
    expected = {"random": torch.zeros(2, dtype=torch.uint8)}
    require_tensors({"random": torch.ones(2, dtype=torch.uint8)}, expected, what="it", path="a")
    with pytest.raises(WeightsError, match="as torch.int64, not torch.uint8"):
        require_tensors({"random": torch.ones(2, dtype=torch.int64)}, expected, what="it", path="a")


def test_a_name_of_255_bytes_can_be_written(tmp_path):
    path = tmp_path / ("é" * 121 + "x.safetensors")
    assert len(path.name.encode()) == 255
    save_weights(small_network(), path)
    assert load_weights(path).settings.n_feats == 8
