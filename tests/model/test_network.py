"""Laws of the network: its names, its arithmetic, and that recomputing changes neither."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from live_bytes import LiveBytes
from model.plain import plain_network
from model.windows import any_known, moving_window, moving_windows

from vsr_model import Network
from vsr_settings import Model

sizes = st.builds(
    dict,
    n_feats=st.integers(1, 6),
    n_blocks=st.integers(1, 6).map(lambda half: 2 * half),
    n_frames=st.sampled_from([3, 5, 7]),
    scale=st.sampled_from([2, 3, 4]),
    align=st.sampled_from(["none", "samples"]),
)


def random_network(**settings):
    """A float64 network whose every tensor is random: the zero-initialised ones too."""
    network = Network(Model(**settings)).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def gradients(outputs, network):
    """Gradients of what is learned from: all outputs, each weighted pixel by pixel."""
    learned = sum(output for output in outputs if output is not None)
    target = torch.linspace(-1, 1, learned.numel(), dtype=learned.dtype).view_as(learned)
    return torch.autograd.grad((learned * target).sum(), list(network.parameters()))


def both_formulations(network, state, lq):
    """Both outputs by the network, then by the plain formulation with the tensors of `state`."""
    scale, size = network.settings.scale, lq.shape[-2:]
    if network.settings.align == "none":
        return network(lq, with_plain=True), (plain_network(state, lq, scale), None)
    known = any_known(len(lq), scale, *size)
    return network(lq, known, with_plain=True), plain_network(state, lq, scale, known)


@given(sizes, st.integers(1, 7), st.integers(1, 7))
def test_any_size_equals_the_plain_formulation(settings, height, width):
    network = random_network(**settings)
    lq = torch.rand(2, settings["n_frames"], 3, height, width, dtype=torch.float64)
    found, wanted = both_formulations(network, network.state_dict(), lq)
    for sr, want in zip(found, wanted, strict=True):
        if want is None:
            assert sr is None
            continue
        assert sr.shape == (2, 3, settings["scale"] * height, settings["scale"] * width)
        torch.testing.assert_close(sr, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("recompute", ["none", "blocks", "segments", "auto"])
@given(settings=sizes)
def test_every_recompute_setting_gives_the_plain_gradients(recompute, settings):
    network = random_network(**settings, recompute=recompute)
    lq = torch.rand(2, settings["n_frames"], 3, 5, 4, dtype=torch.float64)
    plain = dict(network.named_parameters())
    got, want = (gradients(each, network) for each in both_formulations(network, plain, lq))
    for name, one, other in zip(plain, got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10, msg=name)


@pytest.mark.parametrize("recompute", ["blocks", "segments"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("align", ["none", "samples"])
def test_recomputing_under_autocast_changes_no_bit_but_the_order_of_upsampling_s_sums(
    recompute, dtype, align
):
    network = random_network(n_feats=4, n_blocks=12, align=align).float()
    lq = moving_windows(2, 5, 8, 8).float()
    outputs, results = [], []
    for setting in ("none", recompute):
        network.settings = network.settings.model_copy(update={"recompute": setting})
        with torch.autocast("cpu", dtype=dtype):
            sr, plain = network(lq, with_plain=True)
            outputs.append((sr, plain) if align == "samples" else (sr,))
        results.append(gradients(outputs[-1], network))
    for one, other in zip(*outputs, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)
    for (name, _), one, other in zip(network.named_parameters(), *results, strict=True):
        rounding = len(outputs[0]) * torch.finfo(dtype).eps * float(one.abs().max())
        atol = rounding if name.startswith("upsample.") else 0
        torch.testing.assert_close(other, one, rtol=0, atol=atol, msg=name)


def kept_maps(recompute, **settings):
    """What a forward pass keeps for backward, in feature maps of the whole batch."""
    network = Network(Model(n_feats=8, recompute=recompute, **settings))
    lq = torch.rand(2, network.settings.n_frames, 3, 6, 7)
    with LiveBytes() as live:
        outputs = network(lq, with_plain=True)
    assert outputs[0].requires_grad
    return live.now / (8 * lq.nbytes / (3 * network.settings.n_frames))


@pytest.mark.parametrize("align", ["none", "samples"])
@pytest.mark.parametrize(("n_blocks", "n_frames", "scale"), [(2, 3, 2), (16, 5, 3), (20, 5, 4)])
def test_recomputing_keeps_what_it_says_and_nothing_else(n_blocks, n_frames, scale, align):
    """Two maps a block and frame; or its input; or one input for four blocks; and none wide.

    Of alignment its input, or two maps for each of its two blocks and one for the last layer.
    """
    settings = {"n_blocks": n_blocks, "n_frames": n_frames, "scale": scale, "align": align}
    kept = {each: kept_maps(each, **settings) for each in ("none", "blocks", "segments")}
    walked, depth = n_frames - 1, n_blocks // 2
    once = walked * depth + (scale**2 if align == "none" else 2 * scale**2 + 5)
    assert kept["none"] - kept["blocks"] == pytest.approx(once)
    assert kept["blocks"] - kept["segments"] == pytest.approx(walked * (depth - -(-depth // 4)))


def test_without_gradients_nothing_is_kept_whatever_recompute_says():
    for recompute in ("none", "blocks", "segments"):
        network = Network(Model(n_feats=8, n_blocks=8, recompute=recompute))
        with torch.no_grad(), LiveBytes() as live:
            sr = network(torch.rand(1, 5, 3, 6, 7))
        assert live.now == sr.nbytes


def test_a_residual_branch_starts_the_smaller_the_more_blocks_follow_one_another():
    """Drawn from one seed, the first block of a trunk of nine is a lone one's, divided by three."""
    branches = []
    for n_blocks in (2, 18):
        torch.manual_seed(3)
        branches.append(Network(Model(n_feats=4, n_blocks=n_blocks)).backward_trunk[0])
    lone, first = branches
    assert torch.equal(lone.conv1.weight, first.conv1.weight)
    torch.testing.assert_close(lone.conv2.weight, first.conv2.weight * 3)


