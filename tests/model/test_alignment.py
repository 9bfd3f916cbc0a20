"""Laws of alignment: what neighbours show, what it may depend on, and what it leaves alone."""

from importlib.resources import files

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from model.plain import plain_network
from model.plain_alignment import plain_evidence
from model.windows import moving_window, moving_windows
from PIL import Image

from vsr_data.footage.camera import FASTEST, Pose, film
from vsr_model import Network, gather_evidence
from vsr_model.alignment import estimate_flow
from vsr_settings import Model

SCALES = st.sampled_from([2, 3, 4])
SEEDS = st.integers(0, 10_000)
MOTIONS = st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))

ALIGN_NAMES = {"align.conv.weight", "align.out.weight", "align.out.bias"} | {
    f"align.blocks.{block}.conv{conv}.{part}"
    for block in (0, 1)
    for conv in (1, 2)
    for part in ("weight", "bias")
}


def random_network(*, std=0.1, **chosen):
    """A network whose every tensor is random: the zero-initialised ones too."""
    network = Network(Model(**{"n_feats": 4, "n_blocks": 2, **chosen}))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return network


def with_the_weights_of(network, **changed):
    """Another kind of network with all weights that both have."""
    other = random_network(**(network.settings.model_dump() | changed))
    other.load_state_dict(network.state_dict(), strict=False)
    return other


def assert_bit_equal(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one, other)


# The judge


def judged(lq_1TCHW, scale):
    confidence, evidence = plain_evidence(lq_1TCHW[0].double().numpy(), scale)
    return torch.from_numpy(confidence)[None], torch.from_numpy(evidence)[None]


def assert_it_is_the_plain_formulation(lq_1TCHW, scale):
    wanted = judged(lq_1TCHW, scale)
    assert_it_is_in_float64(lq_1TCHW, scale, wanted)
    for found, want in zip(gather_evidence(lq_1TCHW.float(), scale), wanted, strict=True):
        # rounding may choose another nearest pixel where two are as near
        far = (found.double() - want).abs() > 1e-4
        assert far.double().mean() <= 1e-4


def assert_it_is_in_float64(lq_1TCHW, scale, wanted):
    for found, want in zip(gather_evidence(lq_1TCHW, scale), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=0, atol=1e-9)


@settings(max_examples=8)
@given(st.sampled_from([3, 5]), st.integers(1, 14), st.integers(1, 14), SCALES, MOTIONS, SEEDS)
def test_evidence_is_the_plain_formulation_in_float64(n_frames, height, width, scale, motion, seed):
    """Of frames so small that every rounding shows in some of them; fp32 is held to larger ones."""
    window = moving_window(n_frames, height, width, motion, seed=seed)
    assert_it_is_in_float64(window, scale, judged(window, scale))


@pytest.mark.parametrize(("height", "width"), [(97, 96), (25, 51)])  # of four levels, of two
def test_evidence_of_frames_with_a_pyramid_is_the_plain_formulation(height, width):
    window = moving_window(3, height, width, (2.3, -1.7))
    assert gather_evidence(window, 2)[0].mean() > 0.5
    assert_it_is_the_plain_formulation(window, 2)


def test_evidence_of_noisy_frames_is_the_plain_formulation():
    """Where frames agree no better than their noise, more is believed; but not of anything."""
    window = moving_window(5, 20, 18)
    shares = []
    for noise in (0.0, 0.02, 0.3):
        noisy = (window + noise * torch.randn_like(window)).clamp(0, 1)
        assert_it_is_the_plain_formulation(noisy, 2)
        shares.append(float(gather_evidence(noisy, 2)[0].mean()))
    assert shares[0] > 0.9
    assert shares[1] > 0.5
    assert shares[2] < 1e-3


def test_the_network_is_the_plain_one_of_the_plain_evidence():
    network, window = random_network().double(), moving_window(5, 12, 11)
    wanted = plain_network(network.state_dict(), window, 3, judged(window, 3))
    for found, want in zip(network(window, with_plain=True), wanted, strict=True):
        torch.testing.assert_close(found, want, rtol=0, atol=1e-9)
    assert (wanted[0] - wanted[1]).abs().mean() > 1e-3


