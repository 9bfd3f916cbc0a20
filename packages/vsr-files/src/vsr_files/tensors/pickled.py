"""The pickle inside a file of torch.save, followed instruction by instruction.

Containers, numbers and texts are built, tensors are described, and every other object becomes
`Opaque`. No name in the file is ever imported and no function of the file's choosing is called.
"""

import pickletools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, ClassVar

from vsr_files import ForeignFileError
from vsr_files.tensors.description import MAX_NUMBER, Opaque, Storage, StoredTensor
from vsr_files.tensors.rebuilding import Name, call, hashable, name_of, object_of

MAX_INSTRUCTIONS = 1_000_000
"""A checkpoint of the largest network takes some 350,000; each takes at most some 200 bytes."""

_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}

MAX_COPIED = 1 << 22
"""Items and bytes that calls may copy into new containers: one list can be named in every call."""

_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}

_ARGUMENTS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_ARGUMENTS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"}
_ARGUMENTS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}


class Unpickling:
    """One pickle after another of a file, with tensors made as the caller makes them.

    Args:
        storage: gives the numbers of a storage by its key, number type and count.
        make: makes a tensor of what is described.
    """

    def __init__(
        self, storage: Callable[[str, str, int], Storage], make: Callable[[StoredTensor], Any]
    ) -> None:
        self._storage = storage
        self._make = make
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self, file: BinaryIO) -> Any:
        """Return what the pickle at the file's position holds, leaving the file after it.

        Raises:
            ForeignFileError: if it is no pickle of data.
            Exception: whatever a damaged pickle leads to; it is for the caller to say so.
        """
        self._stack, self._marked, self._memo = [], [], {}
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count == MAX_INSTRUCTIONS:
                raise ForeignFileError(f"it takes over {MAX_INSTRUCTIONS:,} instructions to read")
            if opcode.name in _VALUES:
                self._stack.append(_VALUES[opcode.name])
            elif opcode.name in _ARGUMENTS:
                self._stack.append(argument)
            elif opcode.name in self._INSTRUCTIONS:
                self._INSTRUCTIONS[opcode.name](self, argument)
            elif opcode.name == "STOP":
                break
            else:
                raise ForeignFileError(f"it uses {opcode.name}, which no tensors need")
        return self._stack.pop()

    def _mark(self, _: Any) -> None:
        self._marked.append(self._stack)
        self._stack = []

    def _since_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marked.pop()
        return items

    def _list(self, _: Any) -> None:
        self._stack.append([])

    def _dict(self, _: Any) -> None:
        self._stack.append({})

    def _tuple(self, _: Any) -> None:
        items = self._since_mark()
        self._stack.append(tuple(items))

    def _tuple1(self, _: Any) -> None:
        self._stack[-1:] = [(self._stack[-1],)]

    def _tuple2(self, _: Any) -> None:
        self._stack[-2:] = [(self._stack[-2], self._stack[-1])]

    def _tuple3(self, _: Any) -> None:
        self._stack[-3:] = [(self._stack[-3], self._stack[-2], self._stack[-1])]

    def _set(self, _: Any) -> None:
        self._stack.append(Opaque("a set"))

    def _frozenset(self, _: Any) -> None:
        self._since_mark()
        self._stack.append(Opaque("a set"))

    def _append(self, _: Any) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, Opaque):
            target.extend(items)

    def _set_item(self, _: Any) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([(key, value)])

    def _set_items(self, _: Any) -> None:
        items = self._since_mark()
        self._update(zip(items[::2], items[1::2], strict=True))

    def _update(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        target = self._stack[-1]
        if not isinstance(target, Opaque):
            target.update((hashable(key), value) for key, value in pairs)

    def _remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _recall(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._stack.append(name_of(module, name))

    def _name_of_stack(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(name_of(module, name))

    def _build(self, _: Any) -> None:
        self._stack.pop()  # an object's state: nothing here has one

    def _new_object(self, _: Any) -> None:
        self._stack.pop()
        self._stack.append(object_of(self._stack.pop()))

    def _new_object_with_keywords(self, _: Any) -> None:
        self._stack.pop()
        self._new_object(None)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        made = call(function, arguments, self._make)
        if isinstance(made, dict | tuple | bytes):
            self._copied += len(made)
        if self._copied > MAX_COPIED:
            raise ForeignFileError(f"its objects copy over {MAX_COPIED:,} items of each other")
        self._stack.append(made)

    def _persistent(self, _: Any) -> None:
        """Push the storage that a tensor refers to by its key."""
        kind, *rest = self._stack.pop()
        if kind == "module":  # the source of a class, as torch before 1.6 stored it
            self._stack.append(rest[0])
            return
        name, key, _device, count, *view = rest
        if kind != "storage" or not isinstance(name, Name) or not isinstance(key, str):
            raise ForeignFileError("it refers to something that is no storage of numbers")
        if any(part is not None for part in view):
            raise ForeignFileError("its tensors share storages as torch before 0.4 stored them")
        if type(count) is not int or not 0 <= count < MAX_NUMBER:
            raise ForeignFileError(f"its storage {key!r} is declared with no sensible length")
        dtype = _DTYPES.get(name.kind.rpartition(".")[2])
        self._stack.append(self._storage(key, dtype, count) if dtype else Opaque("a storage"))

    def _nothing(self, _: Any) -> None: ...

    _INSTRUCTIONS: ClassVar[Mapping[str, Callable[["Unpickling", Any], None]]] = {
        "PROTO": _nothing,
        "FRAME": _nothing,
        "MARK": _mark,
        "EMPTY_LIST": _list,
        "EMPTY_DICT": _dict,
        "EMPTY_SET": _set,
        "TUPLE": _tuple,
        "TUPLE1": _tuple1,
        "TUPLE2": _tuple2,
        "TUPLE3": _tuple3,
        "FROZENSET": _frozenset,
        "APPEND": _append,
        "APPENDS": _appends,
        "ADDITEMS": _appends,
        "SETITEM": _set_item,
        "SETITEMS": _set_items,
        "BINPUT": _remember,
        "LONG_BINPUT": _remember,
        "MEMOIZE": _memoize,
        "BINGET": _recall,
        "LONG_BINGET": _recall,
        "GLOBAL": _name,
        "STACK_GLOBAL": _name_of_stack,
        "BUILD": _build,
        "NEWOBJ": _new_object,
        "NEWOBJ_EX": _new_object_with_keywords,
        "REDUCE": _reduce,
        "BINPERSID": _persistent,
    }
