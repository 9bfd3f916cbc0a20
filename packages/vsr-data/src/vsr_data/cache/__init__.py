"""The frame cache: decoded frames and their low-resolution versions, uncompressed, on disk.

Knows nothing of where frames come from.
"""

from vsr_data.cache.entry import Account, Entry, Segment
from vsr_data.cache.reading import ChangedFramesError, StripReader
from vsr_data.cache.store import GIB, FrameStore, entry_key
from vsr_data.cache.writing import Budget, CacheFullError, EntryWriter

__all__ = [
    "GIB",
    "Account",
    "Budget",
    "CacheFullError",
    "ChangedFramesError",
    "Entry",
    "EntryWriter",
    "FrameStore",
    "Segment",
    "StripReader",
    "entry_key",
]
