"""What neighbours show of the centre frame: where, what they saw, and what is made of it."""

from vsr_model.alignment.branch import AlignedBranch
from vsr_model.alignment.evidence import gather_evidence
from vsr_model.alignment.flow import estimate_flow

__all__ = ["AlignedBranch", "estimate_flow", "gather_evidence"]
