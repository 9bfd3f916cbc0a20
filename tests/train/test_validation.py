"""Validation measures what scikit-image measures, and its gains mean what they say."""

import copy
import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from vsr_data import Clip, Footage, open_validation, validation_windows
from vsr_device import DeviceError, Platform, choose_platform
from vsr_model import Network, enlarge, gather_evidence, tiles
from vsr_settings import load
from vsr_settings.memory import MIB, budget_mib, changed, predict_validation
from vsr_train import validation
from vsr_train.folder import RunFolder
from vsr_train.report import validation_line
from vsr_train.validation import Validator, fitting


def noisy_network(settings, fill=0.02):
    """A network whose every tensor is random."""
    network = Network(settings.model).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=fill)
    return network


@pytest.fixture
def measured(settings_of):
    """Validate some network; return (network, footage, settings, validation)."""

    def measure(fill=0.02, **changed):
        settings = settings_of(**changed)
        network = noisy_network(settings, fill)
        footage = open_validation(settings.data, settings.model)
        platform = choose_platform(settings)
        found = Validator(footage, settings, platform).measure(network)
        return network, footage, settings, found

    return measure


def psnr_of(network, lq_TCHW, gt_CHW, border):
    """scikit-image's PSNR of what a network makes of a window, in dB, less a border."""
    with torch.no_grad():
        sr_CHW = network(lq_TCHW[None] / 255)[0].clamp(0, 1)
    inner = (slice(None), slice(border, -border), slice(border, -border))
    return peak_signal_noise_ratio(
        (gt_CHW / 255)[inner].numpy(), sr_CHW[inner].numpy(), data_range=1
    )


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
    windows = list(validation_windows(footage, settings.data.val_windows))
    assert [clip.name for clip, *_ in windows] == ["val-0", "val-1"] == list(found.sources)
    for clip, _, lq, gt in windows:
        want = psnr_of(network, lq, gt, border)
        assert math.isclose(found.sources[clip.name]["psnr"], want, abs_tol=1e-3)


