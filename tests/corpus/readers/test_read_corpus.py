"""The whole way from files to a corpus: formats, several files, ids, and what is no corpus."""

import csv
import gzip
import io
import json
import random
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.corpus.readers import Columns, read_corpus
from plotgenre.errors import CorpusError, InputError, PlotgenreError

FILMS = [
    {
        "id": "a1",
        "title": "One",
        "year": 1999,
        "plot": 'He said "go".\nShe went, slowly.',
        "genres": ["Drama", "Action/Adventure"],
    },
    {
        "id": "a2",
        "title": None,
        "year": 2000,
        "plot": "A dog; a cat | a house.",
        "genres": [],
    },
    {
        "id": "a3",
        "title": "Three",
        "year": None,
        "plot": "Ein Märchen – kurz.",
        "genres": ["Comedy"],
    },
]


def write(folder, kind: str, films: list[dict] = FILMS):
    path = folder / f"films.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(films), path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(film) + "\n" for film in films))
    else:
        with path.open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
            writer.writerow(films[0])
            writer.writerows(
                [*list(film.values())[:-1], "|".join(film["genres"])] for film in films
            )
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_table_format_gives_the_same_corpus(tmp_path, kind):
    corpus = read_corpus(write(tmp_path, kind))
    assert corpus.genres == ("Action/Adventure", "Comedy", "Drama")
    assert corpus.genre_lists() == [["Action/Adventure", "Drama"], [], ["Comedy"]]
    assert corpus.plots == [film["plot"] for film in FILMS]
    assert corpus.ids == ["a1", "a2", "a3"]
    assert corpus.titles == ["One", None, "Three"]
    assert corpus.years == [1999, 2000, None]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_windows_text_and_gzip_read_the_same(tmp_path, kind):
    plain = [{**film, "plot": film["plot"].replace("\n", " ")} for film in FILMS]
    path = write(tmp_path, kind, plain)
    expected = list(read_corpus(path))
    windows = b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n")
    path.write_bytes(windows)
    assert list(read_corpus(path)) == expected
    zipped = tmp_path / f"{path.name}.gz"
    zipped.write_bytes(gzip.compress(windows))
    assert list(read_corpus(zipped)) == expected


def test_files_folders_and_globs_are_read_in_order(tmp_path):
    for name, rows in (("b", FILMS[:1]), ("a", FILMS[1:])):
        write(tmp_path, "parquet", rows).rename(tmp_path / f"{name}.parquet")
    (tmp_path / "notes.txt").write_text("not films")
    ids = ["a2", "a3", "a1"]
    assert read_corpus(tmp_path).ids == ids
    assert read_corpus(str(tmp_path / "*.parquet")).ids == ids
    assert read_corpus([tmp_path / "b.parquet", tmp_path / "a.parquet"]).ids == ["a1", "a2", "a3"]


def test_films_without_ids_are_called_by_file_and_row(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "films.csv").write_text("plot,genres\na,D\nb,D\n")
    assert read_corpus(tmp_path / "x").ids == ["films.csv:1", "films.csv:2"]
    both = read_corpus([tmp_path / "x", tmp_path / "y"]).ids
    assert both[2] == f"{tmp_path / 'y' / 'films.csv'}:1"
    assert len(set(both)) == 4


def test_an_id_in_two_files_is_refused_with_both_places(tmp_path):
    one, other = write(tmp_path, "csv"), write(tmp_path, "jsonl")
    renamed = one.rename(tmp_path / "z.csv")
    with pytest.raises(CorpusError, match="one format, but"):
        read_corpus([renamed, other])
    copy = tmp_path / "copy.csv"
    copy.write_bytes(renamed.read_bytes())
    message = r"z.csv, row 1 after the header: the id 'a1' already stands in copy.csv, row 1"
    with pytest.raises(CorpusError, match=message):
        read_corpus([copy, renamed])
    with pytest.raises(CorpusError, match=r"copy.csv stands twice"):
        read_corpus([copy, copy])


