"""After a power cut a run goes on from a checkpoint that it had saved, and ends as if uncut.

The run's folder is on a file system of its own, in a file. Copied at a random moment, the file is
what a disk would hold after a power cut: what was not flushed is not in it. Mounting the copy
replays the journal; the run is resumed there.
"""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
from reliability.runs import differences, outcome

CUTS = 30
MIB = 1 << 20


def run_quietly(*command):
    return subprocess.run(command, check=True, capture_output=True)


def can_mount(folder):
    """Tell whether this process may make and mount file systems."""
    try:
        with file_system(folder / "probe.img", folder / "probe"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def file_system(image, place, *, fresh=True):
    """Mount a file as a file system, made anew or as it is; mounting replays its journal."""
    if fresh:
        with image.open("wb") as file:
            file.truncate(24 * MIB)
        run_quietly("mkfs.ext4", "-q", "-O", "metadata_csum", str(image))
    place.mkdir(exist_ok=True)
    run_quietly("mount", "-o", "loop,commit=1", str(image), str(place))
    try:
        yield
    finally:
        run_quietly("umount", "-l", str(place))


def copy_at_one_moment(image, copy):
    """Copy a disk that is being written to: again, until nothing changed meanwhile."""
    while True:
        shutil.copyfile(image, copy)
        if copy.read_bytes() == image.read_bytes():
            return


@pytest.fixture
def place(tmp_path):
    if os.geteuid() != 0 or not can_mount(tmp_path):
        pytest.skip("only root can mount the file systems that are cut off")
    return tmp_path


def cut_and_go_on(nursery, options_of, folder, variant, chance):
    """Cut the power at a random moment and go on: the outcome, where from, and the step reached."""
    image, copy = folder / "disk.img", folder / "after.img"
    with file_system(image, folder / "disk"):
        run = nursery.start(options_of(folder / "disk", variant), log=folder / "log")
        run.reach_a_moment(chance)
        reached = run.step
        copy_at_one_moment(image, copy)
        run.kill()
        run.wait()
    with file_system(copy, folder / "disk", fresh=False):
        resumed = nursery.start(
            options_of(folder / "disk", variant), "--resume", "auto", log=folder / "log2"
        )
        assert resumed.wait() == 0, resumed.err
        at = re.findall(r"resumed from .* at step (\d+)", resumed.out)
        found = outcome(folder / "disk" / "runs" / "tiny")
    return found, int(at[0]) if at else 0, reached


def test_a_power_cut_loses_no_more_than_the_newest_save(nursery, options_of, undisturbed, place):
    chance = np.random.default_rng(1)
    found, resumed_at, reached = cut_and_go_on(nursery, options_of, place, "plain", chance)
    assert not differences(found, undisturbed())
    assert resumed_at >= reached - 2 * 4  # saved every 4 steps; one save may be on its way


@pytest.mark.exhaustive
@pytest.mark.parametrize("variant", ["plain", "workers", "bf16"])
def test_thirty_power_cuts_lose_no_more_than_the_newest_save(
    nursery, options_of, undisturbed, place, variant, record_property
):
    chance, cuts, saved = np.random.default_rng(len(variant)), 0, 0
    while cuts < CUTS // 3:
        folder = place / str(cuts)
        folder.mkdir()
        found, resumed_at, reached = cut_and_go_on(nursery, options_of, folder, variant, chance)
        assert not differences(found, undisturbed(variant))
        assert resumed_at >= reached - 2 * 4
        cuts, saved = cuts + 1, saved + (resumed_at > 0)
    record_property("cuts", cuts)
    record_property("resumed after step 0", saved)
