"""A real training run on real video, 64×24 without VGG16, for the time that is left: its curve."""

import signal
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from picture_pairs import tiny_run, write_pairs

from vsr_train.__main__ import main
from vsr_train.folder import RunFolder

from .plan import LONGEST_ALARM_S, alarm

SOURCES = {
    "vpf_dog_848x464.mp4": ":64",
    "mdn_flower_960x540.mp4": ":64",
    "bbb_854x480_30s.mp4": ":128",
    "mdn_friday_640x480_bw.mp4": ":64",
}
"""What is trained on, with its frames; the dog's others are validated on."""
VALIDATED = "vpf_dog_848x464.mp4"
STEPS = 4000
KEPT_S = 12.0
"""Of the time, for the step under way and the save, once the run is asked to stop."""
KINDS = ("train", "validation", "verdict")


def training(place, deadline, add):
    """Train, and add every row of the log as it is written, then how the run ended."""
    folder = place.scratch / "training"
    folder.mkdir(exist_ok=True)
    options = _toy(folder) if not place.is_card else _full(place, folder)
    log = RunFolder.log

    def shown(self, row):
        log(self, row)
        if row.get("kind") in KINDS:
            add(row)

    out = StringIO()
    words = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    kept = min(KEPT_S, deadline.left / 5)
    until = max(1.0, min(deadline.left - kept, LONGEST_ALARM_S))
    with (
        patch.object(RunFolder, "log", shown),
        redirect_stdout(out),
        redirect_stderr(out),
        alarm(until, lambda *_: signal.raise_signal(signal.SIGTERM)),  # as whoever stops a run
    ):
        code = main(words)
    lines = out.getvalue().splitlines()
    add({"kind": "end", "exit_code": code, "lines": [line for line in lines if line.strip()][-40:]})
    if code not in (0, 5):  # 5: what it learnt is another question, which the watch has answered
        raise RuntimeError(f"the run ended with exit code {code}: {' '.join(lines[-1:])}")


def _toy(folder):
    write_pairs(folder / "pairs")
    return tiny_run(folder / "pairs", folder)


def _full(place, folder):
    """Options of the run; where there is no video, it is a film that is made up."""
    options = {
        "hardware.preset": place.preset, "hardware.allow_over_budget": "true",
        "loss.perceptual_weight": "0", "data.val_windows": "4",
        "data.cache_dir": folder / "cache", "data.patch": "96",
        "train.batch_size": "4", "train.accumulation_steps": "4",
        "train.max_steps": STEPS, "train.val_every": "50", "train.log_every": "10",
        "train.on_stagnation": "warn", "run.dir": folder / "runs", "run.name": "card",
        "run.device": "cuda",
        # Not `auto`, which would time every way first, for most of the time that there is.
        "train.amp_dtype": "bf16" if place.has_natively("bf16") else "fp16",
    }  # fmt: skip
    found = {} if place.data is None else _sources(Path(place.data))
    if found:
        listed = ", ".join(
            f'{{path = "{path}", frames = "{part}"}}' for path, part in found.items()
        )
        validated = Path(place.data) / VALIDATED
        return options | {
            "data.train": f"[{listed}]",
            "data.val": validated,
            "data.val_frames": "64:",
        }
    from upscale.films import write_film  # noqa: PLC0415 - where it is needed at all

    film = write_film(folder / "made-up.mkv", 60, size=(360, 480), sound=False)
    return options | {"data.train": film, "data.train_frames": ":40", "data.val": film,
                      "data.val_frames": "40:"}  # fmt: skip


def _sources(folder):
    """Return the paths that are there; none unless the one that is validated on is."""
    if not (folder / VALIDATED).is_file():
        return {}
    return {folder / name: part for name, part in SOURCES.items() if (folder / name).is_file()}
