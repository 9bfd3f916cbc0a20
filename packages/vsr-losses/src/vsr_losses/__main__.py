"""`python -m vsr_losses export-vgg OUT.safetensors`: cut VGG16 down to what the loss uses."""

import argparse
import sys
from pathlib import Path

from vsr_losses.vgg import PerceptualWeightsError, export_vgg16, load_vgg16


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 where the weights are refused or cannot be written."""
    parser = argparse.ArgumentParser(prog="python -m vsr_losses")
    commands = parser.add_subparsers(required=True)
    export = commands.add_parser("export-vgg", help="write the 29 MiB of VGG16 that the loss uses")
    export.add_argument("out", help="the .safetensors file to write")
    export.add_argument("--weights", default="imagenet", help="a VGG16 file (torchvision's cache)")
    chosen = parser.parse_args(arguments)
    out = Path(chosen.out)
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        print(
            f"error: {chosen.out!r} must be a .safetensors file in a folder that exists",
            file=sys.stderr,
        )
        return 2
    try:
        export_vgg16(load_vgg16(chosen.weights), chosen.out)
    except PerceptualWeightsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {chosen.out!r} cannot be written: {error.strerror}", file=sys.stderr)
        return 2
    print(f"wrote {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
