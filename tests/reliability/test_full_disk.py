"""Every writer meets a full disk: the run ends in words, and what it had saved is whole."""

import os
import subprocess

import pytest
import torch

from vsr_train.folder import latest_checkpoint

KIB = [16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 768]
FAST = (24, 192)


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of so many KiB."""
    mounted = []

    def mount(kib):
        place = tmp_path / f"{kib}"
        place.mkdir()
        done = subprocess.run(
            ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(place)],
            check=False, capture_output=True,
        )  # fmt: skip
        if done.returncode:
            pytest.skip("only root can mount the file systems that fill up")
        mounted.append(place)
        return place

    if os.geteuid():
        pytest.skip("only root can mount the file systems that fill up")
    yield mount
    for place in mounted:
        subprocess.run(["/usr/bin/umount", "-l", str(place)], check=True)


@pytest.mark.parametrize(
    "kib",
    [pytest.param(k, marks=() if k in FAST else pytest.mark.exhaustive) for k in KIB],
)
def test_a_disk_that_fills_up_ends_in_words_with_what_was_saved_whole(
    nursery, options_of, small_disk, tmp_path, kib
):
    options = options_of() | {"run.dir": str(small_disk(kib)), "train.save_every": "2"}
    run = nursery.start(options, log=tmp_path / "log")
    code = run.wait()
    assert code in (0, 2), run.err
    assert "Traceback" not in run.err
    assert code == 0 or "error: " in run.err
    folder = tmp_path / str(kib) / "tiny"
    newest = latest_checkpoint(folder / "checkpoints") if folder.exists() else None
    if newest is not None:
        stored = torch.load(newest, weights_only=True)
        assert newest.name == f"step-{stored['step']:09d}.pt"
    partial = [path.name for path in folder.rglob("*partial*")] if folder.exists() else []
    assert not partial
