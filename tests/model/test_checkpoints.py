"""Laws of reading and checking checkpoints: as the formats' own libraries read them."""

import pytest
import torch
from model.damaged_files import pth, small_network
from safetensors.torch import load_file, save_file

from vsr_model import WeightsError
from vsr_model.weights import read_checkpoint, require_tensors


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
