"""What genres score that were added without training, beside random and the trained head.

    python benchmarks/new_genres.py DATA [--part test|validation] [--genres 20] [--seed N]
        [--every N] [--store FOLDER] [--runs FOLDER] [--out FILE] [--readme]

Genres are drawn among those with at least 50 train films and hidden from training by the recipe
`mixed`; then each is added in every way, and the part's films are ranked by it. The trained head is
that of the same recipe with all genres. Models stay in --runs. --every N takes every Nth train
film, for development. Results go to --out (``results/new-genres.json``); --readme writes the tables
between the marks of the benchmarks' README.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))

from new_genres_texts import DESCRIPTIONS  # noqa: E402
from pages import between_marks, with_interval, write_results  # noqa: E402
from plotgenre import Corpus, GenreClassifier, PlotgenreError, Recipe, read_corpus  # noqa: E402
from plotgenre.evaluation.metrics import average_precision  # noqa: E402
from plotgenre.learning.added_genres import best_slices, unit  # noqa: E402
from plotgenre.learning.adding import find_added  # noqa: E402
from plotgenre.learning.calibration import sigmoid  # noqa: E402

Floats = npt.NDArray[np.float32]
README, MARKS = HERE / "README.md", ("<!-- new genres: begin -->", "<!-- new genres: end -->")
LEAST_FILMS, BACKGROUND, DRAWS = 50, 500, 3
RANDOM, HEAD = "random", "head trained with the genre"
SIDES = ("train", "validation", "test")
SEARCH, NAMES = "name: its slices alone", "name: known genres alone"
NAME, DESCRIPTION = "name", "name and description"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--genres", type=int, default=20, help="how many are hidden")
    parser.add_argument("--seed", type=int, default=0, help="of the genres and the examples")
    parser.add_argument("--every", type=int, default=1, help="take every Nth train film")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/new-genres"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "new-genres.json")
    parser.add_argument("--readme", action="store_true")
    arguments = parser.parse_args(argv)
    try:
        results = measure(arguments, Recipe.load("mixed"))
    except PlotgenreError as refused:
        raise SystemExit(str(refused)) from None
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_results(arguments.out, results)
    text = render(results)
    print(text)
    if arguments.readme:
        between_marks(README, MARKS, text)


def measure(arguments: argparse.Namespace, recipe: Recipe) -> dict[str, Any]:
    """Macro average precision of every way over the hidden genres, and that of each genre."""
    sides = {side: read_corpus(arguments.data / f"{side}.parquet") for side in SIDES}
    train, validation, films = sides["train"], sides["validation"], sides[arguments.part]
    hidden = drawn(train, films, arguments.genres, arguments.seed)
    train = train.take(np.arange(0, len(train), arguments.every))
    run = arguments.runs / f"{arguments.genres}-{arguments.seed}-{arguments.every}"
    full = fitted(recipe, train, validation, run / "all", arguments.store)
    model = fitted(recipe, without(train, hidden), validation, run / "hidden", arguments.store)
    Y = films.with_genres(hidden).Y
    ways = scores(model, hidden, train, films.plots, arguments.seed)
    columns = [list(full.classes_).index(genre) for genre in hidden]
    ways[HEAD] = [full.predict_proba(films.plots)[:, columns]]
    return {
        "data": arguments.data.resolve().name,
        "part": arguments.part,
        "films": len(films),
        "train_films": len(train),
        "seed": arguments.seed,
        "genres": {
            genre: {
                "train_films": int(train.with_genres([genre]).Y.sum()),
                "films": int(Y[:, j].sum()),
                **{way: per_genre(Y[:, j : j + 1], of, j) for way, of in ways.items()},
            }
            for j, genre in enumerate(hidden)
        },
        "ways": {way: macro(Y, of) for way, of in ways.items()},
    }


def drawn(train: Corpus, films: Corpus, count: int, seed: int) -> list[str]:
    """Genres with enough train films and a film to be found, by name."""
    here = set(np.array(films.genres)[films.Y.any(axis=0)])
    enough = [
        genre
        for genre, n in sorted(train.films_per_genre().items())
        if n >= LEAST_FILMS and genre in here
    ]
    if count > len(enough):
        raise SystemExit(f"--genres {count}: only {len(enough)} genres have {LEAST_FILMS} films")
    rows = np.random.default_rng(seed).choice(len(enough), count, replace=False)
    return sorted(enough[row] for row in rows)


def without(films: Corpus, hidden: list[str]) -> Corpus:
    return films.with_genres([genre for genre in films.genres if genre not in hidden])


def fitted(
    recipe: Recipe, train: Corpus, validation: Corpus, folder: Path, store: Path
) -> GenreClassifier:
    """The model in the folder, or a new one."""
    if (folder / "model").exists():
        return GenreClassifier.load(folder / "model", store=store)
    print(f"fitting {folder}: {len(train.genres)} genres", file=sys.stderr, flush=True)
    model = GenreClassifier(recipe, store).fit(
        train.plots,
        train.genre_lists(),
        validation=(validation.plots, validation.genre_lists()),
        checkpoints=folder / "checkpoints",
    )
    model.save(folder / "model")
    return model


def scores(
    model: GenreClassifier, hidden: list[str], train: Corpus, plots: list[str], seed: int
) -> dict[str, list[Floats]]:
    """By way: probabilities (n, hidden), or scores that rank as they do, of each draw of examples.

    As `GenreClassifier.add_genre` has it, but plots are read once and not for every genre.
    """
    fitted, rng = model.model_, np.random.default_rng(seed)
    encode = fitted.semantic().embedder.encoder.encode
    names, own = encode(list(fitted.genres)), encode(hidden)
    said = encode([f"{genre}: {DESCRIPTIONS.get(genre, genre)}" for genre in hidden])
    background = fitted.read([train.plots[i] for i in rng.permutation(len(train))[:BACKGROUND]])
    films = fitted.read(plots)
    found: dict[str, list[Floats]] = {
        RANDOM: [rng.random((len(plots), len(hidden)), dtype=np.float32)],
        SEARCH: [best_slices(films[0], unit(own))],
    }
    added = [find_added(background, names, name, name) for name in own]
    found[NAMES] = [
        np.stack([unit((films[1] - one.centres) / one.spreads) @ one.mixes[0] for one in added], 1)
    ]
    found[NAME] = [np.hstack([one.logits(*films) for one in added])]
    described = [find_added(background, names, *texts) for texts in zip(own, said, strict=True)]
    found[DESCRIPTION] = [np.hstack([one.logits(*films) for one in described])]
    Y = train.with_genres(hidden).Y
    for count in (5, 20):
        found[f"name and {count} examples"] = []
        for _ in range(DRAWS):
            columns = []
            for name, has in zip(own, Y.T, strict=True):
                rows = rng.permutation(np.flatnonzero(has))[:count]
                shown = fitted.read([train.plots[row] for row in rows])
                columns.append(find_added(background, names, name, name, shown).logits(*films))
            found[f"name and {count} examples"].append(np.hstack(columns))
    return found


def per_genre(Y: npt.NDArray[np.bool_], draws: list[Floats], column: int) -> float:
    """Average precision of a genre, Y (n, 1), mean over draws."""
    return float(np.mean([average_precision(Y, one[:, column, None])[0] for one in draws]))


def macro(Y: npt.NDArray[np.bool_], draws: list[Floats]) -> dict[str, float | None]:
    """Macro average precision, the mean over draws; it has no interval."""
    found = [np.nanmean(average_precision(Y, sigmoid(one))) for one in draws]
    return {"value": float(np.mean(found)), "low": None, "high": None}


def render(results: dict[str, Any]) -> str:
    """All ways, then every genre in the main ones."""
    genres, ways = results["genres"], results["ways"]
    lines = [
        f"{len(genres)} genres hidden from {results['train_films']:,} train films, ranked on "
        f"{results['films']:,} {results['part']} films of `{results['data']}`.",
        "",
        "| what is given | macro average precision | of the trained head's |",
        "|---|---|---|",
    ]
    for way, one in ways.items():
        shown = with_interval(one, ".3f")
        lines.append(f"| {way} | {shown} | {one['value'] / ways[HEAD]['value']:.0%} |")
    main = [way for way in ways if way not in (RANDOM, SEARCH, NAMES)]
    lines += ["", f"| genre | train films | films | {' | '.join(main)} |"]
    lines += ["|---|---|---|" + "---|" * len(main)]
    for genre, one in genres.items():
        shown = " | ".join(f"{one[way]:.3f}" for way in main)
        lines.append(f"| {genre} | {one['train_films']:,} | {one['films']:,} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
