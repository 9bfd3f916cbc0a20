"""One optimiser step: what makes it, what it changes, and its learning rate."""

from vsr_train.step.average import WeightAverage
from vsr_train.step.interval import Interval, StepClock
from vsr_train.step.schedule import Schedule, learning_rate, phase
from vsr_train.step.state import BETAS, TrainingState, make_optimizer
from vsr_train.step.stepper import MicroBatch, Stepper, StepResult, loss_terms

__all__ = [
    "BETAS",
    "Interval",
    "MicroBatch",
    "Schedule",
    "StepClock",
    "StepResult",
    "Stepper",
    "TrainingState",
    "WeightAverage",
    "learning_rate",
    "loss_terms",
    "make_optimizer",
    "phase",
]
