"""Ways to adapt an encoder, each by a short probe of equal steps, on validation films.

    python benchmarks/adapting_variants.py DATA --encoder FOLDER [--store FOLDER] [--steps N]
        [--only NAME] [--readme]

Every probe starts from MiniLM as it came and takes the same steps, over the same drawn train films
and slices, with the settings of the recipe `best` as it was; then a plot's probabilities are those
of the linear layer that learned with the encoder, read over all its slices. Thresholds are fitted
on one half of the drawn validation films and score the other, both ways round; test is never read.
The teacher is the joined system on FOLDER's vectors, each train film read by heads and words that
were fitted without it, with no word from the films that score. Results go to
``results/adapting-variants.json``, a variant that is there is not run again; --readme writes the
table between the marks in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

import choices  # noqa: E402
from ablation_table import render  # noqa: E402
from ablations import Films, halves, over_seeds, paired, recipe_of  # noqa: E402
from adapting_ways import (  # noqa: E402
    ContrastedRun,
    TaughtRun,
    read_masked_words,
    start_as_long_by_chance,
)
from pages import between_marks, write_array, write_results  # noqa: E402
from plotgenre import Recipe  # noqa: E402
from plotgenre.branches.adapting import token_films  # noqa: E402
from plotgenre.branches.lexical import fit_lexical  # noqa: E402
from plotgenre.corpus.films import targets  # noqa: E402
from plotgenre.embedding.embedder import Embedder  # noqa: E402
from plotgenre.embedding.encoders import EncoderSettings, load_encoder  # noqa: E402
from plotgenre.embedding.encoders.encoder import BUNDLED  # noqa: E402
from plotgenre.embedding.encoders.trainable import TrainableEncoder  # noqa: E402
from plotgenre.evaluation.metrics import top_genres  # noqa: E402
from plotgenre.learning.adaptation import AdaptationRun  # noqa: E402
from plotgenre.learning.calibration import fit_calibration, sigmoid  # noqa: E402
from plotgenre.learning.settings import LearningSettings  # noqa: E402
from plotgenre.learning.thresholds import decide, tune_thresholds  # noqa: E402
from plotgenre.learning.token_films import TokenFilms  # noqa: E402
from plotgenre.learning.training import fit_head  # noqa: E402

Floats = npt.NDArray[np.float32]

RESULTS, README = HERE / "results" / "adapting-variants.json", HERE / "README.md"
MARKS = ("<!-- adapting variants: begin -->", "<!-- adapting variants: end -->")
BASE = "as the recipe"
SECOND_CATALOGUE = "tmdb_genres"
VALIDATION_FILMS, DRAW_SEED = 1500, 0


@dataclass(frozen=True)
class Variant:
    """What a probe does otherwise; each part may be left out.

    Parameters
    ----------
    settings
        Of the adaptation, in place of the recipe's.
    run
        The class that takes the steps.
    begin
        Called before the first step.
    second_targets
        The other catalogue's genres are targets too.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    run: type[AdaptationRun] = AdaptationRun
    begin: Callable[[AdaptationRun, TrainableEncoder, int], object] | None = None
    second_targets: bool = False


VARIANTS: dict[str, Variant] = {
    BASE: Variant(),
    "loss on each slice": Variant({"loss_on": "slice"}),
    "no layer frozen": Variant({"frozen_layers": 0}),
    "average of the weights": Variant({"ema": 0.99}),
    "genre vectors begin as their names": Variant({"head_start": "names"}),
    "genre vectors begin as long, by chance": Variant(begin=start_as_long_by_chance),
    "distilled from the joined system": Variant(run=TaughtRun),
    "slices of one film contrasted": Variant(run=ContrastedRun),
    "second catalogue's genres as targets too": Variant(second_targets=True),
    "masked words first, half as many steps more": Variant(begin=read_masked_words),
}


