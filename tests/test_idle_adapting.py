"""Every setting of adapting changes the encoder's weights, or may not be set."""

import hashlib
from dataclasses import fields

import pytest

from plotgenre import Corpus, Recipe
from plotgenre.errors import RecipeError
from plotgenre.experiment import run_adaptation
from plotgenre.idle_settings import refuse_idle
from plotgenre.learning.adapting_settings import AdaptingSettings

# Setting, other value, and what must be set besides for it to be read.
CHANGES = {
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
# What by its nature leaves the weights as they are, but for rounding, and why.
UNCHANGING = {
    "adapting.accumulation": (2, "how a step is worked through"),
    "adapting.batch_tokens": (64, "how a step is worked through"),
    "adapting.cache_frozen": (True, "how frozen layers are run"),
    "adapting.validation_films": (7, "what is told of a run"),
    "adapting.evaluate_every": (1.0, "what is told of a run"),
    "adapting.checkpoint_every": (1.0, "what is kept of a run"),
    "adapting.minutes": (5.0, "how many steps a clock allows"),
}


@pytest.fixture(scope="module")
def weights(film_lists, tiny_masked, tmp_path_factory):
    """SHA-256 of the weights of an encoder that was fine-tuned in two steps."""
    known = {}
    base = {
        "encoder.name": str(tiny_masked),
        "encoder.precision": "float32",
        "slicing.tokens": 6,
        "slicing.overlap": 2,
        "adapting.steps": 2,
        "adapting.films": 6,
        "adapting.validation_films": 4,
    }
    corpus = Corpus.from_lists(*film_lists)

    def of(settings):
        if "adapting.teacher" in settings:
            settings = settings | {"adapting.teacher": str(tiny_masked)}
        key = str(settings)
        if key not in known:
            folder = tmp_path_factory.mktemp("adapted") / "encoder"
            run_adaptation(Recipe().with_settings(base | settings), corpus, folder)
            known[key] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        return known[key]

    return of


@pytest.mark.parametrize("setting", sorted(CHANGES))
def test_a_setting_of_adapting_changes_the_encoder(setting, weights):
    value, besides = CHANGES[setting]
    assert weights(besides) != weights(besides | {setting: value})


def test_every_setting_is_here():
    every = {f"adapting.{setting.name}" for setting in fields(AdaptingSettings)}
    assert CHANGES.keys() | UNCHANGING.keys() == every


@pytest.mark.parametrize("setting", sorted(CHANGES | UNCHANGING))
def test_without_an_encoder_to_adapt_none_may_be_set(setting):
    # Only valid beside it.
    frozen = {"adapting.frozen_layers": 2} if setting == "adapting.cache_frozen" else {}
    recipe = Recipe().with_settings(frozen | {setting: (CHANGES | UNCHANGING)[setting][0]})
    with pytest.raises(RecipeError, match=rf"{setting}.* where branches\.adapted is false"):
        refuse_idle(recipe)
