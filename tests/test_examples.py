"""The examples: films as the documentation promises them, and scripts that run."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from plotgenre import GenreClassifier, __version__
from plotgenre.batch.worker import GenreWorker
from plotgenre.corpus import Corpus, read_corpus

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
GENRES = (
    "Animation",
    "Comedy",
    "Drama",
    "Horror",
    "Romance",
    "Science Fiction",
    "Thriller",
    "Western",
)


@pytest.fixture(scope="module")
def films() -> Corpus:
    return read_corpus(EXAMPLES / "films.csv")


@pytest.fixture(scope="module")
def untagged() -> Corpus:
    return read_corpus(EXAMPLES / "untagged.jsonl", labelled=False)


def test_films_are_numbered_from_one(films: Corpus) -> None:
    assert films.ids == [f"film-{number:03}" for number in range(1, 121)]


def test_films_have_the_promised_genres(films: Corpus) -> None:
    assert films.genres == GENRES
    per_film = {len(names) for names in films.genre_lists()}
    assert per_film == {1, 2, 3}


def test_every_genre_has_enough_films_and_drama_the_most(films: Corpus) -> None:
    counts = Counter(name for names in films.genre_lists() for name in names)
    assert min(counts.values()) >= 14
    assert max(counts, key=counts.__getitem__) == "Drama"
    assert 0.35 <= counts["Drama"] / len(films) <= 0.45


def test_no_title_and_no_plot_comes_twice(films: Corpus, untagged: Corpus) -> None:
    plots = [*films.plots, *untagged.plots]
    assert films.titles is not None
    assert untagged.titles is not None
    titles = [*films.titles, *untagged.titles]
    assert None not in titles
    assert len(set(plots)) == len(set(titles)) == 126


def test_plots_are_short_but_for_eight_of_250_words_or_more(films: Corpus) -> None:
    words = [len(plot.split()) for plot in films.plots]
    short = [count for count in words if count < 250]
    assert len(words) - len(short) == 8
    assert 45 <= min(short) <= max(short) <= 110


def test_untagged_films_have_no_genres(untagged: Corpus) -> None:
    assert untagged.ids == [f"new-{number}" for number in range(1, 7)]
    assert untagged.genres == ()


@pytest.fixture(scope="module")
def words_model(films: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of words alone: read within a moment."""
    folder = tmp_path_factory.mktemp("words") / "model"
    GenreClassifier("lexical").fit(films.plots, films.genre_lists()).save(folder)
    return folder


def loaded(path: Path) -> ModuleType:
    """The example as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: object) -> str:
    """What a script prints."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_pipeline_runs() -> None:
    printed = run(EXAMPLES / "pipeline.py", EXAMPLES / "films.csv").splitlines()
    assert [line.partition(":")[0] for line in printed] == [
        "classifier, all films",
        "regression on logits, half of the films",
    ]
    for line in printed:
        assert 0.25 < float(line.rpartition(" ")[2]) < 1


def test_the_column_script_runs(words_model: Path) -> None:
    printed = run(EXAMPLES / "column.py", words_model, EXAMPLES / "untagged.jsonl")
    assert "new-6" in printed
    assert "genres" in printed


def test_a_column_of_polars(words_model: Path, untagged: Corpus) -> None:
    model = GenreClassifier.load(words_model)
    frame = pl.read_ndjson(EXAMPLES / "untagged.jsonl")
    tagged = loaded(EXAMPLES / "column.py").tagged_polars(frame, model)
    assert tagged["genres"].to_list() == model.predict(untagged.plots)
    np.testing.assert_array_equal(
        tagged.select(f"p_{genre}" for genre in GENRES).to_numpy(),
        model.predict_proba(untagged.plots),
    )


def test_a_column_of_pandas(words_model: Path, untagged: Corpus) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    model = GenreClassifier.load(words_model)
    plots = [*untagged.plots[:2], None, " ", untagged.plots[2]]
    # An index that neither begins at 0 nor counts: genres must not slide to other rows.
    frame = pandas.DataFrame({"plot": plots}, index=[7, 3, 5, 1, 9])
    tagged = loaded(EXAMPLES / "column.py").tagged_pandas(frame, model)
    first, second, third = model.predict(untagged.plots[:3])
    assert tagged.index.to_list() == [7, 3, 5, 1, 9]
    assert [x if isinstance(x, list) else None for x in tagged["genres"]] == [
        first,
        second,
        None,
        None,
        third,
    ]
    assert "genres" not in frame


@pytest.fixture
def space(words_model: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("MODEL", str(words_model))
    return loaded(EXAMPLES / "space" / "app.py")


def test_what_the_space_answers(space: ModuleType, words_model: Path) -> None:
    model = GenreClassifier.load(words_model)
    for plot in space.EXAMPLES:
        named, likeliest = space.answer(plot)
        assert named == (", ".join(model.tag(plot)) or "none")
        expected = dict(zip(GENRES, model.predict_proba([plot])[0].tolist(), strict=True))
        assert likeliest == expected
        assert list(likeliest.values()) == sorted(likeliest.values(), reverse=True)
    message, nothing = space.answer("  ")
    assert "expected a text" in message
    assert nothing == {}


def test_the_space_has_a_page(space: ModuleType) -> None:
    pytest.importorskip("gradio", reason="gradio is not installed; it is too large for the extras")
    page = space.page()
    assert page.fn is space.answer
    named, likeliest = page(space.EXAMPLES[0])
    assert named == space.answer(space.EXAMPLES[0])[0]
    assert likeliest["label"] in GENRES


def test_the_space_says_what_the_hub_reads() -> None:
    text = (EXAMPLES / "space" / "README.md").read_text(encoding="utf-8")
    block = dict(line.split(": ", 1) for line in text.split("---\n")[1].splitlines())
    assert block["sdk"] == "gradio"
    assert (EXAMPLES / "space" / block["app_file"]).is_file()
    assert len(block["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {block["colorFrom"], block["colorTo"]} <= colours
    needed = (EXAMPLES / "space" / "requirements.txt").read_text(encoding="utf-8").split()
    assert needed == [f"plotgenre=={__version__}"]


@pytest.fixture(scope="module")
def spark():
    """Two of Spark's workers on this machine."""
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed; it is too large")
    if shutil.which("java") is None:
        pytest.skip("there is no java, which Spark runs on")
    # The workers look plotgenre up where this process found it.
    places = os.pathsep.join(path for path in sys.path if path)
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", False)
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.executorEnv.PYTHONPATH", places)
        .config("spark.pyspark.python", sys.executable)
        .getOrCreate()
    )
    yield session
    session.stop()


def test_a_dataframe_of_spark(spark) -> None:
    model = GenreClassifier.from_pretrained("films", fast=True)
    rows = [(i, f"A ghost haunts house {i}.", "mine") for i in range(40)]
    rows[7] = (7, None, "mine")
    frame = spark.createDataFrame(rows, "id int, plot string, genres string").repartition(4)
    example = loaded(EXAMPLES / "spark.py")
    tagged = example.tagged(frame, GenreWorker(fast=True))
    found = {row["id"]: row for row in tagged.collect()}
    assert sorted(found) == list(range(40))
    assert found[7]["error"] == "there is no plot; expected a text"
    for i, plot, _ in rows:
        if plot is not None:
            tags = model.tag(plot)
            assert found[i]["genres"] == list(tags)
            assert found[i]["probabilities"] == [round(p, 6) for p in tags.values()]
            assert (found[i]["error"], found[i]["input_genres"]) == (None, "mine")
