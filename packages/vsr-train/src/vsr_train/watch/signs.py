"""Signs that verdicts and causes rest on: each a condition of one snapshot or of detail figures.

Thresholds are from docs/stagnation.md.
"""

from vsr_train.watch.detail import SMALLEST_ERROR, Detail
from vsr_train.watch.snapshot import Snapshot

ZERO_INIT_STEPS = 20
"""Steps after which a zero gradient is no longer the last layer's start at zero."""

LEARNED_CORRELATION, LEARNED_RESTORED = 0.15, 0.003
"""Correlation and restored share that only learning reaches, the second whatever the scale."""

RISING_CORRELATION, RISING_RESTORED = 0.05, 0.0002
"""The same where they are still rising, or the learning rate is already falling to its end."""

NO_UPDATE = 1e-8
"""Relative change of the weights by a step that is none: under the rounding of fp32."""

BELIEVED = 1e-3
"""Mean confidence under which neighbours have too little to show to judge what is made of it."""


def has_learned(now: Detail) -> bool:
    """Tell detail that only learning puts back."""
    return now.correlation >= LEARNED_CORRELATION and now.restored >= LEARNED_RESTORED


def restores_some(now: Detail) -> bool:
    """Tell detail that was learned, however little, from none."""
    return now.correlation >= RISING_CORRELATION and now.restored >= RISING_RESTORED


def lacks_detail(now: Detail) -> bool:
    """Tell bases that could gain something from those that are the ground truth already."""
    return now.missing**2 > 10 * SMALLEST_ERROR


def has_dead_branch(snapshot: Snapshot) -> bool:
    """Tell an aligned branch that neighbours give work to and that neither adds nor learns.

    It starts by adding nothing, but only the first step's gradient is 0 for it: from then on its
    last layer has one, wherever there is confidence and upsampling is not dead itself.
    """
    return (
        snapshot.step > ZERO_INIT_STEPS
        and snapshot.aligned is not None
        and snapshot.aligned < NO_UPDATE
        and (snapshot.confidence or 0.0) >= BELIEVED
        and snapshot.gradients.get("align") == 0
        and snapshot.last_gradient > 0
    )
