"""What a run takes of its card, and what fits: a simulated step, without torch."""

from vsr_settings.memory.alternatives import Alternative, alternatives_to, batch_changes, changed
from vsr_settings.memory.fitting import (
    LEAST_FIRST,
    budget_mib,
    fits,
    fitting_tile,
    least_mib,
    least_recomputation,
    needed_mib,
    needed_text,
    recomputing,
)
from vsr_settings.memory.flops import Work, seconds_per_step, work_per_sample
from vsr_settings.memory.plans import Candidate, candidates, plan_page, plan_toml
from vsr_settings.memory.prediction import (
    WORKSPACE,
    Memory,
    predict,
    predict_in,
    predict_inference,
    predict_validation,
)
from vsr_settings.memory.sizes import MIB, SEGMENT_BLOCKS, evidence_channels, vgg_convolutions

__all__ = [
    "LEAST_FIRST",
    "MIB",
    "SEGMENT_BLOCKS",
    "WORKSPACE",
    "Alternative",
    "Candidate",
    "Memory",
    "Work",
    "alternatives_to",
    "batch_changes",
    "budget_mib",
    "candidates",
    "changed",
    "evidence_channels",
    "fits",
    "fitting_tile",
    "least_mib",
    "least_recomputation",
    "needed_mib",
    "needed_text",
    "plan_page",
    "plan_toml",
    "predict",
    "predict_in",
    "predict_inference",
    "predict_validation",
    "recomputing",
    "seconds_per_step",
    "vgg_convolutions",
    "work_per_sample",
]
