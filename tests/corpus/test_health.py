import json
import math

import numpy as np
import pytest

from plotgenre.corpus.films import Corpus
from plotgenre.corpus.health import examine, imbalance_ratios, scumble

# Films per genre: A 4, B 2, C 1, D 0, so IRLbl is 1, 2, 4 and infinite.
LISTS = [["A", "C"], ["A", "B"], ["A"], ["A"], ["B"], []]


@pytest.fixture
def corpus() -> Corpus:
    plots = ["one two three", "One, two, THREE!", "word " * 20, "a b", "c", "d e f g h i"]
    return Corpus.from_lists(plots, LISTS, vocabulary=["D", "C", "B", "A"])


def test_figures_computed_by_hand(corpus):
    health = examine(corpus)
    assert (health.films, health.genres, health.films_without_genre) == (6, 4, 1)
    assert health.label_cardinality == pytest.approx(7 / 6)
    assert health.label_density == pytest.approx(7 / 24)
    assert list(health.films_per_genre.items()) == [("A", 4), ("B", 2), ("C", 1), ("D", 0)]
    assert health.irlbl == {"A": 1, "B": 2, "C": 4, "D": math.inf}
    assert health.mean_ir == pytest.approx(7 / 3)
    assert health.duplicate_films == 1
    assert health.short_plots == 5
    assert health.plot_words.mean == pytest.approx(35 / 6)
    assert health.plot_words.median == 3
    assert health.plot_words.max == 20


def test_scumble_computed_by_hand(corpus):
    with_c = 1 - math.sqrt(1 * 4) / 2.5
    with_b = 1 - math.sqrt(1 * 2) / 1.5
    assert examine(corpus).scumble == pytest.approx((with_c + with_b) / 6)


def test_scumble_against_the_definition_film_by_film():
    Y = np.random.default_rng(0).random((60, 7)) < np.linspace(0.05, 0.6, 7)
    ratios = imbalance_ratios(Y)
    films = [ratios[row] for row in Y]
    each = [1 - np.prod(r) ** (1 / len(r)) / r.mean() if len(r) else 0 for r in films]
    assert scumble(Y) == pytest.approx(np.mean(each))


def test_equally_common_genres_have_no_scumble():
    assert scumble(np.ones((5, 3), dtype=bool)) == pytest.approx(0)


def test_json_has_no_infinite_figures(corpus):
    figures = examine(corpus).as_dict()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert figures["irlbl"]["D"] is None
    assert figures["plot_words"]["max"] == 20


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lists", [[], [[], []]])
def test_no_films_or_no_genres_are_figures_too(lists):
    corpus = Corpus.from_lists(["a b"] * len(lists), lists)
    figures = examine(corpus).as_dict()
    json.dumps(figures, allow_nan=False)
    assert figures["films"] == len(lists)
    assert figures["mean_ir"] is None
