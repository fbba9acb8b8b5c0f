"""GenreWorker: a batch in, the same batch with genres out, whatever its rows are."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from plotgenre import GenreClassifier
from plotgenre.batch import worker as worker_module
from plotgenre.batch.worker import GenreWorker, carried_names, why_no_plot
from plotgenre.errors import ArtefactError, InputError
from plotgenre.json_files import write_digested

GHOST = "A ghost haunts the cellar of an old house where a family was murdered."
WAR = "Two soldiers walk home through the ruins of the war."


@pytest.fixture(scope="module")
def worker():
    return GenreWorker(fast=True)


def test_what_it_says_is_what_the_classifier_says(worker, words):
    answer = worker({"id": [7, 8], "plot": [GHOST, WAR]})
    assert list(answer) == ["id", "plot", "genres", "probabilities", "error"]
    assert answer["id"] == [7, 8]
    tags = words.tag_many([GHOST, WAR])
    assert answer["genres"].tolist() == [list(one) for one in tags]
    assert answer["probabilities"].tolist() == [[round(p, 6) for p in one.values()] for one in tags]
    assert answer["error"].tolist() == [None, None]


def test_a_row_does_not_depend_on_its_batch(worker, films):
    plots = [film["plot"] for film in films]
    together = worker({"plot": plots})
    alone = [worker({"plot": [plot]}) for plot in plots[:9]]
    for name in ("genres", "probabilities"):
        assert together[name][:9].tolist() == [one[name][0] for one in alone]


def test_rows_that_are_no_plots_have_an_error_and_the_others_genres(worker):
    plots = [GHOST, None, float("nan"), "", " \n", 5, "half \ud800 pair", WAR]
    answer = worker({"plot": np.array(plots, dtype=object)})
    assert [error is None for error in answer["error"]] == [True, *[False] * 6, True]
    assert answer["genres"][0]
    assert all(answer["genres"][i] == [] == answer["probabilities"][i] for i in range(1, 7))


@pytest.mark.parametrize(
    ("plot", "sentence"),
    [
        (None, "there is no plot; expected a text"),
        (np.nan, "there is no plot; expected a text"),
        ("\t", "the plot is empty; expected a text"),
        (["x"], "the plot is ['x'] (list); expected a text"),
        (b"x", "the plot is b'x' (bytes); expected a text"),
        (np.array([1, 2]), "the plot is [1 2] (ndarray); expected a text"),
        ("\udfff", "the plot is not Unicode text: it holds half of a surrogate pair"),
        ("愛", None),
    ],
)
def test_why_a_value_is_no_plot(plot, sentence):
    assert why_no_plot(plot) == sentence


def test_what_is_missing_in_pandas_is_no_plot():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert why_no_plot(pandas.NA) == "there is no plot; expected a text"


def test_a_row_that_makes_a_library_fail_takes_no_other_along(worker, words, monkeypatch):
    tag_many = GenreClassifier.tag_many
    asked = []

    def failing(self, plots, progress=None):
        asked.append(len(plots))
        if any("ghost" in plot for plot in plots):
            raise RuntimeError("no ghosts\nplease")
        return tag_many(self, plots, progress)

    tags = list(words.tag_many([WAR])[0])
    monkeypatch.setattr(GenreClassifier, "tag_many", failing)
    answer = worker({"plot": [WAR] * 5 + [GHOST] + [WAR] * 10})
    errors = answer["error"].tolist()
    assert errors.pop(5) == "the plot cannot be read: no ghosts"
    assert errors == [None] * 15
    assert answer["genres"][4] == answer["genres"][6] == tags
    # Halved down to the row: 16, then two of 8, of 4, of 2 and of 1.
    assert sorted(asked) == [1, 1, 2, 2, 4, 4, 8, 8, 16]


def test_an_empty_batch(worker):
    answer = worker({"plot": []})
    assert {name: len(column) for name, column in answer.items()} == dict.fromkeys(
        ("plot", "genres", "probabilities", "error"), 0
    )


def test_a_column_that_is_called_like_an_added_one_is_kept(worker):
    answer = worker({"plot": [WAR], "genres": ["War|Drama"], "error": ["mine"]})
    assert answer["input_genres"] == ["War|Drama"]
    assert answer["input_error"] == ["mine"]
    assert answer["error"].tolist() == [None]


def test_names_are_carried():
    assert carried_names(["id", "genres", "input_genres", "error"]) == {
        "id": "id",
        "genres": "input_input_genres",
        "input_genres": "input_genres",
        "error": "input_error",
    }


def test_a_batch_without_the_plot_column_is_refused(worker):
    with pytest.raises(InputError, match="no column 'plot'; it has overview"):
        worker({"overview": [WAR]})


def test_settings_are_all_that_is_sent(worker):
    worker({"plot": [WAR]})
    sent = pickle.dumps(worker)
    assert len(sent) < 1000
    assert pickle.loads(sent) == worker
    with pytest.raises(TypeError, match="fastt"):
        GenreWorker(fastt=True)


def test_the_model_is_loaded_once_in_a_process(monkeypatch):
    worker_module._loaded.cache_clear()
    worker_module._checked.cache_clear()
    loads = []
    load = GenreClassifier.from_pretrained

    def counted(*arguments, **options):
        loads.append(arguments)
        return load(*arguments, **options)

    monkeypatch.setattr(GenreClassifier, "from_pretrained", counted)
    worker = GenreWorker(fast=True)
    assert loads == []
    worker({"plot": [WAR]})
    pickle.loads(pickle.dumps(worker))({"plot": [WAR]})
    assert loads == [("films",)]


def test_another_model_under_the_same_name_is_refused(tmp_path, words):
    folder = tmp_path / "model"
    words.save(folder)
    worker = GenreWorker(model=str(folder)).fingerprinted()
    assert worker({"plot": [WAR]})["error"].tolist() == [None]
    config = folder / "config.json"
    told = json.loads(config.read_text())
    told["thresholds"]["Drama"] /= 2
    write_digested(config, told)
    code = f"""
from plotgenre.batch.worker import GenreWorker
worker = GenreWorker(model={str(folder)!r}, fingerprint={worker.fingerprint!r})
worker({{"plot": ["War."]}})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "is another one here than where the batch was begun" in done.stderr
    # Nor does a process that has read the model before go by what it remembers.
    assert worker.fingerprinted().fingerprint != worker.fingerprint


def test_a_missing_model_is_no_fault_of_a_row(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ArtefactError, match="no model folder"):
        GenreWorker(model="no-such-model")({"plot": [None]})
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_a_huge_plot_has_its_genres_and_says_that_it_was_cut(worker, words):
    long = GHOST + " The ghost comes back." * 9_000
    answer = worker({"plot": [GHOST, long]})
    assert answer["genres"].tolist() == [
        list(one) for one in words.tag_many([GHOST, long[:100_000]])
    ]
    said = f"the plot has {len(long):,} characters, of which the first 100,000 are read"
    assert answer["error"].tolist() == [None, said]
