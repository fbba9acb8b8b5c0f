import numpy as np
import pytest

from plotgenre.corpus.readers import read_corpus, read_genres_file
from plotgenre.errors import CorpusError

TABLE = '"A man, a dog\r\nand a cat",0,1\r\nB,1.0,False\r\nC,0,0\r\n'


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "films.csv"
    path.write_bytes(TABLE.encode())
    return path


def test_the_origins_table_is_known_by_its_first_row(table):
    corpus = read_corpus(table)
    assert corpus.plots == ["A man, a dog\r\nand a cat", "B", "C"]
    assert corpus.genres == ("genre_0", "genre_1")
    assert corpus.Y.tolist() == [[False, True], [True, False], [False, False]]
    assert corpus.ids == ["films.csv:1", "films.csv:2", "films.csv:3"]


def test_names_come_from_the_file_given_else_from_the_one_beside(table):
    beside = table.parent / "genres.txt"
    beside.write_text("Western\nAction\n")
    assert read_corpus(table).genres == ("Western", "Action")
    given = table.parent / "names.txt"
    given.write_text("X\nY\n\n")
    assert read_corpus(table, genres_file=given).genres == ("X", "Y")


def test_a_file_beside_of_another_length_is_not_taken_but_logged(table, caplog):
    (table.parent / "genres.txt").write_text("Western\n")
    assert read_corpus(table).genres == ("genre_0", "genre_1")
    assert "names 1 genres" in caplog.text


def test_a_given_file_of_another_length_is_refused(table):
    given = table.parent / "names.txt"
    given.write_text("X\nY\nZ\n")
    message = r"names.txt names 3 genres, but films.csv has 2 genre columns"
    with pytest.raises(CorpusError, match=message):
        read_corpus(table, genres_file=given)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("D,1,2", r"row 4, column 2 \(the genre 'genre_1'\): the value is '2'; expected 0 or 1"),
        ("D,,1", r"row 4, column 1 \(the genre 'genre_0'\): the value is empty"),
        ("D,1", r"row 4 \(from line 5\) has 2 columns; expected 3"),
        ("D,1,0,1", r"row 4 \(from line 5\) has 4 columns; expected 3"),
        ('"",1,0', r"row 4, column 'plot': .* is empty"),
    ],
)
def test_a_wrong_row_is_named(table, row, message):
    table.write_bytes((TABLE + row + "\r\n").encode())
    with pytest.raises(CorpusError, match=message):
        read_corpus(table)


def test_a_header_is_not_a_row(table):
    table.write_text("plot,Drama,Action\nA,0,1\n")
    with pytest.raises(CorpusError, match=r"row 1, column 1 .* is 'Drama'; expected 0 or 1"):
        read_corpus(table, "onehot")
    table.write_text("A\nB\n")
    with pytest.raises(CorpusError, match="one column; expected a plot and then"):
        read_corpus(table, "onehot")


def test_several_tables_must_agree_in_their_genres(table):
    other = table.parent / "more.csv"
    other.write_text("D,1,1\n")
    assert read_corpus([table, other]).Y[3].tolist() == [True, True]
    other.write_text("D,1\n")
    with pytest.raises(
        CorpusError, match=r"more.csv has other genres \(1 columns\) than films.csv"
    ):
        read_corpus([table, other])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\n\nB\n", "line 2 is blank"),
        ("A\nB\n A\n", "line 3: the genre 'A' already stands in line 1"),
        ("", "is empty"),
    ],
)
def test_a_genres_file_that_makes_no_sense(tmp_path, text, message):
    path = tmp_path / "genres.txt"
    path.write_text(text)
    with pytest.raises(CorpusError, match=message):
        read_genres_file(path)


def test_a_genres_file_is_read_with_windows_line_ends(tmp_path):
    path = tmp_path / "genres.txt"
    path.write_bytes("\ufeffA\r\nBiopic [feature]\r\n".encode())
    assert read_genres_file(path) == ["A", "Biopic [feature]"]


def test_the_real_table(shared_data):
    corpus = read_corpus(shared_data / "onehot" / "films.csv")
    assert corpus.Y.shape == (2000, 345)
    assert corpus.genres[:3] == ("Absurdism", "Acid western", "Action")
    train = read_corpus(shared_data / "films" / "train.parquet")
    row_of = {plot: i for i, plot in enumerate(train.plots)}
    rows = np.array([row_of.get(plot, -1) for plot in corpus.plots])
    known = rows >= 0
    assert known.mean() > 0.95
    expected = train.take(rows[known]).with_genres(corpus.genres).Y
    assert (corpus.Y[known] == expected).all(axis=1).mean() > 0.99
