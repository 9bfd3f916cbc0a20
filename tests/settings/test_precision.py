"""One function decides the precision, of what is planned for and of the device that is there."""

import itertools

import pytest

from vsr_settings import DeviceFacts, Train, load, precision, precision_on
from vsr_settings.hardware.presets import PRESETS

DEVICES = [DeviceFacts(*each) for each in itertools.product(("cuda", "mps", "cpu"), (True, False))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "fp16"),
        (["train.use_amp=false"], "fp32"),
        (["hardware.preset=a10"], "bf16"),
        (["hardware.preset=a10", "train.amp_dtype=fp16"], "fp16"),
        (["hardware.preset=cpu"], "bf16"),
        (["hardware.preset=mps"], "bf16"),
        (["hardware.preset=mps", "run.device=cpu", "train.amp_dtype=fp16"], "fp16"),
        (["run.device=cpu"], "bf16"),
        (["hardware.compute_capability=8.0"], "bf16"),
    ],
)
def test_automatic_precision_is_bf16_where_it_is_native_and_on_the_cpu(options, expected):
    assert precision(load(overrides=options, environ={})) == expected


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_automatic_precision_on_a_device_is_bf16_where_native_and_fp16_on_cuda_alone(device):
    otherwise = "fp16" if device.kind == "cuda" else "fp32"
    assert precision_on(Train(), device) == ("bf16" if device.native_bf16 else otherwise)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_what_is_written_wins_over_what_the_device_does(device):
    assert precision_on(Train(use_amp=False, amp_dtype="bf16"), device) == "fp32"
    assert precision_on(Train(amp_dtype="bf16"), device) == "bf16"
    assert precision_on(Train(amp_dtype="fp16"), device) == "fp16"


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_plans_for_the_precision_that_its_device_gets(name):
    settings = load(overrides=[f"hardware.preset={name}"], environ={})
    kind = name if name in ("cpu", "mps") else "cuda"
    native = PRESETS[name].native_bf16 or kind == "cpu"
    assert precision(settings) == precision_on(settings.train, DeviceFacts(kind, native))
