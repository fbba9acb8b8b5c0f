"""The ablations' own arithmetic: which film is scored by what, and what is averaged."""

from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

from plotgenre import GenreClassifier
from plotgenre.recipe import Recipe


@pytest.fixture(scope="module")
def ablations():
    import ablations

    return ablations


@pytest.fixture(scope="module")
def films(ablations, film_lists, tmp_path_factory):
    """Films of which every fifth of train has no genre that is kept."""
    room = tmp_path_factory.mktemp("ablations")
    plots, genres = film_lists
    genres = [["Lone"] if i % 5 == 0 and i < 60 else own for i, own in enumerate(genres)]
    for side, own in (("train", slice(0, 60)), ("validation", slice(60, 90))):
        ids = [f"{side}-{i}" for i in range(len(plots[own]))]
        table = pa.table({"id": ids, "plot": plots[own], "genres": genres[own]})
        pq.write_table(table, room / f"{side}.parquet")
    return ablations.Films(room, room / "store", room / "runs")


def test_every_choice_is_a_recipe(ablations):
    recipes = {name: ablations.recipe_of(name, 2, "adapted") for name in ablations.CHOICES}
    ships = Recipe.load("best").with_settings(
        {"training.seed": 2, "encoder.name": "adapted", "branches.adapted": False}
    )
    base = ships.with_settings({"training.loss": "bce", "training.logit_adjustment_tau": 1.0})
    assert recipes.pop(ablations.BASE) == base
    assert all(recipe != base for recipe in recipes.values())
    assert recipes["half of logit adjustment, as it ships"] == ships


def test_an_encoder_without_torch_is_read_as_one(ablations):
    shipped = files("plotgenre") / "shipped" / "encoder"
    recipe = ablations.recipe_of("linear head", 0, str(shipped))
    assert recipe.encoder.kind == "onnx"
    assert ablations.recipe_of("linear head", 0, "adapted").encoder.kind == "sentence_transformers"


