"""Laws of files that nobody should trust: loaded soundly or refused in words, nothing else."""

import io
import json
import subprocess
import sys
import zipfile

import pytest
import torch
from model.damaged_files import crafted_files, damaged_files, packed, pth, rewritten, small_network
from safetensors.torch import save

from vsr_model import WeightsError, load_weights
from vsr_model.weights import read_checkpoint

UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from vsr_model import WeightsError, load_weights

taken = 1024 * int(Path("/proc/self/status").read_text().split("VmSize:")[1].split()[0])
resource.setrlimit(resource.RLIMIT_AS, (taken + (1 << 30), taken + (1 << 30)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        load_weights(path)
        sys.exit(f"{path.name} was loaded")
    except WeightsError as error:
        assert path.name in str(error), error
        assert "more memory than" not in str(error), error
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def outcome(path):
    """Return what becomes of a file: nothing to object to, or the whole message."""
    try:
        network = load_weights(path)
    except WeightsError as refusal:
        return "refused by name" if repr(str(path)) in str(refusal) else str(refusal)
    sound = all(tensor.isfinite().all() for tensor in network.state_dict().values())
    return "sound" if sound else "unsound"


@pytest.mark.parametrize(
    "every", [8, pytest.param(1, marks=pytest.mark.exhaustive)], ids=["an eighth", "all"]
)
def test_every_damaged_file_is_loaded_soundly_or_refused_with_its_name(tmp_path, every):
    files = list(damaged_files())[::every]
    assert len(files) * every >= 400
    for name, data in files:
        (tmp_path / name).write_bytes(data)  # so named, a traceback says which
        assert outcome(tmp_path / name) in ("sound", "refused by name"), name


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux reports it")
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["most", "all"]
)
def test_no_crafted_file_runs_anything_ends_the_process_or_takes_a_gigabyte(tmp_path, every):
    folder, canary = tmp_path / "crafted", tmp_path / "canary"
    folder.mkdir()
    for name, data in crafted_files(canary, slow=every):
        (folder / f"{name}.pth").write_bytes(data)
    command = [sys.executable, "-c", UNDER_A_LIMIT, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) < 1000  # MiB
    assert not canary.exists()


def as_sparse(tensor):
    return tensor.to_sparse()


def as_quantised(tensor):
    return torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)


def with_one(value):
    def change(tensor):
        tensor.view(-1)[5] = value
        return tensor

    return change


UNUSABLE = {
    "sparse": (as_sparse, "as a sparse tensor"),
    "quantised": (as_quantised, "as a quantised tensor"),
    "complex": (lambda tensor: tensor.to(torch.complex64), "as torch.complex64"),
    "meta": (lambda tensor: tensor.to("meta"), "without values (meta)"),
    "NaN": (with_one(float("nan")), "with 1 of 576 values NaN or infinite"),
    "infinite": (with_one(float("-inf")), "with 1 of 576 values NaN or infinite"),
    "conjugated": (lambda tensor: tensor.to(torch.complex64).conj(), "conjugated"),
    "8 bits": (lambda tensor: tensor.to(torch.float8_e4m3fn), "of a rare number type"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # torch calls its own quantisation old
@pytest.mark.parametrize(("change", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_tensors_no_network_is_made_of_are_refused_by_their_name(tmp_path, change, reason):
    state = small_network().state_dict()
    name = "forward_trunk.0.conv1.weight"
    state[name] = change(state[name].clone())
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(WeightsError) as caught:
        load_weights(tmp_path / "odd.pth")
    assert f"{name!r} " in str(caught.value)
    assert reason in str(caught.value)


def test_a_tensor_whose_values_share_memory_is_refused_before_it_is_copied(tmp_path):
    (tmp_path / "wide.pth").write_bytes(pth({"w": torch.zeros(2, 1).expand(2, 90_000)}))
    with pytest.raises(WeightsError, match="expanded or overlapping"):
        read_checkpoint(tmp_path / "wide.pth")


def test_a_record_shorter_than_its_tensor_is_refused(tmp_path):
    def shorten(records):
        records["archive/data/0"] = records["archive/data/0"][:-4]

    (tmp_path / "short.pth").write_bytes(rewritten(pth({"w": torch.zeros(9)}), shorten))
    with pytest.raises(WeightsError, match="declared to take 36 bytes and has 32"):
        read_checkpoint(tmp_path / "short.pth")


def test_a_compressed_archive_is_refused_before_it_is_inflated(tmp_path):
    with zipfile.ZipFile(io.BytesIO(pth({"w": torch.zeros(9)}))) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "small.pth").write_bytes(packed(records, compresslevel=9))
    with pytest.raises(WeightsError, match="is compressed"):
        read_checkpoint(tmp_path / "small.pth")


@pytest.mark.parametrize("offsets", [(0, 4, 0, 4), (0, 4, 5, 9), (0, 4, 2, 6), (1, 5, 5, 9)])
def test_tensors_that_share_or_leave_bytes_of_a_safetensors_file_are_refused(tmp_path, offsets):
    one, two = (
        {"dtype": "U8", "shape": [4], "data_offsets": pair} for pair in (offsets[:2], offsets[2:])
    )
    header = json.dumps({"one": one, "two": two}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(offsets[-1])
    (tmp_path / "odd.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="its tensors leave or share bytes"):
        read_checkpoint(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("order", [b"big", b"unknown"])
def test_numbers_in_another_byte_order_are_refused(tmp_path, order):
    archive = rewritten(pth(torch.zeros(1)), lambda records: records | {"archive/byteorder": order})
    (tmp_path / "big.pth").write_bytes(archive)
    with pytest.raises(WeightsError, match="big-endian"):
        read_checkpoint(tmp_path / "big.pth")


def test_a_program_is_refused_as_what_it_is(tmp_path):
    (tmp_path / "program.pt").write_bytes(
        packed({"a/data.pkl": b"\x80\x02N.", "a/constants.pkl": b"\x80\x02N."})
    )
    with pytest.raises(WeightsError, match="TorchScript"):
        read_checkpoint(tmp_path / "program.pt")


def test_an_interrupt_passes_the_border(tmp_path, monkeypatch):
    (tmp_path / "good.pth").write_bytes(pth({"w": torch.zeros(1)}))

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "frombuffer", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_checkpoint(tmp_path / "good.pth")


def test_a_safetensors_file_is_known_by_its_content(tmp_path):
    (tmp_path / "misnamed.pth").write_bytes(save(small_network().state_dict()))
    assert load_weights(tmp_path / "misnamed.pth").settings.n_feats == 8