class Probes:
    """Train and validation films as tokens, the same for all probes, and what each found."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.steps, self.encoder = arguments.steps, str(arguments.encoder.resolve())
        self.runs = arguments.runs / f"{arguments.steps} steps of {arguments.films}"
        self.films = Films(arguments.data, arguments.store, self.runs)
        self.recipe = recipe_of(choices.BASE, 0, self.encoder)
        self.settings = replace(
            self.recipe.adapting, films=arguments.films, validation_films=VALIDATION_FILMS
        )
        self.train, self.validation = self.films.sides(self.recipe)
        self.rows = drawn(len(self.train), self.steps * arguments.films)
        self.asked_rows = drawn(len(self.validation), VALIDATION_FILMS)
        self.asked = self.validation.take(self.asked_rows)
        self.data = arguments.data

    @cached_property
    def tokens(self) -> tuple[TokenFilms, TokenFilms]:
        """The drawn train films, and the validation films."""
        encoder = self.fresh_encoder()
        embedder = Embedder(self.recipe.slicing, encoder.source)
        sides = (("train", self.train.take(self.rows)), ("validation", self.asked))
        return tuple(
            token_films(name, encoder, embedder.slices(side.plots), side.Y) for name, side in sides
        )

    def fresh_encoder(self) -> TrainableEncoder:
        """MiniLM as it came."""
        return TrainableEncoder(EncoderSettings(kind="sentence_transformers", name=BUNDLED))

    def measured(self, name: str) -> dict[str, Any]:
        """A variant's metrics and their paired differences from the base."""
        logits = [self.logits(one) for one in (BASE, name)]
        Y = self.asked.Y
        supported = Y.any(axis=0)
        counts = self.train.Y.sum(axis=0)
        groups = {"top20": top_genres(counts)[supported], "ranked": (counts >= 50)[supported]}
        systems = [
            tuple(cells[:, supported] for cells in answered(one, Y, self.recipe)) for one in logits
        ]
        scored = paired(Y[:, supported], systems, groups)
        return {
            "settings": {} if name == BASE else {"variant": name},
            "seeds": 1,
            "films": len(Y),
            "metrics": over_seeds([scored.metrics]),
            "less_base": over_seeds([scored.less_first]),
        }

    def logits(self, name: str) -> Floats:
        """Logits (n, g) of the drawn validation films after a variant's probe, run once."""
        path = self.runs / f"{name.replace(' ', '-')}.npy"
        if path.exists():
            return np.load(path)
        variant, begun = VARIANTS[name], time.monotonic()
        train, validation = self.tokens
        if variant.second_targets:
            train = replace(train, Y=np.hstack([train.Y, self.second_targets()]))
        encoder = self.fresh_encoder()
        settings = replace(self.settings, **variant.settings)
        run = variant.run(encoder, train, validation, settings, self.runs / "unused.states")
        if isinstance(run, TaughtRun):
            run.teacher = self.teacher()
        if settings.head_start == "names":
            run.begin_head(encoder.source.encode(self.train.genres, query=True))
        if variant.begin:
            variant.begin(run, encoder, self.steps)
        for step in range(self.steps):
            done = run.step(step, self.steps)
            if step % 20 == 0:
                seconds = time.monotonic() - begun
                print(
                    f"   step {step}, loss {done.loss:.4f}, {seconds:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
        logits = run.validation_logits().numpy()[:, : len(self.train.genres)]
        write_array(path, logits)
        print(f"   {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        return logits

    def second_targets(self) -> npt.NDArray[np.bool_]:
        """The other catalogue's genres of the drawn train films; none where it says nothing."""
        columns = ["id", SECOND_CATALOGUE]
        table = pq.read_table(self.data / "train.parquet", columns=columns)
        genres_of = dict(zip(*(table[column].to_pylist() for column in columns), strict=True))
        lists = [genres_of[film] or [] for film in self.train.take(self.rows).ids]
        names = sorted({genre for own in lists for genre in own})
        return targets(lists, names)

    def teacher(self) -> Floats:
        """The joined system's probabilities (n, g) of the drawn train films.

        Each by heads and words that were fitted on the half of train that it is not in, stopped and
        calibrated by the validation films that score no probe.
        """
        recipe = self.recipe
        path = self.runs / f"teacher {load_encoder(recipe.encoder).card.fingerprint[:16]}.npy"
        if path.exists():
            return np.load(path)[self.rows]
        bags = self.films.bags(recipe.slicing, recipe.encoder)
        learning = LearningSettings(recipe.head, recipe.training, recipe.sampling)
        others = np.setdiff1d(np.arange(len(self.validation)), self.asked_rows)
        held_out = self.validation.take(others)
        of = [
            bags.take(np.array([self.films.rows[plot] for plot in side.plots]))
            for side in (self.train, held_out)
        ]
        P = np.empty(self.train.Y.shape, np.float32)
        for learned, read in halves(len(self.train)):
            own = self.train.take(learned)
            head = fit_head(of[0].take(learned), own.Y, (of[1], held_out.Y), learning).head
            words = fit_lexical((own.plots, own.Y), recipe.lexical)
            both = [head.logits(of[1]), words.logits(held_out.plots)]
            calibration = fit_calibration(both, held_out.Y, recipe.calibration)
            plots = self.train.take(read).plots
            P[read] = sigmoid(
                calibration.logits([head.logits(of[0].take(read)), words.logits(plots)])
            )
        write_array(path, P)
        return P[self.rows]


def drawn(n: int, most: int) -> npt.NDArray[np.int64]:
    """At most so many of ``n`` rows, rising."""
    return np.sort(np.random.default_rng(DRAW_SEED).permutation(n)[:most])


def answered(logits: Floats, Y: npt.NDArray[np.bool_], recipe: Recipe) -> tuple[Floats, Any]:
    """Probabilities and decisions (n, g), each film's by the other half's threshold."""
    P = sigmoid(logits)
    D = np.empty(P.shape, bool)
    for fit, score in halves(len(P)):
        D[score] = decide(P[score], tune_thresholds(P[fit], Y[fit], recipe.thresholds))
    return P, D


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", type=Path, required=True, help="the teacher's")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/adapting-variants"))
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--films", type=int, default=16, help="of a step")
    parser.add_argument("--only", choices=VARIANTS, action="append")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"choices": {}}
    plan = {
        "steps": arguments.steps,
        "films": arguments.films,
        "validation_films": VALIDATION_FILMS,
    }
    if results.setdefault("plan", plan) != plan:
        raise SystemExit(f"{RESULTS} holds probes of {results['plan']}; move it away")
    probes = Probes(arguments)
    for name in arguments.only or VARIANTS:
        if name not in results["choices"]:
            print(f"== {name}", file=sys.stderr, flush=True)
            results["choices"][name] = probes.measured(name)
            write_results(RESULTS, results)
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


if __name__ == "__main__":
    main()
