"""`python -m vsr_train` with a fault: what a process of several meets, made to happen.

    python many_program.py FAULTS [options of vsr_train]

FAULTS, by commas: `float64` computes in double precision; `rehearse` rehearses, as only cards
do; `nan` makes the loss of bright samples not a number; `pause` has keys of process 0 pause the run
before step 4, validate and save, and go on; `vanish`, `term`, `kill` and `bug` befall process 1
when it draws step 4.
"""

import os
import signal
import sys

import torch

import vsr_train.run
from vsr_data import DataError, TrainingStream
from vsr_device import Platform
from vsr_losses import HybridLoss
from vsr_train.__main__ import main
from vsr_train.folder import contents
from vsr_train.rehearsal import make_steps
from vsr_train.report import Report
from vsr_train.signals import Action

FATEFUL_STEP = 4
BRIGHT = 0.95


def compute_in_float64():
    to_unit, place = Platform.to_unit, Platform.place
    Platform.to_unit = lambda self, pixels: to_unit(self, pixels).double()
    Platform.place = lambda self, module: place(self, module).double()
    check = contents._check_tensor

    def check_as_float32(entry, value, *rest, **options):  # which is what checkpoints hold else
        if isinstance(value, torch.Tensor) and value.dtype == torch.float64:
            value = value.float()
        check(entry, value, *rest, **options)

    contents._check_tensor = check_as_float32


def spoil_bright_samples():
    forward = HybridLoss.forward

    def spoilt(self, sr, gt, plain=None):
        terms = forward(self, sr, gt, plain)
        bright = (gt.mean(dim=(1, 2, 3)) > BRIGHT).any()
        return terms._replace(total=terms.total * float("nan")) if bright else terms

    HybridLoss.forward = spoilt


def rehearse_on_the_cpu():
    def rehearse(settings, platform, loss, processes):
        make_steps(settings, platform, loss, processes)

    vsr_train.run.rehearse = rehearse


def pause():
    asked = [*[Action.NOTHING] * (FATEFUL_STEP - 1), *[Action.PAUSE] * 3]
    asked += [Action.PAUSE | Action.VALIDATE, Action.PAUSE | Action.SAVE, Action.PAUSE]
    Report.take = lambda self: asked.pop(0) if asked else Action.NOTHING


def befall(fault):
    steps = TrainingStream.steps

    def faulty(self, start, stop):
        for step, batches in enumerate(steps(self, start, stop), start + 1):
            if step == FATEFUL_STEP and self._rank == 1:
                _happen(fault)
            yield batches

    TrainingStream.steps = faulty


def _happen(fault):
    match fault:
        case "vanish":
            raise DataError("'film.mp4' has been deleted since it was opened")
        case "term":
            os.kill(os.getpid(), signal.SIGTERM)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "bug":
            raise ZeroDivisionError("a bug")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1].split(","):
        match name:
            case "float64":
                compute_in_float64()
            case "nan":
                spoil_bright_samples()
            case "rehearse":
                rehearse_on_the_cpu()
            case "pause":
                pause()
            case "none":
                pass
            case _:
                befall(name)
    sys.exit(main(sys.argv[2:]))
