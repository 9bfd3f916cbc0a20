"""A checkpoint is whole or not there, and nothing of it is believed unseen."""

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from train.checkpoint_states import assert_equal, state_after

from vsr_device import choose_platform
from vsr_files import append, replacing
from vsr_train import RunError
from vsr_train.folder import DamagedError, RunFolder, latest_checkpoint, read_state, save_checkpoint
from vsr_train.folder.checkpoint import damage, write_checkpoint
from vsr_train.step import TrainingState


@pytest.fixture
def folder(settings_of):
    return RunFolder.of(settings_of())


@pytest.fixture
def saved(folder, settings_of):
    """The checkpoint of step 2."""
    return save_checkpoint(folder, state_after(settings_of(), 2), settings_of())


def test_a_state_comes_back_bit_for_bit(saved, settings_of):
    settings = settings_of()
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    assert_equal(state.state_dict(), state_after(settings, 2).state_dict())


def test_any_flipped_bit_is_noticed(saved, settings_of):
    whole = saved.read_bytes()
    for place in (*range(0, len(whole), len(whole) // 40), *range(-80, 0, 5), -77, -76):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        saved.write_bytes(damaged)
        assert damage(saved) is not None, place
    saved.write_bytes(whole)
    assert damage(saved) is None


def test_any_cut_is_noticed(saved):
    whole = saved.read_bytes()
    for length in (0, 1, 10, 79, len(whole) // 2, len(whole) - 77, len(whole) - 1):
        saved.write_bytes(whole[:length])
        assert damage(saved) is not None, length


def test_the_digest_is_inside_and_plain_torch_and_zipfile_read_over_it(saved):
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    assert zipfile.ZipFile(saved).comment == b"vsr sha256 " + _digest(saved).encode()
    assert torch.load(saved, weights_only=True)["step"] == 2


def _digest(path):
    return hashlib.sha256(path.read_bytes()[: -2 - len("vsr sha256 ") - 64]).hexdigest()


def _as_version_1(path):
    """Write a checkpoint again as commit 625acec did: format 1, its digest beside it."""
    stored = torch.load(path, weights_only=True)
    for entry in ("interval", "footage"):
        del stored[entry]
    stored |= {"format": 1, "watch": {"recorder": {}, "looks": [], "gauges": [], "moments": []}}
    torch.save(stored, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = path.with_name(f"{path.name}.sha256")
    beside.write_text(f"{digest}  {path.name}\n")
    return beside


def test_a_checkpoint_of_version_1_is_read_and_its_watch_begins_anew(saved, settings_of):
    _as_version_1(saved)
    state = read_state(saved, settings_of())
    assert (state["watch"], state["interval"], state["footage"]) == (None, {}, {})


def test_a_digest_lost_in_a_power_cut_leaves_the_decision_to_the_archive(saved, settings_of):
    beside = _as_version_1(saved)
    assert damage(saved) is None
    beside.write_text("0" * 64)
    assert "digest" in damage(saved)
    beside.write_text("")
    assert damage(saved) is None
    whole = bytearray(saved.read_bytes())
    weights = torch.load(saved, weights_only=True)["model_state_dict"]["feat_extract.bias"]
    whole[whole.index(weights.numpy().tobytes())] ^= 1
    saved.write_bytes(whole)
    assert "checksum" in damage(saved)


def test_a_checkpoint_outlives_rules_that_changed_since_it_was_written(saved, settings_of):
    stored = torch.load(saved, weights_only=True)
    stored["settings"] = (
        stored["settings"].replace("n_frames = 5\n", "n_frames = 5\nhue = 3\n")
        + "\n[rumour]\nx = 1979-05-27\n"
    ).replace('preset = "cpu"', 'preset = "a card of another time"')
    write_checkpoint(saved, stored)
    assert read_state(saved, settings_of())["step"] == 2


def test_of_a_later_format_it_says_so(saved, settings_of):
    write_checkpoint(saved, torch.load(saved, weights_only=True) | {"format": 3})
    with pytest.raises(RunError, match="is of format 3 .* update vsr-train"):
        read_state(saved, settings_of())


def test_a_checkpoint_under_the_name_of_another_step_is_not_taken_for_it(saved, settings_of):
    other = saved.with_name("step-000000009.pt")
    saved.rename(other)
    with pytest.raises(DamagedError, match="it is 2, not that of its name"):
        read_state(other, settings_of())


NAN = float("nan")


def _moments(stored, number=0):
    return stored["optimizer_state_dict"]["state"][number]


CRAFTED = {
    "exp_avg of another size": lambda s: _moments(s).update(exp_avg=torch.zeros(1)),
    "exp_avg far too large": lambda s: _moments(s).update(exp_avg=torch.zeros(99, 3, 3, 3)),
    "exp_avg_sq negative": lambda s: _moments(s)["exp_avg_sq"].fill_(-1),
    "exp_avg NaN": lambda s: _moments(s)["exp_avg"].fill_(NAN),
    "exp_avg as float64": lambda s: _moments(s).update(exp_avg=_moments(s)["exp_avg"].double()),
    "exp_avg sparse": lambda s: _moments(s).update(exp_avg=_moments(s)["exp_avg"].to_sparse()),
    "exp_avg no tensor": lambda s: _moments(s).update(exp_avg=0.0),
    "no exp_avg": lambda s: _moments(s).pop("exp_avg"),
    "one moment more": lambda s: _moments(s).update(max_exp_avg_sq=torch.zeros(1)),
    "step of Adam infinite": lambda s: _moments(s)["step"].fill_(float("inf")),
    "step of Adam negative": lambda s: _moments(s)["step"].fill_(-1),
    "step of Adam a vector": lambda s: _moments(s).update(step=torch.ones(7)),
    "a parameter that is not": lambda s: s["optimizer_state_dict"]["state"].update(
        {99: _moments(s)}
    ),
    "a parameter with a name": lambda s: s["optimizer_state_dict"]["state"].update(
        {"0": _moments(s)}
    ),
    "no moments": lambda s: s["optimizer_state_dict"]["state"].clear(),
    "no groups": lambda s: s["optimizer_state_dict"].update(param_groups=[]),
    "groups of other parameters": lambda s: s["optimizer_state_dict"]["param_groups"][0].update(
        params=[1, 0]
    ),
    "weights of another shape": lambda s: s["model_state_dict"].update(
        {"feat_extract.bias": torch.zeros(5)}
    ),
    "weights infinite": lambda s: s["model_state_dict"]["feat_extract.bias"].fill_(float("inf")),
    "weights missing": lambda s: s["ema_state_dict"].pop("feat_extract.bias"),
    "weights of more layers": lambda s: s["ema_state_dict"].update(more=torch.zeros(1)),
    "weights as integers": lambda s: s["model_state_dict"].update(
        {"feat_extract.bias": torch.zeros(4, dtype=torch.int64)}
    ),
    "no weights": lambda s: s.update(model_state_dict=None),
    "step negative": lambda s: s.update(step=-1),
    "step true": lambda s: s.update(step=True),
    "step a fraction": lambda s: s.update(step=2.0),
    "step endless": lambda s: s.update(step=1 << 80),
    "more skipped than made": lambda s: s.update(skipped=3),
    "more averaged than made": lambda s: s.update(ema_updates=9),
    "no step": lambda s: s.pop("step"),
    "random state short": lambda s: s["random_state"].update(cpu=torch.zeros(3, dtype=torch.uint8)),
    "random state of zeros": lambda s: s["random_state"]["cpu"].zero_(),
    "random state of a card short": lambda s: s["random_state"].update(
        cuda=torch.zeros(3, dtype=torch.uint8)
    ),
    "no random state": lambda s: s.update(random_state={}),
    "scale zero": lambda s: s.update(scaler_state_dict={"scale": 0.0, "_growth_tracker": 0}),
    "scale NaN": lambda s: s.update(scaler_state_dict={"scale": NAN, "_growth_tracker": 0}),
    "scale a text": lambda s: s.update(scaler_state_dict={"scale": "1", "_growth_tracker": 0}),
    "best without figures": lambda s: s.update(best={"step": 1}),
    "best to come": lambda s: s.update(best={"step": 5, "psnr": 1.0, "gain_bicubic_db": 1.0}),
    "best of texts": lambda s: s.update(best={"step": 1, "psnr": "1", "gain_bicubic_db": 1.0}),
    "aside a text": lambda s: s.update(aside="12"),
    "aside negative": lambda s: s.update(aside=[-1]),
    "interval of other terms": lambda s: s.update(
        interval={"terms": torch.zeros(1, 1, 2), "grad_norm": 0.0, "seconds": 0.0}
    ),
    "interval of no steps": lambda s: s.update(
        interval={"terms": torch.zeros(1, 0, 5), "grad_norm": 0.0, "seconds": 0.0}
    ),
    "footage no digest": lambda s: s.update(footage={"training": "x"}),
    "settings no TOML": lambda s: s.update(settings="]"),
    "settings no text": lambda s: s.update(settings=3),
    "settings of no network": lambda s: s.update(settings="[model]\nn_feats = 'many'"),
    "settings of no schedule": lambda s: s.update(
        settings=s["settings"].replace("max_steps = 8", "max_steps = 'all'")
    ),
    "format a text": lambda s: s.update(format="2"),
    "format zero": lambda s: s.update(format=0),
}


@pytest.mark.parametrize("what", CRAFTED)
def test_a_crafted_entry_is_refused_by_name_before_anything_is_taken(saved, settings_of, what):
    stored = torch.load(saved, weights_only=True)
    CRAFTED[what](stored)
    write_checkpoint(saved, stored)  # its digest is right
    with pytest.raises(DamagedError, match=r"step-000000002\.pt' cannot be used: its entry '\w+"):
        read_state(saved, settings_of())


def test_moments_are_taken_in_the_memory_format_of_their_parameters(saved, settings_of):
    """The fused kernels ignore strides: on the CPU weights are channels last, files need not be."""
    stored = torch.load(saved, weights_only=True)
    for moments in stored["optimizer_state_dict"]["state"].values():
        for name in ("exp_avg", "exp_avg_sq"):
            moments[name] = moments[name].contiguous()
    write_checkpoint(saved, stored)
    settings = settings_of()
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    for parameter, moments in state.optimizer.state.items():
        assert moments["exp_avg"].stride() == parameter.stride()


def test_settings_decide_the_optimiser_and_the_checkpoint_its_moments(saved, settings_of):
    settings = settings_of(train__weight_decay=0.5)
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.load_state_dict(read_state(saved, settings))
    (group,) = state.optimizer.param_groups
    assert group["weight_decay"] == 0.5
    assert all(moments["step"] == 2 for moments in state.optimizer.state.values())


class _Refusing:
    """A file whose disk is full after so many bytes."""

    def __init__(self, file, room):
        self._file, self._room = file, room

    def write(self, data):
        size = len(memoryview(data))
        if size > self._room:
            self._file.write(memoryview(data)[: self._room])
            raise OSError(28, "No space left on device")
        self._room -= size
        return self._file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)


def test_a_disk_that_is_full_at_any_byte_leaves_nothing_half_written(
    saved, folder, settings_of, monkeypatch
):
    before, room = saved.read_bytes(), [0]
    stored = torch.load(saved, weights_only=True) | {"step": 3}
    opened = Path.open

    def open_with_little_room(path, mode="r", *arguments, **options):
        file = opened(path, mode, *arguments, **options)
        return _Refusing(file, room[0]) if mode == "xb" else file

    monkeypatch.setattr(Path, "open", open_with_little_room)
    size = len(before)
    for room[0] in [0, 1, 64, *range(100, size, size // 40), size - 100, size - 1]:
        with pytest.raises(RunError, match="No space left on device.*--resume auto"):
            write_checkpoint(folder.checkpoints / "step-000000003.pt", stored)
        assert [path.name for path in folder.checkpoints.iterdir()] == [saved.name]
    assert saved.read_bytes() == before


class _PowerCuts:
    """What a disk holds if the power fails now, by what was put on it; two ways to be unlucky.

    Args:
        root: the folder whose files are watched.
        check: called with an image of the folder after every operation.
    """

    def __init__(self, root, check, monkeypatch):
        self._root, self._check = root, check
        self._contents, self._entries, self._held = {}, {}, []
        self._is_cutting = False
        for name in ("fsync", "replace", "unlink", "ftruncate"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name), name))

    def _watched(self, operation, name):
        def watched(*arguments, **options):
            result = operation(*arguments, **options)
            if self._is_cutting:
                return result
            if name == "fsync":
                self._put_on_disk(Path(f"/proc/self/fd/{arguments[0]}").resolve())
            self._is_cutting = True
            self._cut()
            self._is_cutting = False
            return result

        return watched

    def _put_on_disk(self, path):
        if path.is_dir():
            self._entries[path] = {each.name: each.stat().st_ino for each in path.iterdir()}
            return
        self._contents[path.stat().st_ino] = path.read_bytes()
        self._held.append(path.open("rb"))  # so that no other file gets its number

    def _cut(self):
        now = {
            folder: {each.name: each.stat().st_ino for each in folder.iterdir()}
            for folder in (self._root, self._root / "checkpoints")
            if folder.is_dir()
        }
        for entries in (self._entries, now):  # no renaming reached the disk that need not, or all
            image = self._root.with_name("image")
            shutil.rmtree(image, ignore_errors=True)
            for folder, names in entries.items():
                if not folder.is_relative_to(self._root):
                    continue
                place = image / folder.relative_to(self._root)
                place.mkdir(parents=True, exist_ok=True)
                for name, number in names.items():
                    if not (folder / name).is_dir():
                        (place / name).write_bytes(self._contents.get(number, b""))
            self._check(RunFolder(image))

    def close(self):
        for file in self._held:
            file.close()


def test_a_power_cut_at_any_moment_leaves_the_newest_promised_checkpoint_and_its_rows(
    folder, settings_of, monkeypatch
):
    settings = settings_of(train__keep_checkpoints=1)
    state, promised, cuts = state_after(settings, 0), [], []

    def check(image):
        cuts.append(1)
        if not promised:
            return
        newest = latest_checkpoint(image.checkpoints)
        assert newest is not None
        step = read_state(newest, settings)["step"]
        assert step >= promised[-1]
        assert image.metrics.read_bytes().count(b"\n") >= step

    disk = _PowerCuts(folder.path, check, monkeypatch)
    folder.open(settings, start_step=0)
    for step in (1, 2, 3):
        state = state_after(settings, step)
        folder.log({"kind": "train", "step": step})
        save_checkpoint(folder, state, settings)
        promised.append(step)
    disk.close()
    assert len(cuts) > 40


def test_a_file_that_cannot_be_written_whole_leaves_what_was_there(tmp_path):
    path = tmp_path / ("x" * 255)
    for attempt in (b"first", b"second"):
        with replacing(path) as file:
            file.write(attempt)

    def fail():
        with replacing(path) as file:
            file.write(b"third")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"second"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_row_that_the_disk_has_no_room_for_is_not_begun(tmp_path, monkeypatch):
    path, write = tmp_path / "rows", os.write
    append(path, b"one\n")
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:2]))
    with pytest.raises(OSError, match="No space left"):
        append(path, b"two\n")
    assert path.read_bytes() == b"one\n"
