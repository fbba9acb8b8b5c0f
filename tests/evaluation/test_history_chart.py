"""The chart of a training history."""

import sys

import pytest

from plotgenre.errors import MissingExtraError
from plotgenre.evaluation.history_chart import draw_history


def history(epochs: int) -> dict:
    rows = [
        {
            "epoch": i,
            "train_loss": 1 / i,
            "validation_loss": 1.2 / i,
            "macro_average_precision": 1 - 1 / (i + 1),
            "seconds": 0.1,
        }
        for i in range(1, epochs + 1)
    ]
    return {"best_epoch": epochs, "epochs": rows}


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
    draw_history(history(3), tmp_path / "history.png")
    losses, precision = figures[0].axes
    train, validation, best = losses.get_lines()
    assert list(train.get_xdata()) == [1, 2, 3]
    assert list(train.get_ydata()) == pytest.approx([1, 1 / 2, 1 / 3])
    assert list(validation.get_ydata()) == pytest.approx([1.2, 0.6, 0.4])
    assert list(best.get_xdata()) == [3, 3]
    assert list(precision.get_lines()[0].get_ydata()) == pytest.approx([1 / 2, 2 / 3, 3 / 4])


def test_missing_matplotlib_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[train\]'"):
        draw_history(history(1), tmp_path / "history.png")
