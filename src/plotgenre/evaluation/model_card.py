"""The model card: what the Hub and a person want to know of a model, written from its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plotgenre.evaluation.evaluation import Evaluation

_CARD = """---
library_name: plotgenre
pipeline_tag: text-classification
tags: [film, genre, multi-label]
---
# Film genres from plots

Reads a film's plot and gives each of {genres} genres a probability of its own.

```python
from plotgenre import GenreClassifier

GenreClassifier.load("path/to/this/folder").tag("A retired detective returns to …")
```

- Encoder: `{encoder}`, slicing `{slicing}`, head `{head}`.
- Trained on plots with {seen} genres, {films} genre assignments; {left} genres had fewer than
  {minimum} films and were left out.
{scores}
## Use and limits

Meant for suggesting genres to people who keep film catalogues. Genre labels are incomplete and
overlap: a genre that is not predicted is not proof of its absence, and a probability is relative to
the catalogue that the model was trained on. Plots in other languages than the training plots',
and texts that are not plots, are outside of what was measured.
"""


def model_card(
    recipe: Mapping[str, Any], train_films: Mapping[str, int], evaluation: Evaluation | None
) -> str:
    """Markdown with the Hub's metadata block.

    Parameters
    ----------
    recipe
        All settings as plain values.
    train_films
        Films of each genre in train.
    evaluation
        Scores on test films, if any.
    """
    minimum = recipe["genres"]["minimum_films"]
    kept = sum(count >= minimum for count in train_films.values())
    return _CARD.format(
        genres=kept,
        encoder=recipe["encoder"]["name"],
        slicing=recipe["slicing"]["way"],
        head=recipe["head"]["kind"],
        seen=len(train_films),
        films=f"{sum(train_films.values()):,}",
        left=len(train_films) - kept,
        minimum=minimum,
        scores=_scores(evaluation),
    )


def _scores(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return ""
    rows = "\n".join(
        f"| {name} | {value} | {ends} |" for name, value, ends in evaluation.summary_rows()
    )
    return f"""
## Scores on {evaluation.films:,} test films

Over the {evaluation.genres_with_support} genres of train that have a test film; 95 % bootstrap
intervals over films.

| metric | value | interval |
|---|---|---|
{rows}
"""
