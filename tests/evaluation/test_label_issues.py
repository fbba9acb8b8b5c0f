"""Doubtful labels: those that were turned over are found."""

import sys

import numpy as np
import pytest

from plotgenre.errors import InputError, MissingExtraError
from plotgenre.evaluation.label_issues import find_label_issues


def test_turned_labels_are_found():
    pytest.importorskip("cleanlab")
    rng = np.random.default_rng(0)
    truth = rng.random((200, 3)) < 0.4
    truth[:, 2] = np.arange(200) < 2
    P = np.where(truth, 0.95, 0.05) + rng.uniform(-0.04, 0.04, truth.shape)
    Y = truth.copy()
    has, lacks = np.flatnonzero(truth[:, 0])[:4], np.flatnonzero(~truth[:, 0])[:3]
    Y[has, 0], Y[lacks, 0] = False, True
    found = find_label_issues(P, Y, ("turned", "clean", "rare"), shown=9)
    assert [one.genre for one in found] == ["turned"]
    assert (found[0].missing, found[0].wrong) == (4, 3)
    kinds = {issue.row: issue.kind for issue in found[0].worst}
    assert kinds == dict.fromkeys(has.tolist(), "missing") | dict.fromkeys(lacks.tolist(), "wrong")
    assert found[0].worst[0].probability == pytest.approx(P[found[0].worst[0].row, 0])


def test_too_few_films_are_no_error_and_shapes_are_checked():
    pytest.importorskip("cleanlab")
    assert find_label_issues(np.zeros((3, 1)), np.zeros((3, 1), bool), ("a",)) == []
    with pytest.raises(InputError):
        find_label_issues(np.zeros((3, 1)), np.zeros((2, 1), bool), ("a",))


def test_the_missing_part_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab.multilabel_classification.filter", None)
    with pytest.raises(MissingExtraError, match=r"plotgenre\[inspect\]"):
        find_label_issues(np.zeros((3, 1)), np.zeros((3, 1), bool), ("a",))
