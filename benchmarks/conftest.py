"""What benchmarks share: where they run, and what is recorded of the machine."""

import os
import platform

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the commands set it, before torch is there

import torch
from measuring import matmul_rate

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
        ],
    ),
]


def pytest_benchmark_update_machine_info(config, machine_info):
    """Record the kind of machine, and never its name."""
    for name in ("node", "release"):
        machine_info.pop(name, None)
    machine_info["torch"] = torch.__version__
    machine_info["threads"] = torch.get_num_threads()
    machine_info["cuda"] = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    machine_info["model"] = machine_info.get("cpu", {}).get("brand_raw") or platform.processor()


@pytest.fixture(params=DEVICES)
def device(request):
    return torch.device(request.param)


@pytest.fixture(scope="session")
def matmul_peak():
    """FLOP/s of this machine's matrix product, by device and type; measured once each."""
    measured = {}

    def measure(device, dtype):
        if (device.type, dtype) not in measured:
            measured[device.type, dtype] = matmul_rate(device, dtype)
        return measured[device.type, dtype]

    return measure


@pytest.fixture(scope="session")
def is_short(request):
    """Whether benchmarks run once each, for their answer; nothing is timed.

    An option of its own enables them over what pyproject.toml says.
    """
    option = request.config.getoption
    return option("benchmark_disable") and not option("benchmark_enable")
