from datetime import date

import pytest

from plotgenre.corpus.readers.names import genre_names
from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import Table
from plotgenre.errors import CorpusError


def names(values, separator=None) -> list[list[str]]:
    rows = range(1, len(values) + 1)
    table = Table(["genres"], {"genres": values}, rows, Place("t"))
    return [list(film) for film in genre_names(table, "genres", separator)]


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
    ("values", "expected"),
    [
        ([["A", None, " A ", ""], None, []], [["A"], [], []]),
        ([[{"name": "A", "id": 1}], []], [["A"], []]),
        ([[{"name": "A"}, {"id": 1}, None]], [["A"]]),
        ([None, None], [[], []]),
        ([[], [None]], [[], []]),
        ([3, None, True, 1.5], [["3"], [], ["true"], ["1.5"]]),
        ([["A", 7, False], "B|C"], [["A", "7", "false"], ["B", "C"]]),
    ],
)
def test_other_types(values, expected):
    assert names(values) == expected


@pytest.mark.parametrize(
    "broken", ["['Drama'", "[[1]]", '{"a": ["b"]}', "[nonsense]", "[{'id': 1}]"]
)
def test_a_broken_list_names_its_row(broken):
    with pytest.raises(CorpusError, match=r"t, row 3, column 'genres': .* is not a list of genre"):
        names(["['Drama']", None, broken])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"a": 1}, "Struct"),
        ([{"a": 1}], r"List\(Struct\)"),
        ([["A"]], r"List\(List\(String\)\)"),
        ([b"A"], r"List\(Binary\)"),
        (b"A", "Binary"),
        (date(1970, 1, 2), "Date"),
    ],
)
def test_a_type_that_holds_no_names_is_refused(value, kind):
    with pytest.raises(CorpusError, match=f"'genres' holds {kind}; expected a list of names, or"):
        names([None, value])
