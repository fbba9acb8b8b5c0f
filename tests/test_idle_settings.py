"""Every setting changes what is fitted, or is refused; none is ignored in silence."""

import hashlib
import logging
from dataclasses import fields

import numpy as np
import pytest

from plotgenre import Corpus, GenreClassifier, Recipe, run_experiment
from plotgenre.errors import PlotgenreError, RecipeError
from plotgenre.experiment import run_adaptation
from plotgenre.idle_settings import refuse_idle
from plotgenre.recipe import recipe_names

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
# Setting, other value, and what must be set besides for it to be read.
CHANGES = {
    "genres.minimum_films": (1, {}),
    "genres.merges": ({"War": ["Opera"]}, {}),
    "genres.groups": ({"Fear": ["Horror", "War"], "Song": ["Romance"]}, {}),
    "genres.without_genre": ("keep", {"genres.minimum_films": 30}),
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
    "slicing.way": ("start_end", {"slicing.tokens": 8, "slicing.overlap": 16, **APART}),
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
    "sampling.distance_threshold": (0.0, {"sampling.method": "ml_tomek", "sampling.removes": "both"}),
    "sampling.removes": ("both", {"sampling.method": "ml_tomek"}),
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
    "training.patience": (1, {"training.max_epochs": 20, "training.learning_rate": 0.5}),
    "training.monitor": ("validation_loss", {"training.max_epochs": 20, "training.learning_rate": 0.5}),
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
    "thresholds.metric": ("label_accuracy", {}),
    "thresholds.value": (0.1, {"thresholds.scope": "fixed"}),
    "thresholds.top_k": (1, {}),
    "thresholds.at_least_one": (True, {"thresholds.scope": "fixed", "thresholds.value": 0.9}),
}
# The same of an encoder that is fine-tuned; its outcome is the weights.
ADAPTING = {
    "adapting.steps": (3, {}),
    "adapting.films": (5, {}),
    "adapting.slices": (1, {}),
    "adapting.layers": (1, {}),
    "adapting.teacher": ("teacher", {}),
    "adapting.teacher_weight": (1.0, {"adapting.teacher": "teacher"}),
    "adapting.loss_on": ("slice", {}),
    "adapting.learning_rate": (1e-3, {}),
    "adapting.head_learning_rate": (1e-2, {}),
    "adapting.head_start": ("names", {}),
    "adapting.layer_decay": (0.5, {}),
    "adapting.warmup": (0.5, {}),
    "adapting.schedule": ("cosine", {"adapting.steps": 3}),
    "adapting.weight_decay": (0.5, {}),
    "adapting.dropout": (0.3, {}),
    "adapting.head_dropout": (0.5, {}),
    "adapting.frozen_layers": (2, {}),
    "adapting.clip": (1e-6, {}),
    "adapting.ema": (0.9, {}),
    "adapting.seed": (1, {}),
}
# What by its nature leaves the result as it is, but for rounding, and why.
UNCHANGING = {
    "encoder.precision": ("float32", "how the encoder is run"),
    "encoder.runtime": ("openvino", "how the encoder is run"),
    "training.checkpoint_every": (7, "what is kept of a training"),
    "adapting.accumulation": (2, "how a step is worked through"),
    "adapting.batch_tokens": (64, "how a step is worked through"),
    "adapting.cache_frozen": (True, "how frozen layers are run"),
    "adapting.validation_films": (7, "what is told of a run"),
    "adapting.evaluate_every": (1.0, "what is told of a run"),
    "adapting.checkpoint_every": (1.0, "what is kept of a run"),
}
# Measured elsewhere: it needs a test side; a folder; a clock.
OF_THEIR_OWN = {"split.test", "branches.adapted", "adapting.minutes"}
NOT_FITTED_HERE = {"adapting", "split"}


@pytest.fixture(scope="module")
def another_static(tiny_static, tmp_path_factory):
    from model2vec import StaticModel

    model = StaticModel.from_pretrained(str(tiny_static))
    model.embedding = model.embedding[:, ::-1].copy()
    model.save_pretrained(folder := tmp_path_factory.mktemp("another") / "static")
    return folder


@pytest.fixture(scope="module")
def bases(tiny_static):
    """Recipes that differ in what they read."""
    fused = {
        "genres.minimum_films": 5,
        "split.validation": 0.25,
        "branches.lexical": True,
        "slicing.tokens": 6,
        "slicing.overlap": 2,
        "encoder.kind": "static",
        "encoder.name": str(tiny_static),
        "head.pooling": "mean",
        "training.learning_rate": 0.05,
        "training.max_epochs": 3,
    }
    words = {"branches.semantic": False, "branches.lexical": True, "genres.minimum_films": 5}
    start = {"slicing": {"way": "start"}, "head": {"kind": "linear"}, "branches.lexical": False}
    fixed = {"thresholds.scope": "fixed", "training.loss": "focal"}
    given = {"fused": fused, "words": words, "start": fused | start | fixed}
    return {name: Recipe().with_settings(settings) for name, settings in given.items()}


@pytest.fixture(scope="module")
def outcome(film_lists, another_static):
    """What a recipe's model says of films and decides; a refusal is an outcome of its own."""
    plots, known = film_lists[0], {}

    def of(recipe):
        if recipe.encoder.name == "another":
            recipe = recipe.with_settings({"encoder.name": str(another_static)})
        key = str(recipe)
        if key not in known:
            model = GenreClassifier(recipe).fit(*film_lists)
            logits = model.decision_function(plots)
            D = model.model_.decide(model.predict_proba(plots))
            known[key] = (*model.classes_, logits.tobytes(), D.tobytes())
        return known[key]

    return of


def test_every_setting_is_here():
    assert CHANGES.keys() | ADAPTING.keys() | UNCHANGING.keys() | OF_THEIR_OWN == ALL


@pytest.mark.parametrize("setting", sorted(CHANGES))
def test_a_setting_that_is_read_changes_the_model(setting, bases, outcome, tiny_masked):
    value, besides = CHANGES[setting]
    recipe = bases["fused"].with_settings(besides)
    changed = recipe.with_settings({setting: value})
    if setting in ("encoder.kind", "encoder.revision"):
        with pytest.raises(PlotgenreError, match="encoder"):
            outcome(changed)
        return
    if setting == "encoder.pooling":
        masked = {"encoder.kind": "sentence_transformers", "encoder.name": str(tiny_masked)}
        recipe, changed = recipe.with_settings(masked), changed.with_settings(masked)
    if setting == "branches.semantic":
        changed = changed.with_settings(dict.fromkeys(("slicing", "encoder", "head", "training"), {}))
    assert outcome(recipe) != outcome(changed)


@pytest.mark.parametrize("base", ["fused", "words", "start"])
def test_no_setting_is_ignored(base, bases, outcome):
    recipe = bases[base]
    plain, ignored = outcome(recipe), []
    for setting, (value, _) in (CHANGES | UNCHANGING).items():
        if setting.startswith("adapting.") or (setting in UNCHANGING and base != "words"):
            continue
        try:
            if outcome(recipe.with_settings({setting: value})) == plain:
                ignored.append(setting)
        except PlotgenreError:
            continue
    assert ignored == []
