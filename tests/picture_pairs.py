"""Picture pairs of drifting waves: footage that a network of a few features learns in seconds."""

import numpy as np
from PIL import Image


def write_pairs(root):
    """Write 6 pairs for training and 2 for validation, of waves that 12 pixels can carry."""
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


def tiny_run(pairs, folder):
    """Options of a run on such pairs that takes about a second."""
    values = {
        "hardware.preset": "cpu",
        "model.n_feats": 4,
        "model.n_blocks": 2,
        "model.scale": 2,
        "loss.perceptual_weight": 0,
        "data.train": pairs,
        "data.val": pairs,
        "data.patch": 12,
        "data.cache_dir": folder / "cache",
        "train.batch_size": 2,
        "train.accumulation_steps": 2,
        "train.use_amp": "false",
        "train.max_steps": 8,
        "train.max_lr": 4e-3,
        "train.val_every": 4,
        "train.save_every": 4,
        "train.log_every": 2,
        "run.dir": folder / "runs",
        "run.name": "tiny",
        "run.device": "cpu",
    }
    return {name: str(value) for name, value in values.items()}


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
