"""What pairs show when they are compared with what they claim to be.

They claim that the ground truth is the centre frame, sharp: reduced, it is that frame again.

Shape suffixes: N samples, T frames, C colour channels, H and W pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from vsr_data.pairs.alignment import best_shifts, others_fit_better

SIDE: Final = 32  # low-resolution pixels of a sample that are looked at
GREY_LEVEL: Final = 1 / 255

LARGEST, SMALLEST = 2.0, -0.6  # values no picture in [0, 1] has, whatever a filter overshoots
SLOPES: Final = (0.7, 1.4)  # of lq against reduced gt, where the two are the same picture
SAME_PICTURE: Final = 0.9  # correlation of lq and reduced gt above which they are one picture
FLAT: Final = GREY_LEVEL  # spatial standard deviation of frames that show nothing
NO_DETAIL: Final = 0.5 * GREY_LEVEL  # rms of gt less an enlarged lq: what rounding alone leaves
OTHER_FRAME: Final = 0.1  # share of the centre frame's squared error that another frame has
SCATTER: Final = 0.6  # gt pixels; shifts that vary less are one constant shift
BORDER: Final = 2  # low-resolution pixels at a cut that filters would need the rest of a frame for
NOT_CLEAN: Final = 0.08  # rms of lq less reduced gt, relative to its standard deviation

FindingName = Literal[
    "value range", "flat frames", "shuffled pairs", "wrong target frame", "constant misalignment",
    "random misalignment", "no detail", "not a clean reduction", "static",
]  # fmt: skip
Severity = Literal["fatal", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that pairs show."""

    name: FindingName
    severity: Severity
    text: str
    """What was measured, and what to do about it."""
    samples: tuple[int, ...] = ()
    """Samples that show it; empty where all do together."""


