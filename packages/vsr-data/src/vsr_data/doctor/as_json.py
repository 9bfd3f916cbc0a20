"""What was found as JSON: strict, and with every figure of the table."""

import json
import math
from typing import Any

from vsr_data.doctor.findings import Examined
from vsr_data.doctor.leaks import Leak, Place
from vsr_data.doctor.report import Report


def as_json(report: Report) -> str:
    """One object, on several lines."""
    found = {
        "files": [_file(file) for file in report.files],
        "leaks": [_leak(leak) for leak in report.leaks],
        "totals": {
            "files": len(report.files),
            "usable": len(report.usable),
            "hours": report.hours,
            "windows": report.windows,
        },
        "remarks": [{"severity": one.severity, "text": one.sentence} for one in report.remarks],
        "refusals": report.refusals,
        "verdict": "refused" if report.refusals else "usable",
    }
    return json.dumps(_finite(found), indent=2, ensure_ascii=False, allow_nan=False)


def _file(file: Examined) -> dict[str, Any]:
    account = file.account
    return {
        "path": file.path,
        "role": file.role,
        "kind": file.kind,
        "codec": account.codec,
        "width": account.width,
        "height": account.height,
        "frames": account.decoded,
        "rate": file.rate,
        "seconds": file.seconds,
        "cuts": account.cuts,
        "interlaced": account.fields is not None,
        "fields": account.fields,
        "telecined": account.telecined,
        "hdr": account.hdr,
        "pixel_aspect": account.pixel_aspect,
        "bars": account.bars,
        "motion": account.motion,
        "detail": account.detail,
        "level": account.level,
        "noise": account.noise,
        "blockiness": account.blockiness,
        "enlarged": account.enlarged,
        "repeated": account.repeated,
        "damaged": account.damaged,
        "windows": 0 if file.refused else file.windows,
        "share": file.share,
        "problems": [one.sentence for one in file.remarks if one.severity != "note"],
        "notes": [one.sentence for one in file.remarks if one.severity == "note"],
        "verdict": file.verdict,
    }


def _leak(leak: Leak) -> dict[str, Any]:
    return {
        "kind": leak.kind,
        "one": _place(leak.one),
        "other": _place(leak.other),
        "last_frame": leak.last.frame,
        "matches": leak.matches,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"path": place.path, "frame": place.frame, "seconds": place.seconds}


def _finite(value: Any) -> Any:
    """JSON has neither infinities nor what is no number: null in their place."""
    match value:
        case float():
            return round(value, 4) if math.isfinite(value) else None
        case dict():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case _:
            return value
