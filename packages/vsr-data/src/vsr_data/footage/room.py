"""What the sources of a run take in the frame cache together: one sum, and two limits to it.

Counted are entries (decoded frames, by their keys, so that what sources share counts once) and
takes of whatever is degraded, films, pictures or the demo.
"""

from dataclasses import dataclass, field

from vsr_data.cache import GIB, FrameStore
from vsr_data.cache.takes import takes_in
from vsr_data.errors import DataError
from vsr_data.footage.clip import Clip
from vsr_data.footage.takes import takes_bytes
from vsr_data.request import Request


@dataclass(frozen=True)
class Room:
    """Bytes in the frame cache.

    Attributes:
        requests: what needs them.
        lying: of entries that are there.
        coming: of entries that are yet to be made, as far as headers tell.
        takes: the most that takes come to at a time, whether they have been made or not.
    """

    requests: tuple[Request, ...] = ()
    lying: dict[str, int] = field(default_factory=dict)
    coming: dict[str, int] = field(default_factory=dict)
    takes: int = 0

    def __or__(self, other: "Room") -> "Room":
        """What both need."""
        lying = self.lying | other.lying
        coming = self.coming | other.coming
        return Room(
            (*self.requests, *(one for one in other.requests if one not in self.requests)),
            lying,
            {key: n_bytes for key, n_bytes in coming.items() if key not in lying},
            self.takes + other.takes,
        )

    @property
    def held(self) -> int:
        """What cannot be had for the entries that are coming."""
        return sum(self.lying.values()) + self.takes

    @property
    def needed(self) -> int:
        """All of it."""
        return self.held + sum(self.coming.values())

    def fits(self, store: FrameStore) -> bool:
        """Whether there is room, by `data.cache_gib` and on the disk."""
        return self.needed <= limit_of(self.requests[0]) and not self._lacks_disk(store)

    def check(self, store: FrameStore) -> None:
        """Refuse what does not fit.

        Raises:
            DataError: it exceeds `data.cache_gib` or the disk.
        """
        if not self.requests:
            return
        if self.needed > limit_of(self.requests[0]):
            raise self.too_much(self.needed)
        if self._lacks_disk(store):
            request = self.requests[0]
            wanted = sum(self.coming.values()) + self.takes
            raise DataError(
                f"frames of {self._named} need about {wanted / GIB:.2g} GiB{self._of_which}; the "
                f"disk of data.cache_dir = {request.cache_dir!r} has "
                f"{store.free_bytes() / GIB:.2g} GiB free; {self._fewer}, or another "
                "data.cache_dir"
            )

    def too_much(self, needed: int, where: str = "") -> DataError:
        """The message of a cache that is too small.

        Args:
            needed: bytes, at least.
            where: how that was found out.
        """
        where = f", {where}" if where else ""
        return DataError(
            f"frames of {self._named} need more than data.cache_gib = "
            f"{self.requests[0].cache_gib:g} GiB: at least {needed / GIB:.2g} GiB"
            f"{self._of_which}{where}; raise data.cache_gib, or {self._fewer}"
        )

    def _lacks_disk(self, store: FrameStore) -> bool:
        """Whether the disk has no room, even where all takes that lie there make way."""
        wanted = sum(self.coming.values()) + self.takes
        lacking = wanted - store.free_bytes() if wanted else 0
        return lacking > 0 and lacking > min(self.takes, takes_in(store.folder))

    @property
    def _named(self) -> str:
        return " and ".join(request.setting for request in self.requests)

    @property
    def _of_which(self) -> str:
        parts = []
        if self.coming:
            parts.append(f"{sum(self.coming.values()) / GIB:.2g} GiB to be decoded")
        if self.takes:
            parts.append(f"{self.takes / GIB:.2g} GiB of degraded frames")
        return f" ({', '.join(parts)})" if parts else ""

    @property
    def _fewer(self) -> str:
        ranged = [request.frames_setting for request in self.requests if request.source != "demo"]
        if not ranged:
            return "lower data.patch"
        return f"use fewer frames, as in {ranged[0]} = ':300'"


def limit_of(request: Request) -> int:
    """Bytes that the sources of a run may take."""
    return int(request.cache_gib * GIB)


def takes_of(clips: tuple[Clip, ...], request: Request) -> Room:
    """What the takes of clips need that have been opened; of ready-made pairs there are none."""
    made = (clip for clip in clips if clip.identity)
    takes = sum(takes_bytes(clip.frames, clip.lq_size, request) for clip in made)
    return Room((request,), takes=takes) if takes else Room()
