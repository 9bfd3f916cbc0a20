"""What a run tries on its card before it begins: does it fit, and what is fastest there?

Trials use networks of their own, thrown away after, so that the run is the one that its seed makes.
"""

from vsr_train.rehearsal.choosing import Card, Choice, card_of, choose_way
from vsr_train.rehearsal.memory import Rehearsal, rehearse
from vsr_train.rehearsal.steps import make_steps
from vsr_train.rehearsal.timing import Timing
from vsr_train.rehearsal.way import Way

__all__ = [
    "Card",
    "Choice",
    "Rehearsal",
    "Timing",
    "Way",
    "card_of",
    "choose_way",
    "make_steps",
    "rehearse",
]
