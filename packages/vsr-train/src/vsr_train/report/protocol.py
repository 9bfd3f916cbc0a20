"""A network's figures beside published ones, and how far the two can be compared."""

from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vsr_settings import Settings
from vsr_train.protocol import Measured, Protocol


def show_protocol(
    console: Console,
    protocol: Protocol,
    settings: Settings,
    clips: Mapping[str, Measured],
    whole: Measured,
) -> None:
    """Print the figures of every clip, their mean beside published ones, and what differs.

    Args:
        console: where to.
        protocol: what was measured.
        settings: of the network that was measured.
        clips: figures by clip.
        whole: their mean.
    """
    if len(clips) > 1:
        console.print(_clip_table(clips))
    console.print(_published_table(protocol, settings, whole))
    for line in differences(protocol, settings, clips):
        console.print(f"differs: {line}", soft_wrap=True, markup=False)


def differences(
    protocol: Protocol, settings: Settings, clips: Mapping[str, Measured]
) -> Iterator[str]:
    """What keeps figures from being compared with the published ones, a sentence each."""
    scale, n_frames = settings.model.scale, settings.model.n_frames
    if scale != protocol.scale:
        yield (
            f"this network enlarges {scale}×, published figures are of {protocol.scale}×; "
            "compare what is gained over bicubic at most"
        )
    named = set(protocol.clips)
    if named and named != set(clips):
        yield f"{protocol.title} is {', '.join(protocol.clips)}; these are {_listed(clips)}"
    elif len(clips) != protocol.count:
        yield f"{protocol.title} has {protocol.count} clips; here are {len(clips)}"
    yield (
        f"this network sees windows of {n_frames} frames; published ones of recurrent networks "
        "see the whole clip"
    )


def _listed(names: Mapping[str, Measured], most: int = 6) -> str:
    shown = list(names)[:most]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _clip_table(clips: Mapping[str, Measured]) -> Table:
    table = Table(title="clips", padding=0)
    table.add_column("clip", overflow="fold")
    for title in ("frames", "PSNR", "SSIM", "bicubic", "SSIM bicubic"):
        table.add_column(title, justify="right", no_wrap=" " not in title)
    for name, found in clips.items():
        figures = (f"{found.psnr:.2f}", f"{found.ssim:.4f}")
        bicubic = (f"{found.psnr_bicubic:.2f}", f"{found.ssim_bicubic:.4f}")
        table.add_row(Text(name), str(found.frames), *figures, *bicubic)
    return table


def _published_table(protocol: Protocol, settings: Settings, whole: Measured) -> Table:
    how = f"{protocol.channel}, {protocol.degradation}, border 0, {protocol.frames} frames"
    table = Table(title=f"{protocol.title}: {how}", padding=0)
    for title in ("method", "scale", "PSNR", "SSIM", "source"):
        table.add_column(title, justify="right" if title in {"PSNR", "SSIM"} else "left")
    ours = f"×{settings.model.scale}"
    size = f"this network, {settings.model.n_feats}×{settings.model.n_blocks}"
    for method, psnr, ssim in (
        ("bicubic", whole.psnr_bicubic, whole.ssim_bicubic),
        (size, whole.psnr, whole.ssim),
    ):
        table.add_row(method, ours, f"{psnr:.2f}", f"{ssim:.4f}", "measured here")
    table.add_section()
    for row in protocol.published:
        scale = f"×{protocol.scale}"
        table.add_row(row.method, scale, f"{row.psnr:.2f}", f"{row.ssim:.4f}", row.source)
    return table
