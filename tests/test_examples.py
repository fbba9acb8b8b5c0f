"""The example files are what the documentation promises of them."""

from collections import Counter
from pathlib import Path

import pytest

from plotgenre.corpus import Corpus, read_corpus

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
GENRES = (
    "Animation",
    "Comedy",
    "Drama",
    "Horror",
    "Romance",
    "Science Fiction",
    "Thriller",
    "Western",
)


@pytest.fixture(scope="module")
def films() -> Corpus:
    return read_corpus(EXAMPLES / "films.csv")


@pytest.fixture(scope="module")
def untagged() -> Corpus:
    return read_corpus(EXAMPLES / "untagged.jsonl", labelled=False)


def test_films_are_numbered_from_one(films: Corpus) -> None:
    assert films.ids == [f"film-{number:03}" for number in range(1, 121)]


def test_films_have_the_promised_genres(films: Corpus) -> None:
    assert films.genres == GENRES
    per_film = {len(names) for names in films.genre_lists()}
    assert per_film == {1, 2, 3}


def test_every_genre_has_enough_films_and_drama_the_most(films: Corpus) -> None:
    counts = Counter(name for names in films.genre_lists() for name in names)
    assert min(counts.values()) >= 14
    assert max(counts, key=counts.__getitem__) == "Drama"
    assert 0.35 <= counts["Drama"] / len(films) <= 0.45


def test_no_title_and_no_plot_comes_twice(films: Corpus, untagged: Corpus) -> None:
    plots = [*films.plots, *untagged.plots]
    assert films.titles is not None
    assert untagged.titles is not None
    titles = [*films.titles, *untagged.titles]
    assert None not in titles
    assert len(set(plots)) == len(set(titles)) == 126


def test_plots_are_short_but_for_eight_of_250_words_or_more(films: Corpus) -> None:
    words = [len(plot.split()) for plot in films.plots]
    short = [count for count in words if count < 250]
    assert len(words) - len(short) == 8
    assert 45 <= min(short) <= max(short) <= 110


def test_untagged_films_have_no_genres(untagged: Corpus) -> None:
    assert untagged.ids == [f"new-{number}" for number in range(1, 7)]
    assert untagged.genres == ()
