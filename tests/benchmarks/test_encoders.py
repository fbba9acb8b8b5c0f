"""Encoders compared on validation films: each with its own settings, all with the same halves."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plotgenre.recipe import Recipe


@pytest.fixture(scope="module")
def encoders():
    import encoders

    return encoders


def test_an_encoder_is_read_by_the_recipe_with_its_own_settings(encoders, tmp_path):
    recipe = encoders.read_as(f"{tmp_path},slicing.tokens=63,slicing.max_slices=4", 2)
    expected = Recipe.load("best").with_settings(
        {
            "branches.adapted": False,
            "encoder.name": str(tmp_path),
            "training.seed": 2,
            "slicing.tokens": 63,
            "slicing.max_slices": 4,
        }
    )
    assert recipe == expected


def test_each_is_compared_with_the_first(
    encoders, film_lists, tiny_masked, tmp_path, monkeypatch, capsys
):
    plots, genres = film_lists
    for side, own in (("train", slice(0, 60)), ("validation", slice(60, 90))):
        ids = [f"{side}-{i}" for i in range(len(plots[own]))]
        table = pa.table({"id": ids, "plot": plots[own], "genres": genres[own]})
        pq.write_table(table, tmp_path / f"{side}.parquet")
    monkeypatch.setattr(encoders, "RESULTS", tmp_path / "encoders.json")
    short = f"{tiny_masked},branches.lexical=false,slicing.tokens=4,slicing.max_slices=1"
    whole = f"{tiny_masked},slicing.tokens=40"
    given = [str(tmp_path), whole, short, "--seeds", "1"]
    rooms = ["--store", str(tmp_path / "store"), "--runs", str(tmp_path / "runs")]
    monkeypatch.setattr("sys.argv", ["encoders.py", *given, *rooms])
    encoders.main()
    found = json.loads((tmp_path / "encoders.json").read_text())["encoders"]
    assert list(found) == [whole, short]
    assert found[whole]["less_first"]["micro_f1"]["value"] == 0
    first, other = (found[name]["metrics"]["micro_f1"]["value"] for name in (whole, short))
    assert other < first
    assert found[short]["less_first"]["micro_f1"]["value"] == pytest.approx(other - first)
    assert f"less first {other - first:+.4f}" in capsys.readouterr().out
