"""Files of weights as accidents and attackers leave them, made from a small network, seeded."""

import io
import random
import struct
import zipfile

import torch
from safetensors.torch import save

from vsr_model import Network
from vsr_settings import Model


def small_network(n_feats=8, n_blocks=2, **settings):
    network = Network(Model(n_feats=n_feats, n_blocks=n_blocks, **settings))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    return network


def assert_same_weights(one, other):
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def pth(content, *, legacy=False):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def rewritten(archive, change):
    """Return a zip archive with its records changed and its checksums right."""
    with zipfile.ZipFile(io.BytesIO(archive)) as old:
        records = {name: old.read(name) for name in old.namelist()}
    return packed(change(records) or records)


def packed(records, compresslevel=0):
    method = zipfile.ZIP_DEFLATED if compresslevel else zipfile.ZIP_STORED
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=compresslevel) as new:
        for name, content in records.items():
            new.writestr(name, content)
    return file.getvalue()


def flipped(data, rng, count):
    data = bytearray(data)
    for _ in range(count):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


def _flips_in_the_pickle(good, rng, count):
    def change(records):
        records["archive/data.pkl"] = flipped(records["archive/data.pkl"], rng, rng.randint(1, 4))

    for index in range(count):
        yield f"pickle flip {index}", rewritten(good, change)


def _swaps(good, rng, count):
    def change(records):
        one, other = rng.sample(sorted(records), 2)
        records[one], records[other] = records[other], records[one]

    for index in range(count):
        yield f"swap {index}", rewritten(good, change)


def _wrong_types(state, rng, count):
    values = (None, 7, 1.5, "text", [1, 2], {}, {"a": 1}, (), torch.tensor(3), b"bytes", {1, 2})
    for index in range(count):
        name, value = rng.choice(sorted(state)), rng.choice(values)
        wrapped = rng.choice([lambda s: s, lambda s: {"params": s}, lambda s: {"model": [s]}])
        yield f"wrong type {index}", pth(wrapped(state | {name: value}))


def damaged_files():
    """Yield over 400 pairs of a name and a file's bytes."""
    rng = random.Random(9)  # noqa: S311 - damage is no secret
    state = small_network().state_dict()
    checkpoint = {"step": 3, "model_state_dict": state, "best": {"psnr": 30.0}}
    kinds = {
        "zip": pth(checkpoint),
        "old": pth(checkpoint, legacy=True),
        "safetensors": save(state),
    }
    yield from _flips_in_the_pickle(kinds["zip"], rng, 150)
    yield from _swaps(kinds["zip"], rng, 20)
    yield from _wrong_types(state, rng, 40)
    for kind, good in kinds.items():
        for part in range(40):
            yield f"{kind} cut at {part} of 40", good[: len(good) * part // 40]
        for index in range(30):
            start = flipped(good[:2500], rng, rng.randint(1, 3))
            yield f"{kind} flip {index}", start + good[2500:]
        end = len(good) - 2500  # of an archive, its index
        for index in range(10):
            yield f"{kind} end flip {index}", good[:end] + flipped(good[end:], rng, 2)


def _declared(good, shape, count):
    """Return an archive whose one tensor of 4 numbers is declared larger."""

    def integer(number):
        return b"J" + struct.pack("<i", number)

    def change(records):
        text = records["archive/data.pkl"]
        assert text.count(b"K\x04") == 2
        text = text.replace(b"K\x04t", integer(count) + b"t")
        records["archive/data.pkl"] = text.replace(b"K\x04\x85", integer(shape) + b"\x85")

    return rewritten(good, change)


def crafted_files(canary, *, slow=True):
    """Yield files that try to run a command, end the process or take its memory; all are refused.

    Args:
        canary: a path that exists once anything in a file was executed.
        slow: with those that take seconds to make or to refuse.
    """
    four = pth({"w": torch.zeros(4)})
    command = _text(f"touch {canary}")
    yield "a command", _pickle(b"cposix\nsystem\n", command, b"\x85R")
    yield "a command beside weights", pth({"params": _state(), "x": _Attack(f"touch {canary}")})
    yield (
        "an evaluation",
        _pickle(b"cbuiltins\neval\n", _text(f"open({str(canary)!r}, 'w')"), b"\x85R"),
    )
    yield "a deep key", _pickle(b"})", b"\x85" * 250_000, b"K\x01s")
    yield "a deep list", _pickle(b"]" * 100_000, b"a" * 99_999)
    name = b"ctorch._tensor\n_rebuild_from_type_v2\nq\x00"
    yield "deep calls", _pickle(name, b"h\x00N" * 50_000, b")", b"\x87" * 50_000, b"R")
    yield (
        "copies of a text",
        _pickle(
            b"c_codecs\nencode\nq\x00", _text("x" * 4_000_000), b"\x85q\x01", b"h\x00h\x01R" * 9_999
        ),
    )
    yield (
        "copies of a list",
        _pickle(b"ctorch\nSize\nq\x00](", b"N" * 200_000, b"e\x85q\x01", b"h\x00h\x01R" * 99_999),
    )
    yield "a long number", _pickle(b"\x8b", struct.pack("<i", 9_000_000), b"\x7f" * 9_000_000)
    yield "itself", _pickle(b"}q\x00", _text("model"), b"h\x00s")
    yield "a long tensor", _declared(four, 500_000_000, 4)
    yield "a long storage", _declared(four, 500_000_000, 500_000_000)
    yield "a negative storage", _declared(four, -4, -4)
    yield "an expanded tensor", pth({"w": torch.zeros(1).expand(50_000, 50_000)})
    yield "a large bytearray", _pickle(b"cbuiltins\nbytearray\n\x8a\x05\0\0\0\0\2\x85R")
    yield "a large text", _pickle(b"X", struct.pack("<I", 4_000_000_000), b"abc")
    yield "a distant memory", _pickle(b"}r", struct.pack("<I", 4_000_000_000))
    yield "many records", packed({f"archive/data/{index}": b"" for index in range(20_000)})
    yield "a long header", struct.pack("<Q", 1 << 62) + b"{}" + bytes(100)
    yield "a deep header", struct.pack("<Q", 1_000_001) + b'{"a":' + b"[" * 999_996
    header = b'{"a":{"dtype":"F32","shape":[100000,100000],"data_offsets":[0,40000000000]}}'
    yield "a large tensor", struct.pack("<Q", len(header)) + header
    four_bytes = b'{"dtype":"U8","shape":[4],"data_offsets":[0,4]}'
    twice = b'{"a":' + four_bytes + b',"b":' + four_bytes + b"}"
    yield "bytes used twice", struct.pack("<Q", len(twice)) + twice + bytes(4)
    old = pth({"w": torch.zeros(4)}, legacy=True)
    assert old.count(b"K\x04N") == 1
    many = b"J" + struct.pack("<i", 2_000_000_000)
    yield "an old long storage", old.replace(b"K\x04N", many + b"N")
    if slow:
        yield "a flood", _pickle(b"]" * 1_500_000)
        yield (
            "a bomb",
            packed({"archive/data.pkl": b"\x80\x02N.", "archive/data/0": bytes(600 << 20)}, 1),
        )
        yield "a bomb in the pickle", packed({"archive/data.pkl": b"}" * (20 << 20)}, 1)


def _pickle(*parts):
    """Return an archive around a pickle written by hand."""
    return packed({"archive/data.pkl": b"\x80\x02" + b"".join(parts) + b"."})


def _state():
    return small_network().state_dict()


def _text(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


class _Attack:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return (os.system, (self.command,))
