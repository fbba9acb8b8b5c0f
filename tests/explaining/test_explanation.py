"""What can be asked of an explanation."""

import json
from dataclasses import FrozenInstanceError

import pytest

from plotgenre.errors import InputError
from plotgenre.explaining.explanation import Explanation, GenreExplanation, Sentence, Word

PLOT = "A ghost. A wedding. A taxi."


def genre(name="Horror", probability=0.75, predicted=True):
    return GenreExplanation(
        genre=name,
        probability=probability,
        logit=1.0986123,
        threshold=0.5,
        predicted=predicted,
        sentences=(
            Sentence(0, 8, "A ghost.", 0.5),
            Sentence(9, 19, "A wedding.", -1.5),
            Sentence(20, 27, "A taxi.", 0.75),
        ),
        words=(Word("wedding", -2.0), Word("ghost", 1.0), Word("taxi", 0.0), Word("a", 0.25)),
    )


@pytest.fixture
def explanation():
    return Explanation(PLOT, (genre(), genre("War", 0.875, False)))


def test_evidence_is_sorted_by_strength_on_either_side():
    one = genre()
    assert [sentence.text for sentence in one.sentences_for()] == ["A taxi.", "A ghost."]
    assert [sentence.text for sentence in one.sentences_for(1)] == ["A taxi."]
    assert [sentence.text for sentence in one.sentences_against()] == ["A wedding."]
    assert [word.text for word in one.words_for()] == ["ghost", "a"]
    assert [word.text for word in one.words_against(5)] == ["wedding"]


def test_genres_are_asked_by_name(explanation):
    assert explanation["War"] is explanation.genres[1]
    assert [one.genre for one in explanation] == ["Horror", "War"]
    assert len(explanation) == 2
    assert explanation.best.genre == "War"
    assert explanation.tags == {"Horror": 0.75}
    with pytest.raises(InputError, match="'Love' is not explained here; expected one of Horror, W"):
        _ = explanation["Love"]


def test_as_dict_is_plain_json(explanation):
    told = json.loads(json.dumps(explanation.as_dict(words=2)))
    horror = told["genres"][0]
    assert horror == {
        "genre": "Horror",
        "probability": 0.75,
        "logit": 1.098612,
        "threshold": 0.5,
        "predicted": True,
        "sentences": [
            {"start": 0, "end": 8, "text": "A ghost.", "contribution": 0.5},
            {"start": 9, "end": 19, "text": "A wedding.", "contribution": -1.5},
            {"start": 20, "end": 27, "text": "A taxi.", "contribution": 0.75},
        ],
        "words": [
            {"text": "wedding", "contribution": -2.0},
            {"text": "ghost", "contribution": 1.0},
        ],
    }
    assert len(explanation.as_dict(words=None)["genres"][0]["words"]) == 4


def test_nothing_can_be_changed(explanation):
    with pytest.raises(FrozenInstanceError):
        explanation.genres[0].logit = 0.0
