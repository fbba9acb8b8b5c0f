import numpy as np
import pytest
from pydantic import ValidationError

from plotgenre.corpus import splits
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.plots import plot_groups
from plotgenre.corpus.splits import Split, SplitSettings, folds, stratified_split
from plotgenre.errors import CorpusError, InputError

pytest.importorskip("iterstrat")


def random_corpus(seed: int, n: int = 150, g: int = 25) -> Corpus:
    """Films with few common and many rare genres, and some plots that stand twice."""
    rng = np.random.default_rng(seed)
    Y = rng.random((n, g)) < 0.4 / np.arange(1, g + 1)
    plots = [
        f"Plot number {i}" for i in np.where(rng.random(n) < 0.1, np.arange(n) // 2, np.arange(n))
    ]
    return Corpus(plots, tuple(f"g{j:02}" for j in range(g)), Y, [str(i) for i in range(n)])


def films_per_side(corpus: Corpus, *sides: np.ndarray) -> np.ndarray:
    return np.stack([corpus.Y[rows].sum(axis=0) for rows in sides])


def plots_per_genre(corpus: Corpus) -> np.ndarray:
    groups = plot_groups(corpus.plots)
    return np.array([len(np.unique(groups[corpus.Y[:, j]])) for j in range(len(corpus.genres))])


@pytest.mark.parametrize("seed", range(25))
def test_a_split_keeps_its_promises(seed):
    corpus = random_corpus(seed)
    split = stratified_split(corpus, SplitSettings(seed=seed))
    sides = (split.train, split.validation, split.test)
    assert np.sort(np.concatenate(sides)).tolist() == list(range(len(corpus)))
    groups = plot_groups(corpus.plots)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not set(groups[sides[one]]) & set(groups[sides[other]])
    enough = plots_per_genre(corpus) >= 3
    assert (films_per_side(corpus, *sides)[:, enough] > 0).all()
    shares = np.array([len(set(groups[rows])) for rows in sides]) / (groups.max() + 1)
    assert np.abs(shares - [0.8, 0.1, 0.1]).max() < 0.2
    assert all(rows.dtype == np.int64 and (np.diff(rows) > 0).all() for rows in sides)


def test_the_repair_brings_every_genre_to_every_side_whatever_it_is_given(monkeypatch):
    monkeypatch.setattr(splits, "_stratify", lambda Y, fractions, seed: np.zeros(len(Y), int))
    corpus = random_corpus(3)
    split = stratified_split(corpus, SplitSettings())
    counts = films_per_side(corpus, split.train, split.validation, split.test)
    assert (counts[:, plots_per_genre(corpus) >= 3] > 0).all()


def test_common_genres_are_shared_out_in_proportion():
    corpus = random_corpus(0, n=2000, g=5)
    split = stratified_split(corpus, SplitSettings(validation=0.2, test=0.1))
    shares = films_per_side(corpus, split.train, split.validation, split.test) / corpus.Y.sum(0)
    assert np.abs(shares - np.array([[0.7], [0.2], [0.1]])).max() < 0.03


def test_a_seed_decides():
    corpus = random_corpus(0)
    first, again, other = (stratified_split(corpus, SplitSettings(seed=s)) for s in (1, 1, 2))
    assert first.test.tolist() == again.test.tolist()
    assert first.test.tolist() != other.test.tolist()


def test_a_seed_decides_where_stratification_has_no_choice():
    # Few films of few genres leave it no ties to draw at.
    genres = [["A"] if i % 3 else ["B", "A"] for i in range(60)]
    corpus = Corpus.from_lists([f"plot {i}" for i in range(60)], genres)
    splits = [stratified_split(corpus, SplitSettings(seed=seed)) for seed in range(6)]
    assert len({tuple(split.validation.tolist()) for split in splits}) == 6


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].tolist()
    stratified_split(random_corpus(0), SplitSettings())
    assert np.random.get_state()[1].tolist() == before


def test_a_side_of_nothing_is_empty():
    split = stratified_split(random_corpus(0), SplitSettings(validation=0.0, test=0.2))
    assert split.validation.tolist() == []
    assert len(split.test) > 0
    everything = stratified_split(random_corpus(0), SplitSettings(validation=0, test=0))
    assert len(everything.train) == 150


def test_films_without_genres_are_split_too():
    corpus = Corpus.from_lists([f"plot {i}" for i in range(100)], [[]] * 100)
    split = stratified_split(corpus, SplitSettings())
    assert (len(split.train), len(split.validation), len(split.test)) == (80, 10, 10)


def test_three_films_fill_three_sides_and_two_do_not():
    three = Corpus.from_lists(["a", "b", "c"], [["x"], ["x"], ["x"]])
    split = stratified_split(three, SplitSettings())
    assert [len(split.train), len(split.validation), len(split.test)] == [1, 1, 1]
    same = Corpus.from_lists(["a", "A!", "c"], [["x"], ["x"], ["x"]])
    with pytest.raises(CorpusError, match=r"3 films with 2 different plots .* 3 sides"):
        stratified_split(same, SplitSettings())
    with pytest.raises(CorpusError, match="0 films"):
        stratified_split(three.take([]), SplitSettings())


def test_every_film_is_in_validation_of_one_fold():
    corpus = random_corpus(5)
    parts = folds(corpus, 4, seed=1)
    assert len(parts) == 4
    assert np.sort(np.concatenate([p.validation for p in parts])).tolist() == list(range(150))
    for part in parts:
        assert isinstance(part, Split)
        assert not set(part.train) & set(part.validation)
        assert len(part.train) + len(part.validation) == 150
        assert len(part.test) == 0
    enough = plots_per_genre(corpus) >= 4
    assert (films_per_side(corpus, *(p.validation for p in parts))[:, enough] > 0).all()
    with pytest.raises(InputError, match="at least 2"):
        folds(corpus, 1)


@pytest.mark.parametrize(
    "wrong", [{"validation": 0.5, "test": 0.5}, {"test": -0.1}, {"test": 1.0}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        SplitSettings(**wrong)
