"""The network: blocks, propagation, alignment, upsampling; recomputation; weights in and out."""

from vsr_model.alignment import gather_evidence
from vsr_model.network import Network
from vsr_model.sliding import enlarge_film
from vsr_model.tiles import enlarge
from vsr_model.weights import (
    WeightsError,
    load_weights,
    read_checkpoint,
    read_facts,
    save_weights,
)

__all__ = [
    "Network",
    "WeightsError",
    "enlarge",
    "enlarge_film",
    "gather_evidence",
    "load_weights",
    "read_checkpoint",
    "read_facts",
    "save_weights",
]
