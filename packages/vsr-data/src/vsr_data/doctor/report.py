"""All that the doctor found: files, what two of them share, and what follows for training."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vsr_data.doctor.findings import Examined, Remark
from vsr_data.doctor.leaks import Leak, find_leaks
from vsr_data.doctor.pieces import Piece, examine, open_source
from vsr_data.doctor.processes import Death, shared_out
from vsr_data.doctor.remarks import SMALL, pair_remarks, patch_remark, reason_against, remarks_on
from vsr_data.request import Request, Role
from vsr_files import printable

PURPOSES: Final[dict[Role, str]] = {"train": "trained on", "val": "validated on"}


@dataclass(frozen=True)
class Progress:
    """How far the reading is.

    Attributes:
        frames: that have been read.
        all_frames: that there are, as far as anybody knows.
        files: that have been read.
        all_files: that there are.
        latest: files that have just been finished.
    """

    frames: int
    all_frames: int
    files: int
    all_files: int
    latest: tuple[Examined, ...] = ()


@dataclass
class Report:
    """What was found.

    Attributes:
        requests: the sources, training before validation.
        files: every file, in the order of the sources.
        leaks: what two files share.
        remarks: what there is to say of sources as a whole.
        patch_is_given: whether somebody chose `data.patch`.
    """

    requests: tuple[Request, ...]
    files: list[Examined] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    patch_is_given: bool = False

    def of(self, role: str) -> list[Examined]:
        """The files of one side."""
        return [file for file in self.files if file.role == role]

    @property
    def usable(self) -> list[Examined]:
        """The files that are not refused."""
        return [file for file in self.files if not file.refused]

    @property
    def windows(self) -> int:
        """Windows that training may draw."""
        return sum(file.windows for file in self.of("train") if not file.refused)

    @property
    def hours(self) -> float:
        """Hours of usable film."""
        return sum(file.seconds or 0.0 for file in self.usable) / 3600

    @property
    def refusals(self) -> list[str]:
        """Why this cannot be trained on as it is; empty where it can."""
        used = {(file.role, file.group) for file in self.usable}
        found = [
            f"nothing in {printable(request.source)} can be {PURPOSES[request.role]}"
            for request in self.requests
            if (request.role, request.group) not in used
        ]
        shared = [leak for leak in self.leaks if leak.kind == "leak"]
        if shared:
            files = len({(leak.one.path, leak.other.path) for leak in shared})
            pairs = "1 pair of files shows" if files == 1 else f"{files} pairs of files show"
            found.append(
                f"validation leaks: {pairs} the same scenes on both sides, so that its figures "
                "would flatter"
            )
        found += [each.what for each in self.remarks if each.severity == "fatal"]
        return found

    def by_title(self) -> list[tuple[Remark, list[Examined]]]:
        """Warnings with the files that they are said of, those of most files first.

        What patch takes all files is said of all of them together, among `remarks`.
        """
        counts: Counter[str] = Counter()
        told: dict[str, tuple[Remark, list[Examined]]] = {}
        for file in self.files:
            for remark in file.remarks:
                if remark.severity == "warning" and remark.title != SMALL:
                    told.setdefault(remark.title, (remark, []))[1].append(file)
                    counts[remark.title] += 1
        return [told[title] for title, _ in counts.most_common()]


def diagnose(
    requests: Sequence[Request],
    watch: Callable[[Progress], object],
    *,
    patch_is_given: bool = True,
    processes: int | None = None,
) -> Report:
    """Read every file of some sources, each once, and say what there is to say of it.

    Args:
        requests: the sources, training before validation.
        watch: told how far it is.
        patch_is_given: whether somebody chose `data.patch`: else what is too small for it is no
            reason to leave a file out.
        processes: how many read at once; as many as cores if None; 0 reads here.
    """
    report = Report(tuple(requests), patch_is_given=patch_is_given)
    with tempfile.TemporaryDirectory(prefix="vsr-doctor-") as scratch:
        sources = [
            open_source(request, Path(scratch), patch_is_given=patch_is_given)
            for request in requests
        ]
        found = _read([piece for source in sources for piece in source.pieces], watch, processes)
        for request, source in zip(requests, sources, strict=True):
            files = [file for piece in source.pieces for file in found[id(piece)]]
            report.files += sorted([*files, *source.refused], key=lambda file: file.path)
            report.remarks += source.remarks
            report.remarks += [each for made in source.made for each in pair_remarks(made, request)]
    _judge(report)
    return report


def _read(
    pieces: list[Piece], watch: Callable[[Progress], object], processes: int | None
) -> dict[int, list[Examined]]:
    """Read pieces side by side; returns what was found of each, by its `id`."""
    done: dict[int, int] = {}
    found: dict[int, list[Examined]] = {}
    total = sum(piece.frames for piece in pieces)
    count = sum(len(piece.clips) or 1 for piece in pieces)

    def tell(latest: Sequence[Examined] = ()) -> None:
        files = sum(len(each) for each in found.values())
        watch(Progress(sum(done.values()), total, files, count, tuple(latest)))

    def follow(piece: Piece, frames: int) -> None:
        done[id(piece)] = frames
        tell()

    tell()
    for piece, outcome in shared_out(pieces, _examined, follow, processes):
        files = piece.failed(outcome.reason) if isinstance(outcome, Death) else outcome
        done[id(piece)] = max(piece.frames, sum(file.account.decoded for file in files))
        found[id(piece)] = files
        tell(files)
    return found


def _examined(piece: Piece, watch: Callable[[int], object]) -> list[Examined]:
    """Read a piece; a fault of the reader's own costs that piece alone, and is named."""
    try:
        return examine(piece, watch)
    except Exception as error:  # noqa: BLE001 - a row of the table says it, and the rest goes on
        text = f"{type(error).__name__}: {error}"
        return piece.failed(f"the doctor stumbled over it ({text}); please report this")


def _judge(report: Report) -> None:
    """Refuse what training would refuse, share out its samples, and put everything into words."""
    requests = {(request.role, request.group): request for request in report.requests}
    for file in report.files:
        request = requests[file.role, file.group]
        file.refused = file.refused or reason_against(
            file, request, patch_is_given=report.patch_is_given
        )
        file.remarks = remarks_on(file, request, patch_is_given=report.patch_is_given)
    training = [file for file in report.of("train") if not file.refused]
    weights = {file.group: requests["train", file.group].weight for file in training}
    for file in training:
        within = sum(each.weight for each in training if each.group == file.group)
        file.share = file.weight / within * weights[file.group] / sum(weights.values())
    if not report.patch_is_given:
        report.remarks += patch_remark(report.of("train"), requests["train", 0])
    report.leaks = find_leaks(training, [one for one in report.of("val") if not one.refused])
