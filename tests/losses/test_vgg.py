"""Laws of VGG16's weights: genuine, vouched for, or refused with a reason; never substituted."""

import hashlib
import io
import os
import random
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from losses.vgg_files import made_up_weights, sha256
from safetensors.torch import load_file, save_file

from vsr_losses import HybridLoss, PerceptualWeightsError, load_vgg16, provenance, vgg
from vsr_losses.__main__ import main
from vsr_settings import Loss


@pytest.fixture
def genuine(tmp_path, monkeypatch):
    """Made-up weights that stand for the genuine ones, whole, in torchvision's cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    cache = tmp_path / "torch" / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    path = cache / provenance.FULL_FILE
    weights = made_up_weights(seed=5)
    torch.save(weights | {"classifier.0.bias": torch.zeros(4096)}, path)
    digest = sha256(path)
    monkeypatch.setattr(provenance, "FULL_FILE_SHA256", digest)
    monkeypatch.setattr(vgg, "FULL_FILE_SHA256", digest)
    first = {
        name: hashlib.sha256(weights[name].numpy().astype("<f4").tobytes()).hexdigest()
        for name in provenance.FIRST_LAYERS_SHA256
    }
    monkeypatch.setattr(provenance, "FIRST_LAYERS_SHA256", first)
    return path, weights


def test_the_known_digests_are_the_published_ones():
    assert provenance.FULL_FILE[6:14] == provenance.FULL_FILE_SHA256[:8]
    digests = provenance.FIRST_LAYERS_SHA256
    assert digests.keys() <= made_up_weights().keys()
    assert digests
    assert all(len(digest) == 64 for digest in digests.values())


def test_the_whole_file_in_torchvision_s_cache_is_verified_and_used(genuine):
    loaded = load_vgg16("imagenet")
    assert loaded.provenance == "verified"
    assert torch.equal(loaded.state_dict()["features.21.weight"], genuine[1]["features.21.weight"])


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_of_convolutions_is_verified_by_its_first_layers(genuine, tmp_path, suffix):
    path = tmp_path / f"cut.{suffix}"
    (torch.save if suffix == "pth" else save_file)(genuine[1], path)
    assert load_vgg16(str(path)).provenance == "verified"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_of_the_right_weights_is_accepted_where_it_can_be_compared(
    genuine, tmp_path, dtype
):
    path = tmp_path / "half.safetensors"
    half = {name: tensor.to(dtype) for name, tensor in genuine[1].items()}
    save_file(half, path)
    assert load_vgg16(str(path)).features[0].weight.dtype == torch.float32
    genuine[0].unlink()
    with pytest.raises(PerceptualWeightsError, match="genuine file to compare with is not here"):
        load_vgg16(str(path))


def _noise(weights):
    return {name: torch.randn(tensor.shape) * 0.05 for name, tensor in weights.items()}


WRONG = {
    "random": (_noise, "untrained"),
    "default initialisation": (
        lambda weights: {n: t if n.endswith("weight") else t * 0 for n, t in weights.items()},
        "untrained",
    ),
    "BGR": (
        lambda weights: weights | {"features.0.weight": weights["features.0.weight"].flip(1)},
        "takes BGR",
    ),
    "caffe": (
        lambda weights: weights | {"features.0.weight": weights["features.0.weight"] / 60},
        "0-255",
    ),
    "another training": (lambda weights: made_up_weights(seed=6), "not the genuine ones"),
    "not finite": (
        lambda weights: weights | {"features.0.bias": torch.full((64,), float("nan"))},
        "not finite",
    ),
}


@pytest.mark.parametrize(("wrong", "reason"), WRONG.values(), ids=WRONG)
def test_wrong_weights_are_refused_and_told_apart(genuine, tmp_path, wrong, reason):
    path = tmp_path / "wrong.pth"
    changed = wrong(genuine[1])
    torch.save(changed, path)
    with pytest.raises(PerceptualWeightsError, match=reason) as caught:
        load_vgg16(str(path))
    for part in ("wrong.pth", "loss.perceptual_sha256", "loss.perceptual_weight = 0", sha256(path)):
        assert part in str(caught.value)


def test_a_digest_the_user_vouches_for_is_trusted_and_another_is_refused(genuine, tmp_path):
    path = tmp_path / "mine.pth"
    torch.save(made_up_weights(seed=6), path)
    assert load_vgg16(str(path), sha256(path)).provenance == "trusted by loss.perceptual_sha256"
    with pytest.raises(PerceptualWeightsError, match=sha256(path)):
        load_vgg16(str(path), "0" * 64)


def test_a_file_without_its_layers_is_refused(tmp_path):
    path = tmp_path / "vgg11.pth"
    weights = made_up_weights()
    del weights["features.21.weight"]
    torch.save(weights, path)
    with pytest.raises(PerceptualWeightsError, match=r"'features.21.weight' should have shape"):
        load_vgg16(str(path), sha256(path))


def test_a_download_cut_short_is_named_as_such(genuine):
    genuine[0].write_bytes(genuine[0].read_bytes()[:100_000])
    with pytest.raises(PerceptualWeightsError, match="100,000 of 553,433,881 bytes"):
        load_vgg16("imagenet")


def test_a_tampered_file_in_the_cache_is_refused(genuine):
    torch.save(made_up_weights(seed=9), genuine[0])
    with pytest.raises(PerceptualWeightsError, match="refused as VGG16"):
        load_vgg16("imagenet")


def test_weights_that_cannot_be_had_name_the_file_its_place_and_the_way_without(
    genuine, monkeypatch
):
    def unreachable(*_, **__):
        raise URLError("no route to host")

    genuine[0].unlink()
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(PerceptualWeightsError) as caught:
        HybridLoss(Loss())
    for part in (provenance.FULL_FILE, str(genuine[0]), "loss.perceptual_weight = 0"):
        assert part in str(caught.value)


def test_of_several_that_need_the_file_one_downloads_it_and_the_others_wait(genuine, monkeypatch):
    whole, downloads = genuine[0].read_bytes(), []
    genuine[0].unlink()

    def download(_url, path, **_):
        downloads.append(path)
        time.sleep(0.2)  # the others arrive meanwhile
        genuine[0].write_bytes(whole)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: vgg._published_file(), range(4)))
    assert found == [genuine[0]] * 4
    assert downloads == [str(genuine[0])]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PerceptualWeightsError, match=r"none.pth.*No such file"):
        load_vgg16(str(tmp_path / "none.pth"))


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["FIFO", "folder"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path, make):
    make(tmp_path / "vgg.pth")
    with pytest.raises(PerceptualWeightsError, match="is not a file but a"):
        load_vgg16(str(tmp_path / "vgg.pth"))


def _flipped(data, rng):
    start = bytearray(data[:3000])
    start[rng.randrange(len(start))] = rng.randrange(256)
    return bytes(start) + data[3000:]


def _zipped(data, level):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr("archive/data.pkl", data)
    return file.getvalue()


def test_a_damaged_or_crafted_file_is_refused_whatever_it_leads_to(tmp_path):
    rng = random.Random(4)  # noqa: S311 - damage is no secret
    small = io.BytesIO()
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, small)
    files = [small.getvalue()[: small.tell() * part // 8] for part in range(8)]
    files += [_flipped(small.getvalue(), rng) for _ in range(30)]
    files += [
        _zipped(bytes(50 << 20), 1),
        b"\x80\x02})" + b"\x85" * 100_000 + b"K\x01s.",
        (1 << 62).to_bytes(8, "little") + b"{}",
    ]
    for data in files:
        (tmp_path / "vgg.pth").write_bytes(data)
        with pytest.raises(PerceptualWeightsError, match=r"vgg\.pth"):
            load_vgg16(str(tmp_path / "vgg.pth"), sha256(tmp_path / "vgg.pth"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_refused_whoever_vouches_for_them(tmp_path, value):
    weights = made_up_weights()
    weights["features.19.bias"][3] = value
    torch.save(weights, tmp_path / "vgg.pth")
    with pytest.raises(PerceptualWeightsError, match="'features.19.bias' .*finite"):
        load_vgg16(str(tmp_path / "vgg.pth"), sha256(tmp_path / "vgg.pth"))


def test_torchvision_s_own_file_of_before_torch_1_6_is_read(genuine, tmp_path):
    torch.save(genuine[1], tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_vgg16(str(tmp_path / "old.pth")).provenance == "verified"


def test_export_cuts_a_verified_file_to_what_is_used(genuine, tmp_path):
    out = tmp_path / "vgg16.safetensors"
    assert main(["export-vgg", str(out)]) == 0
    cut = load_file(out)
    assert cut.keys() == genuine[1].keys()
    assert sum(tensor.numel() for tensor in cut.values()) == 7_635_264
    assert load_vgg16(str(out)).provenance == "verified"


def test_export_refuses_what_it_cannot_verify_or_write(genuine, tmp_path, capsys):
    assert main(["export-vgg", str(tmp_path / "no" / "such" / "folder.safetensors")]) == 2
    genuine[0].write_text("not a file of tensors")
    assert main(["export-vgg", str(tmp_path / "out.safetensors")]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()
