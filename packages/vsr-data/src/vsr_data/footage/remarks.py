"""What is told of a film that is used: what was mended, left out or may spoil training."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from vsr_data.cache import Account
from vsr_data.measures import Bars
from vsr_data.request import Request

GRAINY: Final = 4.0
"""Levels of noise from which a film is told to be grainy."""

BLOCKY: Final = 1.3
"""Blockiness from which blocks are plain to see."""

STATIC: Final = 0.1
"""Levels of motion below which next to nothing moves."""

BLACK: Final = 8.0
"""Mean level below which a film is black, or next to it."""

ORDERS: Final = {"tff": "upper", "bff": "lower"}
HDR_NAMES: Final = {"pq": "PQ", "hlg": "HLG"}


def remarks_on(account: Account, request: Request) -> str:
    """One line on a film; empty where there is nothing to say."""
    return "; ".join([*account.problems, *_bars(Bars(*account.bars), request)])


def problems_of(account: Account, request: Request) -> list[str]:
    """What was mended or left out of a film as it was read, and what of it may spoil training."""
    return [*_mended(account, request), *_left_out(account), *_spoiling(account)]


def _mended(account: Account, request: Request) -> Iterator[str]:
    is_mended = request.interlaced == "mend"
    if account.telecined:
        done = "undone, one frame in five dropped" if is_mended else "taken as it is"
        yield f"telecined film (3:2 pulldown) is {done}"
    elif account.fields is not None:
        done = "made whole by bwdif" if is_mended else "taken as it is, combed"
        yield f"interlaced video ({ORDERS[account.fields]} field first) is {done}"
    if account.hdr is not None:
        done = "tone-mapped to SDR" if request.hdr == "tonemap" else "trained on its code values"
        yield f"HDR ({HDR_NAMES[account.hdr]}) is {done}"


def _left_out(account: Account) -> Iterator[str]:
    if account.damaged:
        yield f"{_counted(account.damaged, 'damaged frame')} left out"
    if account.repeated:
        yield f"{_counted(account.repeated, 'repeated frame')} left out"
    yield from account.notes


def _spoiling(account: Account) -> Iterator[str]:
    if account.pixel_aspect != 1.0:
        aspect = Fraction(account.pixel_aspect).limit_denominator(100)
        yield (
            f"pixels are not square ({aspect.numerator}:{aspect.denominator}): shapes are "
            "trained on as they are stored"
        )
    if account.enlarged > 1.0:
        yield (
            f"it looks enlarged about ×{account.enlarged:g} from a smaller picture, which "
            "teaches blur"
        )
    if account.blockiness >= BLOCKY:
        yield f"a codec's blocks show ({account.blockiness:.2f}; 1 is none)"
    if account.noise >= GRAINY:
        yield f"strong grain (σ {account.noise:.1f} levels of 255)"
    if account.runs and account.level < BLACK and account.detail < 1.0:
        yield "nearly all of it is black"
    elif account.longest > 1 and account.motion < STATIC:
        yield "next to nothing moves"


def _bars(bars: Bars, request: Request) -> Iterator[str]:
    found = [
        f"{count} {kind} at the {side}"
        for side, count, kind in (
            ("top", bars.top, "rows"),
            ("bottom", bars.bottom, "rows"),
            ("left", bars.left, "columns"),
            ("right", bars.right, "columns"),
        )
        if count
    ]
    if found:
        done = "cropped" if request.bars == "crop" else "kept, as data.bars says"
        yield f"black bars are {done}: {', '.join(found)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
