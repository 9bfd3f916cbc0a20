"""A run as one page of HTML."""

from vsr_viewer.page.curves import BUCKETS, span
from vsr_viewer.page.document import LIMIT, SERVED_POLICY, Section, asset, document, links
from vsr_viewer.page.facts import defaults_of, values_by_path, written
from vsr_viewer.page.head import missing, state_chip, verdict_chip
from vsr_viewer.page.run_page import page_from_server, page_on_its_own
from vsr_viewer.page.samples import Layer, Sample, sample_html
from vsr_viewer.page.state import State, state_of
from vsr_viewer.page.weights import path_of

__all__ = [
    "BUCKETS",
    "LIMIT",
    "SERVED_POLICY",
    "Layer",
    "Sample",
    "Section",
    "State",
    "asset",
    "defaults_of",
    "document",
    "links",
    "missing",
    "page_from_server",
    "page_on_its_own",
    "path_of",
    "sample_html",
    "span",
    "state_chip",
    "state_of",
    "values_by_path",
    "verdict_chip",
    "written",
]
