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


_AGE: Final = 40
"""Bits of a free block's rank that tell its number, the oldest first; those above tell its size, so
that the best fit comes first."""
_NUMBER: Final = (1 << _AGE) - 1


class _Block:
    """A stretch of a segment, used or free, between its neighbours."""

    __slots__ = ("after", "before", "number", "pool", "size", "used")

    def __init__(self, number: int, size: int, pool: list[int]) -> None:
        self.number = number
        self.size = size
        self.pool = pool
        self.used = True
        self.before: _Block | None = None
        self.after: _Block | None = None


class CachingAllocator:
    """Serves `allocate` and `free` as the card's allocator would, and counts what it holds."""

    def __init__(self) -> None:
        self.reserved = 0
        self.allocated = 0
        self._small: list[int] = []
        self._large: list[int] = []
        """Free blocks of either kind of segment, by rank."""
        self._blocks: list[_Block] = []
        """Every block there ever was, by number."""
        self._used: dict[int, _Block] = {}

    def allocate(self, key: int, size: int) -> None:
        """Serve `size` bytes under a key of the caller's; 0 bytes take nothing."""
        if size == 0:
            return
        size = -(-size // ROUND) * ROUND
        pool, most_left = (self._small, ROUND - 1) if size <= SMALL else (self._large, SMALL)
        place = bisect_left(pool, size << _AGE)
        if place < len(pool):
            block = self._blocks[pool.pop(place) & _NUMBER]
        else:
            block = self._new_segment(size, pool)
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
        before, after, pool = block.before, block.after, block.pool
        if after is not None and not after.used:
            del pool[bisect_left(pool, after.size << _AGE | after.number)]
            _join(block, after)
        if before is not None and not before.used:
            del pool[bisect_left(pool, before.size << _AGE | before.number)]
            _join(before, block)
            block = before
        insort(pool, block.size << _AGE | block.number)

    def _new_segment(self, size: int, pool: list[int]) -> _Block:
        if size <= SMALL:
            segment = SMALL_SEGMENT
        elif size < MEDIUM:
            segment = MEDIUM_SEGMENT
        else:
            segment = -(-size // LARGE_ROUND) * LARGE_ROUND
        self.reserved += segment
        return self._block(segment, pool)

    def _split(self, block: _Block, size: int) -> None:
        """Cut a block to size; the rest goes back to the pool."""
        rest = self._block(block.size - size, block.pool)
        rest.used = False
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        insort(block.pool, rest.size << _AGE | rest.number)

    def _block(self, size: int, pool: list[int]) -> _Block:
        block = _Block(len(self._blocks), size, pool)
        self._blocks.append(block)
        return block


def reserved_bytes(events: Iterable[tuple[int, int]]) -> int:
    """Return what the allocator holds after `(key, size)` events; a negative size frees."""
    allocator = CachingAllocator()
    allocate, free = allocator.allocate, allocator.free
    for key, size in events:
        if size > 0:
            allocate(key, size)
        elif size < 0:
            free(key)
    return allocator.reserved


def _join(first: _Block, second: _Block) -> None:
    """Make one free block of two neighbours; it keeps the number of the first in memory."""
    first.size += second.size
    first.after = second.after
    if second.after is not None:
        second.after.before = first
