"""The models that come with plotgenre, from nothing: train, round, measure, put in place.

    python shipping/ship.py DATA [--encoder FOLDER] [--store FOLDER] [--runs FOLDER] [--score]

DATA holds train.parquet, validation.parquet, test.parquet and tmdb_to_freebase_genres.json. `films`
has the corpus's own genres; `standard` the 19 of most catalogues, learned from the corpus's genres
through the map (the column tmdb_genres only evaluates). Both read one encoder: MiniLM is adapted to
the films, then half of its layers, reading half of the tokens, learn to say what the whole says.
With --encoder, such as src/plotgenre/shipped/encoder, they are fitted to the one that stands there,
which takes minutes instead of hours. What is done already is not done again, so that an interrupted
run goes on. With --score the package's models are scored anew, as after a change of metrics, and
nothing is trained.

Writes the models to src/plotgenre/shipped, and what they score to shipping/results.json.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq

from masking import without_idle_masks
from plotgenre import Corpus, GenreClassifier, Recipe, read_corpus, run_experiment
from plotgenre.artefact import (
    CARD_FILE,
    ENCODER_FOLDER,
    EVALUATION_FILE,
    description_digest,
)
from plotgenre.branches.adapting import LOG_FILE
from plotgenre.doors.screen import progress
from plotgenre.embedding.encoders import named_encoder
from plotgenre.embedding.encoders.onnx_description import DESCRIPTION_FILE
from plotgenre.embedding.encoders.onnx_folder import is_onnx_folder
from plotgenre.evaluation.evaluation import Evaluation, nan_to_none
from plotgenre.evaluation.model_card import model_card
from plotgenre.experiment import Scored, run_adaptation, score_classifier
from plotgenre.hub import SHIPPED
from plotgenre.json_files import json_bytes, read_json, write_digested
from plotgenre.model.bundling import bundle_model
from plotgenre.whole_files import write_whole
from terse import terse

RESULTS = Path(__file__).resolve().parent / "results.json"
WEIGHTS: Literal["int8"] = "int8"
FASTER = ("quick", "fast")
RANKED = "macro_average_precision_50"
ENCODER_NAME = "half of all-MiniLM-L6-v2, adapted to films"
MOST_LOST, MOST_MB = 0.003, 40
STUDENT = {
    "adapting.layers": 3,
    "adapting.head_start": "names",
    "adapting.learning_rate": 7e-4,
    "adapting.frozen_layers": 2,
    "adapting.clip": 20.0,
    "adapting.steps": 5800,
}
METRICS = (
    "micro_f1",
    "samples_f1",
    "macro_f1_supported",
    RANKED,
    "top20_micro_f1",
    "top20_macro_f1",
    "expected_calibration_error",
)
ATTRIBUTION = """
## Attribution

