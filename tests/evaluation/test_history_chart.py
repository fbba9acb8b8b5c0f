"""The chart of a training history."""

import sys

import numpy as np
import pytest

from plotgenre.errors import MissingExtraError
from plotgenre.evaluation.history_chart import draw_history


def history(epochs: int) -> dict:
    rows = [
        {
            "epoch": i,
            "train_loss": 1 / i,
            "validation_loss": 1.2 / i,
            "micro_f1": 1 - 1 / (i + 2),
            "macro_average_precision": 1 - 1 / (i + 1),
            "seconds": 0.1,
        }
        for i in range(1, epochs + 1)
    ]
    return {"best_epoch": epochs, "overfitting_after": None, "epochs": rows}


@pytest.mark.parametrize("epochs", [1, 30])
def test_draws_a_picture(tmp_path, epochs):
    from matplotlib.image import imread

    draw_history(history(epochs), tmp_path / "history.png")
    picture = imread(tmp_path / "history.png")
    assert picture.shape[:2] == (384, 960)
    assert picture[..., :3].std() > 0.01


def test_draws_what_the_epochs_say(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_history(history(3) | {"overfitting_after": 2}, tmp_path / "history.png")
    losses, scores = figures[0].axes
    train, validation, best, overfitting = losses.get_lines()
    assert list(train.get_xdata()) == [1, 2, 3]
    assert list(train.get_ydata()) == pytest.approx([1, 1 / 2, 1 / 3])
    assert list(validation.get_ydata()) == pytest.approx([1.2, 0.6, 0.4])
    assert list(best.get_xdata()) == [3, 3]
    assert list(overfitting.get_xdata()) == [2, 2]
    micro_f1, precision, *marks = scores.get_lines()
    assert list(micro_f1.get_ydata()) == pytest.approx([2 / 3, 3 / 4, 4 / 5])
    assert list(precision.get_ydata()) == pytest.approx([1 / 2, 2 / 3, 3 / 4])
    assert [list(mark.get_xdata()) for mark in marks] == [[3, 3], [2, 2]]


def test_what_an_earlier_version_did_not_score_leaves_a_gap(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    figures, old = [], history(3)
    for epoch in old["epochs"][:2]:
        epoch["micro_f1"] = None
    draw_history(old, tmp_path / "history.png")
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: figures.append(self))
    draw_history(old, tmp_path / "history.png")
    shown = [[line.get_label() for line in axes.get_lines()] for axes in figures[0].axes]
    assert shown == [
        ["train", "validation", "kept"],
        ["micro-F1", "macro average precision", "kept"],
    ]
    assert np.isnan(figures[0].axes[1].get_lines()[0].get_ydata()).tolist() == [True, True, False]


def test_missing_matplotlib_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[train\]'"):
        draw_history(history(1), tmp_path / "history.png")
