import json

import pytest

from plotgenre.errors import ArtefactError
from plotgenre.learning.history import EpochScores, History


def history(train, validation):
    losses = enumerate(zip(train, validation, strict=True), start=1)
    return History(tuple(EpochScores(i, t, v, 0.1, 2.0, 0.3) for i, (t, v) in losses), 1)


def test_a_history_survives_json():
    told = history([0.5, 0.4], [0.6, 0.7])
    assert History.from_dict(json.loads(json.dumps(told.as_dict()))) == told


def test_a_history_of_before_there_was_micro_f1_is_read():
    epoch = {"epoch": 1, "train_loss": 0.5, "validation_loss": 0.6}
    epoch |= {"macro_average_precision": 0.1, "seconds": 2.0}
    read = History.from_dict({"best_epoch": 1, "epochs": [epoch]})
    assert read == History((EpochScores(1, 0.5, 0.6, 0.1, 2.0),), 1)
    assert read.as_dict()["epochs"] == [epoch | {"micro_f1": None}]


@pytest.mark.parametrize(
    ("train", "validation", "epoch"),
    [
        ([], [], None),
        ([0.5], [0.6], None),
        # Still falling.
        ([0.5, 0.4, 0.3], [0.6, 0.5, 0.4], None),
        # A bump on the way down is none.
        ([0.5, 0.4, 0.3], [0.6, 0.7, 0.5], None),
        ([0.5, 0.4, 0.3, 0.2], [0.6, 0.5, 0.55, 0.6], 2),
        # From the first epoch on.
        ([0.5, 0.4], [0.6, 0.7], 1),
        # Of equally low ones the first.
        ([0.5, 0.4, 0.3, 0.2], [0.6, 0.5, 0.5, 0.6], 2),
        # Both rise: the training goes astray, which is another thing.
        ([0.5, 0.4, 0.6], [0.6, 0.5, 0.7], None),
    ],
)
def test_overfitting_begins_where_only_train_loss_goes_on_falling(train, validation, epoch):
    told = history(train, validation)
    assert told.overfitting_after == told.as_dict()["overfitting_after"] == epoch


@pytest.mark.parametrize("broken", [{}, {"best_epoch": 1, "epochs": [{"epoch": 1}]}])
def test_what_is_no_history_is_refused(broken):
    with pytest.raises(ArtefactError, match="not a training history"):
        History.from_dict(broken)
