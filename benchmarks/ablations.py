"""Every choice against the recipe `best` as it was, one thing changed, on validation films.

    python benchmarks/ablations.py DATA --encoder FOLDER [--store FOLDER] [--seeds N]
        [--only NAME] [--readme]

The encoder is one that `plotgenre train --recipe best`, `plotgenre adapt` or `plotgenre bundle`
left behind, the same for all choices. Branches are fitted on train and stopped early by validation.
Calibration and thresholds are fitted on one half of the validation films and score the other, both
ways round, so that no film is scored by numbers that it chose; test is never read. Logits are kept
in --runs, so an interrupted run goes on, and choices that share branches share their fits. Results
go to ``results/ablations.json``; --readme writes the table between the marks in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from ablation_table import render  # noqa: E402
from additions import ADDITIONS, NOTHING, Addition, Stage  # noqa: E402
from choices import BASE, BEFORE, CHOICES, RECIPE  # noqa: E402
from pages import between_marks, write_array, write_results  # noqa: E402
from plotgenre import Corpus, Recipe, read_corpus  # noqa: E402
from plotgenre.branches.lexical import fit_lexical  # noqa: E402
from plotgenre.corpus.genres import choose_genres, renamed  # noqa: E402
from plotgenre.embedding.bags import Bags  # noqa: E402
from plotgenre.embedding.embedder import open_embedder  # noqa: E402
from plotgenre.embedding.encoders import load_encoder, named_encoder  # noqa: E402
from plotgenre.evaluation.evaluation import nan_to_none  # noqa: E402
from plotgenre.evaluation.intervals import PairedScores, paired_bootstrap  # noqa: E402
from plotgenre.evaluation.metrics import top_genres  # noqa: E402
from plotgenre.learning.calibration import fit_calibration, sigmoid  # noqa: E402
from plotgenre.learning.settings import LearningSettings  # noqa: E402
from plotgenre.learning.thresholds import decide, tune_thresholds  # noqa: E402
from plotgenre.learning.training import fit_head  # noqa: E402

Floats = npt.NDArray[np.float32]
Decided = tuple[Floats, npt.NDArray[np.bool_]]

RESULTS, README = HERE / "results" / "ablations.json", HERE / "README.md"
MARKS = ("<!-- ablations: begin -->", "<!-- ablations: end -->")
RANKED = "ranked_macro_average_precision"
METRICS = (
    "micro_f1",
    "macro_f1_supported",
    RANKED,
    "top20_micro_f1",
    "expected_calibration_error",
)
RESAMPLES, HALVES_SEED, SHARE_SEED = 200, 0, 0


class Films:
    """Train and validation of the fixed split, and what was computed of them so far."""

    def __init__(self, data: Path, store: Path, runs: Path, share: float = 1.0) -> None:
        self.train, self.validation = (
            read_corpus(data / f"{side}.parquet") for side in ("train", "validation")
        )
        # Scored are always the genres of all films.
        self.genres, self.counts = self.train.genres, self.train.Y.sum(axis=0)
        self.share = share
        if share < 1:
            order = np.random.default_rng(SHARE_SEED).permutation(len(self.train))
            self.train = self.train.take(np.sort(order[: round(share * len(order))]))
        # By plot, since a recipe may leave films out.
        self.plots = list(dict.fromkeys([*self.train.plots, *self.validation.plots]))
        self.rows = {plot: row for row, plot in enumerate(self.plots)}
        self.store, self.runs = store, runs
        self.bags = cache(self._bags)

    def sides(self, recipe: Recipe) -> tuple[Corpus, Corpus]:
        """The films over the genres that the recipe keeps."""
        train = choose_genres(self.train, recipe.genres).corpus
        validation = renamed(self.validation, recipe.genres).corpus
        return train, validation.with_genres(train.genres)

    def logits(self, recipe: Recipe) -> list[Floats]:
        """Each branch's logits of the validation films, fitted once."""
        found = []
        if recipe.branches.semantic:
            parts = ("genres", "slicing", "encoder", "sampling", "head", "training")
            found.append(self._kept("semantic", recipe, parts, self._semantic))
        if recipe.branches.lexical:
            found.append(self._kept("lexical", recipe, ("genres", "lexical"), self._lexical))
        return found

    def _kept(self, branch: str, recipe: Recipe, parts: tuple[str, ...], fit: Any) -> Floats:
        settings: dict[str, Any] = {part: recipe.as_dict()[part] for part in parts}
        if self.share < 1:
            settings["share"] = self.share
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
        path = self.runs / f"{branch}-{digest}.npy"
        if path.exists():
            return np.asarray(np.load(path))
        begun = time.monotonic()
        logits: Floats = fit(recipe)
        write_array(path, logits)
        print(
            f"   {branch} fitted in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True
        )
        return logits

    def _semantic(self, recipe: Recipe) -> Floats:
        train, validation = self.sides(recipe)
        bags = self.bags(recipe.slicing, recipe.encoder)
        settings = LearningSettings(recipe.head, recipe.training, recipe.sampling)
        ours, held_out = (
            bags.take(np.array([self.rows[plot] for plot in side.plots]))
            for side in (train, validation)
        )
        fitted = fit_head(ours, train.Y, (held_out, validation.Y), settings)
        return fitted.head.logits(held_out)

    def _lexical(self, recipe: Recipe) -> Floats:
        train, validation = self.sides(recipe)
        return fit_lexical((train.plots, train.Y), recipe.lexical).logits(validation.plots)

    def _bags(self, slicing: Any, encoder: Any) -> Bags:
        embedder = open_embedder(slicing, encoder, self.store)
        return embedder.embed(self.plots)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=[*CHOICES, *ADDITIONS], action="append")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    encoder = str(arguments.encoder.resolve())
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"choices": {}}
    card = load_encoder(recipe_of(BASE, 0, encoder).encoder).card
    # Rounded weights are the same encoder's; each row is paired with a base of its own.
    fingerprint = card.source or card.fingerprint
    if results.setdefault("encoder", fingerprint) != fingerprint:
        raise SystemExit(f"{RESULTS} holds choices measured with another encoder; move it away")
    films = Films(arguments.data, arguments.store, arguments.runs)
    for name in arguments.only or [*CHOICES, *ADDITIONS]:
        done = results["choices"].get(name, {}).get("seeds", 0)
        if arguments.only or done < arguments.seeds:
            print(f"== {name}", file=sys.stderr, flush=True)
            results["choices"][name] = measure(films, name, arguments.seeds, encoder)
            results["films"] = len(films.validation)
            write_results(RESULTS, results)
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def measure(films: Films, name: str, seeds: int, encoder: str) -> dict[str, Any]:
    """A choice's metrics and its paired differences from the base.

    Over seeds: the mean of the values, and of the intervals the lowest and the highest end.
    """
    Y, supported, groups = scored_genres(films)
    scored: list[PairedScores] = []
    for seed in range(seeds):
        systems = [
            tuple(
                cells[:, supported]
                for cells in answers(
                    films, recipe_of(choice, seed, encoder), ADDITIONS.get(choice, NOTHING)
                )
            )
            for choice in (BASE, name)
        ]
        scored.append(paired(Y[:, supported], systems, groups))
    return {
        "settings": CHOICES.get(name, {"added": name}),
        "seeds": seeds,
        "metrics": over_seeds([one.metrics for one in scored]),
        "less_base": over_seeds([one.less_first for one in scored]),
    }