@pytest.mark.parametrize("align", ["none", "samples"])
def test_an_untrained_network_is_the_bilinear_base(align):
    lq = moving_window(5, 6, 7).float()
    base = torch.nn.functional.interpolate(lq[:, 2], scale_factor=3, mode="bilinear")
    assert torch.equal(Network(Model(n_feats=8, n_blocks=4, align=align))(lq), base)


def test_state_dict_names_and_shapes_are_the_fixed_ones():
    shapes = {
        kind: {
            k: tuple(v.shape)
            for k, v in Network(Model(n_feats=8, n_blocks=4, align=kind)).state_dict().items()
        }
        for kind in ("none", "samples")
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
    assert shapes["none"] == with_biases(expected)
    expected |= {f"align.blocks.{i}.conv{j}": (8, 8, 3, 3) for i in (0, 1) for j in (1, 2)}
    expected |= {"align.out": (8, 8, 1, 1)}
    without_bias = {"align.conv.weight": (8, 64, 3, 3)}
    assert shapes["samples"] == with_biases(expected) | without_bias


def with_biases(shapes):
    weights = {f"{name}.weight": shape for name, shape in shapes.items()}
    return weights | {f"{name}.bias": shape[:1] for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("n_feats", "n_blocks", "align", "parameters"),
    [
        (64, 24, "none", 2_133_187),
        (64, 24, "samples", 2_321_923),
        (128, 36, "none", 12_060_035),
        (128, 36, "samples", 12_740_611),
    ],
)
def test_parameter_counts(n_feats, n_blocks, align, parameters):
    with torch.device("meta"):
        network = Network(Model(n_feats=n_feats, n_blocks=n_blocks, align=align))
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
