"""What the calls that a pickle asks for stand for: containers, tensors, or nothing of ours.

Nothing is called: the few functions that data and tensors are made with are known by name.
"""

from collections.abc import Callable, Mapping
from typing import Any

from vsr_files import ForeignFileError
from vsr_files.tensors.description import Opaque, Storage, StoredTensor, place

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


class Name(Opaque):
    """The name of a class or a function, as its `kind`."""

    __slots__ = ()


def name_of(module: str, name: str) -> Name:
    """Return a name as data.

    Raises:
        ForeignFileError: if what it names can run commands: such a file is an attack.
    """
    module = "builtins" if module == "__builtin__" else module
    runs = module.partition(".")[0] in _MODULES_THAT_RUN
    if runs or (module == "builtins" and name in _BUILTINS_THAT_RUN):
        raise ForeignFileError(f"it wants to call {module}.{name}, which no weights need")
    return Name(f"{module}.{name}")


def call(function: Any, arguments: tuple[Any, ...], make: Callable[[StoredTensor], Any]) -> Any:
    """Return what calling `function` would, or `Opaque` in its place."""
    name = function.kind if isinstance(function, Name) else ""
    made: Any = None
    match name.removeprefix("torch._utils."):
        case "collections.OrderedDict" | "collections.defaultdict" | "collections.Counter":
            made = _mapping(arguments)
        case "torch.Size":
            made = tuple(arguments[0])
        case "_codecs.encode":  # how bytes are pickled for Python 2
            made = arguments[0].encode("latin-1")
        case "_rebuild_tensor" | "_rebuild_tensor_v2":
            made = _tensor(arguments, make)
        case "_rebuild_parameter" | "_rebuild_parameter_with_state":
            made = arguments[0]
        case "torch._tensor._rebuild_from_type_v2":  # a tensor with attributes of its own
            made = call(arguments[0], arguments[2], make)
        case _:
            made = object_of(function)
    return made


def object_of(function: Any) -> Opaque:
    """Return what stands for an object that a class or function of that name made."""
    name = function.kind if isinstance(function, Name) else "an unnamed class"
    return Opaque(_KINDS.get(name, f"an object of {name!r}"))


def hashable(key: Any) -> Any:
    """Return a key of a mapping, or a stand-in: hashing a deep tuple would end the process."""
    return key if isinstance(key, str | int | float | None) else Opaque("a key")


def _mapping(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    content = arguments[-1] if arguments else ()
    if isinstance(content, Opaque):  # the factory of a defaultdict
        return {}
    pairs = content.items() if isinstance(content, Mapping) else content
    return {hashable(key): value for key, value in pairs}


def _tensor(arguments: tuple[Any, ...], make: Callable[[StoredTensor], Any]) -> Any:
    storage, offset, shape, strides, *rest = arguments
    if not isinstance(storage, Storage):
        return Opaque("a tensor of a rare number type")
    if len(rest) > 2 and rest[2]:  # after requires_grad and the hooks
        return Opaque("a conjugated or negated view")
    return make(place(storage, offset, shape, strides))
