"""From an account of a file to words: what is the matter, what training does, what one could do."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

from vsr_data.cache import Account
from vsr_data.doctor.findings import Examined, Remark
from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage
from vsr_data.footage.remarks import BLACK, BLOCKY, GRAINY, STATIC
from vsr_data.footage.videos import why_too_short
from vsr_data.pairs.checks import check_pairs
from vsr_data.request import SMALLEST_PATCH, Request
from vsr_data.samples.stream import TrainingStream
from vsr_files import printable

FIELDS: Final = {"tff": "upper field first", "bff": "lower field first"}
HDR: Final = {"pq": "PQ", "hlg": "HLG"}
PLAIN: Final = 1.2  # levels of detail below which there is little to learn
FEW_WINDOWS: Final = 8
MOST_PATCH: Final = 64  # low-resolution pixels of a pair that are compared
COMPLETE: Final = 0.9  # share of the frames that a header counts; its count may be an estimate
MANY: Final = 0.1  # share of a film's frames

SMALL: Final = "smaller than a patch"


def remarks_on(found: Examined, request: Request, *, patch_is_given: bool) -> list[Remark]:
    """Say what is to be said of a file, the gravest first."""
    if found.refused:
        return [Remark("fatal", "not used", found.refused)]
    told = [*_warnings(found, request, patch_is_given=patch_is_given), *_notes(found)]
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
    return [Remark(one.severity, one.name, f"{where}: {one.name}: {one.text}") for one in findings]


def patch_remark(files: list[Examined], request: Request) -> list[Remark]:
    """What patch would take all files, where nobody chose one and some are too small."""
    sides = sorted(min(file.lq_size) for file in files if not file.refused and min(file.lq_size))
    wanted = request.patch or SMALLEST_PATCH
    small = sum(side < wanted for side in sides)
    if not small:
        return []
    return [
        Remark(
            "warning",
            SMALL,
            f"data.patch is {wanted} unless you set it, and {_count(small, 'file')} of "
            f"{len(sides)} cannot hold that at ×{request.scale}",
            "left out",
            f"data.patch = {max(sides[0], SMALLEST_PATCH)} takes all of them",
        )
    ]


def _warnings(found: Examined, request: Request, *, patch_is_given: bool) -> Iterator[Remark]:
    account = found.account
    if account.enlarged > 1:
        yield Remark(
            "warning",
            "already enlarged",
            f"already enlarged about {account.enlarged:.2g}×",
            "teaches blur",
            "leave it out, or use the original",
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
    met = account.decoded + account.damaged
    if met < COMPLETE * found.promised and not account.telecined:
        yield Remark(
            "warning",
            "cut short",
            f"{account.decoded} of the {found.promised} frames that it should have can be decoded",
            "the rest is left out",
            "copy the file anew if it was whole once",
        )
    yield from _dull(found, request)
    if account.blockiness >= BLOCKY:
        yield Remark(
            "warning",
            "blocky",
            f"a codec's blocks show ({account.blockiness:.2f}; 1 is none)",
            "learnt as if they were detail",
            "use a better copy",
        )
    if account.repeated >= MANY * account.decoded > 0:
        yield _repeated(account)
    if found.windows < FEW_WINDOWS and found.kind == "video":
        yield Remark("warning", "short", f"only {_count(found.windows, 'window')}")
    side, wanted = min(found.lq_size), request.patch or SMALLEST_PATCH
    if side < wanted and not patch_is_given:
        yield Remark(
            "warning",
            SMALL,
            f"holds patches of at most {side} at ×{request.scale}; data.patch is {wanted}",
            "left out as long as it is",
            f"set data.patch to {side} or less" if side >= SMALLEST_PATCH else "use larger video",
        )
    yield from (Remark("warning", "as it was read", note) for note in account.notes)


def _nature(account: Account, request: Request) -> Iterator[Remark]:
    """What a film is made of, and what is made of that."""
    is_mended = request.interlaced == "mend"
    if account.telecined:
        done = "film frames found again, one in five dropped" if is_mended else "taken as it is"
        yield Remark("warning", "telecined", "telecined (3:2 pulldown)", done)
    elif account.fields is not None:
        done = "made whole by bwdif" if is_mended else "taken as it is, combed"
        what = f"interlaced ({FIELDS[account.fields]})"
        yield Remark("warning", "interlaced", what, done)
    if account.hdr is not None:
        is_mapped = request.hdr == "tonemap"
        done = "tone-mapped to SDR" if is_mapped else "its code values are taken as they are"
        yield Remark("warning", "HDR", f"HDR ({HDR[account.hdr]})", done)
    if any(account.bars):
        names = ("top", "bottom", "left", "right")
        where = ", ".join(
            f"{size} px at the {name}"
            for size, name in zip(account.bars, names, strict=True)
            if size
        )
        done = "cropped" if request.bars == "crop" else "kept, as data.bars says"
        yield Remark("warning", "black bars", f"black bars ({where})", done)
    if account.pixel_aspect != 1:
        aspect = Fraction(account.pixel_aspect).limit_denominator(100)
        yield Remark(
            "warning",
            "pixels not square",
            f"pixels are not square ({aspect.numerator}:{aspect.denominator})",
            "shapes are learnt as they are stored",
            "nothing, if what you will enlarge is stored like that",
        )


def _dull(found: Examined, request: Request) -> Iterator[Remark]:
    """What there is little to learn from."""
    account = found.account
    rarer = "" if request.windows == "uniform" else "drawn less often"
    if account.level < BLACK and account.detail < PLAIN:
        yield Remark("warning", "black", f"nearly black (mean level {account.level:.0f})", rarer)
        return
    if account.motion < STATIC and found.kind != "pair":
        what = f"next to nothing moves ({account.motion:.2f} levels a frame)"
        yield Remark(
            "warning", "still", what, rarer, "use footage that moves: neighbours add nothing here"
        )
    if account.detail < PLAIN:
        what = f"little detail ({account.detail:.1f} levels)"
        yield Remark("warning", "plain", what, rarer, "use sharper footage")


def _notes(found: Examined) -> Iterator[Remark]:
    account = found.account
    if 0 < account.repeated < MANY * account.decoded:
        yield replace(_repeated(account), severity="note")
    if account.noise >= GRAINY:
        yield Remark(
            "note",
            "grain",
            f"strong grain (σ {account.noise:.1f} levels of 255)",
            "no network can foretell grain, so that it learns to smooth it",
        )


def _repeated(account: Account) -> Remark:
    repeats = "repeats" if account.repeated == 1 else "repeat"
    frames = _count(account.repeated, "frame")
    what = f"{frames} of {account.decoded} {repeats} the one before"
    return Remark("warning", "repeated frames", what, "left out")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
