"""Explaining a plot: what its genres' logits lose with each sentence, and what each word adds."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from plotgenre.branches.branch import Logits
from plotgenre.branches.lexical import LexicalBranch
from plotgenre.errors import InputError
from plotgenre.explaining.explanation import Explanation, GenreExplanation, Sentence, Word
from plotgenre.explaining.sentences import spans, without
from plotgenre.learning.calibration import sigmoid
from plotgenre.model.fitted import Model
from plotgenre.texts import read_part, warn_of_cut


def explain(model: Model, plot: str, genres: Sequence[str] | None = None) -> Explanation:
    """Weigh the sentences and words of a plot, as `GenreClassifier.explain` says.

    A sentence's weight is the joined logit of the plot less that of the plot without it (erasure:
    Li, Monroe & Jurafsky 2016, "Understanding Neural Networks through Representation Erasure", of
    log-likelihoods there), so the whole model is asked and no branch is opened. All readings are
    one batch. The only sentence of a plot is weighed against the empty plot.

    Raises
    ------
    InputError
        If a genre is unknown, or none is named.
    """
    warn_of_cut([plot])
    return explained(model, plot, model.logits(readings(plot)), genres)


def readings(plot: str) -> list[str]:
    """The texts that an explanation reads: the plot, then the plot without each sentence."""
    part = read_part(plot)
    return [part, *(without(part, place) for place in spans(part))]


def explained(
    model: Model, plot: str, logits: Logits, genres: Sequence[str] | None = None
) -> Explanation:
    """What `explain` says, given the logits (k, g) of the plot's ``k`` `readings`."""
    places = spans(read_part(plot))
    P = sigmoid(logits[:1])
    decided = model.decide(P)[0]
    columns = _predicted(P[0], decided) if genres is None else _named(model, genres)
    drops = logits[0] - logits[1:]
    texts, added = _words(model, plot, columns)
    return Explanation(
        plot,
        tuple(
            GenreExplanation(
                genre=model.genres[j],
                probability=float(P[0, j]),
                logit=float(logits[0, j]),
                threshold=float(model.thresholds[j]),
                predicted=bool(decided[j]),
                sentences=tuple(
                    Sentence(begin, end, plot[begin:end], float(drop))
                    for (begin, end), drop in zip(places, drops[:, j], strict=True)
                ),
                words=_ranked(texts, added[:, i]),
            )
            for i, j in enumerate(columns)
        ),
    )


def _predicted(p: Logits, decided: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[int]:
    """The genres that a plot is tagged with, best first, else the best one."""
    ranked = np.argsort(-p, kind="stable")
    return [int(j) for j in ranked if decided[j]] or [int(ranked[0])]


def _named(model: Model, genres: Sequence[str]) -> list[int]:
    names = [genres] if isinstance(genres, str) else list(dict.fromkeys(genres))
    if not names:
        raise InputError("no genre to explain; expected names, or None for the predicted ones")
    for name in names:
        if name not in model.genres:
            why = ": it was too rare in train" if name in model.train_films else ""
            near = ", ".join(get_close_matches(name, model.genres, cutoff=0))
            raise InputError(f"the model has no genre {name!r}{why}; the closest are {near}")
    return [model.genres.index(name) for name in names]


def _words(model: Model, plot: str, columns: list[int]) -> tuple[list[str], Logits]:
    """The texts of a plot's n-grams (m,), and what each adds to the columns' joined logits."""
    texts: list[str] = []
    added = np.zeros((0, len(columns)), dtype=np.float32)
    for branch, weights in zip(model.branches.values(), model.calibration.weights, strict=True):
        if isinstance(branch, LexicalBranch):
            ngrams, logits = branch.contributions(plot)
            texts = [branch.vocabulary.text(int(ngram)) for ngram in ngrams]
            # A genre that was added after the fit has no words of its own.
            fitted = [i for i, j in enumerate(columns) if j < len(weights)]
            own = [columns[i] for i in fitted]
            added = np.zeros((len(texts), len(columns)), dtype=np.float32)
            added[:, fitted] = logits[:, own] * weights[own]
    return texts, added


def _ranked(texts: list[str], added: Logits) -> tuple[Word, ...]:
    strongest = np.argsort(-np.abs(added), kind="stable")
    return tuple(Word(texts[i], float(added[i])) for i in strongest if added[i])
