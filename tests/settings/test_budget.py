"""The budget is met to the MiB: what a step needs fits, and a MiB less is refused."""

import math

import pytest

from vsr_settings import SettingsError, load, predict

RESERVE = 300


def on_a_card_of(vram_mib: int, *options: str):
    card = [f"hardware.vram_mib={vram_mib}", f"hardware.reserve_mib={RESERVE}"]
    return load(overrides=[*card, "model.recompute=none", *options], environ={})


@pytest.mark.parametrize("n_feats", [16, 48, 64])
def test_a_step_that_needs_all_there_is_fits_and_with_a_mib_less_it_does_not(n_feats):
    network = f"model.n_feats={n_feats}"
    roomy = on_a_card_of(1 << 20, network)
    needed = math.ceil(predict(roomy).reserved / (1 << 20))
    assert on_a_card_of(needed + RESERVE, network).model.recompute == "none"
    with pytest.raises(SettingsError, match=f"a training step needs {needed} MiB"):
        on_a_card_of(needed + RESERVE - 1, network)
