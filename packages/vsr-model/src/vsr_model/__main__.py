"""`python -m vsr_model export NET.safetensors OUT.onnx`: a network for programs without torch."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vsr_files import printable
from vsr_model.network import Network
from vsr_model.weights import WeightsError, load_weights

if TYPE_CHECKING:
    from vsr_model.export import Layout


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 where weights are refused or nothing can be written."""
    chosen = _parser().parse_args(arguments)
    problem = _what_is_wrong_with(chosen.out, overwrite=chosen.overwrite)
    if problem is not None:
        return _refuse(problem)
    try:
        network = load_weights(chosen.weights, n_frames=chosen.n_frames)
    except WeightsError as error:
        return _refuse(str(error))
    return _export(network, chosen.out, chosen.layout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vsr_model")
    commands = parser.add_subparsers(required=True)
    export = commands.add_parser("export", help="write a network as ONNX")
    export.add_argument("weights", help="a .safetensors or .pth file of weights, or a checkpoint")
    export.add_argument("out", help="the .onnx file to write")
    export.add_argument(
        "--layout",
        choices=["5d", "4d"],
        default="5d",
        help="input of shape (1, T, 3, H, W), or (1, T*3, H, W) as VapourSynth's filters give it",
    )
    export.add_argument(
        "--n-frames",
        type=int,
        default=5,
        metavar="T",
        help="frames in a window, where the weights do not say: 5",
    )
    export.add_argument("--overwrite", action="store_true", help="replace OUT where it is there")
    return parser


def _what_is_wrong_with(out: str, *, overwrite: bool) -> str | None:
    """Say why nothing should be written to a path, before anything takes time."""
    if Path(out).suffix != ".onnx" or not Path(out).parent.is_dir():
        return f"{out!r} must be an .onnx file in a folder that exists"
    if os.path.lexists(out) and not overwrite:
        return f"{out!r} is there already; give another name, or replace it with --overwrite"
    return None


def _export(network: Network, out: str, layout: "Layout") -> int:
    try:
        from vsr_model import export  # noqa: PLC0415 - onnx is an extra
    except ModuleNotFoundError as error:
        if error.name != "onnx":
            raise
        return _refuse("export needs onnx; install it with `python -m pip install onnx`")
    try:
        difference = export.export_onnx(network, out, layout)
    except export.ExportError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{out!r} cannot be written: {error.strerror}")
    channels = ", ".join(map(str, export.input_channels(network, layout)))
    scale, side = network.settings.scale, export.smallest_side(network)
    print(f"wrote {printable(out)}")
    print(f"takes {export.INPUT} (1, {channels}, height, width), sides from {side} pixels on")
    print(f"gives {export.OUTPUT} (1, 3, {scale}*height, {scale}*width)")
    if difference is None:
        print("not compared with the network: onnxruntime is not installed")
    else:
        print(f"equals the network to {difference:.1e} in onnxruntime")
    return 0


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
