"""What torch.save writes: a zip archive; before torch 1.6, pickles and numbers in a row."""

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from vsr_files import ForeignFileError
from vsr_files.tensors.description import ITEM_BYTES, Storage, StoredTensor, fill
from vsr_files.tensors.pickled import Unpickling

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001


def is_archive(start: bytes) -> bool:
    """Tell by the first bytes."""
    return start.startswith(b"PK")


def read_archive(file: BinaryIO, size: int, make: Callable[[StoredTensor], Any]) -> Any:
    """Return what a zip archive of torch.save holds.

    Its records are stored, not compressed, and together no larger than the archive: so reading
    takes no more memory than the file has bytes.

    Raises:
        ForeignFileError: if it is no such archive.
        Exception: whatever a damaged one leads to; it is for the caller to say so.
    """
    with zipfile.ZipFile(file) as archive:
        records = {record.filename: record for record in archive.infolist()}
        if len(records) != len(archive.infolist()):
            raise ForeignFileError("it has two records of one name")
        _check_records(records, size)
        pickles = [name for name in records if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ForeignFileError("it is a zip archive that torch.save did not write")
        folder = pickles[0].removesuffix("data.pkl")
        if f"{folder}constants.pkl" in records:
            raise ForeignFileError("it holds a TorchScript program, not a state dict")
        order = records.get(f"{folder}byteorder")
        if order is not None and _content(archive, order) != b"little":
            raise ForeignFileError("its numbers are big-endian")
        storages: dict[str, bytearray] = {}

        def storage(key: str, dtype: str, count: int) -> Storage:
            record = records[f"{folder}data/{key}"]
            _check_length(key, count * ITEM_BYTES[dtype], record.file_size)
            if key not in storages:
                data = bytearray(record.file_size)
                with archive.open(record) as source:
                    fill(data, source)
                storages[key] = data
            return Storage(dtype, storages[key])

        content = _content(archive, records[pickles[0]])
        return Unpickling(storage, make).run(io.BytesIO(content))


def read_legacy(file: BinaryIO, size: int, make: Callable[[StoredTensor], Any]) -> Any:
    """Return what torch.save wrote before 1.6; tensors are filled in after they are described.

    Raises:
        ForeignFileError: if it is no such file.
        Exception: whatever a damaged one leads to; it is for the caller to say so.
    """
    storages: dict[str, Storage] = {}
    left = size

    def storage(key: str, dtype: str, count: int) -> Storage:
        nonlocal left
        length = count * ITEM_BYTES[dtype]
        if key not in storages:
            if not 0 <= length <= left:
                raise ForeignFileError(f"it declares more numbers than its {size:,} bytes hold")
            left -= length
            storages[key] = Storage(dtype, bytearray(length))
        _check_length(key, length, len(storages[key].data))
        return storages[key]

    pickles = Unpickling(storage, make)
    if pickles.run(file) != _MAGIC or pickles.run(file) != _PROTOCOL:
        raise ForeignFileError("it is a pickle that torch.save did not write")
    if not pickles.run(file)["little_endian"]:
        raise ForeignFileError("its numbers are big-endian")
    value = pickles.run(file)
    keys = pickles.run(file)
    if sorted(keys) != sorted(storages):
        raise ForeignFileError("its list of storages is not that of its tensors")
    for key in keys:
        if int.from_bytes(file.read(8), "little") != len(storages[key]):
            raise ForeignFileError(f"its storage {key!r} is not as long as declared")
        fill(storages[key].data, file)
    return value


def _check_records(records: Mapping[str, zipfile.ZipInfo], size: int) -> None:
    for name, record in records.items():
        if record.compress_type != zipfile.ZIP_STORED:
            raise ForeignFileError(f"its record {name!r} is compressed; torch.save compresses none")
    declared = sum(record.file_size for record in records.values())
    if declared > size:
        raise ForeignFileError(f"it declares records of {declared:,} bytes and has {size:,}")


def _check_length(key: str, declared: int, length: int) -> None:
    if declared != length:
        raise ForeignFileError(
            f"its storage {key!r} is declared to take {declared:,} bytes and has {length:,}"
        )


def _content(archive: zipfile.ZipFile, record: zipfile.ZipInfo) -> bytes:
    with archive.open(record) as source:
        return source.read()
