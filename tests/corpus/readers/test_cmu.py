import json
import re

import pytest

from plotgenre.corpus.readers import read_corpus
from plotgenre.corpus.readers.cmu import clean_markup
from plotgenre.errors import CorpusError


def metadata(film: str, genres: dict[str, str], title: str = "T", date: str = "1999-05-01") -> str:
    return "\t".join([film, "/m/1", title, date, "", "100.0", "{}", "{}", json.dumps(genres)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plot_summaries.txt").write_text(
        '3\tA "plot with one quote.\n1\tAnother one.\n2\tOf unknown genre.\n'
    )
    rows = [metadata("1", {"/m/a": "Café noir", "/m/b": "Drama"}), metadata("9", {"/m/c": "War"})]
    rows.append(metadata("2", {}, "U", ""))
    (tmp_path / "movie.metadata.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_plots_and_metadata_are_joined_by_id(folder):
    corpus = read_corpus(folder)
    assert corpus.ids == ["3", "1", "2"]
    assert corpus.plots[0] == 'A "plot with one quote.'
    assert corpus.genre_lists() == [[], ["Café noir", "Drama"], []]
    assert corpus.genres == ("Café noir", "Drama")
    assert corpus.titles == [None, "T", "U"]
    assert corpus.years == [None, 1999, None]


def test_a_plot_of_markup_only_is_left_out_and_logged(folder, caplog):
    path = folder / "plot_summaries.txt"
    path.write_text(path.read_text() + "4\t{{Expand section}}\n")
    assert read_corpus(folder).ids == ["3", "1", "2"]
    assert "1 films" in caplog.text


@pytest.mark.parametrize(
    ("name", "row", "message"),
    [
        ("plot_summaries.txt", "4\ta\tb", r"plot_summaries.txt, row 4 .* has 3 columns"),
        ("plot_summaries.txt", "4", "row 4 .* has 1 column; expected 2"),
        ("plot_summaries.txt", "4\t", "row 4, column 'plot'.*film '4' is null"),
        ("plot_summaries.txt", "1\tx", "row 4: the id '1' already stands in .*, row 2"),
        ("movie.metadata.tsv", "4\t/m/1\tT", "movie.metadata.tsv, row 4 .* has 3 columns"),
        ("movie.metadata.tsv", metadata("1", {}), "movie.metadata.tsv, row 4: the id '1' already"),
        (
            "movie.metadata.tsv",
            metadata("4", {}).removesuffix("}"),
            "movie.metadata.tsv, row 4, column 'genres': '{' is not a list of genre names",
        ),
    ],
)
def test_a_wrong_row_is_named(folder, name, row, message):
    path = folder / name
    path.write_text(path.read_text() + row + "\n")
    with pytest.raises(CorpusError, match=message):
        read_corpus(folder)


def test_both_files_are_needed(folder):
    (folder / "movie.metadata.tsv").unlink()
    with pytest.raises(CorpusError, match=r"has no movie.metadata.tsv; expected plot_summaries"):
        read_corpus(folder)


@pytest.mark.parametrize(
    ("damaged", "clean"),
    [
        ("Sudheeran ([[Saikumar  enters the list", "Sudheeran enters the list"),
        ("Norton ([[Edward Arnold . Willoughby", "Norton. Willoughby"),
        ("Nirmal ([[Karthik teaches Usha .", "Nirmal teaches Usha."),
        ("Émile ([[Élodie Ångström-Øst Žižek teaches", "Émile teaches"),
        ("Émile ([[élodie teaches", "Émile élodie teaches"),
        ("([[A B C D E leaves", "E leaves"),
        ("a spoof of [[The Mask and shoots", "a spoof of The Mask and shoots"),
        ("in [[New York City|New York]], [[USA]].", "in New York, USA."),
        ("sick. [[Image:Red.jpg|right|thumb|Men look on. From right", "sick. From right"),
        ("sick. [[File:Red.jpg|thumb|Men look on]] They go", "sick. They go"),
        ("{{plot}} The film", "The film"),
        ("a {{quote|b {{c}} d}} e", "a e"),
        ("Antonio .<ref name1991|first D'Lugo|titlePress}}", "Antonio."),
        ('He dies.<ref name="x">A [[source]]</ref> She lives.<ref name=x/>', "He dies. She lives."),
        ("a ballad &mdash; sad &amp;&nbsp;slow", "a ballad — sad & slow"),
        ("release.http://www.tcm.com/title.jsp?stid=456508", "release."),
        ('by Amy Foster." == Cast ==', 'by Amy Foster."'),
        ("the ''Titanic'' sinks ( )", "the Titanic sinks"),
        ("Rawdon's 3 < 4 {sic} [sic] it's fine", "Rawdon's 3 < 4 {sic} [sic] it's fine"),
    ],
)
def test_the_damage_of_markup_is_cleaned(damaged, clean):
    assert clean_markup(damaged) == clean


def test_the_real_folder(shared_data):
    corpus = read_corpus(shared_data / "MovieSummaries")
    assert len(corpus) == 1569
    assert corpus.genre_lists()[0] == ["Drama", "World cinema"]
    assert corpus.years is not None
    assert corpus.years[0] == 1990
    left = re.compile(r"\[\[|\]\]|\{\{|\}\}|<ref|&[a-z]+;|https?://")
    assert not [film.id for film in corpus if left.search(film.plot)]
