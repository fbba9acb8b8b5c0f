import pytest

from plotgenre.corpus.readers.jsonl import read_jsonl
from plotgenre.corpus.readers.tables import Table
from plotgenre.errors import CorpusError


def read(data: bytes, **how) -> Table:
    return read_jsonl(data.decode().splitlines(keepends=True), "t", **how)


def test_lines_are_counted_with_the_blank_ones():
    table = read(b'{"plot": "a"}\n\n  \n{"plot": "b", "genres": ["x"]}')
    assert table.rows == [1, 4]
    assert table.columns["genres"] == [None, ["x"]]


def test_a_key_that_shows_up_late_is_a_column():
    table = read(b'{"plot": "a"}\n' * 5000 + b'{"plot": "a", "genres": ["x"]}\n')
    assert table.columns["genres"] == [None] * 5000 + [["x"]]


def test_all_columns_have_names_and_those_kept_have_values():
    table = read(b'{"a": 1}\n{"b": 2}\n', keeps=lambda name: name == "b")
    assert (table.names, table.columns) == (["a", "b"], {"b": [None, 2]})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'{"plot": "a"}\n\n{"plot": "b"\n', "t, line 3: not JSON"),
        (b'{"plot": "a"}\n[1]\n', "t, line 2: a JSON list; expected one object a line"),
        (b'{"plot": "a"}\n"x"\n', "t, line 2: a JSON str"),
        (b'{"plot": "a"}{"plot": "b"}\n', "t, line 1: not JSON"),
        (b'[\n {"plot": "a"}\n]\n', "t, line 1: not JSON"),
    ],
)
def test_a_broken_line_is_named(data, message):
    with pytest.raises(CorpusError, match=message):
        read(data)
