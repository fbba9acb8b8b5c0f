"""Every setting changes what is fitted, or is refused; none is ignored in silence."""

import re
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from plotgenre import Corpus, GenreClassifier, Recipe, run_experiment
from plotgenre.doors.options import read_recipe
from plotgenre.errors import PlotgenreError, RecipeError
from plotgenre.idle_settings import refuse_idle
from plotgenre.recipe import recipe_names

DOCS = Path(__file__).resolve().parents[1] / "docs" / "choosing-a-recipe.md"
ALL = {
    f"{part.name}.{setting.name}"
    for part in fields(Recipe)
    for setting in fields(getattr(Recipe(), part.name))
}
FOCAL, ASYMMETRIC, BALANCED = (
    {"training.loss": loss} for loss in ("focal", "asymmetric", "distribution_balanced")
)
APART = {"head.pooling": "none"}
ATTENTION = APART | {"head.kind": "attention"}


class Either(tuple):
    """Values one of which makes a difference on the few films here, be it not always the same."""

    def __new__(cls, *values):
        return super().__new__(cls, values)


def others(value):
    return value if isinstance(value, Either) else [value]


# Setting, other value, and what must be set besides for it to be read.
CHANGES = {
    "genres.minimum_films": (1, {}),
    "genres.merges": ({"Horror": ["War"]}, {}),
    "genres.groups": ({"Fear": ["Horror", "War"], "Song": ["Romance"]}, {}),
    "genres.without_genre": ("keep", {"genres.minimum_films": 20}),
    "split.validation": (0.05, {}),
    "split.seed": (1, {}),
    "branches.semantic": (False, {}),
    "branches.lexical": (False, {}),
    "lexical.longest": (1, {}),
    "lexical.minimum_films": (9, {}),
    "lexical.maximum_ngrams": (9, {}),
    "lexical.characters": ((2, 3), {}),
    "lexical.maximum_characters": (5, {"lexical.characters": (2, 3)}),
    "lexical.C": (0.1, {}),
    "lexical.pos_weight_cap": (5.0, {}),
    "lexical.maximum_weights": (20, {}),
    "slicing.way": ("start_end", {}),
    "slicing.tokens": (4, {}),
    "slicing.overlap": (0, {}),
    "slicing.max_slices": (2, {}),
    "encoder.kind": ("onnx", {}),
    "encoder.name": ("another", {}),
    "encoder.revision": ("main", {}),
    "encoder.pooling": ("max", {}),
    "encoder.prompt": ("war: ", {}),
    "encoder.max_tokens": (8, {"slicing.tokens": 8}),
    "sampling.method": ("ml_smote", {}),
    "sampling.share": (0.02, {"sampling.method": "ml_ros"}),
    "sampling.neighbours": (2, {"sampling.method": "ml_smote"}),
    "sampling.distance_threshold": (
        0.0,
        {"sampling.method": "ml_tomek", "sampling.removes": "both"},
    ),
    "sampling.removes": (
        "both",
        {"sampling.method": "ml_tomek", "sampling.distance_threshold": 0.0},
    ),
    "head.kind": ("linear", {}),
    "head.pooling": ("max", {}),
    "head.combine": ("max", APART),
    "head.dropout": (0.5, {}),
    "head.batch_norm": (True, {}),
    "head.attention_dim": (16, ATTENTION),
    "training.optimizer": ("adamw", {"training.weight_decay": 0.1}),
    "training.learning_rate": (0.5, {}),
    "training.learning_rate_schedule": ("cosine", {}),
    "training.weight_decay": (0.1, {}),
    "training.batch_size": (7, {}),
    "training.max_epochs": (1, {}),
    "training.patience": (
        Either(1, 2, 3, 10, 20),
        {"training.max_epochs": 30, "training.learning_rate": 0.1, "training.loss": "asymmetric"},
    ),
    "training.monitor": (
        "validation_loss",
        {"training.max_epochs": 30, "training.learning_rate": 0.1, "training.patience": 30},
    ),
    "training.loss": ("focal", {}),
    "training.pos_weight_cap": (1.5, {"training.loss": "weighted_bce"}),
    "training.focal_gamma": (4.0, FOCAL),
    "training.asymmetric_gamma_pos": (1.0, ASYMMETRIC),
    "training.asymmetric_gamma_neg": (1.0, ASYMMETRIC),
    "training.asymmetric_shift": (0.2, ASYMMETRIC),
    "training.balanced_alpha": (0.5, BALANCED),
    "training.balanced_beta": (1.0, BALANCED),
    "training.balanced_mu": (0.3, BALANCED),
    "training.balanced_lambda": (5.0, BALANCED),
    "training.balanced_kappa": (0.5, BALANCED),
    "training.logit_adjustment_tau": (0.5, {"training.loss": "logit_adjustment"}),
    "training.seed": (1, {}),
    "calibration.method": ("shared", {}),
    "calibration.shrinkage": (1.0, {"calibration.method": "per_genre"}),
    "calibration.mixing_shrinkage": (0.0, {"calibration.method": "per_genre"}),
    "thresholds.scope": ("fixed", {}),
    "thresholds.metric": (
        Either("macro_f1", "samples_f1", "jaccard", "subset_accuracy", "label_accuracy"),
        {"thresholds.scope": "per_genre"},
    ),
    "thresholds.value": (0.1, {"thresholds.scope": "fixed"}),
    "thresholds.top_k": (1, {}),
    "thresholds.at_least_one": (True, {"thresholds.scope": "fixed", "thresholds.value": 0.9}),
}
# What by its nature leaves the result as it is, but for rounding, and why.
UNCHANGING = {
    "encoder.precision": ("float32", "how the encoder is run"),
    "encoder.runtime": ("openvino", "how the encoder is run"),
    "encoder.device": ("cpu", "where the encoder is run"),
    "encoder.query_prompt": ("query: ", "read when a genre is added, or names start an adaptation"),
    "training.device": ("cpu", "where the head is trained"),
    "training.checkpoint_every": (7, "what is kept of a training"),
}
# They need a test side, and a folder; settings of adapting are in test_idle_adapting.py.
OF_THEIR_OWN = {"split.test", "branches.adapted"}


