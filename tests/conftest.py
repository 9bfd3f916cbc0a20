"""What all tests share: hypothesis profiles, a torch that leaves a core, a seed per test."""

import logging
import os

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile(
    "house", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", parent=settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "house")

torch.set_num_threads(1)  # pytest-xdist's workers share the cores; small tensors gain from one


@pytest.fixture(autouse=True)
def _same_random_numbers():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """Tests set the variables they speak of; a developer's own must not decide them."""
    for name in list(os.environ):
        if name.upper().startswith("VSR_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _loggers_as_they_were():
    """Commands that run in a test's process say what vsr_data logs; the next test's do not."""
    logger = logging.getLogger("vsr_data")
    level, handlers = logger.level, logger.handlers
    yield
    logger.setLevel(level)
    logger.handlers = handlers
