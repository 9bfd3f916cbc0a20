"""Footage, and the end of a run that nothing disturbed, for all runs that are disturbed."""

import pytest
from picture_pairs import tiny_run, write_pairs
from reliability.runs import LAST_STEP, Nursery, outcome

LONG = {"train.max_steps": str(LAST_STEP), "train.save_every": "4", "train.val_every": "6"}
"""A run that saves and validates several times."""

VARIANTS = {
    "plain": {},
    "workers": {"data.workers": "1"},
    "bf16": {"train.use_amp": "true", "train.amp_dtype": "bf16"},
    "fp16": {"train.use_amp": "true", "train.amp_dtype": "fp16"},
}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A folder of picture pairs for training and validation."""
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root)
    return root


@pytest.fixture(scope="session")
def nursery():
    """Starts runs in milliseconds."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture
def options_of(pairs, tmp_path):
    """Options of a run in a folder, of one of the variants."""

    def build(folder=tmp_path, variant="plain", **changed):
        chosen = {name.replace("__", "."): str(value) for name, value in changed.items()}
        return tiny_run(pairs, folder) | LONG | VARIANTS[variant] | chosen

    return build


@pytest.fixture(scope="session")
def undisturbed(nursery, pairs, tmp_path_factory):
    """Outcomes of runs that nothing disturbed, by variant; each is made once."""
    made = {}

    def end_of(variant="plain"):
        if variant not in made:
            folder = tmp_path_factory.mktemp(f"undisturbed-{variant}")
            options = tiny_run(pairs, folder) | LONG | VARIANTS[variant]
            run = nursery.start(options, log=folder / "log")
            assert run.wait() == 0, run.err
            made[variant] = outcome(folder / "runs" / "tiny")
        return made[variant]

    return end_of
