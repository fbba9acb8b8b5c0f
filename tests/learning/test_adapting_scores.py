"""Scores between the steps of an adaptation, by hand."""

import numpy as np
import pytest

from plotgenre.errors import RecipeError

torch = pytest.importorskip("torch")


def test_scores_by_hand():
    from plotgenre.learning.adapting_scores import validation_scores

    # Genre 0 ranks a wrong film first; genre 1 is right throughout; no film has genre 2.
    Y = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0]], dtype=bool)
    logits = torch.tensor([[2.0, 3.0, -4.0], [1.0, -3.0, -4.0], [1.5, -3.0, -4.0]])
    scores = validation_scores(logits, Y)
    # Genre 0: found second and third of three, (1/2 + 2/3) / 2.
    assert scores.macro_average_precision == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1) / 2)
    # A threshold below the logit 1 gives one tag in vain: 2 * 3 / (3 + 4).
    assert scores.micro_f1 == pytest.approx(6 / 7)
    z = logits.numpy()
    assert scores.loss == pytest.approx(float(np.mean(np.log1p(np.exp(np.where(Y, -z, z))))))


def test_a_logit_that_is_no_number_is_no_score():
    from plotgenre.learning.adapting_scores import validation_scores

    logits = torch.tensor([[0.0, float("nan")]])
    with pytest.raises(RecipeError, match="no longer finite"):
        validation_scores(logits, np.array([[True, False]]))
