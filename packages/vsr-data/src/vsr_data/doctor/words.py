"""Figures in words, as the table and the page show them."""

from pathlib import PurePath
from typing import Final

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.leaks import Leak, Place

MOTION: Final = ((0.4, "still"), (1.5, "calm"), (5.0, "lively"), (1e9, "fast"))
DETAIL: Final = ((1.2, "plain"), (3.0, "soft"), (7.0, "detailed"), (1e9, "rich"))
NOISE: Final = ((1.0, "clean"), (2.5, "slight grain"), (5.0, "grainy"), (1e9, "noisy"))
BLOCKS: Final = ((1.1, "none"), (1.25, "slight"), (1.6, "visible"), (1e9, "strong"))


def worded(value: float, scale: tuple[tuple[float, str], ...]) -> str:
    """The word for a figure."""
    return next(word for limit, word in scale if value < limit)


def clock(seconds: float | None) -> str:
    """A time in a film: `0:07`, `1:02:03`; empty where there is none."""
    if seconds is None:
        return ""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def moment(seconds: float | None) -> str:
    """A time in a film to the tenth of a second: `0:07.4`; empty where there is none."""
    if seconds is None:
        return ""
    tenths = int(10 * seconds)
    return f"{clock(tenths / 10)}.{tenths % 10}"


def length_text(seconds: float) -> str:
    """How long footage is: `42 s`, `3 min 5 s`, `1 h 20 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole // 60 % 60} min"


def count(number: int, what: str, plural: str = "") -> str:
    """`1 file`, `1 204 files`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}".replace(",", "\u202f")


def size_text(file: Examined) -> str:
    """`1280×720`, or a dash where nobody knows."""
    account = file.account
    return f"{account.width}×{account.height}" if account.width else "–"


def specials(file: Examined) -> list[str]:
    """What is out of the ordinary about a file's make."""
    account, found = file.account, []
    if account.telecined:
        found.append("telecined")
    elif account.fields:
        found.append(f"interlaced {account.fields}")
    if account.hdr:
        found.append(f"HDR {account.hdr.upper()}")
    if any(account.bars):
        found.append("bars " + "/".join(map(str, account.bars)))
    if account.pixel_aspect != 1:
        found.append(f"pixels {account.pixel_aspect:.3g}:1")
    return found


def short_name(path: str) -> str:
    """The last part of a path."""
    return PurePath(path).name or path


def place_text(place: Place) -> str:
    """`film.mkv at 0:12 (frame 300)`."""
    at = f" at {moment(place.seconds)}" if place.seconds is not None else ""
    return f"{place.path}{at} (frame {place.frame})"


def leak_text(leak: Leak) -> str:
    """One sentence."""
    what = "validation shows what training shows" if leak.kind == "leak" else "the same scene twice"
    until = f" to {moment(leak.last.seconds)}" if leak.last.seconds is not None else ""
    return f"{what}: {place_text(leak.one)}{until}, and {place_text(leak.other)}"


def capital(text: str) -> str:
    """A clause as it begins a sentence."""
    return text[:1].upper() + text[1:]
