"""Whether the sentences that an explanation points at are those that the model goes by.

    python benchmarks/faithfulness.py MODEL DATA [--part test|validation] [--limit N] [--readme]

For every film with a genre that is both true and predicted (the most probable one), the genre's top
sentence is chosen in several ways, and the genre's logit is read again without it, without each
other sentence, and without as many words in one piece elsewhere. Prints a table of means over
films with paired 95 % bootstrap intervals; --readme writes it between the marks of the benchmarks'
README. --limit takes N films, evenly from the file.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre import GenreClassifier, PlotgenreError
from plotgenre.branches.lexical import LexicalBranch
from plotgenre.corpus.genres import apply_merges
from plotgenre.explaining.sentences import Span, spans, without

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from faithfulness_table import render  # noqa: E402
from pages import between_marks  # noqa: E402
from robustness import read_films, tell  # noqa: E402

README = HERE / "README.md"
MARKS = ("<!-- faithfulness: begin -->", "<!-- faithfulness: end -->")
SEED = 0
# Films read at once: the encoder sorts their slices by length.
CHUNK = 32

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """One film, one way to choose its top sentence.

    Drops are of the genre's joined logit: without the top sentence, without each of the others in
    turn (their mean), and without as many words elsewhere (NaN where there are not so many).
    ``beats`` is the share of the others that drop less, ties by half; ``alone`` the logit of the
    top sentence as a plot of its own, less the mean of the others'.
    """

    top: float
    other: float
    elsewhere: float
    beats: float
    alone: float


@dataclass(frozen=True)
class Read:
    """What was read of a film: its genre's logit as a whole, without each sentence, of each alone.

    ``by_branch`` are the branches' own logits without each sentence, (k, s).
    """

    plot: str
    places: list[Span]
    genre: int
    whole: float
    left: Floats
    alone: Floats
    by_branch: Floats


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--limit", type=int, help="this many films, evenly from the file")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        films = read_films(arguments.data, arguments.part, arguments.limit)
        classifier = GenreClassifier.load(arguments.model)
        films = apply_merges(films, classifier.recipe_.genres.merges)
        measured = measure(classifier, films.plots, films.genre_lists())
    except PlotgenreError as refused:
        raise SystemExit(str(refused)) from None
    text = render(measured, len(films), arguments.part)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def measure(
    classifier: GenreClassifier, plots: Sequence[str], genres: Sequence[Sequence[str]]
) -> dict[str, list[Measured]]:
    """Every way to choose, over the films with a genre true and predicted and two sentences."""
    chosen = explicable(classifier, plots, genres)
    measured: dict[str, list[Measured]] = {}
    for at in range(0, len(chosen), CHUNK):
        reads = read(classifier, chosen[at : at + CHUNK])
        for way, tops in ways(classifier, reads).items():
            measured.setdefault(way, []).extend(weigh(classifier, reads, tops))
        tell(f"{min(at + CHUNK, len(chosen)):,} of {len(chosen):,} films")
    return measured


def explicable(
    classifier: GenreClassifier, plots: Sequence[str], genres: Sequence[Sequence[str]]
) -> list[tuple[str, int]]:
    """Plots of two sentences or more, and of each its most probable genre true and predicted."""
    column_of = {str(genre): j for j, genre in enumerate(classifier.classes_)}
    chosen = []
    for plot, names, tags in zip(plots, genres, classifier.tag_many(plots), strict=True):
        right = next((genre for genre in tags if genre in names), None)
        if right is not None and len(spans(plot)) > 1:
            chosen.append((plot, column_of[right]))
    return chosen


def read(classifier: GenreClassifier, films: Sequence[tuple[str, int]]) -> list[Read]:
    """The films whole, without each sentence, and each sentence alone, all in one call."""
    places = [spans(plot) for plot, _ in films]
    texts = [
        text
        for (plot, _), own in zip(films, places, strict=True)
        for text in (plot, *(without(plot, at) for at in own), *(plot[a:b] for a, b in own))
    ]
    branches = np.stack([branch.logits(texts) for branch in classifier.branches_.values()])
    joined = classifier.calibration_.logits(list(branches))
    reads, at = [], 0
    for (plot, genre), own in zip(films, places, strict=True):
        left = slice(at + 1, at + 1 + len(own))
        alone = slice(left.stop, left.stop + len(own))
        whole = float(joined[at, genre])
        reads.append(
            Read(
                plot,
                own,
                genre,
                whole,
                joined[left, genre],
                joined[alone, genre],
                branches[:, left, genre],
            )
        )
        at = alone.stop
    return reads


def ways(classifier: GenreClassifier, reads: Sequence[Read]) -> dict[str, list[int]]:
    """Each film's top sentence, chosen in every way that the model has."""
    tops = {
        "leave-one-out": [int(one.left.argmin()) for one in reads],
        "sentence alone": [int(one.alone.argmax()) for one in reads],
    }
    for k, (name, branch) in enumerate(classifier.branches_.items()):
        weights = classifier.calibration_.weights[k]
        if len(classifier.branches_) > 1:
            tops[f"leave-one-out, {name} branch alone"] = [
                int((one.by_branch[k] * weights[one.genre]).argmin()) for one in reads
            ]
        if isinstance(branch, LexicalBranch):
            tops["words' contributions"] = [
                int((word_scores(branch, one) * weights[one.genre]).argmax()) for one in reads
            ]
    return tops


def word_scores(branch: LexicalBranch, one: Read) -> Floats:
    """Of each sentence: what its n-grams add to the genre's logit of the whole plot, (s,)."""
    ngrams, added = branch.contributions(one.plot)
    rows = branch.vocabulary.rows([one.plot[begin:end] for begin, end in one.places])
    own = (rows.row(i)[1] for i in range(len(rows)))
    return np.array([added[np.isin(ngrams, columns), one.genre].sum() for columns in own])


def weigh(
    classifier: GenreClassifier, reads: Sequence[Read], tops: Sequence[int]
) -> list[Measured]:
    """What each film's logit loses with its top sentence, and with others."""
    cut = [words_elsewhere(one.plot, one.places[top]) for one, top in zip(reads, tops, strict=True)]
    texts = [text for text in cut if text is not None]
    logits = iter(classifier.decision_function(texts))
    measured = []
    for one, top, text in zip(reads, tops, cut, strict=True):
        drops = one.whole - one.left
        others, alone = np.delete(drops, top), np.delete(one.alone, top)
        measured.append(
            Measured(
                top=float(drops[top]),
                other=float(others.mean()),
                elsewhere=np.nan if text is None else one.whole - float(next(logits)[one.genre]),
                beats=float(((others < drops[top]) + 0.5 * (others == drops[top])).mean()),
                alone=float(one.alone[top] - alone.mean()),
            )
        )
    return measured


def words_elsewhere(plot: str, top: Span, seed: int = SEED) -> str | None:
    """The plot without as many words as the top sentence has, in one piece beside it.

    Each place is as likely; the same text makes the same choice, whatever other films there are.
    ``None`` if neither side of the sentence has so many words.
    """
    words = [match.span() for match in re.finditer(r"\S+", plot)]
    inside = [i for i, (begin, end) in enumerate(words) if begin < top[1] and end > top[0]]
    first, after, count = inside[0], inside[-1] + 1, len(inside)
    begins = [*range(first - count + 1), *range(after, len(words) - count + 1)]
    if not begins:
        return None
    begin = random.Random(f"{seed} {top} {plot}").choice(begins)
    return without(plot, (words[begin][0], words[begin + count - 1][1]))


if __name__ == "__main__":
    main()
