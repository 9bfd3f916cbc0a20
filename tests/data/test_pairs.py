"""The check names what is wrong with pairs, and is silent about pairs that are right."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from vsr_data import (
    Clip,
    DataError,
    Footage,
    TrainingStream,
    check_pairs,
    degrade,
    inspect_pairs,
    require_sound,
)

SCALE = 3


class Waves(Clip):
    """A drifting sum of plane waves, some finer than a low-resolution pixel."""

    def __init__(self, number, *, gt_frame=2, noise=0.0, scale=SCALE):
        rng = np.random.default_rng(number)
        self.name, self.source, self.windows = f"waves-{number}", "memory", 3
        self.lq_size, self.gt_size = (40, 44), (40 * scale, 44 * scale)
        self._gt_frame = gt_frame
        y, x = np.mgrid[: self.gt_size[0], : self.gt_size[1]]
        frames = np.zeros((7, *self.gt_size, 3))
        for fineness in np.linspace(0.05, 3, 24) / scale:
            angle, phase, drift = rng.uniform(0, 6), rng.uniform(0, 6, 3), rng.uniform(-1.5, 1.5)
            place = fineness * (np.cos(angle) * x + np.sin(angle) * y)
            for t in range(7):
                frames[t] += np.sin(place + drift * t)[..., None] * np.cos(phase) / fineness**0.7
        self._gt = (127 + 5 * frames).clip(0, 255).round().astype(np.uint8)
        self._lq = np.stack([degrade(frame, scale, "bicubic") for frame in self._gt])

    def window(self, i):
        return self._lq[i : i + 5], self._gt[i + self._gt_frame]

    def origin(self, i):
        return f"{self.name} frame {i + 2}"


@cache
def stream_of(scale=SCALE, **changes):
    footage = Footage(tuple(Waves(number, scale=scale, **changes) for number in range(4)))
    return TrainingStream(
        footage, n_frames=5, scale=scale, patch=32, seed=1, batch_size=4, accumulation_steps=1
    )


@cache
def pairs():
    stream = stream_of()
    lq, gt = zip(*(stream.sample(number, 0) for number in range(16)), strict=True)
    return torch.stack(lq) / 255, torch.stack(gt) / 255


def shifted(gt, reach):
    generator = torch.Generator().manual_seed(0)
    shifts = torch.randint(-reach, reach + 1, (len(gt), 2), generator=generator).tolist()
    return torch.stack([one.roll(shift, (-2, -1)) for one, shift in zip(gt, shifts, strict=True)])


def enlarged(lq, mode):
    picture = interpolate(lq[:, 2], scale_factor=float(SCALE), mode=mode)
    return (picture * 255).round().clamp(0, 255) / 255


FAULTS = {
    "both in 0-255": ("value range", lambda lq, gt: (lq * 255, gt * 255)),
    "lq in 0-255": ("value range", lambda lq, gt: (lq * 255, gt)),
    "lq in -1..1": ("value range", lambda lq, gt: (lq * 2 - 1, gt)),
    "lq at half contrast": ("value range", lambda lq, gt: (lq / 2 + 0.25, gt)),
    "grey": ("flat frames", lambda lq, gt: (lq * 0 + 0.5, gt * 0 + 0.5)),
    "in another order": ("shuffled pairs", lambda lq, gt: (lq, gt.roll(1, 0))),
    "mirrored": ("shuffled pairs", lambda lq, gt: (lq, gt.flip(-1))),
    "one frame late": ("wrong target frame", lambda lq, gt: (lq.roll(1, 1), gt)),
    "shifted by 1": ("constant misalignment", lambda lq, gt: (lq, gt.roll((0, 1), (-2, -1)))),
    "shifted by 3": ("constant misalignment", lambda lq, gt: (lq, gt.roll((3, -3), (-2, -1)))),
    "shaken by 1": ("random misalignment", lambda lq, gt: (lq, shifted(gt, 1))),
    "shaken by 3": ("random misalignment", lambda lq, gt: (lq, shifted(gt, 3))),
    "gt enlarged bilinearly": ("no detail", lambda lq, gt: (lq, enlarged(lq, "bilinear"))),
    "gt enlarged bicubically": ("no detail", lambda lq, gt: (lq, enlarged(lq, "bicubic"))),
}


@pytest.mark.parametrize(("name", "fault"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_fatal_and_named(name, fault):
    (finding,) = inspect_pairs(*fault(*pairs()), SCALE)
    assert (finding.name, finding.severity) == (name, "fatal")


def test_right_pairs_have_no_finding():
    assert inspect_pairs(*pairs(), SCALE) == ()


def test_noise_is_a_warning_and_stillness_a_note():
    lq, gt = pairs()
    noisy = lq + 0.05 * torch.randn(lq.shape, generator=torch.Generator().manual_seed(0))
    (noise,) = inspect_pairs(noisy, gt, SCALE)
    assert (noise.name, noise.severity) == ("not a clean reduction", "warning")
    (still,) = inspect_pairs(lq[:, 2:3].expand_as(lq), gt, SCALE)
    assert (still.name, still.severity) == ("static", "note")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_stream_of_right_pairs_has_no_finding(scale):
    assert check_pairs(stream_of(scale), scale) == ()


def test_a_fault_in_the_stream_is_refused_naming_source_clip_and_way_on():
    findings = check_pairs(stream_of(gt_frame=3), SCALE)
    with pytest.raises(DataError, match=r"'clips'.*wrong target frame.*waves-\d frame") as refusal:
        require_sound(findings, "clips")
    assert "train.on_stagnation = 'warn'" in str(refusal.value)


def test_warnings_and_notes_refuse_nothing():
    lq, gt = pairs()
    require_sound(inspect_pairs(lq[:, 2:3].expand_as(lq), gt, SCALE), "clips")
