"""Fixtures: a network on disk, and a small film with sound."""

import pytest
from upscale.films import base_network, write_film

from vsr_model import save_weights


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A file of an untrained network of ×2, which enlarges bilinearly."""
    path = tmp_path_factory.mktemp("weights") / "base.safetensors"
    save_weights(base_network(), path)
    return path


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """Twelve frames with sound."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv")
