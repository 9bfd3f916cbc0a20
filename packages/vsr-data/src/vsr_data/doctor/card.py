"""One file on the page: figures, timeline, remarks and a window."""

import base64
import io
from collections.abc import Iterator
from html import escape
from typing import Final

from PIL import Image

from vsr_data.doctor.contact_sheet import side_by_side
from vsr_data.doctor.findings import Examined, Remark, WindowPicture
from vsr_data.doctor.timeline import timeline
from vsr_data.doctor.words import (
    BLOCKS,
    DETAIL,
    MOTION,
    NOISE,
    capital,
    clock,
    count,
    length_text,
    short_name,
    size_text,
    specials,
    worded,
)

QUALITY: Final = 88
"""Of the pictures in the page, as WebP; those of the contact sheet are exact."""


def card(file: Examined, number: int, picture: WindowPicture | None) -> str:
    """A file as HTML.

    Args:
        file: what was found.
        number: its place in the report, which links lead to.
        picture: a window of it to show.
    """
    left = f"{timeline(file)}{_figures(file)}{_remarks(file)}"
    right = _figure(file, picture) if picture is not None else ""
    body = f'<div class="body{" two" if right else ""}"><div>{left}</div>{right}</div>'
    return (
        f'<article id="f{number}"><header><h3>{escape(short_name(file.path))}</h3>'
        f'<span class="chip {file.verdict}">{file.verdict}</span></header>'
        f'<p class="facts">{escape(" · ".join(_facts(file)))}</p>{body}</article>'
    )


def _facts(file: Examined) -> Iterator[str]:
    account = file.account
    if not account.decoded:
        yield file.path
        return
    if account.codec:
        yield account.codec
    yield size_text(file)
    if file.rate:
        yield f"{file.rate:.4g} fps"
    length = f" ({length_text(file.seconds)})" if file.seconds else ""
    yield f"{count(account.decoded, 'frame')}{length}"
    yield count(len(account.cuts), "scene cut")
    if not file.refused:
        yield count(file.windows, "window")
    if file.share:
        yield f"{file.share:.0%} of the samples"
    yield from specials(file)


def _figures(file: Examined) -> str:
    account = file.account
    if not account.decoded:
        return ""
    rows = [
        ("motion", account.motion, MOTION, ".1f"),
        ("detail", account.detail, DETAIL, ".1f"),
        ("noise", account.noise, NOISE, ".1f"),
        ("blocks", account.blockiness, BLOCKS, ".2f"),
    ]
    cells = "".join(
        f"<div><dt>{name}</dt><dd>{worded(value, scale)}<small>{value:{style}}</small></dd></div>"
        for name, value, scale, style in rows
    )
    return f'<dl class="figures">{cells}</dl>'


def _remarks(file: Examined) -> str:
    if not file.remarks:
        return ""
    items = "".join(f'<li class="{one.severity}">{_remark(one)}</li>' for one in file.remarks)
    return f'<ul class="remarks">{items}</ul>'


def _remark(remark: Remark) -> str:
    what = f"<b>{escape(capital(remark.what))}.</b>"
    done = f" Training: {escape(remark.done)}." if remark.done else ""
    advice = f" You: {escape(remark.advice)}." if remark.advice else ""
    return what + done + advice


def _figure(file: Examined, picture: WindowPicture) -> str:
    pixels = side_by_side(picture)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="WEBP", quality=QUALITY, method=6)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = pixels.shape[:2]
    at = clock(file.seconds_of(picture.number))
    where = f"frame {picture.number}{f', {at}' if at else ''}"
    name = escape(f"input and target of a window of {short_name(file.path)}, {where}")
    return (
        f'<figure><img src="data:image/webp;base64,{data}" width="{width}" height="{height}" '
        f'alt="{name}" loading="lazy"><figcaption>{where}</figcaption></figure>'
    )
