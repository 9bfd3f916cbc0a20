"""A run killed at any moment goes on from its newest checkpoint and ends as one never killed."""

import numpy as np
import pytest
from reliability.conftest import VARIANTS
from reliability.runs import differences, outcome

KILLS = 60
"""Kills of the whole table; the ordinary tests make a few of them."""


def kill_until_it_ends(nursery, options, folder, chance, most):
    """Start a run, kill it at a random moment, go on; return the kills until it got through."""
    kills = 0
    while True:
        run = nursery.start(options, "--resume", "auto", log=folder / f"log{kills}")
        if kills < most:
            run.reach_a_moment(chance)
            run.kill()
        code = run.wait()
        assert "Traceback" not in run.err
        if code == 0:
            return kills
        assert code == -9, run.err
        kills += 1


def test_a_few_random_kills_change_nothing(nursery, options_of, undisturbed, tmp_path):
    kill_until_it_ends(nursery, options_of(), tmp_path, np.random.default_rng(1), most=3)
    assert not differences(outcome(tmp_path / "runs" / "tiny"), undisturbed())


@pytest.mark.exhaustive
@pytest.mark.parametrize("variant", VARIANTS)
def test_sixty_random_kills_change_nothing(
    nursery, options_of, undisturbed, tmp_path, variant, record_property
):
    chance, kills, runs = np.random.default_rng(len(variant)), 0, 0
    while kills < KILLS / len(VARIANTS):
        folder = tmp_path / str(runs)
        folder.mkdir()
        options = options_of(folder, variant)
        kills += kill_until_it_ends(nursery, options, folder, chance, most=8)
        runs += 1
        assert not differences(outcome(folder / "runs" / "tiny"), undisturbed(variant))
    record_property("kills", kills)
    record_property("runs", runs)