def test_standard_input_is_json_lines(monkeypatch):
    def feed(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    feed(b'{"plot": "a"}\n\n{"plot": "b"}\n')
    corpus = read_corpus("-", labelled=False)
    assert corpus.plots == ["a", "b"]
    assert corpus.ids == ["standard input:1", "standard input:3"]
    assert corpus.Y.shape == (2, 0)
    assert not sys.stdin.closed
    feed(b"")
    with pytest.raises(CorpusError, match="standard input is empty"):
        read_corpus("-")
    with pytest.raises(CorpusError, match="read as jsonl, not as csv"):
        read_corpus("-", "csv")


def test_films_to_be_tagged_need_no_genres(tmp_path):
    path = tmp_path / "films.csv"
    path.write_text("plot,year\na,in 1999\nb,soon\n")
    with pytest.raises(
        CorpusError, match=r"no genres column: expected 'genres' \(or genre, labels"
    ):
        read_corpus(path)
    corpus = read_corpus(path, labelled=False)
    assert corpus.years == [1999, None]
    assert corpus.genre_lists() == [[], []]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "a.csv is empty"),
        ("a.csv", b" \n\n", "a.csv is empty"),
        ("a.csv", b"plot,genres\n", "no film in a.csv"),
        ("a.csv", b"plot,genres\na,x\ncaf\xe9,x\n", "line 3: byte 0xe9 at offset 19 is not UTF-8"),
        ("a.csv", "plot,genres\na,x\n".encode("utf-16"), "UTF-16 text; expected UTF-8"),
        ("a.csv", b"plot,genres\n,x\n", "row 1 after the header, column 'plot'.*is null"),
        ("a.csv", b'plot,genres\na,x\n" ",x\n', "row 2 after.*'a.csv:2' is empty; expected text"),
        ("a.csv", b"id,plot,genres\n1,a,x\n1,b,x\n", "row 2.*'1' already stands in a.csv, row 1"),
        ("a.csv", b"a story,0,2\nanother,1,0\n", "read by format='onehot'"),
        ("a.jsonl", b'{"plot": 5, "genres": []}', "plot column 'plot' holds Int64; expected text"),
        ("a.jsonl", b'{"plot": "a", "genres": {"x": 1}}', "holds Struct.*expected a list of names"),
        ("a.jsonl", b'{"plot": "a", "genres": [["x"]]}', "holds List.*expected a list of names"),
        ("a.parquet", b"PAR1 or not", "a.parquet cannot be read as Parquet"),
        ("a.xlsx", b"PK", "its ending says nothing of its format"),
        (
            "a.csv.gz",
            gzip.compress(b"plot,genres\n" * 99, mtime=0)[:-9],
            "cannot be read: Compressed",
        ),
    ],
)
def test_what_is_no_corpus_is_refused_in_one_sentence(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=message) as caught:
        read_corpus(path)
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no file or folder"):
        read_corpus(tmp_path / "none.csv")
    with pytest.raises(CorpusError, match="no file matches"):
        read_corpus(str(tmp_path / "*.csv"))
    with pytest.raises(CorpusError, match=r"neither plot_summaries.txt .* nor csv, tsv, jsonl"):
        read_corpus(tmp_path)
    with pytest.raises(CorpusError, match="list of corpus files is empty"):
        read_corpus([])


def test_arguments_that_make_no_sense(tmp_path):
    path = write(tmp_path, "csv")
    with pytest.raises(InputError, match="unknown format 'xml'; expected auto, onehot"):
        read_corpus(path, "xml")
    with pytest.raises(InputError, match="a genres file names one-hot columns"):
        read_corpus(path, genres_file=path)


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(tmp_path, kind):
    films = [{**film, "id": film["id"] + str(k)} for k in range(5) for film in FILMS]
    path = write(tmp_path, kind, films)
    whole, chance = path.read_bytes(), random.Random(0)
    refused = 0
    for attempt in range(120):
        damaged = bytearray(whole[: chance.randrange(len(whole))] if attempt % 3 == 0 else whole)
        for _ in range(0 if attempt % 3 == 0 else chance.randrange(1, 6)):
            wrong = chance.choice([0, 9, 10, 34, 44, 92, 123, 255])
            damaged[chance.randrange(len(damaged))] = wrong
        path.write_bytes(damaged)
        try:
            assert len(read_corpus(path)) > 0
        except PlotgenreError:
            refused += 1
    assert refused > 20


def test_the_real_corpus_reads_whole(shared_data):
    corpus = read_corpus(shared_data / "films")
    assert corpus.Y.shape[0] == 33_247 + 4_691 + 4_720
    assert corpus.Y.sum(axis=1).mean() == pytest.approx(3.5, abs=0.05)
    assert corpus.years is not None
    second = read_corpus(
        shared_data / "films" / "test.parquet", columns=Columns(genres="tmdb_genres")
    )
    assert len(second) == 4_720
    assert "Action" in second.genres
    assert not np.array_equal(second.Y.any(axis=1), np.ones(4_720, dtype=bool))
