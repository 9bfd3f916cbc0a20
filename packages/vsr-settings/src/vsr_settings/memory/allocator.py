"""What CUDA's caching allocator holds after serving a sequence of requests: its rules, replayed.

The card must have room for what the allocator reserves, which is more than what tensors use: it
takes memory from the driver in segments, cuts them into blocks, and keeps them for reuse. These
are the rules of c10's `CUDACachingAllocator` with its default options, one stream and no limit,
so nothing is ever given back. Addresses are plain numbers; no memory is touched.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Final

from vsr_settings.memory.sizes import MIB

ROUND: Final = 512
"""Every request is rounded up to this many bytes."""
SMALL: Final = MIB
"""Largest request served from the pool of small segments; larger remainders stay apart."""
SMALL_SEGMENT: Final = 2 * MIB
"""What the driver is asked for when a small request finds no block."""
MEDIUM: Final = 10 * MIB
"""Requests from here on get a segment of their own size."""
MEDIUM_SEGMENT: Final = 20 * MIB
"""What the driver is asked for when a request between small and medium finds no block."""
LARGE_ROUND: Final = 2 * MIB
"""Segments of a request's own size are rounded up to this."""


class _Block:
    """A stretch of a segment, used or free, between its neighbours."""

    __slots__ = ("after", "before", "number", "pool", "size", "used")

    def __init__(self, number: int, size: int, pool: "_Pool") -> None:
        self.number = number
        self.size = size
        self.pool = pool
        self.used = True
        self.before: _Block | None = None
        self.after: _Block | None = None


_Pool = list[tuple[int, int, _Block]]
"""Free blocks by size and number: the best fit first, then the oldest."""


class CachingAllocator:
    """Serves `allocate` and `free` as the card's allocator would, and counts what it holds."""

    def __init__(self) -> None:
        self.reserved = 0
        self.allocated = 0
        self._small: _Pool = []
        self._large: _Pool = []
        self._used: dict[int, _Block] = {}
        self._count = 0

    def allocate(self, key: int, size: int) -> None:
        """Serve `size` bytes under a key of the caller's; 0 bytes take nothing."""
        if size == 0:
            return
        size = -(-size // ROUND) * ROUND
        pool, most_left = (self._small, ROUND - 1) if size <= SMALL else (self._large, SMALL)
        place = bisect_left(pool, (size,))
        block = pool.pop(place)[2] if place < len(pool) else self._new_segment(size, pool)
        if block.size - size > most_left:
            self._split(block, size)
        block.used = True
        self._used[key] = block
        self.allocated += block.size

    def free(self, key: int) -> None:
        """Take back what `key` was given, joined with free neighbours."""
        block = self._used.pop(key, None)
        if block is None:
            return
        self.allocated -= block.size
        block.used = False
        before, after = block.before, block.after
        if before is not None and not before.used:
            _take_out(before)
            _join(before, block)
            block = before
        if after is not None and not after.used:
            _take_out(after)
            _join(block, after)
        insort(block.pool, (block.size, block.number, block))

    def _new_segment(self, size: int, pool: _Pool) -> _Block:
        if size <= SMALL:
            segment = SMALL_SEGMENT
        elif size < MEDIUM:
            segment = MEDIUM_SEGMENT
        else:
            segment = -(-size // LARGE_ROUND) * LARGE_ROUND
        self.reserved += segment
        self._count += 1
        return _Block(self._count, segment, pool)

    def _split(self, block: _Block, size: int) -> None:
        """Cut a block to size; the rest goes back to the pool."""
        self._count += 1
        rest = _Block(self._count, block.size - size, block.pool)
        rest.used = False
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        insort(rest.pool, (rest.size, rest.number, rest))


def reserved_bytes(events: Iterable[tuple[int, int]]) -> int:
    """Return what the allocator holds after `(key, size)` events; a negative size frees."""
    allocator = CachingAllocator()
    for key, size in events:
        if size < 0:
            allocator.free(key)
        else:
            allocator.allocate(key, size)
    return allocator.reserved


def _take_out(block: _Block) -> None:
    """Take a free block out of its pool."""
    del block.pool[bisect_left(block.pool, (block.size, block.number))]


def _join(first: _Block, second: _Block) -> None:
    """Make one free block of two neighbours; it keeps the number of the first in memory."""
    first.size += second.size
    first.after = second.after
    if second.after is not None:
        second.after.before = first
