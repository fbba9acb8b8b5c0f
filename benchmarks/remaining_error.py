"""Where the remaining error of a contender lies: label noise, synonyms, what no plot tells.

    python benchmarks/remaining_error.py DATA [--runs FOLDER] [--name CONTENDER] [--readme]

Reads the decisions on the test films that ``quality.py`` left in --runs. Every wrong cell (film,
genre) is counted once, under the first of the kinds below that fits it; then micro-F1 is given for
cells of which one source of error is taken away. Genres are those of train that have a test film.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from pages import between_marks  # noqa: E402
from plotgenre.corpus.synonyms import (  # noqa: E402
    Synonym,
    find_synonyms,
    merge_map,
    normalised_name,
)
from quality import folder_of, stored  # noqa: E402
from scoring import Split  # noqa: E402
from yardsticks import interval, micro_f1, weights  # noqa: E402

Bools = npt.NDArray[np.bool_]

README = HERE / "README.md"
MARKS = ("<!-- remaining error: begin -->", "<!-- remaining error: end -->")
# What a film looks like, who made it or how long it is: a plot does not say.
UNTOLD = {
    "Black-and-white",
    "Silent film",
    "Indie",
    "World cinema",
    "Short Film",
    "Japanese Movies",
    "Chinese Movies",
    "Bollywood",
    "Television movie",
    "B-movie",
    "Cult",
    "Film adaptation",
    "Hybrid Western",
}
SHORT_WORDS, RARE_FILMS = 50, 50


class Cells:
    """Test cells of the genres that have a test film, and the kinds of genre that errors touch."""

    def __init__(self, split: Split, D: Bools) -> None:
        supported = split.test.Y.any(axis=0)
        self.split, self.supported = split, supported
        self.Y, self.D = split.test.Y[:, supported], D[:, supported]
        self.genres = [g for g, there in zip(split.train.genres, supported, strict=True) if there]
        self.rare = split.counts[supported] < RARE_FILMS
        self.untold = np.array([genre in UNTOLD for genre in self.genres])
        self.short = np.array([len(plot.split()) < SHORT_WORDS for plot in split.test.plots])
        self.synonyms = self._related(find_synonyms(split.train))
        words = [set(normalised_name(genre)) for genre in self.genres]
        self.kin = np.array([[is_kin(one, other) for other in words] for one in words])

    def _related(self, found: list[Synonym]) -> Bools:
        column = {genre: j for j, genre in enumerate(self.genres)}
        related = np.zeros((len(column), len(column)), bool)
        for one in found:
            first, second = column.get(one.pair.first), column.get(one.pair.second)
            if first is not None and second is not None:
                related[first, second] = related[second, first] = True
        return related

    def beside(self, cells: Bools, relation: Bools) -> Bools:
        """Where a film has, in ``cells``, a genre that is related to the column's."""
        return (cells.astype(np.float32) @ relation.astype(np.float32)) > 0

    def second_says(self, present: bool) -> Bools:
        """Where TMDB gives the film a genre that the column's genre means, or gives none."""
        says, second = np.zeros(self.Y.shape, bool), self.split.second
        if second is None:
            return says
        reach = second.reach[self.supported].astype(np.float32)
        given = (second.tmdb.astype(np.float32) @ reach.T) > 0
        says[second.rows] = given if present else ~given & (reach.sum(axis=1) > 0)
        return says

    def first_fit(self, wrong: Bools, kinds: dict[str, Bools]) -> dict[str, int]:
        """How many wrong cells each kind explains that none before it did."""
        left, found = wrong.copy(), {}
        for name, fits in kinds.items():
            found[name] = int((left & fits).sum())
            left &= ~fits
        return found | {"none of these": int(left.sum())}


def is_kin(one: set[str], other: set[str]) -> bool:
    """Whether one genre's name holds all words of the other's, and more."""
    return bool(one and other) and (one < other or other < one)


def kinds_of_error(cells: Cells) -> dict[str, dict[str, int]]:
    """Counts of wrong cells: tags given in vain, and tags that are missing."""
    Y, D = cells.Y, cells.D
    everywhere = np.ones(Y.shape, bool)
    return {
        "given in vain": cells.first_fit(
            D & ~Y,
            {
                "the film has a synonym of it": cells.beside(Y, cells.synonyms),
                "the film has its sub- or supergenre, by name": cells.beside(Y, cells.kin),
                "TMDB says so too": cells.second_says(present=True),
                "no plot tells it": everywhere & cells.untold,
            },
        ),
        "missing": cells.first_fit(
            Y & ~D,
            {
                "a synonym was given": cells.beside(D, cells.synonyms),
                "its sub- or supergenre was given, by name": cells.beside(D, cells.kin),
                "no plot tells it": everywhere & cells.untold,
                "TMDB does not say so either": cells.second_says(present=False),
                f"fewer than {RARE_FILMS} train films": everywhere & cells.rare,
                f"a plot under {SHORT_WORDS} words": everywhere & cells.short[:, None],
            },
        ),
    }


def without_a_source(cells: Cells) -> dict[str, tuple[Bools, Bools]]:
    """Targets and decisions with one source of error taken away at a time."""
    Y, D = cells.Y, cells.D
    told, common = ~cells.untold, ~cells.rare
    merged = merge_map(find_synonyms(cells.split.train))
    kept = {alias: name for name, of in merged.items() for alias in of}
    names = [kept.get(genre, genre) for genre in cells.genres]
    into = np.array([[name == other for other in dict.fromkeys(names)] for name in names])
    joined = [(side.astype(np.float32) @ into.astype(np.float32)) > 0 for side in (Y, D)]
    kin = cells.synonyms | cells.kin
    return {
        "all cells as they are": (Y, D),
        "without genres that no plot tells": (Y[:, told], D[:, told]),
        f"genres with at least {RARE_FILMS} train films": (Y[:, common], D[:, common]),
        f"plots of at least {SHORT_WORDS} words": (Y[~cells.short], D[~cells.short]),
        "sure synonyms merged": (joined[0], joined[1]),
        "a synonym, sub- or supergenre counts as right": (
            Y | (D & cells.beside(Y, kin)),
            D | (Y & cells.beside(D, kin)),
        ),
        "what TMDB confirms counts as right": (Y | (D & cells.second_says(present=True)), D),
    }


def render(cells: Cells, name: str) -> str:
    """The three tables."""
    text = f"Contender: {name}, {len(cells.Y):,} test films, {len(cells.genres)} genres.\n\n"
    for side, counts in kinds_of_error(cells).items():
        total = sum(counts.values())
        text += f"| tags {side} | {total:,} | share |\n| --- | --- | --- |\n"
        text += "".join(f"| {kind} | {n:,} | {n / total:.1%} |\n" for kind, n in counts.items())
        text += "\n"
    text += "| micro-F1 | value |\n| --- | --- |\n"
    for what, (Y, D) in without_a_source(cells).items():
        found = interval(micro_f1(Y, D, weights(len(Y))))
        text += f"| {what} | {found.value:.3f} ({found.low:.3f}–{found.high:.3f}) |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/quality"))
    parser.add_argument("--name", default="plotgenre best")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    if not (folder_of(arguments.runs, arguments.name) / "decisions.npy").exists():
        raise SystemExit(f"{arguments.runs} has no decisions of {arguments.name!r}: run quality.py")
    _, D = stored(arguments.runs, arguments.name)
    text = render(Cells(Split.read(arguments.data), D), arguments.name)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


if __name__ == "__main__":
    main()