def test_films_that_a_recipe_leaves_out_shift_no_other(films, given_recipe):
    recipe = given_recipe.with_settings({"genres.minimum_films": 13, "branches.lexical": True})
    train, validation = films.sides(recipe)
    assert len(train) < len(films.train)
    semantic, words = films.logits(recipe)
    model = GenreClassifier(recipe, films.store).fit(
        films.train.plots,
        films.train.genre_lists(),
        validation=(films.validation.plots, films.validation.genre_lists()),
    )
    branches = model.branches_
    np.testing.assert_allclose(
        semantic, branches["semantic"].logits(validation.plots), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_array_equal(words, branches["lexical"].logits(validation.plots))


def test_no_film_is_scored_by_numbers_that_it_chose(ablations, films, film_recipe, monkeypatch):
    fitted_on = []
    fit = ablations.fit_calibration

    def watched(logits, Y, settings):
        fitted_on.append(Y)
        return fit(logits, Y, settings)

    monkeypatch.setattr(ablations, "fit_calibration", watched)
    words = {"branches.semantic": False, "branches.lexical": True, "calibration.method": "shared"}
    P, D = ablations.answers(films, film_recipe.with_settings(words))
    validation = films.sides(film_recipe)[1]
    assert P.shape == D.shape == (30, len(films.train.genres))
    for (fit_films, score_films), Y in zip(ablations.halves(30), fitted_on, strict=True):
        assert sorted([*fit_films, *score_films]) == list(range(30))
        np.testing.assert_array_equal(Y, validation.Y[fit_films])


def test_average_precision_is_that_of_each_half(ablations):
    rng = np.random.default_rng(0)
    Y, P = rng.random((40, 3)) < 0.4, rng.random((40, 3)).astype(np.float32)
    # The second half's probabilities are on another scale, which must change nothing.
    (_, first), (_, second) = ablations.halves(40)
    P[second] /= 10
    expected = np.mean([average_precision_score(Y[half], P[half]) for half in (first, second)])
    systems = [(P, P > 0.5), (P, P > 0.5)]
    scored = ablations.paired(Y, systems, {"ranked": np.ones(3, bool), "top20": np.ones(3, bool)})
    assert scored.metrics[ablations.RANKED].value == pytest.approx(expected)
    assert scored.less_first[ablations.RANKED].value == 0


def test_over_seeds_the_interval_holds_all_of_them(ablations):
    from plotgenre.evaluation.intervals import Interval

    seeds = [{"micro_f1": Interval(0.1, 0.0, 0.3)}, {"micro_f1": Interval(0.2, 0.1, 0.25)}]
    found = ablations.over_seeds(seeds)["micro_f1"]
    assert found == {"value": pytest.approx(0.15), "low": 0.0, "high": 0.3}
    seeds[1]["micro_f1"] = Interval(0.2, np.nan, np.nan)
    found = ablations.over_seeds(seeds)["micro_f1"]
    assert found == {"value": pytest.approx(0.15), "low": None, "high": None}


def test_the_table_marks_what_is_clear():
    from ablation_table import render

    def of(value, low, high):
        return {"micro_f1": {"value": value, "low": low, "high": high}}

    base = {"settings": {}, "seeds": 3, "metrics": of(0.5, 0.4, 0.6)}
    other = {"settings": {"x": 1}, "seeds": 3, "metrics": of(0.6, 0.5, 0.7)}
    other["less_base"] = of(0.1, 0.05, 0.2)
    level = other | {"seeds": 1, "less_base": of(0.1, -0.05, 0.2)}
    alone = other | {"less_base": of(0.1, None, None)}
    choices = {"base": base, "other": other, "level": level, "alone": alone}
    lines = render({"choices": choices}).splitlines()
    assert lines[0] == "| choice | seeds | micro-F1 |"
    assert lines[2] == "| base | 3 | 0.5000 (0.4000 to 0.6000) |"
    assert lines[3] == "| other | 3 | **+0.1000 (+0.0500 to +0.2000)** |"
    assert lines[4] == "| level | 1 | +0.1000 (-0.0500 to +0.2000) |"
    assert lines[5] == "| alone | 3 | +0.1000 |"


# ------------------------------------------------------------ what is added


def test_near_films_vote_by_hand():
    from additions import FADING, voted

    # The nearest has genre 0; the second, a fading further away, genre 1; nobody genre 2.
    Y = np.array([[True, False, False], [False, True, False]])
    logits = voted(np.array([[0.9, 0.9 - FADING]], dtype=np.float32), Y)
    votes, prior = np.array([1, np.exp(-1), 0]), np.array([0.5, 0.5, 0.5 / 3])
    share = (votes + prior) / (1 + np.exp(-1) + 1)
    np.testing.assert_allclose(logits[0], np.log(share / (1 - share)), rtol=1e-5)


def test_a_second_stage_reads_what_other_genres_say():
    from additions import combinations

    rng = np.random.default_rng(0)
    joined = rng.standard_normal((400, 2)).astype(np.float32)
    # The second genre's own logit is noise: it follows the first one's.
    Y = np.column_stack([joined[:, 0] > 0, joined[:, 0] > 0.5])
    Y = np.column_stack([Y, np.zeros(400, bool)])
    joined = np.column_stack([joined, joined[:, 1]])
    second = combinations(joined[:200], Y[:200], joined[200:])
    assert average_precision_score(Y[200:, 1], second[:, 1]) > 0.95
    # No film to fit on has the third genre.
    np.testing.assert_array_equal(second[:, 2], joined[200:, 2])


def test_a_stage_that_is_believed_has_not_seen_the_film(ablations, film_recipe):
    rng = np.random.default_rng(0)
    logits, Y = rng.standard_normal((20, 2)).astype(np.float32), rng.random((20, 2)) < 0.5
    seen = []

    def stage(fit, targets, read):
        seen.append((fit, read))
        return np.full_like(read, len(seen))

    fit = np.arange(0, 20, 2)
    joined, second = ablations.staged([logits], fit, Y, film_recipe, stage)
    assert (second[1::2] == 1).all()
    assert set(second[fit, 0]) == {2, 3}
    for known, read in seen[1:]:
        assert not {tuple(row) for row in known} & {tuple(row) for row in read}
    assert joined.shape == second.shape == (20, 2)


def test_every_addition_answers(ablations, films, film_recipe):
    from additions import ADDITIONS

    recipe = film_recipe.with_settings({"genres.minimum_films": 13, "branches.lexical": True})
    for addition in ADDITIONS.values():
        P, D = ablations.answers(films, recipe, addition)
        assert P.shape == D.shape == (30, len(films.train.genres))
        assert np.isfinite(P).all()
