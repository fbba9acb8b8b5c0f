"""The model card: what the Hub and a person want to know of a model, written from its scores."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping
from typing import Any

from plotgenre.evaluation.evaluation import SUMMARY, Evaluation

_NAME = "Film genres from plots"
_SHOWN_GENRES = 20
# What Markdown could take for more than a letter; the rest is HTML's, and escaped as such.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$#:])")

_CARD = """---
{metadata}---
# {name}

Reads a film's plot and gives each of {genres} genres a probability of its own.

```python
from plotgenre import GenreClassifier

GenreClassifier.load("path/to/this/folder").tag("A retired detective returns to …")
```

{reads}

## Intended use

Meant for suggesting genres to people who keep film catalogues, and for research on plots. A person
should look at what it suggests: it is not meant to decide alone what is shown, sold or withheld.

## Data

Trained on plots with {seen} genres, {films} genre assignments; {left} genres had fewer than
{minimum} films and were left out.{imbalance}
{epoch}{scores}
## Label noise

Genre labels are incomplete and overlap, in the training films as in the test films: cataloguers
differ, and most stop at a few genres. So a genre that is not predicted is no proof of its absence,
some predictions that count as wrong here are right, and a probability is relative to the catalogue
that the model was trained on.

## Limits

Plots in other languages than the training plots', texts that are not plots, such as reviews or
scripts, and catalogues with other genres are outside of what was measured. Genres with few train
films are found badly. Intervals are over test films only: they hold no uncertainty of training.
"""


def model_card(
    recipe: Mapping[str, Any],
    train_films: Mapping[str, int],
    evaluation: Evaluation | None,
    *,
    epoch: Mapping[str, Any] | None = None,
) -> str:
    """Markdown with the Hub's metadata block, ``model-index`` included where there are scores.

    Parameters
    ----------
    recipe
        All settings as plain values.
    train_films
        Films of each genre in train.
    evaluation
        Scores on test films, if any.
    epoch
        Of a checkpoint: one of ``epochs`` as `history_chart.draw_history` takes them.
    """
    minimum = recipe["genres"]["minimum_films"]
    kept = [count for count in train_films.values() if count >= minimum]
    return _CARD.format(
        metadata=_metadata(evaluation),
        name=_NAME,
        genres=len(kept),
        reads=_reads(recipe),
        seen=len(train_films),
        films=f"{sum(train_films.values()):,}",
        left=len(train_films) - len(kept),
        minimum=minimum,
        imbalance=_imbalance(kept),
        epoch="" if epoch is None else _epoch(epoch, recipe),
        scores="" if evaluation is None else _scores(evaluation),
    )


def _reads(recipe: Mapping[str, Any]) -> str:
    """A line for each branch that the model has."""
    lines = []
    if recipe["branches"]["semantic"]:
        encoder, slicing = _code(recipe["encoder"]["name"]), _code(recipe["slicing"]["way"])
        head = _code(recipe["head"]["kind"])
        adapted = ", fine-tuned on the train films" if recipe["branches"].get("adapted") else ""
        lines.append(f"- Meaning: encoder {encoder}{adapted}, slicing {slicing}, head {head}.")
    if recipe["branches"]["lexical"]:
        words = "words" if recipe["lexical"]["longest"] == 1 else "words and pairs of words"
        pieces = " and pieces of words" if recipe["lexical"]["characters"] else ""
        lines.append(f"- Words: {words}{pieces}, each with a weight for each genre.")
    return "\n".join(lines)


def _metadata(evaluation: Evaluation | None) -> str:
    """YAML by the Hub's own library, so that no name can break out of it."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="text-classification",
            task_name="Multi-label genre classification",
            # The corpus is a file of the user's: its name is not known, and might be private.
            dataset_type="film-plots",
            dataset_name="Film plots, test films held out from training",
            dataset_split="test",
            metric_type=_metric_type(key),
            metric_name=name,
            metric_value=round(value, 5),
        )
        for name, key, value in _defined(evaluation)
    ]
    data = ModelCardData(
        library_name="plotgenre",
        pipeline_tag="text-classification",
        tags=["film", "genre", "multi-label"],
        model_name=_NAME if results else None,
        eval_results=results or None,
    )
    return data.to_yaml(line_break="\n").rstrip("\n") + "\n"


def _defined(evaluation: Evaluation | None) -> list[tuple[str, str, float]]:
    """Name, key and value of the main metrics that are defined."""
    if evaluation is None:
        return []
    values = [(name, key, evaluation.metrics[key].value) for name, key in SUMMARY.items()]
    return [row for row in values if not math.isnan(row[2])]


def _metric_type(key: str) -> str:
    """The Hub's name for a kind of metric, where it has one."""
    for kind in ("f1", "average_precision", "accuracy"):
        if kind in key:
            return kind
    return key


def _imbalance(kept: list[int]) -> str:
    if not kept:
        return ""
    return (
        f" The commonest genre has {max(kept):,} films, the rarest {min(kept):,}; most genres are\n"
        "rare, and the scores of rare genres are lower and less certain."
    )


def _epoch(epoch: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    whose = "the semantic branch alone" if recipe["branches"]["lexical"] else "the model"
    return f"""
## Checkpoint of epoch {epoch["epoch"]}

The model as it was after this epoch of its training. Scores of {whose} on the
validation films, which its thresholds were tuned on, too; micro-F1 is at the one threshold that is
best there.

| train loss | validation loss | micro-F1 | macro average precision |
|---:|---:|---:|---:|
| {epoch["train_loss"]:.4f} | {epoch["validation_loss"]:.4f} | {epoch["micro_f1"]:.3f} \
| {epoch["macro_average_precision"]:.3f} |
"""


def _scores(evaluation: Evaluation) -> str:
    rows = "\n".join(
        f"| {name} | {value} | {ends} |"
        for name, value, ends in evaluation.summary_rows()
        if value != "nan"
    )
    commonest = sorted(evaluation.per_genre, key=lambda row: -row.support)[:_SHOWN_GENRES]
    genres = "\n".join(
        f"| {_text(row.genre)} | {row.train_films:,} | {row.support:,} | {row.precision:.3f} "
        f"| {row.recall:.3f} | {row.f1:.3f} | {row.average_precision:.3f} |"
        for row in commonest
        if row.support
    )
    said = evaluation.account.sentences() if evaluation.account else []
    account = "".join(f"- {_text(sentence)}\n" for sentence in said)
    return f"""
## Scores on {evaluation.films:,} test films

Macro averages are over the {evaluation.genres_with_support} genres of train that have a test film,
all others over every genre. A genre that the model left out counts as never predicted. Intervals
are 95 % bootstrap ones over films. Where no word says otherwise, higher is better. A value without
an interval depends on how many films there are, or they are too few: it cannot be compared across
test sets.

| metric | value | interval |
|---|---|---|
{rows}

{account}
The genres with most test films:

| genre | train films | test films | precision | recall | F1 | average precision |
|---|---:|---:|---:|---:|---:|---:|
{genres}
"""


def _text(name: str) -> str:
    """A name as Markdown and HTML that show it and nothing else."""
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(name.split()), quote=False))


def _code(text: str) -> str:
    """A text as code, on one line; a backtick would end it and becomes another quote."""
    return f"`{' '.join(str(text).split()).replace('`', chr(39))}`"
