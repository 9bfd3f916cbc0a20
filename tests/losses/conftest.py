"""A VGG16 file of made-up values, which tests vouch for as a user would."""

import pytest
import torch
from losses.vgg_files import made_up_weights, sha256

from vsr_losses import load_vgg16


@pytest.fixture(scope="session")
def vgg_file(tmp_path_factory):
    """(path, SHA-256) of a file with what the loss uses, and a classifier that it does not."""
    path = tmp_path_factory.mktemp("vgg") / "vgg16-made-up.pth"
    torch.save(made_up_weights() | {"classifier.0.weight": torch.zeros(8, 8)}, path)
    return path, sha256(path)


@pytest.fixture
def vgg(vgg_file):
    return load_vgg16(str(vgg_file[0]), vgg_file[1])
