"""The model card."""

import numpy as np
import pytest

from plotgenre.evaluation.evaluation import evaluate
from plotgenre.evaluation.model_card import model_card

RECIPE = {
    "genres": {"minimum_films": 10},
    "encoder": {"name": "an/encoder{}"},
    "slicing": {"way": "windows"},
    "head": {"kind": "mlp"},
}
FILMS = {"Drama": 1200, "Comedy": 10, "Rare": 9}


def test_says_what_it_is():
    card = model_card(RECIPE, FILMS, None)
    block, _, text = card.removeprefix("---\n").partition("\n---\n")
    assert "library_name: plotgenre" in block.splitlines()
    assert "pipeline_tag: text-classification" in block.splitlines()
    assert "each of 2 genres" in text
    assert "1 genres had fewer than\n  10 films" in text
    assert "3 genres, 1,219 genre assignments" in text
    assert "`an/encoder{}`, slicing `windows`, head `mlp`" in text
    assert "Scores" not in text


def test_scores_are_a_table():
    Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]], dtype=bool)
    P = np.where(Y, 0.9, 0.1).astype(np.float32)
    thresholds = np.full(3, 0.5, dtype=np.float32)
    evaluation = evaluate(P, Y, thresholds, list(FILMS), np.array(list(FILMS.values())))
    card = model_card(RECIPE, FILMS, evaluation)
    assert "## Scores on 3 test films" in card
    assert "Over the 2 genres of train that have a test film" in card
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert rows[0] == "| metric | value | interval |"
    assert any(row.startswith("| micro-F1 | 1.000 | 1.000 to 1.000 |") for row in rows)
    assert len(rows) == 1 + len(evaluation.summary_rows())


def test_metadata_is_yaml():
    yaml = pytest.importorskip("yaml")
    block = model_card(RECIPE, FILMS, None).split("---\n")[1]
    assert yaml.safe_load(block)["tags"] == ["film", "genre", "multi-label"]
