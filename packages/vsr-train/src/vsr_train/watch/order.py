"""A network's parameters in the order in which a picture meets them: the last is the output's."""

from torch import nn

_LAST = "upsample."
"""What the output is made by; the aligned branch before it is newer, and registered after it."""


def towards_output(network: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters by name, those next to the output last."""
    return dict(sorted(network.named_parameters(), key=lambda named: named[0].startswith(_LAST)))
