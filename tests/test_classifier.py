"""GenreClassifier: shapes and meaning, scikit-learn's conventions, bad input."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from plotgenre import Corpus, GenreClassifier
from plotgenre.artefact import read_artefact, write_artefact
from plotgenre.branches.branch import Progress
from plotgenre.errors import ArtefactError, CorpusError, InputError, PlotgenreWarning, RecipeError
from plotgenre.learning.thresholds import decide

GENRES = ["Comedy", "Horror", "Romance", "War"]
HORROR = "ghost house cellar discovers old cellar."


@pytest.fixture(scope="session")
def matrix(film_lists):
    return np.array([[genre in names for genre in GENRES] for names in film_lists[1]], dtype=int)


@pytest.fixture(scope="session")
def fitted_on_matrix(film_lists, given_recipe, matrix):
    return GenreClassifier(given_recipe).fit(film_lists[0], matrix)


def test_learns_the_genres(fitted, film_lists):
    plots, genres = film_lists
    assert list(fitted.classes_) == GENRES
    assert fitted.score(plots, genres) > 0.65
    assert next(iter(fitted.tag(HORROR))) == "Horror"
    assert fitted.history_.best_epoch >= 1


def test_shapes_and_meaning(fitted, film_lists):
    plots = film_lists[0][:7]
    logits, P = fitted.decision_function(plots), fitted.predict_proba(plots)
    assert logits.shape == P.shape == (7, 4)
    assert P.dtype == np.float32
    np.testing.assert_allclose(P, 1 / (1 + np.exp(-logits.astype(float))), atol=1e-6)
    np.testing.assert_array_equal(fitted.transform(plots), logits)
    D = decide(P, fitted.thresholds_)
    for tagged, names, p, on in zip(
        fitted.tag_many(plots), fitted.predict(plots), P, D, strict=True
    ):
        assert list(tagged) == names
        assert tagged == {GENRES[j]: float(p[j]) for j in np.flatnonzero(on)}
        assert list(tagged.values()) == sorted(tagged.values(), reverse=True)


def test_batch_equals_one_by_one(fitted, film_lists):
    plots = [*film_lists[0][:12], "love " * 150, "war"]
    one_by_one = np.concatenate([fitted.predict_proba([plot]) for plot in plots])
    np.testing.assert_allclose(fitted.predict_proba(plots), one_by_one, atol=1e-5)
    assert fitted.tag(plots[3]).keys() == fitted.tag_many(plots)[3].keys()


@pytest.mark.parametrize("options", [{}, {"quick": True}, {"fast": True}], ids=str)
def test_a_plot_of_any_length_has_the_same_answer_with_others_and_alone(options, sentences):
    model = GenreClassifier.from_pretrained("films", **options)
    words = " ".join(sentences).split()
    counts = [*np.repeat([1, 2, 3, 4, 5, 15], 3), 60, 400]
    plots = [" ".join((words[at:] + words * 6)[:count]) for at, count in enumerate(counts)]
    alone = np.vstack([model.predict_proba([plot]) for plot in plots])
    for size in (3, len(plots)):
        parts = [model.predict_proba(plots[at : at + size]) for at in range(0, len(plots), size)]
        np.testing.assert_allclose(np.vstack(parts), alone, rtol=0, atol=1e-5)


def test_no_plots_give_no_rows(fitted):
    assert fitted.predict_proba([]).shape == (0, 4)
    assert fitted.predict([]) == []


def test_same_seed_same_model_and_other_seed_another(fitted, film_lists, film_recipe):
    again = GenreClassifier(film_recipe).fit(*film_lists)
    other = GenreClassifier(film_recipe.with_settings({"training.seed": 9})).fit(*film_lists)
    P = fitted.predict_proba(film_lists[0])
    np.testing.assert_array_equal(again.predict_proba(film_lists[0]), P)
    np.testing.assert_array_equal(again.thresholds_, fitted.thresholds_)
    assert not np.array_equal(other.predict_proba(film_lists[0]), P)


def test_rare_genres_are_left_out_but_remembered(fitted):
    assert "Opera" not in fitted.classes_
    # Three films have it, one of which was set aside for validation.
    assert fitted.train_films_["Opera"] == 2
    assert set(fitted.train_films_) == {*GENRES, "Opera"}


@pytest.mark.parametrize(
    ("method", "own"),
    [
        ("ml_ros", {"sampling.share": 0.5}),
        ("ml_smote", {}),
        ("ml_tomek", {"sampling.distance_threshold": 0.1}),
        ("remedial", {}),
    ],
)
def test_sampling_changes_the_model_and_nothing_that_is_held_out(
    method, own, film_lists, film_recipe, tmp_path
):
    plots, genres = film_lists
    # War becomes rare and mostly stands beside Comedy, so that each method has something to do.
    genres = [
        [name for name in names if name != "War" or i < 40] + (["War", "Comedy"] if i < 12 else [])
        for i, names in enumerate(genres)
    ]
    recipe = film_recipe.with_settings({"training.max_epochs": 10})
    plain = GenreClassifier(recipe).fit(plots, genres)
    sampled = recipe.with_settings({"sampling.method": method} | own)
    model = GenreClassifier(sampled).fit(plots, genres)
    again = GenreClassifier(sampled).fit(plots, genres)
    P = model.predict_proba(plots)
    assert not np.array_equal(P, plain.predict_proba(plots))
    np.testing.assert_array_equal(P, again.predict_proba(plots))
    assert model.train_films_ == plain.train_films_
    model.save(tmp_path / "model")
    loaded = GenreClassifier.load(tmp_path / "model")
    assert loaded.recipe_.sampling == sampled.sampling
    np.testing.assert_array_equal(loaded.predict_proba(plots), P)


def test_merges(film_lists, given_recipe):
    plots, genres = film_lists
    renamed = [
        ["Scary" if name == "Horror" and i % 2 else name for name in names]
        for i, names in enumerate(genres)
    ]
    recipe = given_recipe.with_settings({"genres.merges": {"Horror": ["Scary"]}})
    merged = GenreClassifier(recipe).fit(plots, renamed, validation=(plots[:20], renamed[:20]))
    plain = GenreClassifier(given_recipe).fit(plots, genres, validation=(plots[:20], genres[:20]))
    assert list(merged.classes_) == GENRES
    np.testing.assert_array_equal(merged.predict_proba(plots), plain.predict_proba(plots))


def test_a_matrix_is_answered_with_a_matrix(fitted_on_matrix, film_lists, matrix):
    D = fitted_on_matrix.predict(film_lists[0])
    assert D.shape == matrix.shape
    assert set(np.unique(D)) <= {0, 1}
    assert list(fitted_on_matrix.classes_) == [f"genre_{j}" for j in range(4)]
    micro_f1 = 2 * (D & matrix).sum() / (D.sum() + matrix.sum())
    assert fitted_on_matrix.score(film_lists[0], matrix) == pytest.approx(micro_f1)
    assert micro_f1 > 0.65


def test_a_matrix_keeps_every_column(film_lists, given_recipe, matrix):
    wide = np.hstack([matrix, np.zeros((len(matrix), 1), dtype=int)]).astype(bool)
    assert GenreClassifier(given_recipe).fit(film_lists[0], wide).predict(["x"]).shape == (1, 5)


def test_validation_with_unknown_genres(film_lists, given_recipe):
    plots, genres = film_lists
    held_out = [[*names, "Never seen"] for names in genres[60:]]
    given = GenreClassifier(given_recipe).fit(
        plots[:60], genres[:60], validation=(plots[60:], held_out)
    )
    plain = GenreClassifier(given_recipe).fit(
        plots[:60], genres[:60], validation=(plots[60:], genres[60:])
    )
    np.testing.assert_array_equal(given.thresholds_, plain.thresholds_)
    np.testing.assert_array_equal(given.predict_proba(plots), plain.predict_proba(plots))


def test_store_encodes_each_slice_once(film_lists, film_recipe, tmp_path, fitted):
    chunks = []
    model = GenreClassifier(film_recipe, store=tmp_path).fit(*film_lists)
    P = model.predict_proba(film_lists[0], Progress(embedding=chunks.append))
    assert not chunks
    # The store keeps vectors in float16, and training carries the difference on.
    np.testing.assert_allclose(P, fitted.predict_proba(film_lists[0]), atol=5e-2)


# ----------------------------------------------------------- scikit-learn


def test_clone_and_parameters(film_recipe):
    from sklearn.base import clone

    model = GenreClassifier(film_recipe, store="here")
    copy = clone(model)
    assert copy.get_params() == model.get_params() == {"recipe": film_recipe, "store": "here"}
    assert copy.set_params(head__kind="linear", store=None) is copy
    assert copy.settings().head.kind == "linear"
    assert copy.store is None
    assert model.settings().head.kind == "mlp"
    with pytest.raises(InputError, match="no parameter 'colour'"):
        model.set_params(colour="red")
    with pytest.raises(RecipeError, match=r"unknown setting 'head\.colour'"):
        model.set_params(head__colour="red")


def test_recipe_by_name_and_default(tmp_path, film_recipe):
    assert GenreClassifier().settings() == GenreClassifier("fused").settings()
    film_recipe.save(tmp_path / "own.toml")
    assert GenreClassifier(tmp_path / "own.toml").settings() == film_recipe


def test_in_a_pipeline(film_lists, film_recipe):
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer

    lower = FunctionTransformer(lambda plots: [plot.replace("FILM", "Film") for plot in plots])
    pipeline = Pipeline([("lower", lower), ("genres", GenreClassifier(film_recipe))])
    pipeline.set_params(genres__head__kind="linear")
    pipeline.fit(*film_lists)
    assert pipeline["genres"].settings().head.kind == "linear"
    assert pipeline.predict(film_lists[0]) == pipeline["genres"].predict(film_lists[0])
    assert pipeline.score(*film_lists) > 0.65


def test_as_features_of_another_model(film_lists, given_recipe, matrix):
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline

    pipeline = make_pipeline(GenreClassifier(given_recipe), KNeighborsClassifier(1))
    pipeline.fit(film_lists[0], matrix)
    # Its own nearest neighbour is the film itself, unless two have the same logits.
    assert (pipeline.predict(film_lists[0]) == matrix).mean() > 0.95


def test_cross_validation(film_lists, given_recipe, matrix):
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import KFold, cross_val_predict, cross_val_score

    model = GenreClassifier(given_recipe)
    folds = KFold(2, shuffle=True, random_state=0)
    P = cross_val_predict(model, film_lists[0], matrix, cv=folds, method="predict_proba")
    assert P.shape == matrix.shape
    assert average_precision_score(matrix, P) > 0.7
    scores = cross_val_score(model, film_lists[0], matrix, cv=folds)
    assert scores.shape == (2,)
    assert scores.min() > 0.5


def test_check_is_fitted(fitted, film_recipe):
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(fitted)
    with pytest.raises(NotFittedError):
        check_is_fitted(GenreClassifier(film_recipe))


# -------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("plots", "sentence"),
    [
        ("a bare text", "expected a list of plots, got one text"),
        (None, "plots: expected a list, got None"),
        (["fine", ""], r"plot 1 \(counting from 0\) is ''; expected a text"),
        (["fine", " \n"], "plot 1"),
        ([None], "plot 0 .* is None"),
        ([3], "plot 0 .* is 3"),
        (["\udcff"], "plot 0"),
    ],
)
def test_plots_that_make_no_sense(fitted, plots, sentence):
    for call in (fitted.predict, fitted.predict_proba, fitted.transform, fitted.tag_many):
        with pytest.raises(InputError, match=sentence) as caught:
            call(plots)
        assert len(str(caught.value).splitlines()) == 1


def test_a_single_empty_plot(fitted):
    with pytest.raises(InputError, match="plot 0"):
        fitted.tag("")


@pytest.mark.parametrize(
    ("genres", "sentence"),
    [
        ([["A"]], "2 plots need as many genre lists, got 1"),
        (None, "genres: expected a list, got None"),
        ("AB", "got one text"),
        (["A", "B"], "genres of film 0"),
        ([["A"], None], "genres of film 1: expected a list, got None"),
        ([["A"], ["B", None]], r"genres of film 1 .*\['B', None\]"),
        ([[0, 1], [1, 0]], "numpy array of 0 and 1"),
        (np.array([[0, 2], [1, 0]]), "with 0 and 1"),
        (np.array([[0.5, 0], [1, 0]]), "with 0 and 1"),
        (np.array([[np.nan, 0], [1, 0]]), "with 0 and 1"),
        (np.array([0, 1]), r"shape \(n, g\)"),
        (np.array(["A", "B"]), r"shape \(n, g\)"),
        (np.array([[0, 1]]), "2 plots and 2 genres"),
    ],
)
def test_genres_that_make_no_sense(given_recipe, genres, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        GenreClassifier(given_recipe).fit(["one", "two"], genres)
    assert len(str(caught.value).splitlines()) == 1


def test_validation_that_makes_no_sense(film_lists, given_recipe, matrix):
    plots, genres = film_lists
    model = GenreClassifier(given_recipe)
    with pytest.raises(InputError, match="must both be names"):
        model.fit(plots, genres, validation=(plots, matrix))
    with pytest.raises(InputError, match="90 plots need as many genre lists, got 89"):
        model.fit(plots, genres, validation=(plots, genres[:-1]))
    with pytest.raises(InputError, match=r"columns \(4,\), validation ones \(3,\)"):
        model.fit(plots, matrix, validation=(plots, matrix[:, :3]))
    with pytest.raises(CorpusError, match="none of the 2 films has a genre that the model knows"):
        model.fit(plots, genres, validation=(plots[:2], [["Elsewhere"], []]))


def test_no_genre_with_enough_films(film_lists, film_recipe):
    recipe = film_recipe.with_settings({"genres.minimum_films": 80})
    with pytest.raises(CorpusError, match="has 80 films or more"):
        GenreClassifier(recipe).fit(*film_lists)


def test_score_compares_by_name(fitted, fitted_on_matrix, film_lists, matrix):
    plots, genres = film_lists
    with pytest.raises(CorpusError, match=r"none of the 90 films .* the films have 'genre_0'"):
        fitted.score(plots, matrix)
    spelled = [[f" {name.upper()} " for name in names] for names in genres]
    assert fitted.score(plots, spelled) == fitted.score(plots, genres)
    named = [[f"genre_{j}" for j in np.flatnonzero(row)] for row in matrix]
    assert fitted_on_matrix.score(plots, named) == fitted_on_matrix.score(plots, matrix)


def test_score_counts_labels_that_the_classifier_does_not_know(fitted, film_lists):
    plots, genres = film_lists
    more = [[*names, "Never seen"] for names in genres]
    D = sum(map(len, fitted.predict(plots)))
    Y = sum(map(len, genres))
    expected = fitted.score(plots, genres) * (D + Y) / (D + Y + len(plots))
    assert fitted.score(plots, more) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "tag_many"])
def test_not_fitted(method):
    with pytest.raises(InputError, match="not fitted yet"):
        getattr(GenreClassifier(), method)(["A plot"])


def test_save_needs_a_fitted_classifier(tmp_path):
    with pytest.raises(InputError, match="not fitted yet"):
        GenreClassifier().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_failed_fit_leaves_the_older_model(film_lists, film_recipe):
    model = GenreClassifier(film_recipe).fit(*film_lists)
    before = model.predict_proba(film_lists[0])
    with pytest.raises(InputError):
        model.fit(film_lists[0], film_lists[1][:-1])
    np.testing.assert_array_equal(model.predict_proba(film_lists[0]), before)


def test_calibration_moves_probabilities_and_is_kept(fitted, film_lists, film_recipe, tmp_path):
    plots = film_lists[0]
    recipe = film_recipe.with_settings({"calibration.method": "per_genre"})
    model = GenreClassifier(recipe).fit(*film_lists)
    # The branch is the same, what is made of its logits is not.
    raw = model.branches_["semantic"].logits(plots)
    np.testing.assert_array_equal(raw, fitted.decision_function(plots))
    assert np.abs(model.decision_function(plots) - raw).max() > 0.1
    model.save(tmp_path / "model")
    again = GenreClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(plots), model.predict_proba(plots))


def test_a_model_from_before_calibration_loads(fitted, film_lists, tmp_path):
    plots = film_lists[0][:5]
    fitted.save(tmp_path / "model")
    artefact = read_artefact(tmp_path / "model")
    recipe = {part: of for part, of in artefact.recipe.items() if part != "calibration"}
    head = {name: x for name, x in artefact.tensors.items() if "calibration" not in name}
    write_artefact(tmp_path / "old", replace(artefact, recipe=recipe, tensors=head))
    old = GenreClassifier.load(tmp_path / "old")
    np.testing.assert_array_equal(old.predict_proba(plots), fitted.predict_proba(plots))
    # A model that says it is calibrated must bring the numbers.
    recipe["calibration"] = {"method": "shared"}
    write_artefact(tmp_path / "odd", replace(artefact, recipe=recipe, tensors=head))
    with pytest.raises(ArtefactError, match="calibration tensor 'weights'"):
        GenreClassifier.load(tmp_path / "odd")


def fit_warnings(recipe, *films, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = GenreClassifier(recipe).fit(*films, **options)
    return model, [str(one.message) for one in caught if one.category is PlotgenreWarning]


def test_groups_learn_from_films_that_bear_their_names_already(film_lists, film_recipe):
    plots, genres = film_lists
    groups = {"Fear": ["Horror"], "Comedy": ["Funny"], "Love": ["Romance"], "War": ["Battle"]}
    own = {"Horror": "Fear", "Romance": "Love"}
    renamed = [[own.get(name, name) for name in names] for names in genres]
    recipe = film_recipe.with_settings({"genres.groups": groups})
    model = GenreClassifier(recipe).fit(plots, genres)
    again, said = fit_warnings(recipe, plots, renamed)
    np.testing.assert_array_equal(model.predict_proba(plots), again.predict_proba(plots))
    assert again.model_.ungrouped == ("Opera",)
    assert said == []
    assert model.score(plots, renamed) == model.score(plots, genres)


def test_validation_names_are_matched_and_told(film_lists, given_recipe):
    plots, genres = film_lists
    train, held_out = (plots[:60], genres[:60]), (plots[60:], genres[60:])
    plain, said = fit_warnings(given_recipe, *train, validation=held_out)
    assert said == []
    spelled = [[name.lower() for name in names] for names in genres[60:]]
    same, said = fit_warnings(given_recipe, *train, validation=(plots[60:], spelled))
    np.testing.assert_array_equal(same.thresholds_, plain.thresholds_)
    assert said[0].startswith("validation films: 4 names were read as another spelling: 'comedy'")
    _, said = fit_warnings(given_recipe, *train, validation=(plots[:30], genres[:30]))
    assert said == ["validation films: Of 30 films, 30 are train films too: scores are too good."]


def test_a_validation_without_a_genre_that_is_learned(film_lists, given_recipe):
    plots, genres = film_lists
    rare = [[*genres[0], "Noir"], *genres[1:60]]
    with pytest.raises(CorpusError, match="none of the 1 validation films has one of the 4 genres"):
        GenreClassifier(given_recipe).fit(plots[:60], rare, validation=([plots[60]], [["Noir"]]))


def test_a_model_that_tags_nothing_says_so(film_lists, film_recipe):
    recipe = film_recipe.with_settings({"thresholds.scope": "fixed", "thresholds.value": 1.0})
    _, said = fit_warnings(recipe, *film_lists)
    assert said[-1].startswith("this model tags no film: on the 23 validation films")
    assert "thresholds.value" in said[-1]


@pytest.mark.parametrize("as_matrix", [False, True])
def test_every_column_can_be_kept(film_lists, film_recipe, as_matrix):
    corpus = Corpus.from_lists(*film_lists)
    # As one-hot tables have them: not sorted, and one that no film has.
    corpus = corpus.with_genres(["War", "Never", *(g for g in corpus.genres if g != "War")])
    recipe = film_recipe.with_settings({"genres.minimum_films": 0})
    if as_matrix:
        model = GenreClassifier(recipe).fit(corpus.plots, corpus.Y.astype(int))
    else:
        model = GenreClassifier(recipe).fit_corpus(corpus)
        assert tuple(model.classes_) == corpus.genres
    P = model.predict_proba(corpus.plots)
    assert P.shape == corpus.Y.shape
    never = P[:, corpus.genres.index("Never")]
    # A prior of half a film, whatever the plot.
    assert never.max() < 0.1
    assert not model.model_.decide(P)[:, corpus.genres.index("Never")].any()
