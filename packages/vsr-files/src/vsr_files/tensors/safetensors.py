"""Safetensors: eight bytes of length, a JSON header, and the numbers without a gap."""

import json
from collections.abc import Callable, Mapping
from itertools import chain
from math import prod
from typing import Any, BinaryIO

from vsr_files import ForeignFileError
from vsr_files.tensors.description import (
    ITEM_BYTES,
    Opaque,
    Storage,
    StoredTensor,
    fill,
    place,
)

_LENGTH_BYTES = 8
_METADATA = "__metadata__"

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def is_safetensors(start: bytes) -> bool:
    """Tell by the first nine bytes or more."""
    return start[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"


def read_safetensors(
    file: BinaryIO, size: int, make: Callable[[StoredTensor], Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the tensors and the metadata; the numbers must fill the file exactly.

    Raises:
        ForeignFileError: if the header and the bytes do not agree.
        Exception: whatever a damaged header leads to; it is for the caller to say so.
    """
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > size - _LENGTH_BYTES:
        raise ForeignFileError(f"it declares a header of {length:,} bytes and has {size:,}")
    header: dict[str, Any] = json.loads(file.read(length))
    metadata: dict[str, str] = header.pop(_METADATA, {})
    if not all(isinstance(text, str) for text in chain(*metadata.items())):
        raise ForeignFileError("its metadata are not texts")
    _check_ranges(header, size - _LENGTH_BYTES - length)
    in_order = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    tensors = {name: _tensor(file, entry, make) for name, entry in in_order}
    return {name: tensors[name] for name in header}, metadata


def _check_ranges(header: Mapping[str, Any], size: int) -> None:
    """Make sure that the ranges follow each other over all the bytes: none is used twice."""
    ranges = sorted(entry["data_offsets"] for entry in header.values())
    end = 0
    for start, stop in ranges:
        if start != end or stop < start:
            raise ForeignFileError(f"its tensors leave or share bytes at {end:,}")
        end = stop
    if end != size:
        raise ForeignFileError(f"it declares {end:,} bytes of tensors and has {size:,}")


def _tensor(file: BinaryIO, entry: Mapping[str, Any], make: Callable[[StoredTensor], Any]) -> Any:
    """Take the tensor whose bytes come next."""
    start, stop = entry["data_offsets"]
    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        file.seek(stop - start, 1)
        return Opaque(f"a tensor of numbers of type {entry['dtype']!r}")
    shape = entry["shape"]
    strides = [1] * len(shape)
    for axis in reversed(range(len(shape) - 1)):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    count, rest = divmod(stop - start, ITEM_BYTES[dtype])
    if rest or count != prod(shape):
        raise ForeignFileError(
            f"it declares a tensor of shape {shape} and type {entry['dtype']!r} and gives it "
            f"{stop - start:,} bytes"
        )
    storage = Storage(dtype, bytearray(stop - start))
    fill(storage.data, file)
    return make(place(storage, 0, shape, strides))
