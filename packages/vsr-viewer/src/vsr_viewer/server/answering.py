"""What a request is answered with: pages, their pictures, their style and script; nothing else.

No path of a request becomes the path of a file: a run is looked up among the names that its folder
has, a picture among those that a page names.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote_to_bytes

from vsr_viewer.page import asset
from vsr_viewer.server.pages import Kept, Pages, tag_of

METHODS: Final = ("GET", "HEAD")

HTML: Final = "text/html; charset=utf-8"
TEXT: Final = "text/plain; charset=utf-8"

FRESH: Final = "no-cache"
"""Kept by a browser, and asked for again each time: the tag says whether it has changed."""

FOR_EVER: Final = "private, max-age=31536000, immutable"
"""Named by what it is."""

LONGEST_TARGET: Final = 8192

_PICTURE: Final = re.compile(r"([0-9a-f]{32})\.webp")

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:]+)(:[0-9]*)?")

_ASSETS: Final = {
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True)
class Answer:
    """Status, content and headers."""

    status: int
    body: bytes = b""
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


class Answers:
    """Answers requests.

    Args:
        pages: what is shown.
        hosts: names that a request may be addressed to, in lower case; None for any. A page of
            somebody else's that calls this machine by a name of its own is kept out by them.
    """

    def __init__(self, pages: Pages, hosts: frozenset[str] | None) -> None:
        self._pages = pages
        self._hosts = hosts

    def answer(self, method: str, target: str, headers: Mapping[str, str]) -> Answer:
        """Return the answer to a request.

        Args:
            method: its verb.
            target: what it asks for, as it was sent.
            headers: its headers, under any case.
        """
        sent = {name.lower(): value for name, value in headers.items()}
        if method not in METHODS:
            allow = {"Allow": ", ".join(METHODS)}
            return Answer(405, b"runs are looked at here, and nothing is changed\n", headers=allow)
        if self._hosts is not None and host_of(sent.get("host", "")) not in self._hosts:
            return Answer(403, b"this server answers to localhost alone\n")
        found = self._found(target) or Answer(404, b"there is nothing here\n")
        tag = found.headers.get("ETag", "")
        if tag and tag in _tags(sent.get("if-none-match", "")):
            return Answer(304, headers=found.headers)
        return found

    def _found(self, target: str) -> Answer | None:
        if not target.startswith("/") or len(target) > LONGEST_TARGET:
            return None
        path, _, query = target.partition("?")
        found: Answer | None = None
        match [os.fsdecode(unquote_to_bytes(part)) for part in path.split("/")[1:]]:
            case [""]:
                found = _page(self._pages.index())
            case ["runs", name, ""]:
                found = _page(self._pages.run(name))
            case ["compare"]:
                found = _page(self._pages.comparison(_chosen(query)))
            case ["pictures", name] if match := _PICTURE.fullmatch(name):
                found = _picture(self._pages.picture(match[1]))
            case [name] if name in _ASSETS:
                body = asset(name).encode()
                found = Answer(200, body, _ASSETS[name], _headers(tag_of(body), FRESH))
        return found


def host_of(header: str) -> str:
    """Return the host that a request is addressed to, without its port; empty where it is none."""
    match = _HOST.fullmatch(header.strip().lower())
    return match[1] if match else ""


def _chosen(query: str) -> list[str]:
    try:
        values = parse_qs(query, errors="surrogateescape", max_num_fields=200)
    except ValueError:
        return []
    return values.get("run", [])


def _page(kept: Kept | None) -> Answer | None:
    return None if kept is None else Answer(200, kept.body, HTML, _headers(kept.tag, FRESH))


def _picture(content: bytes | None) -> Answer | None:
    if content is None:
        return None
    return Answer(200, content, "image/webp", _headers(tag_of(content), FOR_EVER))


def _headers(tag: str, cache: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": cache}


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]