@dataclass(frozen=True)
class _Pairs:
    """Samples and what every test needs of them, `*_NCHW` in [0, 1]."""

    lq_NTCHW: Tensor
    gt_NCHW: Tensor
    scale: int
    degraded: bool

    @property
    def centre(self) -> Tensor:
        return self.lq_NTCHW[:, self.lq_NTCHW.shape[1] // 2]

    @property
    def reduced(self) -> Tensor:
        size = self.lq_NTCHW.shape[-2:]
        return interpolate(self.gt_NCHW, size=size, mode="bicubic", antialias=True)


def inspect_pairs(
    lq_NTCHW: Tensor, gt_NCHW: Tensor, scale: int, *, degraded: bool = False
) -> tuple[Finding, ...]:
    """Judge pairs: the first fatal finding, if any, then warnings and notes.

    Args:
        lq_NTCHW: windows, RGB in [0, 1] if they are right.
        gt_NCHW: their centre frames, `scale` times larger.
        scale: enlargement of each side.
        degraded: whether blur, noise or compression are meant to be there, which move edges here
            and there, and take contrast from textures.
    """
    pairs = _centre_cut(lq_NTCHW.float(), gt_NCHW.float(), scale, degraded=degraded)
    if fatal := next(_fatal(pairs), None):
        return (fatal,)
    return tuple(_remarks(pairs))


def _centre_cut(lq_NTCHW: Tensor, gt_NCHW: Tensor, scale: int, *, degraded: bool) -> _Pairs:
    height, width = lq_NTCHW.shape[-2:]
    side = min(SIDE, height, width)
    y, x = (height - side) // 2, (width - side) // 2
    lq = lq_NTCHW[..., y : y + side, x : x + side]
    y, x, side = y * scale, x * scale, side * scale
    return _Pairs(lq, gt_NCHW[..., y : y + side, x : x + side], scale, degraded)


def _fatal(pairs: _Pairs) -> Iterator[Finding]:
    """Yield what forbids training, the surest sign first."""
    yield from _value_range(pairs)
    yield from _flat_frames(pairs)
    yield from _wrong_frame(pairs)
    yield from _shuffled(pairs)
    yield from _misaligned(pairs)
    yield from _no_detail(pairs)


def _value_range(pairs: _Pairs) -> Iterator[Finding]:
    values = torch.cat([pairs.lq_NTCHW.flatten(), pairs.gt_NCHW.flatten()])
    low, high = float(values.min()), float(values.max())
    if not (high <= LARGEST and low >= SMALLEST):
        yield Finding(
            "value range",
            "fatal",
            f"values go from {low:.3g} to {high:.3g} and should be in [0, 1]; divide by the "
            "largest value of the format",
        )
    ours, theirs = (part - part.mean() for part in (pairs.reduced, pairs.centre))
    spread = ours.std() * theirs.std()
    correlation = float((ours * theirs).mean() / spread) if spread > 0 else 0.0
    slope = float((ours * theirs).mean() / ours.square().mean()) if ours.any() else 1.0
    least = 0.0 if pairs.degraded else SLOPES[0]
    if correlation > SAME_PICTURE and not least <= slope <= SLOPES[1]:
        yield Finding(
            "value range",
            "fatal",
            f"low-resolution frames have {slope:.2f} times the contrast of the ground truth; "
            "make both from the same decoding, in the same range",
        )


def _flat_frames(pairs: _Pairs) -> Iterator[Finding]:
    spread = float(pairs.centre.std(dim=(-2, -1)).mean())
    if spread < FLAT:
        yield Finding(
            "flat frames",
            "fatal",
            f"frames vary by {spread * 255:.2f} of 255 grey levels; use footage that shows "
            "something",
        )


def _shuffled(pairs: _Pairs) -> Iterator[Finding]:
    strangers = others_fit_better(pairs.reduced, pairs.centre, SAME_PICTURE)
    share = float(strangers.float().mean())
    if share > 0.3:
        yield Finding(
            "shuffled pairs",
            "fatal",
            f"for {share:.0%} of the samples another sample's ground truth fits better than "
            "their own; check that both folders are numbered alike",
            _numbers(strangers),
        )


def _wrong_frame(pairs: _Pairs) -> Iterator[Finding]:
    reduced = pairs.reduced
    errors_NT = (pairs.lq_NTCHW - reduced[:, None]).square().mean(dim=(2, 3, 4))
    own_N = errors_NT[:, errors_NT.shape[1] // 2]
    best_N, frame_N = errors_NT.min(dim=1)
    wrong = best_N < OTHER_FRAME * own_N
    share = float(wrong.float().mean())
    if share > 0.3:
        frame = int(frame_N[wrong].mode().values) + 1
        yield Finding(
            "wrong target frame",
            "fatal",
            f"for {share:.0%} of the samples the ground truth is frame {frame} of "
            f"{errors_NT.shape[1]}, not the centre frame; check the order of frames",
            _numbers(wrong),
        )


def _misaligned(pairs: _Pairs) -> Iterator[Finding]:
    shifts_N2 = best_shifts(pairs.gt_NCHW, pairs.centre, pairs.scale)
    moved = shifts_N2.any(dim=1)
    share = float(moved.float().mean())
    if share <= 0.25:
        return
    scatter = float(shifts_N2[moved].float().std(dim=0, correction=0).max())
    if share > 0.5 and scatter < SCATTER:
        y, x = shifts_N2[moved].float().mean(dim=0).round().int().tolist()
        text = f"the ground truth of {share:.0%} of the samples lies {x} px right, {y} px down"
        name: FindingName = "constant misalignment"
    elif pairs.degraded:
        return
    else:
        text = f"the ground truth of {share:.0%} of the samples is shifted, each differently"
        name = "random misalignment"
    remedy = "of its low-resolution frame; reduce whole frames with a filter centred on pixels"
    yield Finding(name, "fatal", f"{text} {remedy}", _numbers(moved))


def _no_detail(pairs: _Pairs) -> Iterator[Finding]:
    size = pairs.gt_NCHW.shape[-2:]
    border = BORDER * pairs.scale
    missing = min(
        float((pairs.gt_NCHW - enlarged)[..., border:-border, border:-border].std())
        for enlarged in (
            interpolate(pairs.centre, size=size, mode="bilinear"),
            interpolate(pairs.centre, size=size, mode="bicubic"),  # a = -0.75
            interpolate(pairs.centre, size=size, mode="bicubic", antialias=True),  # a = -0.5
        )
    )
    if missing < NO_DETAIL:
        yield Finding(
            "no detail",
            "fatal",
            f"the ground truth differs from enlarged low-resolution frames by {missing * 255:.2f} "
            "of 255 grey levels: there is nothing to learn; it may itself be an enlarged picture",
        )


def _remarks(pairs: _Pairs) -> Iterator[Finding]:
    reduced = pairs.reduced
    rest = float((reduced - pairs.centre).square().mean().sqrt() / reduced.std())
    if rest > NOT_CLEAN and not pairs.degraded:
        yield Finding(
            "not a clean reduction",
            "warning",
            f"low-resolution frames differ from the reduced ground truth by {rest:.0%} of its "
            "contrast; right only if noise, blur or compression are meant to be undone",
        )
    motion = float((pairs.lq_NTCHW - pairs.centre[:, None]).abs().mean())
    if motion < NO_DETAIL:
        yield Finding(
            "static",
            "note",
            f"frames of a window differ by {motion * 255:.2f} of 255 grey levels; neighbours add "
            "nothing to a centre frame that equals them",
        )


def _numbers(which_N: Tensor) -> tuple[int, ...]:
    return tuple(int(number) for number in which_N.nonzero().flatten())
