"""The pages of a server, each made again only when something in it has changed."""

import hashlib
import math
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from vsr_viewer.comparison import compare, comparison_from_server
from vsr_viewer.page import page_from_server, state_of
from vsr_viewer.pictures import Linked
from vsr_viewer.server.index import Row, index_page, row_of
from vsr_viewer.server.live import LiveRun, LiveRuns

MOST_PAGES: Final = 32
"""Pages that stay in memory, with their pictures."""

MOST_COMPARED: Final = 24

PATIENCE: Final = 1.5
"""Seconds after which the list of runs reads no more, and names those that were not read yet."""

CRUMB: Final = '<p class="crumb"><a href="/">← all runs</a></p>'

PICTURES: Final = "/pictures/"


@dataclass
class Kept:
    """A page that was made."""

    body: bytes
    tag: str
    key: object = None
    """What it was made of; another means that it must be made again."""
    until: float = math.inf
    """Unix seconds until when it is right, if nothing changes."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    earlier: dict[str, bytes] = field(default_factory=dict)
    """Pictures of the page before: a browser may still ask for them."""


class Pages:
    """The pages of some runs.

    Args:
        runs: those that are shown.
        now: Unix seconds.
        clock: seconds that rise.
    """

    def __init__(
        self,
        runs: LiveRuns,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runs = runs
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Kept] = OrderedDict()
        self._rows: dict[str, tuple[object, Row]] = {}

    def index(self) -> Kept:
        """Return the list of all runs."""
        rows, unread = [], []
        began, read = self._clock(), 0
        for name in self._runs.names():
            before = self._rows.get(name)
            row = self._row(name, may_read=not read or self._clock() - began < PATIENCE)
            read += self._rows.get(name) is not before
            if row is None:
                unread.append(name)
            else:
                rows.append(row)
        body = index_page(self._runs.folder, rows, unread).encode()
        return Kept(body, tag_of(body))

    def run(self, name: str) -> Kept | None:
        """Return a run's page; None where there is no such run."""
        run = self._runs.get(name)
        if run is None:
            return None
        page = ("run", name)
        with run.lock:
            key, now = run.signature(), self._now()
            if (kept := self._found(page, key, now)) is not None:
                return kept
            record, sources = run.read(), Linked(PICTURES)
            text = page_from_server(record, run.shelf, now, sources, CRUMB)
            until = state_of(record, now).until
        self._runs.used(name)
        return self._keep(page, key, until, text, sources)

    def comparison(self, names: Sequence[str]) -> Kept | None:
        """Return the page of several runs; None where one of them is not there."""
        unique = list(dict.fromkeys(names))[:MOST_COMPARED]
        found = [(name, self._runs.get(name)) for name in unique]
        there: list[tuple[str, LiveRun]] = [(name, run) for name, run in found if run is not None]
        if len(there) < len(unique) or not there:
            return None
        page = ("compare", *unique)
        with ExitStack() as locks:
            for _, run in sorted(there, key=lambda each: each[0]):  # always in the same order
                locks.enter_context(run.lock)
            key, now = [run.signature() for _, run in there], self._now()
            if (kept := self._found(page, key, now)) is not None:
                return kept
            sources = Linked(PICTURES)
            compared = compare([(run.read(), run.shelf) for _, run in there])
            text = comparison_from_server(*compared, now, sources, CRUMB)
            until = min(state_of(run.read(), now).until for _, run in there)
        for name in unique:
            self._runs.used(name)
        return self._keep(page, key, until, text, sources)

    def picture(self, digest: str) -> bytes | None:
        """Return a picture that a page names; None where none does."""
        with self._lock:
            for kept in reversed(self._kept.values()):
                found = kept.pictures.get(digest) or kept.earlier.get(digest)
                if found is not None:
                    return found
        return None

    def _row(self, name: str, *, may_read: bool) -> Row | None:
        """Return a run's line of the list; None where it was not read yet and may not be now."""
        run = self._runs.get(name)
        if run is None:
            return None
        key, row = self._rows.get(name, (None, None))
        signature, now = run.signature(), self._now()
        if not may_read or (row is not None and key == signature and now <= row.until):
            return row
        with run.lock:
            row = row_of(name, address_of(name), run.read(), now)
        self._rows[name] = (signature, row)
        self._runs.used(name)
        return row

    def _found(self, page: object, key: object, now: float) -> Kept | None:
        """Return a page that is still right."""
        with self._lock:
            kept = self._kept.get(page)
            if kept is None or kept.key != key or now > kept.until:
                return None
            self._kept.move_to_end(page)
            return kept

    def _keep(self, page: object, key: object, until: float, text: str, sources: Linked) -> Kept:
        body = text.encode("utf-8", "backslashreplace")
        with self._lock:
            before = self._kept.pop(page, None)
            earlier = before.pictures if before is not None else {}
            kept = Kept(body, tag_of(body), key, until, sources.named, earlier)
            self._kept[page] = kept
            while len(self._kept) > MOST_PAGES:
                self._kept.popitem(last=False)
        return kept


def address_of(name: str) -> str:
    """Return the address of a run's page, whatever bytes are in its name."""
    return f"/runs/{quote(os.fsencode(name), safe='')}/"


def tag_of(body: bytes) -> str:
    """Return what names the content of an answer."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
