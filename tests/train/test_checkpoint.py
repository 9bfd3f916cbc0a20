"""A checkpoint is whole or not there, and nothing of it is believed unseen."""

import hashlib
import zipfile

import pytest
import torch
from train.checkpoint_states import assert_equal, state_after
from train.crafted_checkpoints import CRAFTED

from vsr_device import choose_platform
from vsr_train import RunError
from vsr_train.folder import DamagedError, RunFolder, read_state, save_checkpoint
from vsr_train.folder.checkpoint import damage, write_checkpoint
from vsr_train.step import TrainingState


@pytest.fixture
def folder(settings_of):
    return RunFolder.of(settings_of())


@pytest.fixture
def saved(folder, settings_of):
    """The checkpoint of step 2."""
    return save_checkpoint(folder, state_after(settings_of(), 2), settings_of())


def test_a_state_comes_back_bit_for_bit(saved, settings_of):
    settings = settings_of()
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    assert_equal(state.state_dict(), state_after(settings, 2).state_dict())


def test_any_flipped_bit_is_noticed(saved, settings_of):
    whole = saved.read_bytes()
    for place in (*range(0, len(whole), len(whole) // 40), *range(-80, 0, 5), -77, -76):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        saved.write_bytes(damaged)
        assert damage(saved) is not None, place
    saved.write_bytes(whole)
    assert damage(saved) is None


def test_any_cut_is_noticed(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 10, 79, len(whole) // 2, len(whole) - 77, len(whole) - 1):
        saved.write_bytes(whole[:length])
        assert damage(saved) is not None, length


def test_the_digest_is_inside_and_plain_torch_and_zipfile_read_over_it(saved):
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    assert zipfile.ZipFile(saved).comment == b"vsr sha256 " + _digest(saved).encode()
    assert torch.load(saved, weights_only=True)["step"] == 2


def _digest(path):
    return hashlib.sha256(path.read_bytes()[: -2 - len("vsr sha256 ") - 64]).hexdigest()


def _as_version_1(path):
    """Write a checkpoint again as commit 625acec did: format 1, its digest beside it."""
    stored = torch.load(path, weights_only=True)
    for entry in ("interval", "footage"):
        del stored[entry]
    stored |= {"format": 1, "watch": {"recorder": {}, "looks": [], "gauges": [], "moments": []}}
    torch.save(stored, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = path.with_name(f"{path.name}.sha256")
    beside.write_text(f"{digest}  {path.name}\n")
    return beside


def test_a_checkpoint_of_version_1_is_read_and_its_watch_begins_anew(saved, settings_of):
    _as_version_1(saved)
    state = read_state(saved, settings_of())
    assert (state["watch"], state["interval"], state["footage"]) == (None, {}, {})


def test_a_digest_lost_in_a_power_cut_leaves_the_decision_to_the_archive(saved, settings_of):
    beside = _as_version_1(saved)
    assert damage(saved) is None
    beside.write_text("0" * 64)
    assert "digest" in damage(saved)
    beside.write_text("")
    assert damage(saved) is None
    whole = bytearray(saved.read_bytes())
    weights = torch.load(saved, weights_only=True)["model_state_dict"]["feat_extract.bias"]
    whole[whole.index(weights.numpy().tobytes())] ^= 1
    saved.write_bytes(whole)
    assert "checksum" in damage(saved)


def test_a_checkpoint_outlives_rules_that_changed_since_it_was_written(saved, settings_of):
    stored = torch.load(saved, weights_only=True)
    stored["settings"] = (
        stored["settings"].replace("n_frames = 5\n", "n_frames = 5\nhue = 3\n")
        + "\n[rumour]\nx = 1979-05-27\n"
    ).replace('preset = "cpu"', 'preset = "a card of another time"')
    write_checkpoint(saved, stored)
    assert read_state(saved, settings_of())["step"] == 2


def test_of_a_later_format_it_says_so(saved, settings_of):
    write_checkpoint(saved, torch.load(saved, weights_only=True) | {"format": 3})
    with pytest.raises(RunError, match="is of format 3 .* update vsr-train"):
        read_state(saved, settings_of())


def test_a_checkpoint_under_the_name_of_another_step_is_not_taken_for_it(saved, settings_of):
    other = saved.with_name("step-000000009.pt")
    saved.rename(other)
    with pytest.raises(DamagedError, match="it is 2, not that of its name"):
        read_state(other, settings_of())


@pytest.mark.parametrize("what", CRAFTED)
def test_a_crafted_entry_is_refused_by_name_before_anything_is_taken(saved, settings_of, what):
    stored = torch.load(saved, weights_only=True)
    CRAFTED[what](stored)
    write_checkpoint(saved, stored)  # its digest is right
    with pytest.raises(DamagedError, match=r"step-000000002\.pt' cannot be used: its entry '\w+"):
        read_state(saved, settings_of())


def test_moments_are_taken_in_the_memory_format_of_their_parameters(saved, settings_of):
    """The fused kernels ignore strides: on the CPU weights are channels last, files need not be."""
    stored = torch.load(saved, weights_only=True)
    for moments in stored["optimizer_state_dict"]["state"].values():
        for name in ("exp_avg", "exp_avg_sq"):
            moments[name] = moments[name].contiguous()
    write_checkpoint(saved, stored)
    settings = settings_of()
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    for parameter, moments in state.optimizer.state.items():
        assert moments["exp_avg"].stride() == parameter.stride()


def test_settings_decide_the_optimiser_and_the_checkpoint_its_moments(saved, settings_of):
    settings = settings_of(train__weight_decay=0.5)
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    (group,) = state.optimizer.param_groups
    assert group["weight_decay"] == 0.5
    assert all(moments["step"] == 2 for moments in state.optimizer.state.values())
