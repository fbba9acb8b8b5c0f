import pytest

from plotgenre.corpus.readers.jsonl import read_jsonl
from plotgenre.corpus.readers.places import ROW
from plotgenre.errors import CorpusError


def test_lines_are_counted_with_the_blank_ones():
    frame = read_jsonl(b'{"plot": "a"}\n\n  \n{"plot": "b", "genres": ["x"]}', "t")
    assert frame[ROW].to_list() == [1, 4]
    assert frame["genres"].to_list() == [None, ["x"]]


def test_a_key_that_shows_up_late_is_a_column():
    frame = read_jsonl(b'{"plot": "a"}\n' * 5000 + b'{"plot": "a", "genres": ["x"]}\n', "t")
    assert frame["genres"].null_count() == 5000


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
        read_jsonl(data, "t")
