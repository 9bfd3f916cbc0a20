"""From an account of a file to words: what is the matter, what training does, what one could do."""

from collections.abc import Iterator
from typing import Final

from vsr_data.cache import Account
from vsr_data.doctor.findings import Examined, Remark
from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage
from vsr_data.footage.videos import why_too_short
from vsr_data.pairs.checks import check_pairs
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.samples.stream import TrainingStream
from vsr_files import printable

FIELDS: Final = {"tff": "upper field first", "bff": "lower field first"}
HDR: Final = {"pq": "PQ", "hlg": "HLG"}
BLOCKY: Final = 1.25  # blockiness from which blocks can be seen
GRAINY: Final = 4.0  # levels of 255
STILL: Final = 0.4  # levels of 255 between frames
PLAIN: Final = 1.2  # levels of 255 between neighbouring pixels
DARK: Final = 20.0  # mean luma
ENLARGED: Final = 1.15
FEW_WINDOWS: Final = 8
MOST_PATCH: Final = 64  # low-resolution pixels of a pair that are compared
MANY: Final = 0.1  # share of frames


def remarks_on(found: Examined, request: Request, *, patch_is_given: bool) -> list[Remark]:
    """Say what is to be said of a file, the gravest first."""
    if found.refused:
        return [Remark("fatal", "not used", found.refused)]
    told = [*_warnings(found, request, patch_is_given=patch_is_given), *_notes(found, request)]
    return sorted(told, key=lambda remark: remark.severity != "warning")


def reason_against(found: Examined, request: Request, *, patch_is_given: bool) -> str:
    """Why training would leave a file out that has been read; empty where it would not."""
    if not found.windows:
        return why_too_short(found.account, request)
    misfit = request.misfit(found.lq_size) if patch_is_given else None
    if misfit is None:
        return ""
    return f"without its black bars, {misfit}" if any(found.account.bars) else misfit


def pair_remarks(footage: Footage, request: Request) -> list[Remark]:
    """What pairs show when they are compared with what they claim to be."""
    clips = tuple(clip for clip in footage.clips if clip.is_ready_made or not clip.frames)
    patch = min(request.patch or MOST_PATCH, *(min(clip.lq_size) for clip in clips))
    stream = TrainingStream(
        Footage(clips),
        n_frames=request.n_frames,
        scale=request.scale,
        patch=patch,
        seed=0,
        batch_size=1,
        accumulation_steps=1,
    )
    try:
        findings = check_pairs(stream, request.scale)
    except DataError as error:
        return [Remark("warning", "pairs", str(error))]
    where = printable(request.source)
    return [
        Remark(one.severity, one.name, f"{where}: {one.name}: {one.text}") for one in findings
    ]


def _warnings(found: Examined, request: Request, *, patch_is_given: bool) -> Iterator[Remark]:
    account = found.account
    if account.enlarged >= ENLARGED:
        yield Remark(
            "warning",
            "already enlarged",
            f"already enlarged about {account.enlarged:.2g}×",
            "teaches blur",
            "leave it out, or give the original",
        )
    yield from _nature(account, request)
    if account.damaged:
        yield Remark(
            "warning",
            "damaged",
            f"{_count(account.damaged, 'damaged frame')} of {account.decoded}",
            "left out, and windows end there",
            "copy the file anew if it was whole once",
        )
    if account.blockiness >= BLOCKY:
        yield Remark(
            "warning",
            "blocky",
            f"coded so strongly that blocks show (blockiness {account.blockiness:.2f})",
            "they are learnt as if they were detail",
            "use a better copy",
        )
    if found.windows and account.level < DARK:
        yield Remark(
            "warning",
            "dark",
            f"nearly black (mean level {account.level:.0f} of 255)",
            "" if request.windows == "uniform" else "its windows are drawn less often",
        )
    if found.windows and account.motion < STILL:
        yield Remark(
            "warning",
            "still",
            f"next to no motion ({account.motion:.2f} levels a frame)",
            "neighbouring frames add nothing",
            "use footage in which something moves",
        )
    if found.windows and account.detail < PLAIN:
        yield Remark(
            "warning",
            "plain",
            f"little detail ({account.detail:.1f} levels)",
            "there is little to learn from it",
            "use sharper footage",
        )
    if 0 < found.windows < FEW_WINDOWS:
        yield Remark("warning", "short", f"only {_count(found.windows, 'window')}", "", "")
    small = _smaller_patch(found, request)
    if small and not patch_is_given:
        yield Remark(
            "warning",
            "small",
            f"{account.width}×{account.height} holds patches of {small} at ×{request.scale}",
            "left out while data.patch is larger",
            f"set data.patch = {small} or lower",
        )
    yield from (Remark("warning", "as read", note) for note in account.notes)


def _nature(account: Account, request: Request) -> Iterator[Remark]:
    if account.telecined:
        yield Remark(
            "warning",
            "telecined",
            "telecined (3:2 pulldown)",
            "film frames found again by fieldmatch and decimate"
            if request.interlaced == "mend"
            else "taken as it is, with combs in two frames of five",
        )
    elif account.fields is not None:
        yield Remark(
            "warning",
            "interlaced",
            f"interlaced ({FIELDS[account.fields]})",
            "made whole by bwdif" if request.interlaced == "mend" else "taken as it is, with combs",
        )
    if account.hdr is not None:
        yield Remark(
            "warning",
            "HDR",
            f"HDR ({HDR[account.hdr]})",
            "tone-mapped to SDR" if request.hdr == "tonemap" else "its code values taken as they are",
        )
    if any(account.bars):
        top, bottom, left, right = account.bars
        where = ", ".join(
            f"{size} {name}"
            for size, name in zip(
                (top, bottom, left, right), ("top", "bottom", "left", "right"), strict=True
            )
            if size
        )
        yield Remark(
            "warning",
            "black bars",
            f"black bars ({where} px)",
            "cropped" if request.bars == "crop" else "kept",
        )
    if account.pixel_aspect != 1:
        yield Remark(
            "warning",
            "pixel aspect",
            f"pixels are not square ({account.pixel_aspect:.3g} times as wide as high)",
            "taken as they are stored",
            "nothing to do where your own films are like that",
        )


def _notes(found: Examined, request: Request) -> Iterator[Remark]:
    account = found.account
    if account.repeated:
        share = account.repeated / max(1, account.decoded)
        yield Remark(
            "note" if share < MANY else "warning",
            "repeated frames",
            f"{_count(account.repeated, 'frame')} of {account.decoded} repeat the one before",
            "left out",
        )
    if account.noise >= GRAINY:
        yield Remark(
            "note",
            "grain",
            f"grainy (noise of {account.noise:.1f} levels)",
            "the network learns to keep grain",
        )


def _smaller_patch(found: Examined, request: Request) -> int:
    """The largest patch that a file holds, where that is less than wanted; 0 where it is not."""
    largest = min(found.lq_size)
    return largest if SMALLEST_PATCH <= largest < (request.patch or SMALLEST_PATCH) else 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