def test_measuring_changes_nothing(settings_of):
    settings = settings_of()
    network = noisy_network(settings)
    footage = open_validation(settings.data, settings.model)
    validator = Validator(footage, settings, choose_platform(settings))
    weights, random = copy.deepcopy(network.state_dict()), torch.get_rng_state()
    first, again = validator.measure(network), validator.measure(network)
    assert all(torch.equal(tensor, weights[n]) for n, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not network.training
    assert torch.equal(torch.get_rng_state(), random)
    assert again.mean == first.mean
    assert all(map(math.isfinite, first.mean.values()))
    assert not any(comparison.sr_CHW.requires_grad for comparison in first.comparisons)


@pytest.mark.parametrize("tile", [16, 20])  # of frames of 24 × 24
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
    """Six windows of a flat picture that brightens by one code value a frame; its ground truth, by
    `pace`."""

    name, source, windows, lq_size, gt_size = "film", "here", 6, (24, 24), (48, 48)

    def __init__(self, pace=1):
        self._pace = pace

    def window(self, i):
        gt = np.full((48, 48, 3), 100 + self._pace * i, np.uint8)
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


@pytest.mark.parametrize("pace", [0, 3])
def test_a_film_that_changes_by_another_amount_than_its_ground_truth_has_that_change_error(
    settings_of, pace
):
    settings = settings_of()
    validator = Validator(Footage((_Film(pace),)), settings, choose_platform(settings))
    scores = validator.measure(Network(settings.model).eval()).mean
    assert math.isclose(scores["change_error"], abs(pace - 1) / 255, abs_tol=1e-6)


class _Noise(_Film):
    """The same film with something to restore in its ground truth."""

    name = "noise"

    def window(self, i):
        lq, _ = super().window(i)
        return lq, np.random.default_rng(i).integers(256, size=(48, 48, 3), dtype=np.uint8)


def test_flat_windows_lift_no_figure_and_are_counted(settings_of):
    settings = settings_of()
    network, platform = Network(settings.model).eval(), choose_platform(settings)

    def measure(*clips):
        return Validator(Footage(clips), settings, platform).measure(network)

    telling, both, flat = measure(_Noise()), measure(_Film(), _Noise()), measure(_Film())
    assert both.mean == telling.mean
    assert both.sources == telling.sources
    assert both.flat == settings.data.val_windows
    assert telling.flat == flat.flat == 0  # where all are flat, they are all there is
    assert "flat windows left out" in validation_line(1, both)
    assert "flat" not in validation_line(1, telling)


class _Answer(Clip):
    """A window of noise whose ground truth is what a network makes of it, rounded."""

    source, windows, lq_size, gt_size = "here", 1, (24, 24), (48, 48)

    def __init__(self, name, network):
        self.name = name
        self._lq_TCHW = torch.randint(256, (5, 3, 24, 24), dtype=torch.uint8)
        with torch.no_grad():
            sr_CHW = network(self._lq_TCHW[None] / 255)[0].clamp(0, 1)
        self._gt_CHW = (sr_CHW * 255).round().to(torch.uint8)

    def window(self, i):
        return self._lq_TCHW.permute(0, 2, 3, 1).numpy(), self._gt_CHW.permute(1, 2, 0).numpy()

    def origin(self, i):
        return f"{self.name}, frame {i}"


def test_a_window_that_only_the_network_restores_is_not_flat(settings_of):
    """Flat is what bicubic restores as well: where there is nothing left to restore."""
    settings = settings_of()
    network = noisy_network(settings, fill=0.2)
    footage = Footage((_Answer("one", network), _Noise()))
    assert Validator(footage, settings, choose_platform(settings)).measure(network).flat == 0


def test_the_temporal_benefit_is_what_the_neighbours_add(settings_of):
    """PSNR over that of the same network whose neighbours are its centre frame, in dB."""
    settings, wanted = settings_of(), []
    network = noisy_network(settings, fill=0.2)
    footage = Footage((_Answer("one", network), _Answer("other", network)))
    found = Validator(footage, settings, choose_platform(settings)).measure(network)
    for clip, _, lq, gt in validation_windows(footage, settings.data.val_windows):
        seen, still = (
            psnr_of(network, frames, gt, settings.data.val_border)
            for frames in (lq, lq[2].expand_as(lq))
        )
        wanted.append(seen - still)
        assert math.isclose(found.sources[clip.name]["temporal_db"], wanted[-1], abs_tol=1e-3)
    assert min(wanted) > 1
    assert math.isclose(found.mean["temporal_db"], np.mean(wanted), abs_tol=1e-3)


def test_the_temporal_benefit_is_over_the_network_without_neighbours(settings_of):
    """An aligned network adds nothing to a centre frame repeated: it is its plain self there."""
    aligned = noisy_network(settings_of(), fill=0.2)
    plain = Network(settings_of(model__align="none").model).eval()
    plain.load_state_dict(
        {name: value for name, value in aligned.state_dict().items() if name in plain.state_dict()}
    )
    lq_1TCHW = torch.rand(1, 1, 3, 24, 24).expand(-1, 5, -1, -1, -1)
    with torch.no_grad():
        assert torch.equal(aligned(lq_1TCHW), plain(lq_1TCHW))


def test_nothing_is_gathered_of_a_centre_frame_repeated(settings_of, monkeypatch):
    """Confidence is exactly 0 there: looking for it changes no figure."""
    settings, gathered = settings_of(), []
    network = noisy_network(settings, fill=0.2)
    validator = Validator(Footage((_Answer("one", network),)), settings, choose_platform(settings))

    def counted(*arguments):
        gathered.append(arguments)
        return gather_evidence(*arguments)

    def enlarge_looking(network, lq_BTCHW, tile, **_):
        return enlarge(network, lq_BTCHW, tile)

    monkeypatch.setattr(tiles, "gather_evidence", counted)
    found = validator.measure(network)
    assert len(gathered) == 1  # the only window's, which has no next one
    monkeypatch.setattr(validation, "enlarge", enlarge_looking)
    assert validator.measure(network).mean == found.mean
    assert len(gathered) == 3


def test_validating_alone_measures_a_checkpoint_and_writes_nothing(command, settings_of):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
    for resume in ("auto", str(folder.best)):
        code, out, _ = command("--validate-only", "--resume", resume)
        assert code == 0
        assert "over bicubic" in out
    assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before


class Sized:
    """As much of a clip as its size."""

    def __init__(self, height, width):
        self.lq_size = height, width


def on_a_p4(*options):
    paths = ["data.train=demo", "data.val=demo", "loss.perceptual_weight=0"]
    return load(None, ["hardware.preset=tesla-p4", "data.val_tile=2048", *paths, *options], {})


CARD = Platform(torch.device("cuda", 0), torch.float16, torch.contiguous_format)


def test_a_validation_that_would_not_fit_the_card_goes_by_smaller_tiles():
    settings, footage = on_a_p4(), Footage((Sized(90, 160), Sized(720, 1280)))
    tile = fitting(settings, footage, CARD)
    assert 16 <= tile < 2048
    smaller = changed(settings, {"data.val_tile": tile})
    assert predict_validation(smaller, 720, 1280).reserved <= budget_mib(settings) * MIB
    assert fitting(settings, Footage((Sized(90, 160),)), CARD) == 2048


def test_frames_that_no_tile_makes_fit_are_refused_before_the_run_starts():
    footage = Footage((Sized(4000, 7000),))
    with pytest.raises(DeviceError, match=r"21000×12000 .* 7061 MiB"):
        fitting(on_a_p4(), footage, CARD)
    assert fitting(on_a_p4("hardware.allow_over_budget=true"), footage, CARD) == 2048


def test_what_is_not_budgeted_is_validated_as_asked():
    platform = Platform(torch.device("cpu"), None, torch.channels_last)
    assert fitting(on_a_p4(), Footage((Sized(4000, 7000),)), platform) == 2048
