"""TensorBoard's event files: one for each process of a run, and no step in them twice.

Readers disagree about what a restart takes back: one purges curves and pictures but no texts,
another goes by the tag. So steps that are made again are taken out of the files themselves.

Written without a thread: what is added is with the system when `add` returns, a kill loses nothing,
and a full disk is told to whoever adds. The record writer and the messages are TensorBoard's.
"""

import os
import re
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from vsr_files import ForeignFileError, make_folder, open_regular, replacing

OF_THE_END: Final = ("_hparams_/", "validation_best/")
"""What tags begin with that are written when a run ends: one that goes on has them no more."""

_HEAD: Final = struct.Struct("<QI")  # length of the message, and its checksum
_CHECKSUM: Final = 4
_NAME: Final = re.compile(r"events\.out\.tfevents\.([0-9]{10,12})\..*")


class EventFile:
    """The file of one process.

    Args:
        folder: of all event files of the run; made where it is missing.
        start_step: the step that the process goes on from; later ones are taken out of the others.

    Raises:
        OSError: if the disk refuses.
    """

    def __init__(self, folder: Path, start_step: int) -> None:
        make_folder(folder)
        forget_after(folder, start_step)
        self._file = _next_path(folder).open("xb")
        self._writer = RecordWriter(self._file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
        started = SessionLog(status=SessionLog.START)  # for a reader that has seen the steps before
        self._write(Event(wall_time=time.time(), step=start_step + 1, session_log=started))

    def add(self, step: int, values: Sequence[Summary.Value]) -> None:
        """Write values of a step; they are with the system then.

        Raises:
            OSError: if the disk refuses.
        """
        if values:
            summary = Summary(value=values)
            self._write(Event(wall_time=time.time(), step=step, summary=summary))

    def close(self) -> None:
        """Write nothing more."""
        self._file.close()

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def forget_after(folder: Path, step: int) -> None:
    """Take out of event files what is later than a step, and what is only of a run's end.

    What cannot be read, as the end of a file that a kill or a full disk cut off, goes too.

    Raises:
        OSError: if the disk refuses.
    """
    for path in sorted(folder.iterdir()):
        if "tfevents" in path.name and path.is_file() and not path.is_symlink():
            _forget_in(path, step)


def _forget_in(path: Path, step: int) -> None:
    kept: list[tuple[int, int]] = []
    has_values = False
    try:
        with open_regular(path) as file:
            for at, size, event in _records(file):
                if event.step <= step and not _is_of_the_end(event):
                    kept.append((at, size))
                    has_values |= event.HasField("summary")
            if not has_values:
                path.unlink()
            elif sum(size for _, size in kept) < os.fstat(file.fileno()).st_size:
                _keep(path, file, kept)
    except ForeignFileError as error:
        raise OSError(str(error)) from error


def _keep(path: Path, file: BinaryIO, records: Sequence[tuple[int, int]]) -> None:
    """Replace a file by some of its records; a copy under another name stays whole."""
    with replacing(path) as target:
        for at, size in records:
            file.seek(at)
            target.write(file.read(size))


def _records(file: BinaryIO) -> Iterator[tuple[int, int, Event]]:
    """Yield where each record is, its size and its event, until one cannot be read."""
    end = os.fstat(file.fileno()).st_size
    at = 0
    while at + _HEAD.size + _CHECKSUM <= end:
        file.seek(at)
        length, _ = _HEAD.unpack(file.read(_HEAD.size))
        size = _HEAD.size + length + _CHECKSUM
        if at + size > end:
            return
        try:
            event = Event.FromString(file.read(length))
        except DecodeError:
            return
        yield at, size, event
        at += size


def _is_of_the_end(event: Event) -> bool:
    return any(value.tag.startswith(OF_THE_END) for value in event.summary.value)


def _next_path(folder: Path) -> Path:
    """Return a name after all others: readers take files in the order of their names.

    By the time, as others name them, so that it is after those of other writers; without the
    machine's name, which is nobody's business who is given the run.
    """
    found = [int(match[1]) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    number = max(int(time.time()), *(each + 1 for each in found), 0)
    return folder / f"events.out.tfevents.{number:010d}.vsr"
