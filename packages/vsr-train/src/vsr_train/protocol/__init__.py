"""Published protocols: the clips, frames, channel and border of papers, and their figures."""

from vsr_train.protocol.measuring import Measured, mean, measure, protocol_clips, under_protocol
from vsr_train.protocol.published import PROTOCOLS, Protocol, ProtocolName, Published

__all__ = [
    "PROTOCOLS",
    "Measured",
    "Protocol",
    "ProtocolName",
    "Published",
    "mean",
    "measure",
    "protocol_clips",
    "under_protocol",
]
