"""What a full disk and a power cut leave of a checkpoint: all of the last one, at any moment."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from train.checkpoint_states import state_after

from vsr_files import append, replacing
from vsr_train import RunError
from vsr_train.folder import RunFolder, latest_checkpoint, read_state, save_checkpoint
from vsr_train.folder.checkpoint import write_checkpoint


@pytest.fixture
def folder(settings_of):
    return RunFolder.of(settings_of())


@pytest.fixture
def saved(folder, settings_of):
    """The checkpoint of step 2."""
    return save_checkpoint(folder, state_after(settings_of(), 2), settings_of())


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
