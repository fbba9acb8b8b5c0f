"""The inspect command's findings as plain figures, and each of them in a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from plotgenre.corpus.cooccurrence import Cooccurrence, GenrePair
from plotgenre.corpus.films import Corpus
from plotgenre.corpus.health import CorpusHealth
from plotgenre.corpus.leaks import Leaks, find_leaks
from plotgenre.corpus.near_duplicates import near_duplicates
from plotgenre.corpus.synonyms import Synonym
from plotgenre.errors import MissingExtraError

if TYPE_CHECKING:
    from plotgenre.branches.branch import Progress
    from plotgenre.classifier import GenreClassifier

_TOKENS_PER_WORD = 1.3
_LIMITS = (256, 512)
_PAIRS = 100
_WARNING = (
    "Probabilities of films that the model was trained on agree with their labels too well and "
    "hide faults; inspect films that it has not seen. A doubtful label is no proof: read the plot."
)


def figures_of(
    films: Corpus,
    health: CorpusHealth,
    synonyms: list[Synonym],
    near: dict[str, Any] | None,
    issues: dict[str, Any] | None,
    *,
    tokens: bool = False,
) -> dict[str, Any]:
    """Everything known of a corpus, as JSON and the page hold it."""
    return {
        **health.as_dict(),
        "lengths": _lengths(films, tokens),
        "synonyms": [
            {**_pair(one.pair), "reasons": list(one.reasons), "merge": one.merge}
            for one in synonyms
        ],
        "cooccurrence": [_pair(pair) for pair in Cooccurrence(films).commonest(_PAIRS)],
        "leaks": _leaks(find_leaks(films)),
        "near_duplicates": near,
        "label_issues": issues,
    }


def near_figures(splits: Mapping[str, Corpus]) -> tuple[dict[str, Any] | None, str | None]:
    """Near duplicates in and across splits; or ``None``, and why they were not looked for."""
    plots = [plot for films in splits.values() for plot in films.plots]
    names = [_film(films, i) for films in splits.values() for i in range(len(films))]
    home = [split for split, films in splits.items() for _ in films.plots]
    try:
        pairs = near_duplicates(plots)
    except MissingExtraError as missing:
        return None, str(missing)
    found: list[dict[str, Any]] = [
        {
            "first": {"film": names[pair.first], "split": home[pair.first]},
            "second": {"film": names[pair.second], "split": home[pair.second]},
            "similarity": pair.similarity,
        }
        for pair in pairs
    ]
    straddling = sum(home[pair.first] != home[pair.second] for pair in pairs)
    # Those across splits do harm, and are to be seen first.
    found.sort(key=lambda pair: pair["first"]["split"] == pair["second"]["split"])
    return {
        "splits": list(splits),
        "count": len(pairs),
        "straddling": straddling,
        "pairs": found,
    }, None


def issue_figures(
    classifier: GenreClassifier, films: Corpus, progress: Progress | None
) -> dict[str, Any]:
    """Labels that a model doubts, over the genres that it and the corpus both know."""
    from plotgenre.evaluation.label_issues import find_label_issues
    from plotgenre.experiment import score_classifier

    scored = score_classifier(classifier, films, progress)
    classes = {str(genre) for genre in classifier.classes_}
    known = np.array([genre in classes for genre in scored.films.genres], dtype=np.bool_)
    genres = tuple(genre for genre in scored.films.genres if genre in classes)
    found = find_label_issues(scored.P[:, known], scored.films.Y[:, known], genres)
    return {
        "warning": _WARNING,
        "account": scored.account.warnings(),
        "genres": [
            {
                "genre": one.genre,
                "missing": one.missing,
                "wrong": one.wrong,
                "worst": [
                    {
                        "id": films.ids[issue.row],
                        "film": _film(films, issue.row),
                        "kind": issue.kind,
                        "probability": issue.probability,
                    }
                    for issue in one.worst
                ],
            }
            for one in found
        ],
    }


def summary(figures: Mapping[str, Any], skipped: str | None) -> dict[str, str]:
    """The findings beside a corpus's health, a line each."""
    lengths, leaks, merged = figures["lengths"], figures["leaks"], figures["synonyms"]
    about = "" if lengths["counted"] else " (estimated)"
    over = (f"{row['films']:,} over {row['limit']}" for row in lengths["over"])
    lines = {f"tokens per plot{about}": ", ".join(over)}
    sure = [one for one in merged if one["merge"]]
    names = ", ".join(f"{one['first']} / {one['second']}" for one in sure[:3])
    lines["synonyms"] = f"{len(sure)} sure, {len(merged) - len(sure)} likely" + (
        f": {names}{' …' if len(sure) > 3 else ''}" if sure else ""
    )
    together = (f"{one['first']} + {one['second']}" for one in figures["cooccurrence"][:3])
    lines["genres most together"] = ", ".join(together) or "none"
    lines["plots that name their genre"] = f"{leaks['films']:,} ({leaks['share']:.1%})"
    near = figures["near_duplicates"]
    if near is not None:
        across = f", {near['straddling']:,} across splits" if len(near["splits"]) > 1 else ""
        lines["near-duplicate pairs"] = f"{near['count']:,}{across}"
    elif skipped:
        lines["near-duplicate pairs"] = f"skipped: {skipped}"
    if figures["label_issues"] is not None:
        found = figures["label_issues"]["genres"]
        missing, wrong = (sum(one[kind] for one in found) for kind in ("missing", "wrong"))
        lines["suspicious labels"] = f"{missing:,} perhaps missing, {wrong:,} perhaps wrong"
        told = figures["label_issues"]
        lines["mind"] = " ".join([told["warning"], *told["account"]])
    return lines


def _lengths(films: Corpus, tokens: bool) -> dict[str, Any]:
    if tokens:
        from plotgenre.embedding.encoders.minilm import token_counts

        counts = token_counts(films.plots)
    else:
        words = np.fromiter((len(plot.split()) for plot in films.plots), np.int64, len(films))
        counts = np.ceil(words * _TOKENS_PER_WORD).astype(np.int64)
    over = [{"limit": limit, "films": int((counts > limit).sum())} for limit in _LIMITS]
    return {"counted": tokens, "over": over}


def _leaks(leaks: Leaks) -> dict[str, Any]:
    genres = [
        {
            "genre": leak.genre,
            "films": leak.films,
            "naming": leak.naming,
            "examples": [{"id": film, "text": text} for film, text in leak.examples],
        }
        for leak in leaks.genres
    ]
    return {"films": leaks.films, "share": leaks.share, "genres": genres}


def _pair(pair: GenrePair) -> dict[str, Any]:
    return asdict(pair) | {
        "jaccard": pair.jaccard,
        "first_given_second": pair.first_given_second,
        "second_given_first": pair.second_given_first,
    }


def _film(films: Corpus, row: int) -> str:
    title = None if films.titles is None else films.titles[row]
    return f"{title} ({films.ids[row]})" if title else films.ids[row]
