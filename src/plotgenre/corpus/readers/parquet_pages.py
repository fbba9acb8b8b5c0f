"""What a Parquet file unpacks to, by the headers of its pages, before anything is unpacked.

The footer says so too, but no reader goes by it, so that it may say anything. Memory is taken by
what a page's header says. That is a struct in Thrift's compact protocol, of which a few numbers are
wanted here (parquet-format, parquet.thrift: PageHeader).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

_UNPACKED, _PACKED = 2, 3
# The headers of the two kinds of pages that hold values; other pages are dictionaries.
_DATA, _DATA_V2 = 5, 8
# Of a page with values, how many and how they are written; the latter elsewhere in the newer kind.
_VALUES, _ENCODING, _ENCODING_V2, _DELTA_BYTE_ARRAY = 1, 2, 4, 7
_HEADER, _LONGEST_HEADER = 512, 1 << 24

Struct = dict[int, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a column.

    Parameters
    ----------
    bytes
        That it takes unpacked.
    values
        In it; none where it is a dictionary.
    prefixes
        Whether a value may be written as the beginning of the one before it.
    """

    bytes: int
    values: int
    prefixes: bool


def pages(file: IO[bytes], chunk: Any) -> Iterator[Page]:
    """The pages of a column chunk, as pyarrow's metadata describe it, in the order of the file.

    Raises
    ------
    ValueError
        If a header cannot be read.
    """
    at = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None:
        at = min(at, chunk.dictionary_page_offset)
    end, left = at + chunk.total_compressed_size, chunk.num_values
    while at < end and left > 0:
        header, length = _header(file, at)
        older, newer = header.get(_DATA), header.get(_DATA_V2)
        kind = older or newer
        packed, unpacked = header.get(_PACKED, -1), header.get(_UNPACKED, -1)
        values = kind.get(_VALUES, -1) if kind else 0
        if packed < 0 or unpacked < 0 or values < 0:
            raise ValueError(f"the page at byte {at} has no sizes")
        encoding = kind.get(_ENCODING if older else _ENCODING_V2) if kind else None
        yield Page(max(packed, unpacked), values, encoding == _DELTA_BYTE_ARRAY)
        at += length + packed
        left -= values


def _header(file: IO[bytes], at: int) -> tuple[Struct, int]:
    """A header, and the bytes that it takes."""
    size = _HEADER
    while True:
        file.seek(at)
        head = _Compact(file.read(size))
        try:
            return head.struct(), head.at
        except IndexError:
            # It may hold the smallest and the largest value of a column.
            size *= 16
            if size > _LONGEST_HEADER or len(head.data) < size // 16:
                raise ValueError(f"the page at byte {at} has no header") from None


class _Compact:
    """Reads Thrift's compact protocol: numbers and structs; of all else it only finds the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self) -> Struct:
        fields: Struct = {}
        field = 0
        while byte := self._byte():
            field = field + (byte >> 4) if byte >> 4 else self._number()
            fields[field] = self._value(byte & 15)
        return fields

    def _value(self, kind: int) -> Any:
        numbers: dict[int, Callable[[], Any]] = {
            1: lambda: 1,
            2: lambda: 0,
            3: self._byte,
            4: self._number,
            5: self._number,
            6: self._number,
            7: lambda: self._skip(8),
            8: lambda: self._skip(self._varint()),
            12: self.struct,
        }
        if kind not in numbers:
            raise ValueError(f"a page's header has a field of the kind {kind}")
        return numbers[kind]()

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise IndexError

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
