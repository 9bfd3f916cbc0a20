"""Validation measures what scikit-image measures, and its gains mean what they say."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from vsr_data import open_validation, validation_windows
from vsr_model import Network
from vsr_train.device import choose_platform
from vsr_train.validation import validate


@pytest.fixture
def measured(settings_of):
    """Validate some network; return (network, footage, settings, validation)."""

    def measure(fill=0.02, **changed):
        settings = settings_of(**changed)
        network = Network(settings.model).eval()
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=fill)
        footage = open_validation(settings.data, settings.model)
        platform = choose_platform(settings)
        return network, footage, settings, validate(network, footage, settings, platform)

    return measure


def test_an_untrained_network_gains_nothing_over_the_base(settings_of):
    settings = settings_of()
    footage = open_validation(settings.data, settings.model)
    platform = choose_platform(settings)
    found = validate(Network(settings.model).eval(), footage, settings, platform)
    assert found.mean["gain_db"] == 0
    assert found.mean["temporal_db"] == 0
    assert found.mean["gain_bicubic_db"] < 0


def test_psnr_per_clip_is_scikit_image_s(measured):
    network, footage, settings, found = measured()
    border = settings.data.val_border
    for clip, _, lq, gt in validation_windows(footage, settings.data.val_windows):
        with torch.no_grad():
            sr = network(lq.unsqueeze(0) / 255)[0].clamp(0, 1)
        inner = (slice(None), slice(border, -border), slice(border, -border))
        want = peak_signal_noise_ratio((gt / 255)[inner].numpy(), sr[inner].numpy(), data_range=1)
        assert math.isclose(found.sources[clip.name]["psnr"], want, abs_tol=1e-3)


def test_the_temporal_benefit_is_what_the_neighbours_add(measured):
    network, footage, settings, found = measured(fill=0.1)
    gains = []
    for clip, _, lq, _gt in validation_windows(footage, settings.data.val_windows):
        still = lq[2:3].expand_as(lq)
        with torch.no_grad():
            same = torch.equal(network(lq[None] / 255), network(still[None] / 255))
        assert not same
        gains.append(found.sources[clip.name]["temporal_db"])
    assert np.isclose(found.mean["temporal_db"], np.mean(gains))
    assert found.mean["temporal_db"] != 0


def test_measuring_changes_nothing(measured):
    network, *_, first = measured()
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert all(torch.equal(t, state[n]) for n, t in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(map(math.isfinite, first.mean.values()))


def test_a_frame_larger_than_the_validated_side_is_cut_to_its_centre(settings_of):
    """The bilinear base of a cut equals the cut of the base, away from the cut's edges."""
    settings = settings_of(data__val_patch=16)
    footage = open_validation(settings.data, settings.model)
    found = validate(Network(settings.model).eval(), footage, settings, choose_platform(settings))
    for comparison in found.comparisons:
        assert comparison.sr_CHW.shape == (3, 32, 32)
    (first, *_) = validation_windows(footage, 1)
    lq, gt = first[2], first[3]
    assert torch.equal(found.comparisons[0].gt_CHW, gt[:, 8:40, 8:40] / 255)
    base = torch.nn.functional.interpolate(lq[2:3] / 255, scale_factor=2.0, mode="bilinear")
    inner = (slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(
        found.comparisons[0].sr_CHW[inner], base[0, :, 8:40, 8:40][inner], atol=1e-6, rtol=0
    )
