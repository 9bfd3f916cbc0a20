"""Networks for programs without torch: ONNX, equal to the network and said what it is.

The only room of this package that needs `onnx`: the extra `export`. Nothing here changes what the
network computes elsewhere.
"""

from vsr_model.export.comparing import ExportError
from vsr_model.export.exporting import export_onnx
from vsr_model.export.graph import INPUT, OUTPUT, Layout, input_channels, smallest_side

__all__ = [
    "INPUT",
    "OUTPUT",
    "ExportError",
    "Layout",
    "export_onnx",
    "input_channels",
    "smallest_side",
]
