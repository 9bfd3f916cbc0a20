"""Laws of files: whole or not there, durable once there, and nothing left behind by a failure."""

import os
import stat
from pathlib import Path

import pytest

from vsr_files import ForeignFileError, last_part, open_regular, replacing

OPEN_FILES = Path("/proc/self/fd")


def test_a_file_takes_the_place_of_another_only_when_it_is_whole(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left"), KeyboardInterrupt(), ValueError()]
)
def test_a_partial_file_never_outlives_its_failure(tmp_path, failure):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write():
        with replacing(path) as file:
            file.write(b"half")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_disk_that_refuses_at_the_end_leaves_nothing_behind(tmp_path, monkeypatch, step):
    def refuse(*_):
        raise OSError(5, "Input/output error")

    owner = os if step == "fsync" else Path
    monkeypatch.setattr(owner, step, refuse)
    with pytest.raises(OSError, match="Input/output"), replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert not list(tmp_path.iterdir())


def test_the_bytes_are_on_the_disk_before_the_name_and_the_name_before_the_end(
    tmp_path, monkeypatch
):
    done = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes")
        fsync(descriptor)

    def seen_replace(self, target):
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    with replacing(tmp_path / "file") as file:
        file.write(b"new")
    assert done == ["bytes", "name", "folder"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path):
    with replacing(tmp_path / "ours") as file:
        file.write(b"new")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="counts descriptors as Linux lists them")
def test_a_descriptor_of_what_is_no_file_is_closed(tmp_path):
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(20):
        with pytest.raises(ForeignFileError, match="not a file but a folder"):
            open_regular(tmp_path)
    assert len(list(OPEN_FILES.iterdir())) == before


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/a/b/clips", "clips"), ("clips/", "clips"), ("demo", "demo"), ("~/x/a.mp4", "a.mp4"),
        ("/a/films/*/", "films/*"), ("/a/films/*/*.mp4", "*.mp4"), (".", "a folder"),
        ("../..", "a folder"), ("/me/**/*", "me/**/*"), ("/", "a folder"),
        ("C:\\\\me\\\\films", "films"),
    ],
)  # fmt: skip
def test_the_last_part_of_a_path_that_says_something_names_it(path, shown):
    assert last_part(path) == shown
