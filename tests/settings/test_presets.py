"""The hardware presets are complete, consistent, and say how they are known."""

from typing import get_args

import pytest

from vsr_settings import Hardware, PresetName, card, hardware_preset, match_preset
from vsr_settings.hardware.presets import PRESETS, HardwarePreset, with_capability

CUDA = [preset for preset in PRESETS.values() if preset.compute_capability]
KINDS = {"measured", "reported", "recalled", "inferred"}
every_cuda = pytest.mark.parametrize("preset", CUDA, ids=[preset.name for preset in CUDA])


def test_the_names_a_settings_file_may_use_are_those_of_the_table():
    assert get_args(PresetName) == tuple(PRESETS)
    assert all(hardware_preset(name).name == name for name in PRESETS)


def test_the_p4_has_its_budget_and_its_effective_batch():
    preset = hardware_preset("tesla-p4")
    assert preset.vram_mib == 7611
    assert preset.budget_mib == 7061
    assert preset.effective_batch == 16
    assert preset.memory_format == "contiguous"
    native = (preset.native_fp16, preset.native_bf16, preset.native_tf32)
    assert not any((*native, preset.tensor_cores, preset.triton))


def test_only_the_p4_demands_an_effective_batch():
    demanding = [preset.name for preset in PRESETS.values() if preset.effective_batch]
    assert demanding == ["tesla-p4"]


@every_cuda
def test_what_is_native_follows_from_the_compute_capability(preset: HardwarePreset):
    assert preset.compute_capability
    major, minor = map(int, preset.compute_capability.split("."))
    assert preset.native_bf16 == preset.native_tf32 == (major >= 8)
    assert preset.tensor_cores == preset.triton == (major >= 7)
    assert preset.native_fp16 == ((major, minor) != (6, 1))
    assert preset.memory_format == ("channels_last" if major >= 7 else "contiguous")
    assert (preset.bf16_tflops is not None) == preset.native_bf16


@every_cuda
def test_the_reserve_holds_a_context_and_slack_and_leaves_most_of_the_card(preset):
    assert 400 + max(150, 0.019 * preset.vram_mib) <= preset.reserve_mib
    assert preset.reserve_mib < 0.15 * preset.vram_mib


@pytest.mark.parametrize("name", PRESETS)
def test_every_figure_says_how_it_is_known(name):
    preset = hardware_preset(name)
    figures = ("bandwidth_gbs", "fp32_tflops", "fp16_tflops", "bf16_tflops")
    stated = [figure for figure in figures if getattr(preset, figure) is not None]
    for figure in ("vram_mib", "memory_format", *stated):
        assert preset.origins[figure].split(": ")[0] in KINDS


def test_torch_convolves_half_precision_in_single_where_there_are_no_tensor_cores():
    p4, t4 = hardware_preset("tesla-p4"), hardware_preset("t4")
    assert p4.tflops("fp16") == p4.tflops("fp32") == 5.5
    assert t4.tflops("fp16") == 65
    assert p4.tflops("bf16") is None


@every_cuda
def test_a_live_card_is_recognised_by_the_names_its_driver_gives(preset):
    for name in preset.driver_names:
        assert match_preset(name) is preset
        assert match_preset(f"NVIDIA {name}", preset.vram_mib) is preset


def test_cards_that_share_a_name_are_told_apart_by_memory():
    assert match_preset("NVIDIA GeForce RTX 3080", 12_053) is None
    assert match_preset("NVIDIA GeForce RTX 4070 Laptop GPU", 7_940) is None
    assert match_preset("Some other card", 8_000) is None


def test_no_two_presets_share_a_driver_name():
    names = [name for preset in PRESETS.values() for name in preset.driver_names]
    assert len(names) == len(set(names))


def test_fields_left_out_take_the_presets_values_and_given_ones_win():
    assert card(Hardware()) == hardware_preset("tesla-p4")
    changed = card(Hardware(vram_mib=7680, effective_batch=8))
    assert (changed.vram_mib, changed.effective_batch, changed.reserve_mib) == (7680, 8, 550)


def test_what_is_native_follows_an_overridden_capability():
    newer = card(Hardware(compute_capability="8.6"))
    assert newer.native_bf16
    assert newer.tensor_cores
    older = with_capability(hardware_preset("rtx-3060"), "5.3")
    assert older.native_fp16
    assert not older.native_bf16
