"""Settings tests see no settings of the person who runs them."""

import os

import pytest


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("VSR_") or name == "WORLD_SIZE":
            monkeypatch.delenv(name)