# What is known of motion


def inside(height, width, motion, border):
    """Whether a pixel and the place where it is seen are so far within the frame."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    is_inside = torch.ones(height, width, dtype=torch.bool)
    for place, side in ((x, width), (y, height), (x + motion[0], width), (y + motion[1], height)):
        is_inside &= (place >= border) & (place <= side - 1 - border)
    return is_inside


def endpoint_errors(centre_CHW, other_CHW, motion):
    """Distances in pixels between the estimated and the known flow, inside."""
    flow_2HW = estimate_flow(centre_CHW[None], other_CHW[None])[0]
    known = torch.tensor(motion, dtype=flow_2HW.dtype)[:, None, None]
    return (flow_2HW - known).norm(dim=0)[inside(*flow_2HW.shape[1:], motion, border=6)]


@given(MOTIONS.filter(lambda motion: max(map(abs, motion)) > 0.05), SEEDS)
def test_a_motion_that_is_known_is_found(motion, seed):
    window = moving_window(3, 48, 56, motion, seed=seed)[0].float()
    errors = endpoint_errors(window[1], window[2], motion)
    assert errors.mean() < 0.1


@pytest.mark.parametrize("speed", [0.3, 1, 2, 4, 8, 12, 16])
@pytest.mark.parametrize("photo", ["chelsea.png", "ihc.png"])
def test_a_pan_over_a_photograph_is_found_at_any_speed(photo, speed):
    with Image.open(files("skimage").joinpath("data", photo)) as picture:
        photo_HWC = np.asarray(picture.convert("RGB"), np.float32)
    y, x = (side / 2 for side in photo_HWC.shape[:2])
    for angle in (0.4, 2.5):
        down, right = speed * np.sin(angle), speed * np.cos(angle)
        poses = Pose(y, x, 2.0), Pose(y + 2 * down, x + 2 * right, 2.0)
        centre, other = (
            torch.from_numpy(film(photo_HWC, pose, (96, 96))).permute(2, 0, 1) / 255
            for pose in poses
        )
        errors = endpoint_errors(centre, other, (-right, -down))
        assert errors.median() < 0.1
        assert errors.mean() < 0.1 or speed > FASTEST  # where little detail is, some are lost


# Where nothing is shown


@given(SEEDS, SCALES)
def test_without_anything_new_the_output_is_the_plain_one_whatever_the_weights(seed, scale):
    torch.manual_seed(seed)
    centre = moving_window(1, 12, 9, seed=seed).float()
    equal = centre.expand(-1, 5, -1, -1, -1)
    neighbours_of_noise = torch.rand(1, 5, 3, 12, 9)
    neighbours_of_noise[:, 2] = centre[:, 0]
    noise = torch.rand(1, 5, 3, 12, 9)
    lq = torch.cat([equal, neighbours_of_noise, noise])
    confidence = gather_evidence(lq, scale)[0]
    assert not confidence[0].any()
    assert confidence.max() < 1e-6  # a pixel of noise may agree by chance, to a rounding
    lq = lq[~confidence.flatten(1).any(dim=1)]
    network = random_network(scale=scale, std=1.0)
    sr, plain = network(lq, with_plain=True)
    assert torch.equal(sr, plain)
    assert torch.equal(sr, with_the_weights_of(network, align="none")(lq))
    nothing = [torch.zeros_like(each) for each in gather_evidence(lq, scale)]
    assert torch.equal(sr, network(lq, nothing))


def test_an_output_that_is_not_aligned_is_the_plain_one_whatever_is_known():
    network, window = random_network(std=0.3), moving_window(5, 12, 11).float()
    sr, plain = network(window, with_plain=True)
    assert not torch.equal(sr, plain)
    known = gather_evidence(window, network.settings.scale)
    assert torch.equal(network(window, known, aligned=False), plain)
    assert_bit_equal(network(window, aligned=False, with_plain=True)[:1], [plain])


def test_a_neighbour_that_repeats_the_centre_frame_shows_nothing():
    """As at the ends of what is filled up by repetition."""
    _, centre, other = moving_window(3, 26, 22).float().unbind(1)
    short = torch.stack([centre, centre, other], dim=1)
    long = torch.stack([centre, centre, centre, other, centre], dim=1)
    assert gather_evidence(short, 3)[0].mean() > 0.5
    assert_bit_equal(gather_evidence(long, 3), gather_evidence(short, 3))


@pytest.mark.parametrize("flicker", [0.0, 0.001, 0.2])
def test_flat_frames_show_nothing(flicker):
    levels = 0.4 + flicker * torch.arange(3.0).view(1, 3, 1, 1, 1)
    confidence, evidence = gather_evidence(levels.expand(1, 3, 3, 30, 25), 3)
    assert not confidence.any()
    assert not evidence.any()


# What it may not depend on


def test_a_window_s_evidence_does_not_depend_on_the_rest_of_its_batch():
    windows = moving_windows(3, 5, 27, 25).float()
    broken = torch.full_like(windows[:1], float("nan"))
    noise = torch.rand_like(windows[:1])
    for others in (noise, broken):
        together = gather_evidence(torch.cat([others, windows]), 3)
        for number in range(3):
            alone = gather_evidence(windows[number, None], 3)
            assert alone[0].any()
            assert_bit_equal(alone, [each[number + 1, None] for each in together])


@given(st.permutations([0, 1, 3, 4]), SEEDS)
def test_the_order_of_neighbours_does_not_matter(order, seed):
    window = moving_window(5, 14, 13, seed=seed).float()
    found = gather_evidence(window, 2)
    turned = gather_evidence(window[:, [*order[:2], 2, *order[2:]]], 2)
    for one, other in zip(found, turned, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=3e-7)


TURNS = {
    "flip_x": lambda picture: picture.flip(-1),
    "flip_y": lambda picture: picture.flip(-2),
    "transpose": lambda picture: picture.mT,
}


def pictures(evidence_BKHW, scale):
    """Evidence with the parts of each pixel where they are in it."""
    return F.pixel_shuffle(evidence_BKHW[:, :-1], scale), evidence_BKHW[:, -1]


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@settings(max_examples=10)
@given(SCALES, st.sampled_from([(8, 16), (24, 32), (48, 24)]), MOTIONS)
def test_a_turned_window_shows_what_the_window_shows_turned(turn, scale, size, motion):
    """A pyramid's levels begin at the first row and column: sides it halves evenly."""
    window = moving_window(3, *size, motion)
    confidence, evidence = gather_evidence(window, scale)
    turned_confidence, turned_evidence = gather_evidence(turn(window), scale)
    torch.testing.assert_close(turned_confidence, turn(confidence), rtol=0, atol=1e-4)
    parts = zip(pictures(turned_evidence, scale), pictures(evidence, scale), strict=True)
    for found, want in parts:
        torch.testing.assert_close(found, turn(want), rtol=0, atol=1e-4)


