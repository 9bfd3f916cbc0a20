"""A card that cannot run this is refused before its first kernel, with advice that works."""

import dataclasses

import pytest
import torch

from vsr_device import DeviceError, Platform, choose_platform
from vsr_device.card import CardFacts, check_card, check_facts, cudnn_version, has_kernels
from vsr_settings import load

CUDA_12_6 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
CUDA_12_8 = ("sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
P4 = CardFacts("Tesla P4", (6, 1), 7611, 7400, CUDA_12_6, 90501, "2.7.1+cu126")
FP16 = Platform(torch.device("cuda", 0), torch.float16, torch.contiguous_format)


def p4_settings(*options):
    return load(
        None, ["hardware.preset=tesla-p4", "data.train=demo", "data.val=demo", *options], {}
    )


@pytest.mark.parametrize(
    ("architectures", "capability", "expected"),
    [
        (CUDA_12_6, (6, 1), True),  # sm_60 cubins run on 6.1
        (CUDA_12_6, (8, 9), True),  # sm_86 ones on 8.9
        (CUDA_12_6, (12, 0), False),  # RTX 5090
        (CUDA_12_8, (6, 1), False),
        (CUDA_12_8, (12, 0), True),
        (("sm_90a",), (9, 0), False),
        (("sm_61",), (6, 0), False),
        (("compute_60",), (6, 1), False),
        ((), (6, 1), False),
    ],
)
def test_kernels_run_on_later_minors_of_their_major_alone(architectures, capability, expected):
    assert has_kernels(architectures, capability) == expected


def test_the_card_that_was_planned_for_passes_without_a_word():
    assert check_facts(P4, p4_settings(), FP16) == ()


BAD_CARDS = {
    "a wheel without its kernels": (
        {"architectures": CUDA_12_8, "torch": "2.8.0"},
        ["no kernels", "6.1", "torch==2.7.1", "torchvision==0.22.1"],
    ),
    "a cuDNN that dropped it": ({"cudnn": 91100}, ["cuDNN 91100", "under 7.5"]),
    "memory that others use": ({"free_mib": 900}, ["900 of 7611", "nvidia-smi"]),
}


@pytest.mark.parametrize(("changed", "parts"), BAD_CARDS.values(), ids=BAD_CARDS)
def test_a_card_that_cannot_run_this_is_refused(changed, parts):
    with pytest.raises(DeviceError) as caught:
        check_facts(dataclasses.replace(P4, **changed), p4_settings(), FP16)
    for part in ["Tesla P4", *parts]:
        assert part in str(caught.value)


def test_a_wheel_too_old_for_a_new_card_is_told_to_be_renewed():
    facts = dataclasses.replace(P4, name="NVIDIA GeForce RTX 5090", capability=(12, 0))
    with pytest.raises(DeviceError, match="install a newer torch"):
        check_facts(facts, p4_settings(), FP16)


@pytest.mark.parametrize(
    ("architectures", "runs"),
    [
        (("sm_60", "compute_60"), True),
        ((*CUDA_12_6, "compute_90"), True),
        (("sm_60", "compute_120"), True),
        (("sm_60", "compute_121"), False),
        (("sm_60", "compute_120a"), False),  # PTX of one architecture alone
    ],
)
def test_ptx_of_an_older_card_is_translated_with_a_word(architectures, runs):
    facts = dataclasses.replace(
        P4, name="NVIDIA GeForce RTX 5090", capability=(12, 0), architectures=architectures
    )
    if runs:
        assert any("PTX" in note for note in check_facts(facts, p4_settings(), FP16))
    else:
        with pytest.raises(DeviceError, match="no kernels"):
            check_facts(facts, p4_settings(), FP16)


def test_a_user_who_knows_better_is_let_past_the_memory():
    facts = dataclasses.replace(P4, free_mib=900)
    assert check_facts(facts, p4_settings("hardware.allow_over_budget=true"), FP16) == ()


def test_another_card_than_planned_for_is_noted_with_its_preset():
    t4 = CardFacts("Tesla T4", (7, 5), 15102, 15000, CUDA_12_6, 90501, "2.7.1")
    (note,) = check_facts(t4, p4_settings(), FP16)
    assert "hardware.preset = 't4'" in note
    unknown = dataclasses.replace(t4, name="Quadro P2200")
    assert "no preset is known" in check_facts(unknown, p4_settings(), FP16)[0]


def test_less_memory_than_planned_is_noted_with_what_to_write():
    notes = check_facts(dataclasses.replace(P4, total_mib=7500), p4_settings(), FP16)
    assert any("hardware.vram_mib = 7500" in note for note in notes)


def test_emulated_bf16_is_noted():
    platform = Platform(FP16.device, torch.bfloat16, torch.contiguous_format)
    assert any("emulated" in note for note in check_facts(P4, p4_settings(), platform))


def test_without_a_card_there_is_nothing_to_check():
    options = ["hardware.preset=cpu", "run.device=cpu", "data.train=demo", "data.val=demo"]
    settings = load(None, options, {})
    assert check_card(settings, choose_platform(settings)) == ()


def test_what_torch_says_of_a_card_too_old_for_its_cudnn_is_left_to_us(monkeypatch):
    def refuse():
        raise RuntimeError("cuDNN version 91300 is not compatible with devices with SM < 7.5")

    monkeypatch.setattr(torch.backends.cudnn, "version", refuse)
    monkeypatch.setattr(torch._C._cudnn, "getVersionInt", lambda: 91300)
    assert cudnn_version() == 91300
