"""A page put together: sections, a style, a small script, and a policy that forbids all else.

A page on its own holds everything; one from a server names its style and script, and says of each
section what it holds, so that a browser can take over those that have changed.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Final

from vsr_viewer.text import shown

LIMIT: Final = 3_000_000
"""Bytes of a page on its own."""

SERVED_POLICY: Final = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page from a server may load: what that server has, and nothing else."""


@dataclass(frozen=True)
class Section:
    """A part of a page with a heading of its own."""

    name: str
    """Its anchor, one of our own words."""
    title: str
    """Its heading, one of ours too; empty for none."""
    body: str
    """HTML; empty where there is nothing to show."""
    is_listed: bool = True
    """Whether it is among the links at the top."""


def document(title: str, sections: Sequence[Section], *, when: str = "", crumb: str = "") -> str:
    """Return a page as HTML.

    Args:
        title: of the window, any text.
        sections: in order; those without a body are left out.
        when: the moment that a page on its own is of; empty where a server hands it out, which has
            its style and script.
        crumb: what stands above everything, as HTML.
    """
    served = not when
    there = [each for each in sections if each.body]
    body = "".join(_element(each) for each in there)
    return (
        f'<!doctype html>\n<html lang="en"{" data-live" * served}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="light dark">{_assets(served=served)}'
        f'<link rel="icon" href="data:,"><title>{shown(title)}</title></head>\n'
        f"<body>{crumb}<main>{body}</main>{_foot(when)}</body></html>\n"
    )


def links(sections: Sequence[Section]) -> str:
    """Return links to the sections of a page."""
    listed = [each for each in sections if each.body and each.title and each.is_listed]
    items = "".join(f'<a href="#{each.name}">{escape(each.title)}</a>' for each in listed)
    return f'<nav aria-label="sections">{items}</nav>' if items else ""


@cache
def asset(name: str) -> str:
    """Return the page's style or script."""
    return files("vsr_viewer.page").joinpath(name).read_text(encoding="utf-8")


def _element(section: Section) -> str:
    heading = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    digest = hashlib.sha256(section.body.encode()).hexdigest()[:16]
    return (
        f'<section id="{section.name}" data-digest="{digest}">{heading}{section.body}</section>\n'
    )


def _assets(*, served: bool) -> str:
    if served:
        return '<link rel="stylesheet" href="/page.css"><script src="/page.js" defer></script>'
    style, script = asset("page.css"), asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<style>{style}</style><script type="module">{script}</script>'
    )


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _foot(when: str) -> str:
    how, at = ("report", f"{when}, by") if when else ("serve", "by")
    return f"<footer>Written {at} <code>python -m vsr_train {how}</code>.</footer>"
