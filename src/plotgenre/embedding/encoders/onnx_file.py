"""What an ONNX file says of itself before a runtime opens it, read without the onnx library."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from plotgenre.errors import EncoderError

# From onnx.proto: the messages on the way to nodes and tensors, by the numbers of their fields.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {4: "kind", 5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
    "entry": {1: "key", 2: "value"},
}
# How many bytes follow the tag of a field, by its wire type; of the others they say so themselves.
_FIXED = {1: 8, 5: 4}
_VARINT, _DELIMITED = 0, 2

_Found = tuple[str, int, int]


def data_files(path: Path) -> list[str]:
    """Names of the files beside an ONNX file that hold weights of it.

    Raises
    ------
    EncoderError
        If it is no whole ONNX file, lacks such a file or names one outside its folder, or may run
        without end: as loops may, and functions that call functions, whose calls multiply.
    """
    names = set()
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            for part, start, end in _walk(content):
                if part == "kind" and content[start:end] in (b"Loop", b"Scan"):
                    raise EncoderError(
                        f"{path} has a {content[start:end].decode()}, which may run without end; "
                        "expected a graph without loops"
                    )
                if part == "function":
                    raise EncoderError(
                        f"{path} has functions of its own; expected a graph that has them inlined"
                    )
                if part == "entry":
                    told = {key: content[a:b] for key, a, b in _fields(content, part, start, end)}
                    if told.get("key") == b"location":
                        names.add(told.get("value", b"").decode())
    except (ValueError, LookupError) as broken:
        if isinstance(broken, EncoderError):
            raise
        raise EncoderError(
            f"{path} cannot be loaded as an ONNX graph: it is cut off or something else"
        ) from None
    for name in names:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or not (path.parent / place).is_file():
            raise EncoderError(
                f"{path} has weights in {name!r}; expected a file that lies beside it"
            )
    return sorted(names)


def _walk(content: mmap.mmap) -> Iterator[_Found]:
    """Every part that the table names, and where it starts and ends."""
    left: list[_Found] = [("model", 0, len(content))]
    while left:
        for part in _fields(content, *left.pop()):
            yield part
            if part[0] in _MESSAGES:
                left.append(part)


def _fields(content: mmap.mmap, message: str, at: int, end: int) -> Iterator[_Found]:
    parts = _MESSAGES[message]
    while at < end:
        tag, at = _number(content, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _number(content, at)
            continue
        size, at = _number(content, at) if kind == _DELIMITED else (_FIXED[kind], at)
        if at + size > end:
            raise ValueError("cut off")
        if kind == _DELIMITED and (part := parts.get(tag >> 3)):
            yield part, at, at + size
        at += size


def _number(content: mmap.mmap, at: int) -> tuple[int, int]:
    """A number as protobuf writes it, seven bits a byte, and where it ends."""
    value = shift = 0
    while (byte := content[at]) > 127 and shift < 64:
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
    return value | byte << shift, at + 1
