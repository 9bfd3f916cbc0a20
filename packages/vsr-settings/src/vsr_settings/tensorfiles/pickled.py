"""The pickle inside a file of torch.save, followed instruction by instruction.

Containers, numbers and texts are built, tensors are described, and every other object becomes
`Opaque`. No name in the file is ever imported and no function of the file's choosing is called.
"""

import pickletools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from vsr_settings.files import ForeignFileError
from vsr_settings.tensorfiles.description import Opaque, Storage, StoredTensor, place

MAX_INSTRUCTIONS = 2_000_000
"""A checkpoint of the largest network takes some 500,000; each takes at most some 200 bytes."""

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

_KINDS = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without values (meta)",
    "torch._utils._rebuild_tensor_v3": "a tensor of a rare number type",
}

_MODULES_THAT_RUN = {"commands", "ctypes", "importlib", "nt", "os", "posix", "pty", "runpy"}
_MODULES_THAT_RUN |= {"socket", "subprocess", "sys"}
_BUILTINS_THAT_RUN = {"__import__", "breakpoint", "compile", "eval", "exec", "open"}


class _Name(Opaque):
    """A name of a class or a function, such as a REDUCE would call."""

    __slots__ = ()


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
            elif opcode.name in _INSTRUCTIONS:
                _INSTRUCTIONS[opcode.name](self, argument)
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

    def _short_tuple(self, length: int) -> None:
        items = [self._stack.pop() for _ in range(length)]
        self._stack.append(tuple(reversed(items)))

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
            target.update((_key(key), value) for key, value in pairs)

    def _remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _recall(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _name(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._push_name(module, name)

    def _name_of_stack(self, _: Any) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_name(module, name)

    def _push_name(self, module: str, name: str) -> None:
        module = "builtins" if module == "__builtin__" else module
        runs = module.partition(".")[0] in _MODULES_THAT_RUN
        if runs or (module == "builtins" and name in _BUILTINS_THAT_RUN):
            raise ForeignFileError(f"it wants to call {module}.{name}, which no weights need")
        self._stack.append(_Name(f"{module}.{name}"))

    def _build(self, _: Any) -> None:
        self._stack.pop()  # an object's state: nothing here has one

    def _new_object(self, _: Any) -> None:
        self._stack.pop()
        self._stack.append(_object_of(self._stack.pop()))

    def _new_object_with_keywords(self, _: Any) -> None:
        self._stack.pop()
        self._new_object(None)

    def _reduce(self, _: Any) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._stack.append(self._call(function, arguments))

    def _call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """Return what a call would, for the few functions that data and tensors are made with."""
        match function.kind if isinstance(function, _Name) else None:
            case "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter":
                return _mapping(arguments)
            case "torch.Size":
                return tuple(arguments[0])
            case "_codecs.encode":  # how bytes are pickled for Python 2
                return arguments[0].encode("latin-1")
            case "torch._utils._rebuild_tensor" | "torch._utils._rebuild_tensor_v2":
                return self._tensor(*arguments[:4], rest=arguments[4:])
            case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state":
                return arguments[0]
            case "torch._tensor._rebuild_from_type_v2":  # a tensor with attributes of its own
                return self._call(arguments[0], arguments[2])
        return _object_of(function)

    def _tensor(
        self, storage: Any, offset: Any, shape: Any, strides: Any, *, rest: tuple[Any, ...]
    ) -> Any:
        if not isinstance(storage, Storage):
            return Opaque("a tensor of a rare number type")
        if len(rest) > 2 and rest[2]:  # after requires_grad and the hooks
            return Opaque("a conjugated or negated view")
        return self._make(place(storage, offset, shape, strides))

    def _persistent(self, _: Any) -> None:
        """Push the storage that a tensor refers to by its key."""
        kind, *rest = self._stack.pop()
        if kind == "module":  # the source of a class, as torch before 1.6 stored it
            self._stack.append(rest[0])
            return
        name, key, _device, count, *view = rest
        if kind != "storage" or not isinstance(name, _Name) or not isinstance(key, str):
            raise ForeignFileError("it refers to something that is no storage of numbers")
        if any(part is not None for part in view):
            raise ForeignFileError("its tensors share storages as torch before 0.4 stored them")
        dtype = _DTYPES.get(name.kind.rpartition(".")[2])
        self._stack.append(self._storage(key, dtype, count) if dtype else Opaque("a storage"))


def _key(key: Any) -> Any:
    """Return a key that can be hashed: hashing a deep tuple would end the process."""
    return key if isinstance(key, str | int | float | None) else Opaque("a key")


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    content = arguments[-1] if arguments else ()
    if isinstance(content, Opaque):  # the factory of a defaultdict
        return {}
    pairs = content.items() if isinstance(content, Mapping) else content
    return {_key(key): value for key, value in pairs}


def _object_of(function: Any) -> Opaque:
    name = function.kind if isinstance(function, _Name) else "an unnamed class"
    return Opaque(_KINDS.get(name, f"an object of {name!r}"))


_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}

_ARGUMENTS = {"BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"}
_ARGUMENTS |= {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"}
_ARGUMENTS |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}

_INSTRUCTIONS: dict[str, Callable[[Unpickling, Any], None]] = {
    "PROTO": lambda *_: None,
    "FRAME": lambda *_: None,
    "MARK": Unpickling._mark,
    "EMPTY_LIST": Unpickling._list,
    "EMPTY_DICT": Unpickling._dict,
    "EMPTY_SET": Unpickling._set,
    "TUPLE": Unpickling._tuple,
    "TUPLE1": lambda self, _: self._short_tuple(1),
    "TUPLE2": lambda self, _: self._short_tuple(2),
    "TUPLE3": lambda self, _: self._short_tuple(3),
    "FROZENSET": Unpickling._frozenset,
    "APPEND": Unpickling._append,
    "APPENDS": Unpickling._appends,
    "ADDITEMS": Unpickling._appends,
    "SETITEM": Unpickling._set_item,
    "SETITEMS": Unpickling._set_items,
    "BINPUT": Unpickling._remember,
    "LONG_BINPUT": Unpickling._remember,
    "MEMOIZE": Unpickling._memoize,
    "BINGET": Unpickling._recall,
    "LONG_BINGET": Unpickling._recall,
    "GLOBAL": Unpickling._name,
    "STACK_GLOBAL": Unpickling._name_of_stack,
    "BUILD": Unpickling._build,
    "NEWOBJ": Unpickling._new_object,
    "NEWOBJ_EX": Unpickling._new_object_with_keywords,
    "REDUCE": Unpickling._reduce,
    "BINPERSID": Unpickling._persistent,
}
