"""The types of Parquet's columns, as films have them."""

from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.corpus.readers import read_corpus
from plotgenre.errors import CorpusError


def read(tmp_path, **columns):
    columns = {"plot": pa.array(["a", "b"]), "genres": pa.array(["X", "Y|X"]), **columns}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    return read_corpus(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "plot",
    [
        pa.array(["a", "b"]).dictionary_encode(),
        pa.array(["a", "b"], pa.large_string()),
        pa.array(["a", "b"], pa.string_view()),
    ],
    ids=lambda array: str(array.type),
)
def test_plots_may_be_of_any_text_type(tmp_path, plot):
    assert read(tmp_path, plot=plot).plots == ["a", "b"]


@pytest.mark.parametrize(
    ("genres", "expected"),
    [
        (pa.array([["A", "B"], None], pa.large_list(pa.string())), [["A", "B"], []]),
        (pa.array([["A", "B"], ["A", None]], pa.list_(pa.string(), 2)), [["A", "B"], ["A"]]),
        (pa.array([["A"], []], pa.list_(pa.dictionary(pa.int8(), pa.string()))), [["A"], []]),
        (pa.array([[{"name": "A", "id": 1}], []]), [["A"], []]),
        (pa.array(["A|B", "A"]).dictionary_encode(), [["A", "B"], ["A"]]),
        (pa.nulls(2), [[], []]),
        (pa.array([3, None]), [["3"], []]),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_genres_may_be_lists_texts_and_objects(tmp_path, genres, expected):
    assert read(tmp_path, genres=genres).genre_lists() == expected


@pytest.mark.parametrize(
    "genres",
    [
        pa.array([{"a": 1}, None]),
        pa.array([[{"a": 1}], None]),
        pa.array([[("a", 1)], None], pa.map_(pa.string(), pa.int8())),
        pa.array([[["A"]], None]),
        pa.array([b"A", None]),
        pa.array([1, None], pa.date32()),
    ],
    ids=lambda array: str(array.type),
)
def test_a_type_that_holds_no_names_is_refused(tmp_path, genres):
    with pytest.raises(CorpusError, match=r"'genres' holds .*; expected a list of names, or text"):
        read(tmp_path, genres=genres)


def test_what_is_not_text_has_a_text(tmp_path):
    ids, years = pa.array([b"x", b"y"]), pa.array([date(1999, 5, 1), None])
    corpus = read(tmp_path, id=ids, year=years, title=pa.array([Decimal("1.5"), None]))
    assert corpus.ids == ["x", "y"]
    assert corpus.years == [1999, None]
    assert corpus.titles == ["1.5", None]


def test_columns_that_serve_nothing_are_named(tmp_path):
    pq.write_table(pa.table({"story": ["a"], "more": [1.5]}), tmp_path / "t.parquet")
    with pytest.raises(CorpusError, match=r"has no plot column: .*found 'story', 'more'"):
        read_corpus(tmp_path / "t.parquet")
