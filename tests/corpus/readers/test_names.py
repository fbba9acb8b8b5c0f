import polars as pl
import pytest

from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.places import Place
from plotgenre.errors import CorpusError


def names(values, separator=None, dtype=None) -> list[list[str]]:
    column = pl.Series("genres", values, dtype=dtype)
    rows = pl.int_range(1, len(column) + 1, eager=True)
    return genre_names(column, separator, Place("t"), rows).to_list()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Drama|Comedy", "Drama"], [["Drama", "Comedy"], ["Drama"]]),
        (["Drama; Comedy", "Drama"], [["Drama", "Comedy"], ["Drama"]]),
        (["Drama, Comedy", None, ""], [["Drama", "Comedy"], [], []]),
        (["Action/Adventure", "Drama"], [["Action/Adventure"], ["Drama"]]),
        (["Crime, Noir|Drama", "War"], [["Crime, Noir", "Drama"], ["War"]]),
        ([" Drama |Drama||Drama "], [["Drama"]]),
        (["['Drama', \"Kids' film\"]", "[]"], [["Drama", "Kids' film"], []]),
        (['["Drama", null, " Comedy"]', "War|Noir"], [["Drama", "Comedy"], ["War", "Noir"]]),
        (["[{'id': 18, 'name': 'Drama'}]"], [["Drama"]]),
        (['{"/m/07": "Caf\\u00e9", "/m/03": "Drama"}', "{}"], [["Café", "Drama"], []]),
    ],
)
def test_texts(values, expected):
    assert names(values) == expected


def test_one_stray_semicolon_does_not_outvote_a_hundred_commas():
    assert names(["A, B"] * 100 + ["A; B"])[0] == ["A", "B"]


def test_a_given_separator_is_not_guessed_over():
    assert names(["Action/Adventure|x"], "/") == [["Action", "Adventure|x"]]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([["A", None, " A ", ""], None, []], None, [["A"], [], []]),
        ([["A", "B"], ["A"]], pl.List(pl.Categorical), [["A", "B"], ["A"]]),
        ([["A", "B"], ["A", None]], pl.Array(pl.String, 2), [["A", "B"], ["A"]]),
        ([[{"name": "A", "id": 1}], []], None, [["A"], []]),
        (["A|B", "A"], pl.Categorical, [["A", "B"], ["A"]]),
        (["A", "B"], pl.Enum(["A", "B"]), [["A"], ["B"]]),
        ([None, None], pl.Null, [[], []]),
        ([[], [None]], pl.List(pl.Null), [[], []]),
        ([3, None], pl.Int64, [["3"], []]),
    ],
)
def test_other_types(values, dtype, expected):
    assert names(values, dtype=dtype) == expected


@pytest.mark.parametrize(
    "broken", ["['Drama'", "[[1]]", '{"a": ["b"]}', "[nonsense]", "[{'id': 1}]"]
)
def test_a_broken_list_names_its_row(broken):
    with pytest.raises(CorpusError, match=r"t, row 3, column 'genres': .* is not a list of genre"):
        names(["['Drama']", None, broken])


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("genres", [{"a": 1}]),
        pl.Series("genres", [[{"a": 1}]]),
        pl.Series("genres", [[["A"]]]),
        pl.Series("genres", [b"A"]),
        pl.Series("genres", [1]).cast(pl.Date),
    ],
)
def test_a_type_that_holds_no_names_is_refused(column):
    with pytest.raises(CorpusError, match=r"'genres' holds .*; expected a list of names, or text"):
        genre_names(column, None, Place("t"), pl.Series([1]))