@pytest.fixture(scope="module")
def static(film_lists, tmp_path_factory):
    """A table of one vector a word. Trained tokenizers differ from process to process."""
    from model2vec import StaticModel

    tokens = sorted({token for plot in film_lists[0] for token in re.findall(r"\w+|\.", plot)})
    tokenizer = Tokenizer(
        models.WordLevel({t: i for i, t in enumerate(["[UNK]", *tokens])}, "[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()

    def static(seed):
        vectors = np.random.default_rng(seed).standard_normal((len(tokens) + 1, 32))
        folder = tmp_path_factory.mktemp("static") / str(seed)
        StaticModel(vectors.astype(np.float32), tokenizer, normalize=True).save_pretrained(folder)
        return str(folder)

    return {"first": static(0), "another": static(1)}


@pytest.fixture(scope="module")
def bases(static):
    """Recipes that differ in what they read."""
    fused = {
        "genres.minimum_films": 5,
        "split.validation": 0.25,
        "branches.lexical": True,
        "slicing.tokens": 6,
        "slicing.overlap": 2,
        "encoder.kind": "static",
        "encoder.name": static["first"],
        "head.pooling": "mean",
        "training.learning_rate": 0.05,
        "training.max_epochs": 3,
    }
    words = {"branches.semantic": False, "branches.lexical": True, "genres.minimum_films": 5}
    start = {
        "slicing": {"way": "start", "tokens": 8},
        "head": {"kind": "linear"},
        "branches.lexical": False,
    }
    fixed = {"thresholds.scope": "fixed", "training.loss": "focal"}
    given = {"fused": fused, "words": words, "start": fused | start | fixed}
    return {name: Recipe().with_settings(settings) for name, settings in given.items()}


@pytest.fixture(scope="module")
def outcome(film_lists, static):
    """What a recipe's model says of films and decides; a refusal is an outcome of its own."""
    plots, known = film_lists[0], {}
    # War becomes rare and stands beside Comedy, so that every resampling has something to do; a
    # fifth of the films says nothing of its genres, so that no threshold is perfect.
    genres = [
        [
            name
            for name in film_lists[1][(i + 1) % 90 if i % 5 == 0 else i]
            if name != "War" or i < 40
        ]
        + (["War", "Comedy"] if i < 12 else [])
        for i in range(90)
    ]

    def of(recipe):
        if recipe.encoder.name == "another":
            recipe = recipe.with_settings({"encoder.name": static["another"]})
        key = str(recipe)
        if key not in known:
            model = GenreClassifier(recipe).fit(plots, genres)
            logits = model.decision_function(plots)
            D = model.model_.decide(model.predict_proba(plots))
            cuts = model.thresholds_
            known[key] = (*model.classes_, logits.tobytes(), cuts.tobytes(), D.tobytes())
        return known[key]

    return of


def test_every_setting_is_here():
    assert CHANGES.keys() | UNCHANGING.keys() | OF_THEIR_OWN == {
        setting for setting in ALL if not setting.startswith("adapting.")
    }


@pytest.mark.parametrize("setting", sorted(CHANGES))
def test_a_setting_that_is_read_changes_the_model(setting, bases, outcome, tiny_masked):
    value, besides = CHANGES[setting]
    recipe = bases["start" if setting == "slicing.way" else "fused"].with_settings(besides)
    if setting == "encoder.pooling":
        masked = {"encoder.kind": "sentence_transformers", "encoder.name": str(tiny_masked)}
        recipe = recipe.with_settings(masked)
    without = ("slicing", "encoder", "head", "training") if setting == "branches.semantic" else ()
    put_back = {part: {} for part in without}
    changed = [recipe.with_settings({setting: other} | put_back) for other in others(value)]
    if setting in ("encoder.kind", "encoder.revision"):
        with pytest.raises(PlotgenreError, match="encoder"):
            outcome(changed[0])
        return
    assert any(outcome(recipe) != outcome(one) for one in changed)


@pytest.mark.parametrize("base", ["fused", "words", "start"])
def test_no_setting_is_ignored(base, bases, outcome):
    recipe = bases[base]
    ignored = []
    for setting, (value, besides) in CHANGES.items():
        plain = recipe.with_settings(besides)
        try:
            changed = [plain.with_settings({setting: other}) for other in others(value)]
            if changed != [plain] and all(outcome(one) == outcome(plain) for one in changed):
                ignored.append(setting)
        except PlotgenreError:
            continue
    assert ignored == []


def test_a_test_side_takes_films_from_train(film_lists, bases, tmp_path):
    corpus = Corpus.from_lists(*film_lists)
    recipe = bases["words"].with_settings({"split.test": 0.3})
    done = run_experiment(recipe, corpus, tmp_path / "split")
    assert done.evaluation.films == pytest.approx(27, abs=3)
    with pytest.raises(RecipeError, match=r"split\.test does nothing, as test films are given"):
        run_experiment(recipe, corpus, tmp_path / "given", test=corpus)
    with pytest.raises(RecipeError, match=r"split\.test does nothing, as fit sets no test films"):
        GenreClassifier(recipe).fit(*film_lists)
    with pytest.raises(
        RecipeError, match=r"split\.test does nothing, as validation films are given"
    ):
        run_experiment(recipe, corpus, tmp_path / "given", validation=corpus)
    assert not (tmp_path / "given").exists()


def test_a_matrix_leaves_nothing_to_the_genres_settings(film_lists, bases):
    recipe = bases["words"].with_settings({"split": {}})
    with pytest.raises(RecipeError, match="minimum_films does nothing, as a matrix of targets"):
        GenreClassifier(recipe).fit(film_lists[0], np.eye(90, 4, dtype=int))


def test_without_validation_films_a_share_is_needed(film_lists, bases):
    with pytest.raises(PlotgenreError, match=r"split\.validation is 0"):
        GenreClassifier(bases["words"].with_settings({"split.validation": 0})).fit(*film_lists)


@pytest.mark.parametrize("setting", sorted(ALL))
def test_a_branch_that_is_not_there_has_no_settings(setting):
    """All of them, those too that only say how something is run."""
    part = setting.partition(".")[0]
    if part in ("genres", "split", "branches", "adapting", "calibration", "thresholds"):
        return
    words = {"branches.semantic": False, "branches.lexical": True}
    without = {} if part == "lexical" else words
    value = others((CHANGES | UNCHANGING)[setting][0])[0]
    recipe = Recipe().with_settings(without | {setting: value})
    with pytest.raises(RecipeError, match=rf"{setting}.* where branches\.") as caught:
        refuse_idle(recipe)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"adapting.steps": 5, "adapting.films": 2},
         "adapting.steps and adapting.films do nothing where branches.adapted is false: "
         "set branches.adapted to true, or leave them at their defaults (adapting={})"),
        ({"slicing.way": "start", "slicing.overlap": 0},
         "slicing.overlap does nothing where slicing.way is 'start': "
         "set slicing.way to 'windows', or leave slicing.overlap at 16"),
        ({"slicing.way": "start", "slicing.max_slices": 3}, "slicing.max_slices does nothing"),
        ({"slicing.way": "start_end", "head.pooling": "mean"}, "head.pooling does nothing"),
        ({"slicing.max_slices": 1, "head.combine": "max"}, "raise slicing.max_slices above 1"),
        ({"head.pooling": "mean", "head.combine": "max"}, "where head.pooling is 'mean'"),
        ({"head.attention_dim": 8}, "where head.kind is 'mlp'"),
        ({"encoder.kind": "static", "encoder.runtime": "openvino"}, "encoder.kind is 'static'"),
        ({"encoder.kind": "static", "encoder.precision": "float32"}, "encoder.kind is 'static'"),
        ({"encoder.revision": "main"}, "or leave encoder.revision out"),
        ({"sampling.share": 0.5}, "set sampling.method to 'ml_ros'"),
        ({"sampling.neighbours": 2}, "set sampling.method to 'ml_smote'"),
        ({"sampling.removes": "both"}, "set sampling.method to 'ml_tomek'"),
        ({"training.optimizer": "adamw"}, "raise training.weight_decay above 0"),
        ({"training.pos_weight_cap": 2}, "set training.loss to 'weighted_bce'"),
        ({"training.focal_gamma": 3}, "set training.loss to 'focal'"),
        ({"training.asymmetric_shift": 0.1}, "set training.loss to 'asymmetric'"),
        ({"training.balanced_mu": 0.1}, "set training.loss to 'distribution_balanced'"),
        (BALANCED | {"training.balanced_beta": 0, "training.balanced_mu": 0.1}, "balanced_beta ab"),
        ({"training.logit_adjustment_tau": 0.5}, "set training.loss to 'logit_adjustment'"),
        ({"lexical.maximum_characters": 9, "branches.lexical": True}, "set lexical.characters"),
        ({"calibration.shrinkage": 1}, "set calibration.method to 'per_genre'"),
        ({"calibration.method": "per_genre", "calibration.mixing_shrinkage": 1},
         "calibration.mixing_shrinkage does nothing where branches.lexical is false"),
        ({"thresholds.value": 0.3}, "set thresholds.scope to 'fixed'"),
        ({"thresholds.scope": "fixed", "thresholds.metric": "macro_f1"}, "'global' or 'per_genre'"),
        ({"thresholds.scope": "micromacro", "thresholds.metric": "macro_f1"}, "is 'micromacro'"),
        ({"branches.adapted": True, "adapting.steps": 2, "adapting.minutes": 5},
         "adapting.minutes does nothing where adapting.steps is 2: leave adapting.steps out"),
        ({"branches.adapted": True, "adapting.teacher_weight": 5}, "set adapting.teacher"),
        ({"branches.adapted": True, "adapting.slices": 1, "adapting.loss_on": "slice"},
         "raise adapting.slices above 1"),
        ({"branches.adapted": True, "slicing.way": "start", "adapting.slices": 3},
         "adapting.slices does nothing where slicing.way is 'start'"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_why_and_what_to_change(settings, sentence):
    with pytest.raises(RecipeError) as caught:
        refuse_idle(Recipe().with_settings(settings))
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_of_the_package_set_nothing_idle(name):
    refuse_idle(Recipe.load(name), {"split": "films are given", "genres": "a matrix is given"})


def test_what_the_docs_advise_is_read():
    table = re.findall(r"^\| .* \| (`.*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(table) >= 5
    for advice in table:
        for one in re.split(", or ", advice):
            refuse_idle(read_recipe(None, re.findall(r"`(\w+\.\w+=\w+)`", one), None, None))


def test_a_recipe_with_idle_settings_still_loads(tmp_path, bases, film_lists):
    recipe = bases["fused"].with_settings({"branches.semantic": False})
    recipe.save(tmp_path / "idle.toml")
    assert Recipe.load(tmp_path / "idle.toml") == recipe
    model = GenreClassifier(bases["words"]).fit(*film_lists)
    object.__setattr__(model.model_, "recipe", recipe)
    model.save(tmp_path / "model")
    assert GenreClassifier.load(tmp_path / "model").recipe_ == recipe


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, None),
        ({"training.loss": "focal"}, "training.loss changes the semantic branch alone"),
        ({"sampling.method": "remedial"}, "sampling.method changes the semantic branch alone"),
        ({"training.loss": "focal", "lexical.pos_weight_cap": 5.0}, None),
        ({"training.loss": "focal", "branches.lexical": False}, None),
    ],
)
def test_the_lexical_half_says_that_it_knows_neither_loss_nor_sampling(
    settings, told, bases, film_lists, tmp_path
):
    recipe = bases["fused"].with_settings(settings | {"training.max_epochs": 1})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run_experiment(recipe, Corpus.from_lists(*film_lists), tmp_path)
    said = [str(one.message) for one in caught if "semantic branch" in str(one.message)]
    assert len(said) == (told is not None)
    assert all(told in one and "lexical.pos_weight_cap" in one for one in said)
