"""Measuring by a published protocol: every frame, the right channel, and what differs is said."""

import dataclasses
import typing

import numpy as np
import pytest
import torch
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from vsr_data import Clip, DataError, Footage
from vsr_device import choose_platform
from vsr_model import Network
from vsr_settings import Model
from vsr_train.__main__ import main
from vsr_train.protocol import (
    PROTOCOLS,
    ProtocolName,
    mean,
    measure,
    protocol_clips,
    under_protocol,
)
from vsr_train.report.protocol import differences

MODEL = Model(n_feats=4, n_blocks=2, n_frames=3, scale=2)


class Pictures(Clip):
    """Consecutive frames in memory, reduced by taking means."""

    def __init__(self, gt_THWC, n_frames, name="calendar"):
        self.name = self.source = name
        self.gt_THWC, self.n_frames = gt_THWC, n_frames
        self.windows = len(gt_THWC) - n_frames + 1
        self.gt_size = gt_THWC.shape[1:3]
        self.lq_size = self.gt_size[0] // 2, self.gt_size[1] // 2
        count, height, width, _ = gt_THWC.shape
        cells = gt_THWC.reshape(count, height // 2, 2, width // 2, 2, 3)
        self.lq_THWC = cells.mean((2, 4)).round().astype(np.uint8)

    def window(self, i):
        return self.lq_THWC[i : i + self.n_frames], self.gt_THWC[i + self.n_frames // 2]

    def gt_frames(self, first, count):
        return self.gt_THWC[first : first + count]

    def origin(self, i):
        return f"{self.name} {i}"


@pytest.fixture
def clip():
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (7, 8, 9, 3)).repeat(4, 1).repeat(4, 2)
    return Pictures(coarse.astype(np.uint8), MODEL.n_frames)


@pytest.fixture
def network():
    network = Network(MODEL).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.03)
    return network


def enlarged(network, clip, number):
    """The stored picture of a frame, through one window of its own whose ends repeat."""
    reach = network.settings.n_frames // 2
    last = len(clip.gt_THWC) - 1
    places = [min(max(number + i, 0), last) for i in range(-reach, reach + 1)]
    lq_TCHW = torch.tensor(clip.lq_THWC[places]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        sr_CHW = network(lq_TCHW[None])[0].clamp(0, 1)
    return (sr_CHW.permute(1, 2, 0).numpy() * 255).round() / 255


def judged(picture_HWC, gt_HWC, channel):
    """scikit-image's PSNR and SSIM."""
    kind = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    if channel == "Y":
        ours, theirs = (rgb2ycbcr(each)[..., 0] / 255 for each in (picture_HWC, gt_HWC))
        similarity = structural_similarity(theirs, ours, data_range=1, **kind)
    else:
        ours, theirs = picture_HWC, gt_HWC
        similarity = structural_similarity(theirs, ours, data_range=1, channel_axis=2, **kind)
    return peak_signal_noise_ratio(theirs, ours, data_range=1), similarity


@pytest.mark.parametrize("name", ["vid4", "reds4"])
def test_every_frame_counts_as_scikit_image_measures_it(name, clip, network, settings_of):
    found = measure(network, clip, PROTOCOLS[name], choose_platform(settings_of()), tile=64)
    want = [
        judged(enlarged(network, clip, i), gt / 255, PROTOCOLS[name].channel)
        for i, gt in enumerate(clip.gt_THWC)
    ]
    assert found.frames == len(clip.gt_THWC)
    assert found.psnr == pytest.approx(np.mean([psnr for psnr, _ in want]), abs=2e-3)
    assert found.ssim == pytest.approx(np.mean([ssim for _, ssim in want]), abs=2e-4)


def test_of_septuplets_the_fourth_frame_alone_counts(clip, network, settings_of):
    found = measure(network, clip, PROTOCOLS["vimeo90k"], choose_platform(settings_of()), tile=64)
    want, _ = judged(enlarged(network, clip, 3), clip.gt_THWC[3] / 255, "Y")
    assert found.frames == 1
    assert found.psnr == pytest.approx(want, abs=2e-3)


def test_clips_count_the_same_however_long_they_are(clip, network, settings_of):
    platform = choose_platform(settings_of())
    short = Pictures(clip.gt_THWC[:3], MODEL.n_frames)
    found = [measure(network, each, PROTOCOLS["vid4"], platform, 64) for each in (clip, short)]
    whole = mean(found)
    assert whole.frames == 10
    assert whole.psnr == pytest.approx((found[0].psnr + found[1].psnr) / 2)


def test_what_cannot_be_compared_is_said(settings_of):
    settings = settings_of()
    lines = list(differences(PROTOCOLS["vid4"], settings, {"calendar": None, "[city]": None}))
    assert any(f"{settings.model.scale}×" in line and "4×" in line for line in lines)
    assert any("calendar, city, foliage, walk" in line and "[city]" in line for line in lines)
    four = settings.model_copy(update={"model": settings.model.model_copy(update={"scale": 4})})
    same = list(differences(PROTOCOLS["vid4"], four, dict.fromkeys(PROTOCOLS["vid4"].clips)))
    assert [line for line in same if "windows" not in line] == []


def test_a_protocol_decides_how_low_resolution_frames_are_made(settings_of):
    for protocol in PROTOCOLS.values():
        data = under_protocol(settings_of(), protocol).data
        wanted = {"BI": "bicubic"}.get(protocol.degradation)
        assert (data.degradation == wanted) == (protocol.degradation == "BI")
        assert (data.val_frames, data.cuts, data.bars) == (":", "off", "keep")


def test_the_command_offers_every_protocol_and_refuses_to_train_by_one(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--protocol", "vid4"])
    assert stop.value.code == 2
    assert "--validate-only" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--validate-only", "--protocol", "none"])
    said = capsys.readouterr().err
    assert all(name in said for name in typing.get_args(ProtocolName))
    assert set(PROTOCOLS) == set(typing.get_args(ProtocolName))


def test_published_figures_rise_and_name_their_source():
    for protocol in PROTOCOLS.values():
        rows = [dataclasses.astuple(row) for row in protocol.published]
        assert [row[1] for row in rows] == sorted(row[1] for row in rows)
        assert all(row[3] for row in rows)


def test_single_windows_are_no_clips_to_measure(clip):
    with pytest.raises(DataError, match="'calendar' holds single windows"):
        protocol_clips(Footage((clip,)), PROTOCOLS["vid4"])
