"""A tiny run: pairs of pictures on disk, a network that steps in milliseconds, its command."""

import numpy as np
import pytest
from PIL import Image

from vsr_settings import load
from vsr_train.__main__ import main


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A folder of picture pairs for training and validation, of waves that 12 pixels can carry."""
    root = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(3)
    for part, count in (("Patches", 6), ("Val", 2)):
        for kind in ("GT", "LR"):
            (root / part / kind).mkdir(parents=True)
        for number in range(count):
            gt_TCHW = _moving_waves(rng, frames=5, side=48)
            lq_TCHW = gt_TCHW.reshape(5, 3, 24, 2, 24, 2).mean((3, 5))
            name = f"{part.lower()}-{number}.png"
            _write(root / part / "GT" / name, gt_TCHW[2].transpose(1, 2, 0))
            _write(root / part / "LR" / name, np.concatenate(list(lq_TCHW.transpose(0, 2, 3, 1))))
    return root


def _moving_waves(rng, frames, side):
    """Sums of plane waves, each drifting: (T, C, side, side) in [0, 1]."""
    y, x = np.mgrid[:side, :side] / side
    waves = np.zeros((frames, 3, side, side))
    for _ in range(6):
        kx, ky = rng.uniform(-60, 60, 2)
        phase, drift = rng.uniform(0, 6, (3, 1, 1)), rng.uniform(-1, 1)
        for t in range(frames):
            waves[t] += np.sin(kx * x + ky * y + phase + drift * t)
    return 0.5 + waves / 12


def _write(path, picture_HWC):
    Image.fromarray((picture_HWC.clip(0, 1) * 255).round().astype(np.uint8)).save(path)


@pytest.fixture
def options(pairs, tmp_path):
    """Options of a run that takes about a second."""
    values = {
        "hardware.preset": "cpu",
        "model.n_feats": 4,
        "model.n_blocks": 2,
        "model.scale": 2,
        "loss.perceptual_weight": 0,
        "data.train": pairs,
        "data.val": pairs,
        "data.patch": 12,
        "data.cache_dir": tmp_path / "cache",
        "train.batch_size": 2,
        "train.accumulation_steps": 2,
        "train.use_amp": "false",
        "train.max_steps": 8,
        "train.max_lr": 4e-3,
        "train.val_every": 4,
        "train.save_every": 4,
        "train.log_every": 2,
        "run.dir": tmp_path / "runs",
        "run.name": "tiny",
        "run.device": "cpu",
    }
    return {name: str(value) for name, value in values.items()}


@pytest.fixture
def settings_of(options):
    """Resolved settings of the tiny run, with some options changed."""

    def build(**changed):
        chosen = options | {name.replace("__", "."): str(v) for name, v in changed.items()}
        return load(None, [f"{name}={value}" for name, value in chosen.items()], {})

    return build


@pytest.fixture
def command(options, capsys):
    """Run `python -m vsr_train` in this process; return (exit code, stdout, stderr)."""
    def run(*arguments, **changed):
        chosen = options | {name.replace("__", "."): str(v) for name, v in changed.items()}
        sets = [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]
        code = main([*sets, *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run