def paired(Y: npt.NDArray[np.bool_], systems: list[Any], groups: dict[str, Any]) -> PairedScores:
    """The second system's scores, and its differences from the first.

    Each half has a calibration of its own, so that ranking both halves together would mix two
    scales: average precision is that of a genre's films in one half, averaged over genres and
    halves. Cells of the other half are 0 there, below all that can be found, and change nothing.
    """
    pooled = paired_bootstrap(Y, systems, groups, resamples=RESAMPLES)[1]
    halved = [tuple(apart(cells) for cells in system) for system in systems]
    twice = {name: np.tile(mask, 2) for name, mask in groups.items()}
    ranked = paired_bootstrap(apart(Y), halved, twice, resamples=RESAMPLES)[1]
    return PairedScores(
        pooled.metrics | {RANKED: ranked.metrics[RANKED]},
        pooled.less_first | {RANKED: ranked.less_first[RANKED]},
    )


def apart(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Cells (n, g) as (n, 2g): a column for each genre in each half, 0 for films of the other."""
    wide = np.zeros((len(cells), 2, cells.shape[1]), cells.dtype)
    for half, (_, films) in enumerate(halves(len(cells))):
        wide[films, half] = cells[films]
    return wide.reshape(len(cells), -1)


def scored_genres(films: Films) -> tuple[npt.NDArray[np.bool_], Any, dict[str, Any]]:
    """Targets over all genres, which of them a validation film has, and groups among these."""
    Y = films.validation.with_genres(films.genres).Y
    supported, counts = Y.any(axis=0), films.counts
    groups = {"top20": top_genres(counts)[supported], "ranked": (counts >= 50)[supported]}
    return Y, supported, groups


def recipe_of(choice: str, seed: int, encoder: str) -> Recipe:
    """The base with one thing changed; its encoder has been adapted already."""
    adapted = {
        "branches.adapted": False,
        "encoder.name": encoder,
        "encoder.kind": named_encoder(encoder).kind,
        "training.seed": seed,
    }
    return Recipe.load(RECIPE).with_settings(adapted | BEFORE | CHOICES.get(choice, {}))


def answers(films: Films, recipe: Recipe, addition: Addition = NOTHING) -> Decided:
    """Probabilities and decisions (n, g) over all genres of train, each film by the other half."""
    recipe = addition.recipe(films, recipe)
    train, validation = films.sides(recipe)
    own = addition.branches(films, recipe, films.logits(recipe))
    P, D = np.empty(validation.Y.shape, np.float32), np.empty(validation.Y.shape, bool)
    for fit, score in halves(len(validation)):
        logits = staged(own, fit, validation.Y, recipe, addition.stage) if addition.stage else own
        calibration = fit_calibration(
            [one[fit] for one in logits], validation.Y[fit], recipe.calibration
        )
        of_fit, P[score] = (
            sigmoid(calibration.logits([one[rows] for one in logits])) for rows in (fit, score)
        )
        D[score] = decide(P[score], tune_thresholds(of_fit, validation.Y[fit], recipe.thresholds))
    merged = {alias: name for name, of in recipe.genres.merges.items() for alias in of}
    columns = {genre: j for j, genre in enumerate(train.genres)}
    every = films.genres
    wide: Decided = np.zeros((len(P), len(every)), np.float32), np.zeros((len(P), len(every)), bool)
    for j, genre in enumerate(every):
        # A film of a merged genre is tagged with the name that was kept, and with no other.
        if genre not in merged and genre in columns:
            for into, of in zip(wide, (P, D), strict=True):
                into[:, j] = of[:, columns[genre]]
    return wide


def staged(
    logits: list[Floats],
    fit: npt.NDArray[np.int64],
    Y: npt.NDArray[np.bool_],
    recipe: Recipe,
    stage: Stage,
) -> list[Floats]:
    """Joined logits of all films, and the second stage's opinion of them.

    The films to fit on are read by a stage that was fitted on their other half, so that what joins
    both learns how far to believe a stage that has not seen the film.
    """
    first = fit_calibration([one[fit] for one in logits], Y[fit], recipe.calibration)
    joined = first.logits(logits)
    second = stage(joined[fit], Y[fit], joined)
    for learned, read in halves(len(fit)):
        one, other = fit[learned], fit[read]
        second[other] = stage(joined[one], Y[one], joined[other])
    return [joined, second]


def halves(n: int) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Films to fit on and films to score, both ways round."""
    order = np.random.default_rng(HALVES_SEED).permutation(n)
    first, second = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
    yield first, second
    yield second, first


def over_seeds(intervals: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for metric in METRICS:
        of = [asdict(one[metric]) for one in intervals if metric in one]
        if of:
            ends = {"low": np.min, "high": np.max}
            found[metric] = {"value": float(np.mean([one["value"] for one in of]))} | {
                end: float(outermost([one[end] for one in of])) for end, outermost in ends.items()
            }
    return dict(nan_to_none(found))


if __name__ == "__main__":
    main()
