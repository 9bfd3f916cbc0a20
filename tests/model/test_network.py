"""Laws of the network: its names, its arithmetic, and that recomputing changes neither."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model.plain import plain_network

from vsr_model import Network
from vsr_settings import Model

sizes = st.builds(
    dict,
    n_feats=st.integers(1, 6),
    n_blocks=st.integers(1, 6).map(lambda half: 2 * half),
    n_frames=st.sampled_from([3, 5, 7]),
    scale=st.sampled_from([2, 3, 4]),
)


def random_network(**settings):
    """A float64 network whose every tensor is random: the zero-initialised ones too."""
    network = Network(Model(**settings)).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def gradients(output, network):
    target = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * target).sum(), list(network.parameters()))


@given(sizes, st.integers(1, 7), st.integers(1, 7))
def test_any_size_equals_the_plain_formulation(settings, height, width):
    network = random_network(**settings)
    lq = torch.rand(2, settings["n_frames"], 3, height, width, dtype=torch.float64)
    sr = network(lq)
    assert sr.shape == (2, 3, settings["scale"] * height, settings["scale"] * width)
    torch.testing.assert_close(
        sr, plain_network(network.state_dict(), lq, settings["scale"]), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("recompute", ["none", "blocks", "segments", "auto"])
@given(settings=sizes)
def test_every_recompute_setting_gives_the_plain_gradients(recompute, settings):
    network = random_network(**settings, recompute=recompute)
    lq = torch.rand(2, settings["n_frames"], 3, 5, 4, dtype=torch.float64)
    got = gradients(network(lq), network)
    names = [name for name, _ in network.named_parameters()]
    plain = dict(network.named_parameters())
    want = gradients(plain_network(plain, lq, settings["scale"]), network)
    for name, one, other in zip(names, got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("recompute", ["none", "blocks", "segments"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_recomputing_under_autocast_changes_no_gradient(recompute, dtype):
    torch.manual_seed(0)
    network = random_network(n_feats=4, n_blocks=12).float()
    lq = torch.rand(2, 5, 3, 8, 8)
    results = []
    for setting in ("none", recompute):
        network.settings = network.settings.model_copy(update={"recompute": setting})
        with torch.autocast("cpu", dtype=dtype):
            output = network(lq)
        assert output.dtype == torch.float32
        results.append(gradients(output, network))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=2e-2, atol=2e-2 * float(one.abs().max()))


def test_an_untrained_network_is_the_bilinear_base():
    lq = torch.rand(1, 5, 3, 6, 7)
    base = torch.nn.functional.interpolate(lq[:, 2], scale_factor=3, mode="bilinear")
    assert torch.equal(Network(Model(n_feats=8, n_blocks=4))(lq), base)


def test_state_dict_names_and_shapes_are_the_fixed_ones():
    shapes = {
        k: tuple(v.shape) for k, v in Network(Model(n_feats=8, n_blocks=4)).state_dict().items()
    }
    expected = {
        "feat_extract": (8, 3, 3, 3),
        "backward_fuse.conv": (8, 16, 1, 1),
        "forward_fuse.conv": (8, 16, 1, 1),
        "fusion.conv": (8, 16, 1, 1),
        "upsample.0": (72, 8, 3, 3),
        "upsample.2": (3, 8, 3, 3),
    }
    for trunk in ("backward_trunk", "forward_trunk"):
        for i in range(2):
            expected |= {f"{trunk}.{i}.conv{j}": (8, 8, 3, 3) for j in (1, 2)}
    for name, shape in expected.items():
        assert shapes.pop(f"{name}.weight") == shape
        assert shapes.pop(f"{name}.bias") == shape[:1]
    assert not shapes


@pytest.mark.parametrize(
    ("n_feats", "n_blocks", "parameters"), [(64, 24, 2_133_187), (128, 36, 12_060_035)]
)
def test_parameter_counts(n_feats, n_blocks, parameters):
    with torch.device("meta"):
        network = Network(Model(n_feats=n_feats, n_blocks=n_blocks))
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("shape", [(5, 3, 8, 8), (1, 4, 3, 8, 8), (1, 5, 1, 8, 8)])
def test_a_window_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"network takes \(batch, 5, 3, height, width\)"):
        Network(Model(n_feats=2, n_blocks=2))(torch.rand(shape))


def test_a_nan_in_the_input_reaches_the_output():
    lq = torch.rand(2, 5, 3, 8, 8)
    lq[1, 2, 0, 4, 4] = float("nan")
    sr = random_network(n_feats=2, n_blocks=2).float()(lq)
    assert sr[0].isfinite().all()
    assert sr[1].isnan().any()
