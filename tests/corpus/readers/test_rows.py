"""Tables row by row: four formats, what is broken, and what cannot be read on."""

import gzip
import threading
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.corpus.readers import delimited
from plotgenre.corpus.readers.rows import Row, iter_rows
from plotgenre.corpus.readers.sources import Source
from plotgenre.errors import CorpusError, InputError, MissingExtraError


def rows(tmp_path, data: bytes, kind: str) -> list[Row]:
    path = tmp_path / f"t.{kind}"
    path.write_bytes(data)
    return list(iter_rows(Source(path, path.name), kind))


CSV = b'id;plot\r\n1;"a; b\r\nc"\r\n\r\n2;""\r\n'
JSONL = b'{"id": 1, "plot": "a"}\n\n{"id": 2, "plot": null}\n'


@pytest.mark.parametrize("shape", [bytes, gzip.compress, lambda data: b"\xef\xbb\xbf" + data])
def test_text_is_read_as_text_by_a_guessed_delimiter(tmp_path, shape):
    read = rows(tmp_path, shape(CSV), "csv")
    assert read == [Row(1, {"id": "1", "plot": "a; b\r\nc"}), Row(3, {"id": "2", "plot": ""})]
    read = rows(tmp_path, shape(CSV.replace(b";", b"\t")), "tsv")
    assert read == [Row(1, {"id": "1", "plot": "a\t b\r\nc"}), Row(3, {"id": "2", "plot": ""})]


@pytest.mark.parametrize("shape", [bytes, gzip.compress])
def test_json_lines_are_read_as_they_are(tmp_path, shape):
    read = rows(tmp_path, shape(JSONL), "jsonl")
    assert read == [Row(1, {"id": 1, "plot": "a"}), Row(3, {"id": 2, "plot": None})]


@pytest.mark.parametrize("shape", [bytes, gzip.compress])
def test_parquet_is_read_as_it_is(tmp_path, shape):
    pq.write_table(pa.table({"id": [1, 2], "g": [["x", "y"], None]}), tmp_path / "t.parquet")
    read = rows(tmp_path, shape((tmp_path / "t.parquet").read_bytes()), "parquet")
    assert read == [Row(1, {"id": 1, "g": ["x", "y"]}), Row(2, {"id": 2, "g": None})]


def test_parquet_without_pyarrow_says_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"Reading Parquet .*'plotgenre\[parquet\]'"):
        rows(tmp_path, b"", "parquet")


def test_a_broken_record_is_told_and_the_next_ones_are_read(tmp_path):
    data = b'a,b\n1,2\n"3\n3"\n4,5,6\n"x"y,7\n8,9\n'
    assert rows(tmp_path, data, "csv") == [
        Row(1, {"a": "1", "b": "2"}),
        Row(2, {}, "the record from line 3 has 1 column; expected 2, as in the first row"),
        Row(3, {}, "the record from line 5 has 3 columns; expected 2, as in the first row"),
        Row(
            4,
            {},
            "the record from line 6: ',' expected after '\"'; "
            "expected every quoted field to end in a double quote",
        ),
        Row(5, {"a": "8", "b": "9"}),
    ]


def test_a_broken_line_is_told_and_the_next_ones_are_read(tmp_path):
    first, second, third = rows(tmp_path, b'[1]\n{"a": \n{"a": 1}\n', "jsonl")
    assert first.error == "a JSON list; expected one object a line, which is one film"
    assert second.error is not None
    assert second.error.startswith("not JSON (")
    assert third == Row(3, {"a": 1})


def test_quotes_in_tsv_are_quotes_where_fields_fit_only_so(tmp_path):
    assert rows(tmp_path, b'a\tb\n1\t"x\n2\ty" z\n', "tsv") == [
        Row(1, {"a": "1", "b": '"x'}),
        Row(2, {"a": "2", "b": 'y" z'}),
    ]


def test_old_line_ends_and_bare_returns(tmp_path):
    read = [Row(1, {"a": "1", "b": "2"}), Row(2, {"a": "3", "b": "4"})]
    assert rows(tmp_path, b"a,b\r1,2\r3,4", "csv") == read
    assert rows(tmp_path, b"a,b\r\n1,x\ry\r\n", "csv") == [Row(1, {"a": "1", "b": "x y"})]


def test_a_name_that_stands_twice_loses_no_column(tmp_path):
    assert rows(tmp_path, b"a,b,a\n1,2,3\n", "csv") == [Row(1, {"a": "1", "b": "2", "a_2": "3"})]


@pytest.mark.parametrize(
    ("kind", "data", "read", "message"),
    [
        ("csv", b'a,b\n1,2\n3,"4\n5,6\n', 1, r"t.csv, row 2 .*\(from line 3\): unexpected end"),
        ("csv", b"a,b\n1,2\n3,caf\xe9\n", 0, "line 3: byte 0xe9 at offset 13 is not UTF-8"),
        ("jsonl", b'{}\n{"a": "\xff"}\n', 1, "line 2: byte 0xff at offset 10 is not UTF-8"),
        ("csv", b'"a', 0, r"row 0 after the header \(from line 1\): unexpected end"),
        ("csv", "a,b\n".encode("utf-16"), 0, "UTF-16 text"),
        ("jsonl", b" \n\n", 0, "t.jsonl is empty"),
        ("csv", b"", 0, "t.csv is empty"),
        ("jsonl", gzip.compress(b"{}\n" * 99, mtime=0)[:-9], 99, "cannot be read: Compressed"),
        ("parquet", b"PAR1 or not", 0, "t.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_read_on_raises(tmp_path, kind, data, read, message):
    path = tmp_path / f"t.{kind}"
    path.write_bytes(data)
    reading, found = iter_rows(Source(path, path.name), kind), []
    with pytest.raises(CorpusError, match=message):
        found.extend(iter(reading.__next__, None))
    assert len(found) == read


def test_other_formats_have_no_rows(tmp_path):
    with pytest.raises(InputError, match="not from cmu"):
        next(iter_rows(Source(tmp_path, "t"), "cmu"))


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, kind):
    plot, n = "word " * 200, 4000
    path = tmp_path / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({"plot": [f"{i} {plot}" for i in range(n)]}), path)
    else:
        line = f'{{"plot": "{plot}"}}\n' if kind == "jsonl" else f"{plot}\n"
        path.write_text("plot\n" * (kind != "jsonl") + line * n)
    rows = iter_rows(Source(path, path.name), kind)
    next(rows)
    tracemalloc.start()
    try:
        assert sum(1 for _ in rows) == n - 1
        assert tracemalloc.get_traced_memory()[1] < 1_600_000
    finally:
        tracemalloc.stop()


def test_two_threads_read_long_fields_at_once(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a\n" + ("w" * 200_000 + "\n") * 20)
    lengths: list[int] = []

    def read() -> None:
        rows = iter_rows(Source(path, path.name), "csv")
        lengths.extend(len(row.values.get("a", "")) for row in rows)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == [200_000] * 80


def test_a_quote_left_open_swallows_no_more_than_the_longest_field(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "LONGEST_ROW", 100)
    data = b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 50
    first, broken, *others = rows(tmp_path, data, "csv")
    assert first == Row(1, {"a": "1", "b": "2"})
    assert broken.error is not None
    assert "from line 3: more than 16,777,216 bytes, which is the most of a row" in broken.error
    assert 20 < len(others) < 30
    assert all(row.values == {"a": "5", "b": "6"} for row in others)
