"""Adding a genre to a fitted model: a name, what is said of it, examples, unlabelled plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from plotgenre.errors import InputError
from plotgenre.learning.adding import find_added
from plotgenre.model.fitted import Model

_LEAST_PLOTS = 20


def with_genre(
    model: Model,
    name: str,
    plots: Sequence[str],
    description: str | None = None,
    examples: Sequence[str] | None = None,
    share: float | None = None,
) -> Model:
    """The model with one genre more; arguments and errors are those of `GenreClassifier.add_genre`.

    Its threshold is the median of the others', for there is nothing to tune one on.
    """
    for what, text in (
        ("name", name),
        ("description", "-" if description is None else description),
    ):
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"the {what} of a genre must be a text, got {text!r}")
    if name in model.genres:
        raise InputError(f"the model has the genre {name!r} already; choose another name")
    if examples is not None and not len(examples):
        raise InputError("examples are empty; give plots that have the genre, or leave them out")
    if len(plots) < _LEAST_PLOTS:
        raise InputError(
            f"adding a genre needs {_LEAST_PLOTS} plots or more to find its scale, "
            f"got {len(plots)}; any plots will do, a few hundred are better"
        )
    encoder = model.semantic().embedder.encoder
    known = len(model.genres) - (0 if model.added is None else len(model.added))
    said = name if description is None else f"{name}: {description}"
    *names, query, own = encoder.encode([*model.genres[:known], said, name], query=True)
    found = find_added(
        model.read(plots),
        np.stack(names),
        own,
        query,
        None if examples is None else model.read(examples),
        share,
    )
    median = np.median(model.thresholds[:known]).astype(np.float32)
    return replace(
        model,
        genres=(*model.genres, name),
        train_films={**model.train_films, name: model.train_films.get(name, 0)},
        thresholds=np.append(model.thresholds, median),
        added=found if model.added is None else model.added.joined(found),
    )
