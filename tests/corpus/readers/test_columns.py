import polars as pl
import pytest

from plotgenre.corpus.readers.columns import Columns, films_frame
from plotgenre.corpus.readers.places import ROW, Place
from plotgenre.errors import CorpusError


def read(columns: Columns | None = None, labelled: bool = True, **values) -> dict:
    n = len(next(iter(values.values())))
    raw = pl.DataFrame(values).with_columns(pl.int_range(1, n + 1).alias(ROW))
    return films_frame(raw, Place("t"), columns or Columns(), labelled=labelled).to_dict(
        as_series=False
    )


@pytest.mark.parametrize("plot", ["plot", "Plot", "OVERVIEW", "summary", "synopsis ", "text"])
@pytest.mark.parametrize("genres", ["genres", "Genre", "labels", "TAGS"])
def test_usual_names_are_known_in_any_capitals(plot, genres):
    films = read(**{plot: ["a"], genres: ["x"]})
    assert (films["plot"], films["genres"]) == (["a"], [["x"]])


def test_the_exact_name_goes_before_the_usual_others():
    assert read(overview=["no"], Plot=["no"], plot=["yes"], genres=["x"])["plot"] == ["yes"]


def test_a_name_that_was_asked_for_must_be_there():
    with pytest.raises(CorpusError, match="t has no plot column: expected 'story', found 'plot'"):
        read(Columns(plot="story"), plot=["a"], genres=["x"])
    with pytest.raises(CorpusError, match="t has no id column: expected 'key', found"):
        read(Columns(id="key"), plot=["a"], genres=["x"])
    assert read(Columns(genres="second"), plot=["a"], genres=["x"], second=["y"])["genres"] == [
        ["y"]
    ]


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
        (pl.Series([0, 366]).cast(pl.Date), [1970, 1971]),
    ],
)
def test_years_are_numbers_or_nothing(years, expected):
    assert read(plot=["a", "b"], genres=["x", "y"], year=years)["year"] == expected


def test_ids_are_text_and_a_missing_one_is_the_place():
    assert read(plot=["a", "b"], genres=["x", "y"], id=[7, None])["id"] == ["7", "t:2"]
    assert read(plot=["a", "b"], genres=["x", "y"])["id"] == ["t:1", "t:2"]


def test_the_first_empty_plot_is_named_and_the_others_are_counted():
    message = r"t, row 2, column 'Story': the plot of the film 'k' is empty \(and 1 more are\)"
    with pytest.raises(CorpusError, match=message):
        read(
            Columns(plot="Story"),
            Story=["a", " \n", None],
            genres=["x", "y", "z"],
            id=["i", "k", "l"],
        )


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["a", "b"]), pl.String])
def test_plots_may_be_of_any_text_type(dtype):
    plots = pl.Series(["a", "b"], dtype=dtype)
    assert read(labelled=False, plot=plots)["plot"] == ["a", "b"]