# Precision


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_leaves_evidence_as_it_is(dtype):
    window = moving_window(5, 25, 24).float()
    wanted = gather_evidence(window, 3)
    with torch.autocast("cpu", dtype=dtype):
        found = gather_evidence(window, 3)
        of_half = gather_evidence(window.to(dtype), 3)
    assert_bit_equal(found, wanted)
    assert_bit_equal(of_half, gather_evidence(window.to(dtype).float(), 3))
    assert all(each.dtype == torch.float32 for each in (*found, *of_half))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_outputs_and_gradients_are_finite_and_near_those_of_fp32(dtype):
    network, window = random_network(), moving_windows(2, 5, 16, 15).float()
    with torch.autocast("cpu", dtype=dtype):
        outputs = network(window, with_plain=True)
    for found, want in zip(outputs, network(window, with_plain=True), strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, want, rtol=0, atol=0.02)
    sum(output.square().mean() for output in outputs).backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_of_another_precision_takes_frames_of_it(dtype):
    network, window = random_network(), moving_window(5, 12, 11).to(dtype)
    with torch.no_grad():
        want, found = network(window.float()), network.to(dtype)(window)
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), want, rtol=0, atol=0.05)


# Learning


def loss_of(output):
    return (output * torch.linspace(-1, 1, output.numel()).view_as(output)).sum()


