"""Validation measures what scikit-image measures, and its gains mean what they say."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from vsr_data import Clip, Footage, open_validation, validation_windows
from vsr_device import choose_platform
from vsr_model import Network
from vsr_train.folder import RunFolder
from vsr_train.validation import Validator


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
        found = Validator(footage, settings, platform).measure(network)
        return network, footage, settings, found

    return measure


def test_an_untrained_network_gains_nothing_over_the_base(settings_of):
    settings = settings_of()
    footage = open_validation(settings.data, settings.model)
    platform = choose_platform(settings)
    found = Validator(footage, settings, platform).measure(Network(settings.model).eval())
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


@pytest.mark.parametrize("tile", [16, 20, 64])
def test_tiles_change_no_figure(measured, tile):
    torch.manual_seed(4)
    whole = measured(data__val_tile=4096)[-1]
    torch.manual_seed(4)
    tiled = measured(data__val_tile=tile)[-1]
    for name, value in whole.mean.items():
        assert math.isclose(tiled.mean[name], value, rel_tol=1e-4, abs_tol=1e-4), name


def test_what_is_measured_is_all_there(measured):
    *_, found = measured()
    pictures = ["", "_bilinear", "_bicubic"]
    names = {f"{m}{p}" for m in ("psnr", "psnr_y", "ssim", "sharpness") for p in pictures}
    names |= {"gain_db", "gain_bicubic_db", "temporal_db", "detail_ratio", "detail_correlation"}
    assert found.mean.keys() == names  # pairs of pictures have no next frame, and no VGG16
    for scores in found.sources.values():
        assert scores.keys() == names


class _Film(Clip):
    """Six windows of a picture that brightens by one code value a frame."""

    name, source, windows, lq_size, gt_size = "film", "here", 6, (24, 24), (48, 48)

    def window(self, i):
        gt = np.full((48, 48, 3), 100 + i, np.uint8)
        lq = np.stack([np.full((24, 24, 3), 98 + i + t, np.uint8) for t in range(5)])
        return lq, gt

    def origin(self, i):
        return f"here, frame {i}"


def test_the_change_error_is_that_of_the_change_not_of_the_picture(settings_of):
    """Without training a flat film is exact; what adds a constant changes as it should, too."""
    settings = settings_of()
    validator = Validator(Footage((_Film(),)), settings, choose_platform(settings))
    network = Network(settings.model).eval()
    for offset in (0.0, 0.1):
        torch.nn.init.constant_(network.upsample[2].bias, offset)
        scores = validator.measure(network).mean
        assert scores["change_error"] < 1e-6
        assert (scores["psnr"] > 60) == (offset == 0)


def test_validating_alone_measures_a_checkpoint_and_writes_nothing(command, settings_of):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    for resume in ("auto", str(folder.best)):
        code, out, _ = command("--validate-only", "--resume", resume)
        assert code == 0
        assert "over bicubic" in out
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
