from datetime import date, datetime

import pytest

from plotgenre.corpus.films import Film
from plotgenre.corpus.readers.columns import Columns, film_table
from plotgenre.corpus.readers.places import Place
from plotgenre.corpus.readers.tables import Table
from plotgenre.errors import CorpusError


def read(columns: Columns | None = None, labelled: bool = True, **values) -> list[Film]:
    n = len(next(iter(values.values())))
    table = Table(list(values), values, range(1, n + 1), Place("t"))
    return list(film_table(table, columns or Columns(), labelled=labelled).films)


@pytest.mark.parametrize("plot", ["plot", "Plot", "OVERVIEW", "summary", "synopsis ", "text"])
@pytest.mark.parametrize("genres", ["genres", "Genre", "labels", "TAGS"])
def test_usual_names_are_known_in_any_capitals(plot, genres):
    assert read(**{plot: ["a"], genres: ["x"]}) == [Film("a", ("x",), "t:1")]
    assert Columns().serve(plot)
    assert Columns().serve(genres)


def test_the_exact_name_goes_before_the_usual_others():
    assert read(overview=["no"], Plot=["no"], plot=["yes"], genres=["x"])[0].plot == "yes"


def test_a_name_that_was_asked_for_must_be_there():
    with pytest.raises(CorpusError, match="t has no plot column: expected 'story', found 'plot'"):
        read(Columns(plot="story"), plot=["a"], genres=["x"])
    with pytest.raises(CorpusError, match="t has no id column: expected 'key', found"):
        read(Columns(id="key"), plot=["a"], genres=["x"])
    second = Columns(genres="second")
    assert read(second, plot=["a"], genres=["x"], second=["y"])[0].genres == ("y",)
    assert second.serve("second")
    assert not second.serve("third")


def test_a_long_header_is_shortened_in_the_message():
    with pytest.raises(CorpusError) as caught:
        read(**{"x" * 500: ["a"], **{f"c{j}": ["a"] for j in range(40)}})
    assert "and 29 more" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        ([1999, None], [1999, None]),
        ([1999.0, None], [1999, None]),
        (["1999-05-01", "c. 2001"], [1999, 2001]),
        (["soon", ""], [None, None]),
        ([date(1970, 1, 1), datetime(1971, 1, 2, 3)], [1970, 1971]),
    ],
)
def test_years_are_numbers_or_nothing(years, expected):
    films = read(plot=["a", "b"], genres=["x", "y"], year=years)
    assert [film.year for film in films] == expected


def test_ids_are_text_and_a_missing_one_is_the_place():
    two = {"plot": ["a", "b"], "genres": ["x", "y"]}
    assert [film.id for film in read(**two, id=[7, None])] == ["7", "t:2"]
    assert [film.id for film in read(**two, id=[True, " "])] == ["true", "t:2"]
    assert [film.id for film in read(**two)] == ["t:1", "t:2"]


def test_lists_and_objects_are_no_titles():
    films = read(plot=["a", "b", "c"], genres=["x"] * 3, title=[["T"], {"en": "T"}, " T "])
    assert [film.title for film in films] == [None, None, "T"]


def test_the_first_empty_plot_is_named_and_the_others_are_counted():
    message = r"t, row 2, column 'Story': the plot of the film 'k' is empty \(and 1 more are\)"
    with pytest.raises(CorpusError, match=message):
        read(
            Columns(plot="Story"),
            Story=["a", " \n", None],
            genres=["x", "y", "z"],
            id=["i", "k", "l"],
        )


@pytest.mark.parametrize(
    ("value", "kind"),
    [(5, "Int64"), (5.0, "Float64"), (["a"], r"List\(String\)"), ({}, "Struct"), (b"", "Binary")],
)
def test_plots_of_another_type_than_text_are_refused(value, kind):
    with pytest.raises(CorpusError, match=f"t: the plot column 'plot' holds {kind}; expected text"):
        read(labelled=False, plot=["a", None, value])
