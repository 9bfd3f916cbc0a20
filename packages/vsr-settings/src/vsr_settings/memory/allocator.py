"""What CUDA's caching allocator holds after serving a sequence of requests: its rules, replayed.

The card must have room for what the allocator reserves, which is more than what tensors use: it
takes memory from the driver in segments, cuts them into blocks, and keeps them for reuse. These
are the rules of c10's `CUDACachingAllocator` with its default options, one stream and no limit,
so nothing is ever given back. Addresses are plain numbers; no memory is touched.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass

ROUND = 512
"""Every request is rounded up to this many bytes."""
SMALL = 1 << 20
"""Largest request served from the pool of small segments; larger remainders stay apart."""
SMALL_SEGMENT = 2 << 20
"""What the driver is asked for when a small request finds no block."""
MEDIUM = 10 << 20
"""Requests from here on get a segment of their own size."""
MEDIUM_SEGMENT = 20 << 20
"""What the driver is asked for when a request between small and medium finds no block."""
LARGE_ROUND = 2 << 20
"""Segments of a request's own size are rounded up to this."""


@dataclass(eq=False)
class _Block:
    """A stretch of a segment, used or free, between its neighbours."""

    number: int
    size: int
    small: bool
    used: bool = True
    before: "_Block | None" = None
    after: "_Block | None" = None

    @property
    def rank(self) -> tuple[int, int]:
        """Order in the pool: best fit first, then the oldest."""
        return self.size, self.number


class CachingAllocator:
    """Serves `allocate` and `free` as the card's allocator would, and counts what it holds."""

    def __init__(self) -> None:
        self.reserved = 0
        self.allocated = 0
        self._pools: dict[bool, list[_Block]] = {True: [], False: []}
        self._used: dict[int, _Block] = {}
        self._count = 0

    def allocate(self, key: int, size: int) -> None:
        """Serve `size` bytes under a key of the caller's; 0 bytes take nothing."""
        if size == 0:
            return
        size = _round_up(size, ROUND)
        small = size <= SMALL
        block = self._best_fit(size, small=small) or self._new_segment(size, small=small)
        remaining = block.size - size
        if remaining >= ROUND if small else remaining > SMALL:
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
        for other in (block.before, block.after):
            if other is not None and not other.used:
                self._pools[block.small].remove(other)
                block = _join(block, other)
        insort(self._pools[block.small], block, key=lambda free: free.rank)

    def _best_fit(self, size: int, *, small: bool) -> _Block | None:
        """Take the smallest free block that is large enough out of its pool."""
        pool = self._pools[small]
        place = bisect_left(pool, (size, -1), key=lambda free: free.rank)
        return pool.pop(place) if place < len(pool) else None

    def _new_segment(self, size: int, *, small: bool) -> _Block:
        if small:
            segment = SMALL_SEGMENT
        elif size < MEDIUM:
            segment = MEDIUM_SEGMENT
        else:
            segment = _round_up(size, LARGE_ROUND)
        self.reserved += segment
        return self._block(segment, small=small)

    def _split(self, block: _Block, size: int) -> None:
        """Cut a block to size; the rest goes back to the pool."""
        rest = self._block(block.size - size, small=block.small)
        rest.used = False
        rest.before, rest.after = block, block.after
        if block.after is not None:
            block.after.before = rest
        block.after, block.size = rest, size
        insort(self._pools[rest.small], rest, key=lambda free: free.rank)

    def _block(self, size: int, *, small: bool) -> _Block:
        self._count += 1
        return _Block(self._count, size, small)


def reserved_bytes(events: Iterable[tuple[int, int]]) -> int:
    """Return what the allocator holds after `(key, size)` events; a negative size frees."""
    allocator = CachingAllocator()
    for key, size in events:
        if size < 0:
            allocator.free(key)
        else:
            allocator.allocate(key, size)
    return allocator.reserved


def _join(one: _Block, other: _Block) -> _Block:
    """Make one free block of two neighbours; it keeps the number of the first in memory."""
    first, second = (other, one) if other is one.before else (one, other)
    first.size += second.size
    first.after = second.after
    if second.after is not None:
        second.after.before = first
    return first


def _round_up(size: int, unit: int) -> int:
    return -(-size // unit) * unit