def plain_features(network):
    """The parameters that make what no neighbour is added to."""
    names = ("feat_extract", "backward_", "forward_", "fusion")
    return {
        name: parameter for name, parameter in network.named_parameters() if name.startswith(names)
    }


def test_the_output_of_neighbours_trains_no_plain_feature():
    network = random_network()
    sr, _ = network(moving_window(5, 12, 11).float(), with_plain=True)
    loss_of(sr).backward()
    for name, parameter in plain_features(network).items():
        assert parameter.grad is None or not parameter.grad.any(), name


@pytest.mark.parametrize("recompute", ["none", "blocks", "segments"])
def test_plain_features_learn_what_those_of_a_plain_network_learn(recompute):
    aligned = random_network(recompute=recompute)
    plain = with_the_weights_of(aligned, align="none")
    window = moving_windows(2, 5, 12, 11).float()
    output = plain(window)
    loss_of(output).backward()
    sr, same = aligned(window, with_plain=True)
    assert torch.equal(same, output)
    (loss_of(sr) + loss_of(same)).backward()
    wanted = plain_features(plain)
    for name, parameter in plain_features(aligned).items():
        assert torch.equal(parameter.grad, wanted[name].grad), name


def test_every_layer_of_alignment_learns_and_the_last_one_from_zero():
    network, window = random_network(), moving_window(5, 12, 11).float()
    assert {name for name, _ in network.align.named_parameters(prefix="align")} == ALIGN_NAMES
    loss_of(network(window)).backward()
    for name, parameter in network.align.named_parameters():
        assert parameter.grad.any(), name
    network.zero_grad()
    for parameter in network.align.out.parameters():
        torch.nn.init.zeros_(parameter)
    loss_of(network(window)).backward()
    assert all(parameter.grad.any() for parameter in network.align.out.parameters())


# Shapes and names


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("n_frames", [3, 5, 7])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (24, 23), (49, 26)])
def test_windows_of_any_size_show_something_for_each_part_of_a_pixel(size, n_frames, scale):
    window = moving_window(n_frames, *size).float()
    confidence, evidence = gather_evidence(window, scale)
    assert confidence.shape == (1, 1, *size)
    assert evidence.shape == (1, 7 * scale**2 + 1, *size)
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    assert evidence.isfinite().all()
    assert not evidence.requires_grad
    network = random_network(n_frames=n_frames, scale=scale, n_feats=2)
    with torch.no_grad():
        sr, plain = network(window, with_plain=True)
        assert torch.equal(network(window, (confidence, evidence)), sr)
    assert sr.shape == plain.shape == (1, 3, *(scale * side for side in size))
    assert sr.isfinite().all()


def test_a_network_without_alignment_has_one_output():
    network, window = random_network(align="none"), moving_window(5, 8, 8).float()
    sr, plain = network(window, with_plain=True)
    assert plain is None
    assert torch.equal(sr, network(window))


def test_weights_that_know_no_alignment_lack_its_names_alone_and_give_the_same_output():
    plain, aligned = random_network(align="none"), Network(Model(n_feats=4, n_blocks=2))
    report = aligned.load_state_dict(plain.state_dict(), strict=False)
    assert set(report.missing_keys) == ALIGN_NAMES
    assert len(report.missing_keys) == 11
    assert not report.unexpected_keys
    window = moving_window(5, 12, 11).float()
    assert gather_evidence(window, 3)[0].any()
    assert torch.equal(aligned(window), plain(window))
