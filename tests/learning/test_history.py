import json

import pytest

from plotgenre.errors import ArtefactError
from plotgenre.learning.history import EpochScores, History

HISTORY = History((EpochScores(1, 0.5, 0.6, 0.1, 2.0), EpochScores(2, 0.4, 0.7, 0.2, 2.5)), 2)


def test_a_history_survives_json():
    assert History.from_dict(json.loads(json.dumps(HISTORY.as_dict()))) == HISTORY


@pytest.mark.parametrize("broken", [{}, {"best_epoch": 1, "epochs": [{"epoch": 1}]}])
def test_what_is_no_history_is_refused(broken):
    with pytest.raises(ArtefactError, match="not a training history"):
        History.from_dict(broken)
