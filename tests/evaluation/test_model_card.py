"""The model card."""

import math

import numpy as np
import pytest
from huggingface_hub import ModelCard

from plotgenre.evaluation.evaluation import SUMMARY, evaluate
from plotgenre.evaluation.model_card import model_card

RECIPE = {
    "genres": {"minimum_films": 10},
    "encoder": {"name": "an/encoder{}"},
    "slicing": {"way": "windows"},
    "head": {"kind": "mlp"},
    "branches": {"semantic": True, "lexical": False},
    "lexical": {"longest": 2, "characters": None},
}
FILMS = {"Drama": 1200, "Comedy": 10, "Rare": 9}


def test_says_what_it_is():
    card = model_card(RECIPE, FILMS, None)
    block, _, text = card.removeprefix("---\n").partition("\n---\n")
    assert "library_name: plotgenre" in block.splitlines()
    assert "pipeline_tag: text-classification" in block.splitlines()
    assert "each of 2 genres" in text
    assert "1 genres had fewer than\n10 films" in text
    assert "3 genres, 1,219 genre assignments" in text
    assert "`an/encoder{}`, slicing `windows`, head `mlp`" in text
    assert "Scores" not in text


@pytest.mark.parametrize(
    ("lexical", "whose"), [(False, "the model"), (True, "the semantic branch alone")]
)
def test_says_of_which_epoch_a_checkpoint_is(lexical, whose):
    epoch = {"epoch": 7, "train_loss": 0.25, "validation_loss": 0.5, "micro_f1": 0.125}
    recipe = RECIPE | {"branches": {"semantic": True, "lexical": lexical}}
    told = epoch | {"macro_average_precision": 0.75}
    card = model_card(recipe, FILMS, None, epoch=told)
    assert "\n\n## Checkpoint of epoch 7\n\n" in card
    assert f"Scores of {whose} on the\nvalidation films" in card
    assert "| 0.2500 | 0.5000 | 0.125 | 0.750 |\n\n## Label noise" in card


def test_says_what_each_branch_reads():
    both = RECIPE | {"branches": {"semantic": True, "lexical": True}}
    assert "- Meaning: encoder `an/encoder{}`, slicing" in model_card(both, FILMS, None)
    adapted = RECIPE | {"branches": {"semantic": True, "lexical": False, "adapted": True}}
    assert "`an/encoder{}`, fine-tuned on the train films, slicing" in model_card(
        adapted, FILMS, None
    )
    assert "- Words: words and pairs of words, each" in model_card(both, FILMS, None)
    words = {"semantic": False, "lexical": True}
    alone = RECIPE | {"branches": words, "lexical": {"longest": 1, "characters": (3, 5)}}
    assert "encoder" not in model_card(alone, FILMS, None)
    assert "- Words: words and pieces of words, each" in model_card(alone, FILMS, None)


def test_scores_are_a_table():
    Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0]] * 70, dtype=bool)
    P = np.where(Y, 0.9, 0.1).astype(np.float32)
    thresholds = np.full(3, 0.5, dtype=np.float32)
    evaluation = evaluate(P, Y, thresholds, list(FILMS), np.array(list(FILMS.values())))
    card = model_card(RECIPE, FILMS, evaluation)
    assert "## Scores on 210 test films" in card
    assert "Macro averages are over the 2 genres of train that have a test film" in card
    rows = [line for line in card.splitlines() if line.startswith("| ")]
    assert rows[0] == "| metric | value | interval |"
    assert "| micro-F1 | 1.000 | 1.000 to 1.000 |" in rows
    assert "| macro average precision | 1.000 |  |" in rows
    assert "nan" not in card
    # No metric is undefined here; two genres have test films.
    assert len(rows) == 1 + len(evaluation.summary_rows()) + 1 + 2
    assert "| Drama | 1,200 | 140 | 1.000 | 1.000 | 1.000 | 1.000 |" in rows


def test_metadata_is_yaml():
    yaml = pytest.importorskip("yaml")
    block = model_card(RECIPE, FILMS, None).split("---\n")[1]
    assert yaml.safe_load(block)["tags"] == ["film", "genre", "multi-label"]


def hub_card(genres, recipe=RECIPE, counts=(60, 60, 9)):
    Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0]], dtype=bool)
    P = np.array([[0.9, 0.1, 0], [0.6, 0.9, 0], [0.9, 0.2, 0], [0.3, 0.1, 0]], dtype=np.float32)
    scores = evaluate(P, Y, np.full(3, 0.5), genres, np.array(counts), resamples=10)
    return scores, model_card(recipe, dict(zip(genres, counts, strict=True)), scores)


def test_the_hub_reads_the_scores():
    scores, text = hub_card(list(FILMS))
    data = ModelCard(text, ignore_metadata_errors=False).data
    assert (data.library_name, data.pipeline_tag) == ("plotgenre", "text-classification")
    found = {result.metric_name: result for result in data.eval_results}
    assert found.keys() == SUMMARY.keys()
    for name, key in SUMMARY.items():
        assert found[name].metric_value == pytest.approx(scores.metrics[key].value, abs=1e-4)
        assert found[name].task_type == "text-classification"
        assert found[name].dataset_type == "film-plots"
    assert found["micro-F1"].metric_type == found["samples-F1"].metric_type == "f1"
    assert found["LRAP"].metric_type == "lrap"
    (entry,) = data.to_dict()["model-index"]
    assert entry["results"][0]["dataset"]["split"] == "test"


def test_undefined_metrics_are_left_out():
    scores, text = hub_card(list(FILMS), counts=(20, 10, 9))
    assert math.isnan(scores.metrics["macro_average_precision_50"].value)
    names = {result.metric_name for result in ModelCard(text).data.eval_results}
    assert len(names) == len(SUMMARY) - 1
    assert "nan" not in text.lower()


def test_without_scores_there_is_no_model_index():
    data = ModelCard(model_card(RECIPE, FILMS, None)).data
    assert data.eval_results is None
    assert "model-index" not in data.to_dict()


def test_hostile_names_stay_text():
    hostile = ["<img src=x>\n---\n# Owned | `code`", "[link](http://evil) *b* & {x}", "x: [1\n- y"]
    recipe = RECIPE | {"encoder": {"name": "a`\n---\nlibrary_name: evil"}}
    _, text = hub_card(hostile, recipe)
    card = ModelCard(text)
    assert card.data.library_name == "plotgenre"
    assert len(card.data.eval_results) == len(SUMMARY)
    assert "---" not in card.text.splitlines()
    assert "<img" not in text
    assert "\n# Owned" not in text
    assert r"&lt;img src=x&gt; --- \# Owned \| \`code\`" in text
    assert r"\[link\](http\://evil) \*b\* &amp; {x}" in text
    assert "- Meaning: encoder `a' --- library_name: evil`, slicing" in text


def test_says_what_it_is_for_and_what_it_is_not():
    _, text = hub_card(list(FILMS))
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Intended use",
        "## Data",
        "## Scores on 4 test films",
        "## Label noise",
        "## Limits",
    ]
    assert "The commonest genre has 60 films, the rarest 60" in text
