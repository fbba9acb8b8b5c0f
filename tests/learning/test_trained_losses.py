"""What the losses do to trained heads, and thresholds to their probabilities."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from plotgenre import GenreClassifier
from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.losses import LOSSES
from plotgenre.learning.priors import log_odds
from plotgenre.learning.settings import LearningSettings, TrainingSettings
from plotgenre.learning.thresholds import ThresholdSettings, decide, tune_thresholds
from plotgenre.learning.training import fit_head


@pytest.mark.parametrize("kind", ["linear", "mlp", "attention"])
def test_logit_adjustment_moves_bces_biases_and_nothing_else(kind, needles):
    # What its docstring promises: the head has a bias a genre, which takes up what the loss adds.
    films, validation = needles(100, 1), needles(50, 2)
    head = HeadSettings(kind=kind)

    def tensors(loss):
        training = TrainingSettings(loss=loss, max_epochs=3, learning_rate=0.01)
        return fit_head(*films, validation, LearningSettings(head, training)).head.tensors

    plain, adjusted = tensors("bce"), tensors("logit_adjustment")
    moved = {name: adjusted[name] - plain[name] for name in plain}
    np.testing.assert_allclose(moved.pop("output.bias"), -log_odds(films[1]), atol=1e-3)
    for name, change in moved.items():
        np.testing.assert_allclose(change, 0, atol=1e-3, err_msg=name)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.mark.parametrize("loss", LOSSES)
def test_each_trains_a_classifier(loss, film_lists, film_recipe, store):
    recipe = film_recipe.with_settings({"training.loss": loss})
    model = GenreClassifier(recipe, store=store).fit(*film_lists)
    epochs = model.history_.epochs
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss
    assert min(epoch.validation_loss for epoch in epochs) < epochs[0].validation_loss
    # All genres on would score 0.51; a fifth genre, too rare to be learned, counts as missed.
    assert model.score(*film_lists) > 0.75


def test_balanced_probabilities_need_one_threshold_a_genre():
    # Logits as a perfectly calibrated head gives them: log-odds plus evidence of equal strength.
    rng = np.random.default_rng(0)
    Y = rng.random((4000, 8)) < np.geomspace(0.5, 0.01, 8)
    evidence = np.where(Y, 1, -1) * 2.0 + rng.normal(0, 2, Y.shape)
    calibrated, balanced = (1 / (1 + np.exp(-x)) for x in (evidence + log_odds(Y), evidence))

    def decided(P, scope):
        return decide(P, tune_thresholds(P, Y, ThresholdSettings(scope=scope)))

    for scope in ("per_genre", "micromacro"):
        assert (decided(calibrated, scope) == decided(balanced, scope)).mean() > 0.999
    micro = [f1_score(Y, decided(P, "global"), average="micro") for P in (calibrated, balanced)]
    assert micro[0] > micro[1] + 0.05
