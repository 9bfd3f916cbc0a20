"""What a file of tensors holds, as far as it can be said without torch."""

from dataclasses import dataclass
from typing import IO, Any

from vsr_files import ForeignFileError

ITEM_BYTES = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
"""Bytes of a number, by torch's name of its type: the types that weights and states are made of."""

MAX_DIMENSIONS = 64
"""As many as torch allows."""

MAX_NUMBER = 1 << 62
"""Of a shape, a stride or a count: beyond any file, and short enough to calculate with."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """What is neither plain data nor a plain tensor: named, and nothing of it imported or run."""

    kind: str
    """For messages, with its article: `a sparse tensor`, `an object of 'old_trainer.Adaptive'`."""


@dataclass(frozen=True, slots=True, eq=False)
class Storage:
    """A row of numbers, which several tensors may share."""

    dtype: str
    data: bytearray

    def __len__(self) -> int:
        return len(self.data) // ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A tensor inside the bounds of its bytes, no two of whose elements are the same number."""

    dtype: str
    data: bytearray
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements, as torch counts them."""
    offset: int
    """Of the first element, in elements."""


def place(storage: Storage, offset: Any, shape: Any, strides: Any) -> StoredTensor:
    """Describe a tensor over a storage.

    Raises:
        ForeignFileError: if it reaches out of its storage or shares numbers with itself: an
            expanded tensor takes no memory until the first copy, which takes any amount.
    """
    if len(shape) != len(strides) or len(shape) > MAX_DIMENSIONS:
        raise ForeignFileError(f"it declares {len(strides)} strides for {len(shape)} dimensions")
    shape, strides = tuple(shape), tuple(strides)
    numbers = (offset, *shape, *strides)
    if not all(type(number) is int and 0 <= number < MAX_NUMBER for number in numbers):
        raise ForeignFileError("it declares a tensor whose shape is no row of whole numbers")
    if 0 in shape:
        return StoredTensor(storage.dtype, bytearray(), shape, strides, 0)
    reach = 1
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size > 1 and stride < reach:
            raise ForeignFileError(
                f"it declares an expanded or overlapping tensor of shape {shape} and strides "
                f"{strides}"
            )
        reach += (size - 1) * stride
    if offset + reach > len(storage):
        raise ForeignFileError(
            f"it declares a tensor of shape {shape} that reaches to number {offset + reach:,} of "
            f"a storage of {len(storage):,}"
        )
    return StoredTensor(storage.dtype, storage.data, shape, strides, offset)


def fill(data: bytearray, source: IO[bytes]) -> None:
    """Read as many bytes as `data` has room for, from a file or a record of an archive.

    Raises:
        ForeignFileError: if there are fewer.
    """
    rest = memoryview(data)
    while rest:
        chunk = source.read(min(len(rest), _CHUNK))
        if not chunk:
            raise ForeignFileError(f"it ends {len(rest):,} bytes too early")
        rest[: len(chunk)] = chunk
        rest = rest[len(chunk) :]
