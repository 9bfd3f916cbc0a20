"""Runs looked at: a page for each, several side by side, and all of them live in a browser.

Nothing here imports torch, numpy or av, and nothing that is read is believed: whatever is missing
or damaged is said in words. A run goes on whether anybody looks or not.
"""

from vsr_viewer.writing import PAGE, PageWriter, write_page

__all__ = ["PAGE", "PageWriter", "write_page"]
