"""Time of the network's forward pass alone: what enlarging a frame costs."""

import pytest
import torch
from measuring import now
from plain import PlainNetwork

from vsr_model import Network
from vsr_settings import Model

NETWORKS = {"64x24": Model(), "128x36": Model(n_feats=128, n_blocks=36)}


@pytest.mark.benchmark(group="forward")
@pytest.mark.parametrize("name", NETWORKS)
@torch.inference_mode()
def bench_forward(benchmark, name, device):
    network = Network(NETWORKS[name]).to(device).eval()
    torch.nn.init.normal_(network.upsample[2].weight, std=0.01)
    plain = PlainNetwork(NETWORKS[name]).to(device)
    plain.load_state_dict(network.state_dict())
    if device.type == "cpu":
        network.to(memory_format=torch.channels_last)
    side = 180 if device.type == "cuda" else 32
    lq_BTCHW = torch.rand(1, 5, 3, side, side, device=device)
    torch.testing.assert_close(network(lq_BTCHW), plain(lq_BTCHW), rtol=1e-3, atol=1e-4)

    def forward():
        network(lq_BTCHW)
        now(device)

    benchmark.pedantic(forward, rounds=5, warmup_rounds=1)
    benchmark.extra_info |= {"network": name, "device": device.type, "patch": side}
