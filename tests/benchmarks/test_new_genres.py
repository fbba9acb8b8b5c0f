"""The benchmark of added genres on a toy corpus: what is hidden, what is measured."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.corpus.films import Corpus


@pytest.fixture(scope="module")
def script():
    import new_genres

    return new_genres


def test_drawn_genres_are_common_and_there(script, monkeypatch):
    train = Corpus.from_lists(["a", "b", "c"], [["X", "Y"], ["X", "Z"], ["X", "Y", "W"]])
    films = Corpus.from_lists(["d"], [["Y", "W"]])
    monkeypatch.setattr(script, "LEAST_FILMS", 2)
    assert script.drawn(train, films, 1, 0) == ["Y"]
    with pytest.raises(SystemExit, match="only 1 genres have 2 films"):
        script.drawn(train, films, 2, 0)


def test_macro_average_precision_by_hand(script):
    Y = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
    draws = [np.array([[4, 4], [3, 3], [2, 2], [1, 1]], dtype=np.float32)]
    # Found first and third: (1 + 2/3) / 2; found second: 1/2.
    assert script.macro(Y, draws)["value"] == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert script.per_genre(Y[:, :1], draws, 0) == pytest.approx(5 / 6)


def test_a_genre_is_hidden_added_and_measured(
    script, film_lists, given_recipe, tmp_path, monkeypatch
):
    plots, genres = film_lists
    for side, rows in (("train", slice(0, 60)), ("validation", slice(60, 90))):
        ids = [str(i) for i in range(len(plots[rows]))]
        table = pa.table({"id": ids, "plot": plots[rows], "genres": genres[rows]})
        pq.write_table(table, tmp_path / f"{side}.parquet")
        pq.write_table(table, tmp_path / "test.parquet")
    monkeypatch.setattr(script, "LEAST_FILMS", 10)
    monkeypatch.setattr(script.Recipe, "load", lambda name: given_recipe)
    out = tmp_path / "out.json"
    arguments = [
        str(tmp_path), "--part", "validation", "--genres", "1", "--store", str(tmp_path / "store"),
        "--runs", str(tmp_path / "runs"), "--out", str(out),
    ]  # fmt: skip
    script.main(arguments)
    results = json.loads(out.read_text())
    (hidden,) = results["genres"]
    models = tmp_path / "runs" / "1-0-1"
    kept, full = (
        json.loads((models / name / "model" / "config.json").read_text())["genres"]
        for name in ("hidden", "all")
    )
    assert set(full) - set(kept) == {hidden}
    ways = {way: one["value"] for way, one in results["ways"].items()}
    assert ways[script.HEAD] > 0.8
    assert ways["name and 20 examples"] > ways[script.RANDOM]
    for one in results["ways"].values():
        assert one["low"] is one["high"] is None
