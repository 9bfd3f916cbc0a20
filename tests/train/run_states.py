"""States of runs to draw: one in full swing, with a card, and one that has only begun."""

from dataclasses import replace

from vsr_train.report.about import About
from vsr_train.report.live.status import Clip, Losses, Memory, Score, Status

WEIGHTS = {"l1": 1.0, "ms": 0.2, "grad": 0.1, "perceptual": 0.02}
TERMS = {
    "l1": 0.0211, "ms": 0.0322, "grad": 0.0433, "perceptual": 0.7544, "plain": 0.0455,
    "total": 0.0966,
}  # fmt: skip

BEGUN = Status(
    name="demo", network="24×4", device="cpu, 1 thread", precision="fp32", last_step=1500,
    weights={"l1": 1.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.0}, grad_clip=1.0,
    next_validation=500, memory=Memory(None, 290, None, is_process=True),
)  # fmt: skip


def scores(count=9):
    """Validations that get better, each with figures of its own."""
    return tuple(
        Score(
            step=1000 * n, psnr=27.01 + n / 2, psnr_bilinear=26.37, psnr_bicubic=27.53,
            gain_db=0.64 + n / 2, gain_bicubic_db=-0.52 + n / 2, temporal_db=0.123 * n,
            seconds=61.0 + n,
        )
        for n in range(1, count + 1)
    )  # fmt: skip


FULL = Status(
    name="films-p4", network="64×24", device="cuda:0 (Tesla P4)", precision="fp16",
    last_step=20_000, weights=WEIGHTS,
    perceptual="VGG16 (ImageNet) · pretrained, frozen, verified: torchvision's IMAGENET1K_V1",
    grad_clip=1.0, step=9_150, doing="training", running_s=35_000.0, left_s=41_527.0,
    losses=Losses(TERMS, lr=2.34e-4, phase="cosine", grad_norm=0.567, samples_per_s=4.32,
                  steps_per_s=0.27, withheld=3),
    trends={name: tuple(value * (1 + 8 / (n + 1)) for n in range(80))
            for name, value in TERMS.items()},
    memory=Memory(6_123, 6_345, 7_300), scores=scores(),
    clips=tuple(Clip(f"clip {n:02}", 25 + n, -0.3 + n / 4) for n in range(16)),
    next_validation=10_000, verdict="learning",
    evidence="detail correlation 0.512, detail ratio 0.482, 26.2% of the missing detail restored, "
             "gain +2.31 dB on training crops",
    saved_step=9_000, saved_s=1_234.0, has_keys=True,
)  # fmt: skip

SHORT_OF_ALL = replace(
    FULL,
    name="n" * 100,
    device="a card of many words " * 5,
    perceptual="",
    step=20_000,
    left_s=0.0,
    memory=Memory(7_400, 6_345, 7_300),
    verdict="stagnating",
    evidence="no detail restored: " + "figures and figures, " * 20,
    is_alarm=True,
    doing="validating",
    doing_s=61.0,
    asked=FULL.asked | 7,
)

ABOUT = About(
    name="tiny", network="4×2", window="5 frames to one, ×2, recompute none", parameters=4321,
    device="cpu, 1 thread", precision="fp32", memory_format="contiguous", card="CPU, no card",
    batch="2 × 2 × 1 = 4 samples a step, 12 px to 24", perceptual="", training="pairs",
    validation="pairs", degradation="bicubic", ready_made=False, budget_mib=None,
    predicted_mib={"activations": 14}, versions={},
)  # fmt: skip


class Clock:
    """A clock that tests set."""

    now = 0.0

    def __call__(self):
        return self.now


def training_row(step, **changed):
    """A row of the log as `metrics.jsonl` has it."""
    return {
        "kind": "train", "step": step, "loss": TERMS, "lr": 1e-3, "grad_norm": 0.5,
        "samples_per_s": 8.0, "skipped": 0, "memory_mib": 640,
    } | changed  # fmt: skip


def validation_row(step, **changed):
    """A validation's row."""
    figures = {
        "psnr": 30.0, "psnr_bilinear": 27.0, "psnr_bicubic": 28.0, "gain_db": 3.0,
        "gain_bicubic_db": 2.0, "temporal_db": 1.0,
    }  # fmt: skip
    clips = {"a": figures, "b": figures | {"gain_bicubic_db": -1.0}}
    row = {"kind": "validation", "step": step, "seconds": 10.0, **figures, "sources": clips}
    return row | changed