Trained on English Wikipedia plots (2023, CC BY-SA) with the genres of the CMU Movie Summary Corpus
(Bamman, O'Connor and Smith 2013, CC BY-SA), which are Freebase's (CC BY). The encoder was adapted
from three layers of all-MiniLM-L6-v2 of sentence-transformers (Apache-2.0); it skips function words
and punctuation. No plot is in these files. Made by `shipping/ship.py` of plotgenre.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", type=Path, help="in ONNX, adapted and rounded already")
    parser.add_argument("--store", type=Path, default=Path(".store"))
    parser.add_argument("--runs", type=Path, default=Path("runs/shipping"))
    parser.add_argument("--score", action="store_true", help="score what is shipped, train nothing")
    arguments = parser.parse_args()
    if arguments.score:
        score_anew(read_corpus(arguments.data / "test.parquet"), arguments)
        return
    films = {
        side: read_corpus(arguments.data / f"{side}.parquet")
        for side in ("train", "validation", "test")
    }
    if arguments.encoder is None:
        arguments.encoder = taught_encoder(arguments, films["train"], films["validation"])
    exact = not is_onnx_folder(arguments.encoder)
    results: dict[str, Any] = {} if exact else adapted_before(arguments.encoder)
    for name, recipe in recipes(arguments).items():
        run = arguments.runs / name
        if (run / "model" / "config.json").exists():
            refuse_another_recipe(run / "model", recipe)
        else:
            said(f"== training {name}")
            with progress() as listeners:
                run_experiment(
                    recipe, **films, folder=run, store=arguments.store, progress=listeners
                )
        results[name] = shipped(name, run, films["test"], arguments)
        print(json.dumps(results[name]["metrics"], indent=1))
        if exact:
            whole = GenreClassifier.load(run / "model", store=arguments.store)
            short = results[name]["metrics"][WEIGHTS]
            lost = what_is_lost(name, whole, films["test"], short)
            results.setdefault("rounding", {})[name] = lost
    if exact:
        for part, name in (("adapting", "teacher"), ("teaching", "encoder")):
            told = json.loads((arguments.runs / name / LOG_FILE).read_text())
            results[part] = told["log"]
    results["megabytes"] = placed(arguments.runs / "rounded")
    write_whole(RESULTS, json_bytes(results, indent=1))


def refuse_another_recipe(model: Path, recipe: Recipe) -> None:
    """Of what stands there already; where its encoder lies has no part in it."""
    told = json.loads((model / "config.json").read_text())["recipe"]
    wanted = json.loads(json.dumps(recipe.as_dict()))
    if other := [part for part in wanted if part != "encoder" and told[part] != wanted[part]]:
        raise SystemExit(f"{model} was made by other {', '.join(other)} settings; move it away")


def adapted_before(encoder: Path) -> dict[str, Any]:
    """What is known of an encoder: the logs of how it was made, and what its rounding lost then."""
    known = json.loads(RESULTS.read_text())
    told = json.loads((encoder / DESCRIPTION_FILE).read_text())
    if told["fingerprint"] != known["films"]["encoder"]["fingerprint"]:
        raise SystemExit(
            f"{encoder} is not the encoder that {RESULTS} tells of; leave out --encoder"
        )
    return {part: known[part] for part in ("adapting", "teaching", "rounding")}


def taught_encoder(arguments: argparse.Namespace, train: Corpus, validation: Corpus) -> Path:
    """An adapted encoder, then one of half its layers and half its tokens that it has taught."""
    best = Recipe.load("best")
    names = ("teacher", "terse", "encoder")
    teacher, begun, student = (arguments.runs.absolute() / name for name in names)
    taught = {"encoder.name": str(begun), "adapting.teacher": str(teacher)} | STUDENT
    for folder, settings in ((teacher, {}), (student, taught)):
        if (folder / LOG_FILE).exists():
            continue
        if settings and not begun.exists():
            terse(teacher, begun)
        said(f"== adapting the {folder.name}")
        with progress() as listeners:
            run_adaptation(
                best.with_settings(settings),
                train,
                folder,
                validation=validation,
                store=arguments.store,
                progress=listeners,
            )
    return student


def recipes(arguments: argparse.Namespace) -> dict[str, Recipe]:
    """The recipe of each model; both read one encoder."""
    best = Recipe.load("best")
    groups = json.loads((arguments.data / "tmdb_to_freebase_genres.json").read_text())
    fitted_to = {
        "branches.adapted": False,
        "adapting": {},
        # As much text as the tokens of the recipe, now that half of them are skipped.
        "slicing.tokens": best.slicing.tokens // 2,
        "encoder.name": str(arguments.encoder.absolute()),
        "encoder.kind": named_encoder(str(arguments.encoder)).kind,
    }
    apart = {
        "genres.groups": groups["tmdb_to_freebase"],
        "lexical.maximum_weights": 1_000_000,
    }
    return {
        "films": best.with_settings(fitted_to),
        "standard": best.with_settings(fitted_to | apart),
    }


def shipped(name: str, run: Path, test: Corpus, arguments: argparse.Namespace) -> dict[str, Any]:
    """The model with its encoder's weights rounded, and what it scores."""
    folder = arguments.runs / "rounded" / name
    card = replace(bundle_model(run / "model", folder, WEIGHTS), name=ENCODER_NAME)
    without_idle_masks(folder / ENCODER_FOLDER)
    named(folder)
    model = GenreClassifier.load(folder, store=arguments.store)
    evaluation, text, scores = scored_whole(name, folder, test, arguments)
    model.save(folder, evaluation=evaluation.as_dict(), card=text, bundle_encoder=True)
    facts = {
        "genres": len(model.classes_),
        "encoder": card.as_dict(),
        "recipe": model.recipe_.as_dict(),
    }
    return facts | scores


def scored_whole(
    name: str, folder: Path, test: Corpus, arguments: argparse.Namespace
) -> tuple[Evaluation, str, dict[str, Any]]:
    """A model's evaluation, its card, and what it scores in each way of reading."""
    said(f"== scoring {name} with an encoder of {WEIGHTS} weights")
    model = GenreClassifier.load(folder, store=arguments.store)
    whole = score(model, test)
    scored = {
        WEIGHTS: whole,
        **{how: score(GenreClassifier.load(folder, **{how: True}), test) for how in FASTER},
    }
    evaluation = whole.evaluate()
    text = model_card(model.recipe_.as_dict(), model.train_films_, evaluation) + ATTRIBUTION
    second = against_tmdb(whole, arguments.data) if name == "standard" else None
    metrics = {kind: metrics_of(one) for kind, one in scored.items()}
    return evaluation, text, {"metrics": metrics, "second_cataloguer": second}


def score_anew(test: Corpus, arguments: argparse.Namespace) -> None:
    """Score the models of the package; their evaluations, their cards and the results follow."""
    results = json.loads(RESULTS.read_text())
    for folder in sorted(path.parent for path in SHIPPED.glob("*/config.json")):
        name = folder.name
        evaluation, text, scores = scored_whole(name, folder, test, arguments)
        write_whole(folder / EVALUATION_FILE, json_bytes(evaluation.as_dict()))
        write_whole(folder / CARD_FILE, text.encode())
        results[name] |= scores
        print(json.dumps(scores, indent=1))
    write_whole(RESULTS, json_bytes(results, indent=1))


def what_is_lost(
    name: str, exact: GenreClassifier, test: Corpus, short: dict[str, Any]
) -> dict[str, Any]:
    """A model's scores before its encoder was rounded, and after; refuses if it lost too much."""
    scores = metrics_of(score(exact, test))
    lost = scores[RANKED]["value"] - short[RANKED]["value"]
    if lost > MOST_LOST:
        raise SystemExit(f"{name} loses {lost:.4f} macro average precision; expected {MOST_LOST}")
    return {
        "loss": exact.recipe_.training.loss,
        "max_slices": exact.recipe_.slicing.max_slices,
        "float32": scores,
        WEIGHTS: short,
        "lost_macro_average_precision": lost,
    }


def score(model: GenreClassifier, test: Corpus) -> Scored:
    with progress() as listeners:
        return score_classifier(model, test, listeners)


def named(folder: Path) -> None:
    """Call the encoder by what it is: the folder of this run means nothing elsewhere."""
    description, config = folder / ENCODER_FOLDER / DESCRIPTION_FILE, folder / "config.json"
    for path, parts in ((description, [[]]), (config, [["encoder"], ["recipe", "encoder"]])):
        told = read_json(path)
        for keys in parts:
            part = told
            for key in keys:
                part = part[key]
            if Path(part["name"]).is_absolute():
                part["name"] = ENCODER_NAME
                # It is what stands in the model's folder now.
                if "kind" in part:
                    part["kind"] = "onnx"
        if path == config:
            told["encoder"] |= description_digest(folder / ENCODER_FOLDER)
        write_digested(path, told)


def metrics_of(scored: Scored) -> dict[str, dict[str, float | None]]:
    metrics = scored.evaluate().metrics
    return {
        name: nan_to_none(asdict(found))
        for name in METRICS
        if (found := metrics.get(name)) is not None
    }


def against_tmdb(scored: Scored, data: Path) -> dict[str, float]:
    """Micro-F1 of tags, Freebase and TMDB among one another, on test films that TMDB knows."""
    films = pq.read_table(data / "test.parquet").to_pylist()
    lists = {str(film["id"]): film["tmdb_genres"] for film in films}
    rows = [row for row, film in enumerate(scored.films.ids) if lists[film]]
    genres = scored.films.genres
    tmdb = np.array([[g in lists[scored.films.ids[row]] for g in genres] for row in rows])
    ours, freebase = scored.D[rows], scored.films.Y[rows]
    pairs = {
        "tags_against_freebase": (freebase, ours),
        "tags_against_tmdb": (tmdb, ours),
        "tmdb_against_freebase": (freebase, tmdb),
    }
    return {
        "films": len(rows),
        **{name: float(2 * (a & b).sum() / (a.sum() + b.sum())) for name, (a, b) in pairs.items()},
    }


def placed(rounded: Path) -> float:
    """Put the models side by side into the package; returns their megabytes in a wheel."""
    fresh = SHIPPED.with_name(".shipped")
    shutil.rmtree(fresh, ignore_errors=True)
    for model in sorted(rounded.iterdir()):
        shutil.copytree(model, fresh / model.name, ignore=shutil.ignore_patterns(ENCODER_FOLDER))
        if not (fresh / ENCODER_FOLDER).exists():
            shutil.copytree(model / ENCODER_FOLDER, fresh / ENCODER_FOLDER)
        # Refuses if this is not the encoder that the model was bundled with.
        GenreClassifier.load(fresh / model.name)
    # A wheel is a zip archive.
    with tempfile.TemporaryDirectory() as room:
        archive = shutil.make_archive(str(Path(room) / "models"), "zip", fresh)
        megabytes = Path(archive).stat().st_size / 1e6
    if megabytes > MOST_MB:
        raise SystemExit(f"a wheel holds {megabytes:.1f} MB of models; expected at most {MOST_MB}")
    shutil.rmtree(SHIPPED, ignore_errors=True)
    fresh.rename(SHIPPED)
    said(f"{SHIPPED}: {megabytes:.1f} MB in a wheel")
    return megabytes


def said(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
