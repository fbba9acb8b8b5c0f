"""How the package's models are made: their recipes, and which encoder they may be fitted to."""

import argparse
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from plotgenre import Recipe
from plotgenre.hub import SHIPPED


@pytest.fixture
def ship():
    import ship

    return ship


@pytest.fixture
def arguments(tmp_path):
    groups = {"tmdb_to_freebase": {"Horror": ["Slasher", "Horror"]}}
    (tmp_path / "tmdb_to_freebase_genres.json").write_text(json.dumps(groups))
    return argparse.Namespace(
        data=tmp_path, runs=tmp_path / "runs", store=tmp_path / "store", encoder=SHIPPED / "encoder"
    )


def test_both_models_read_one_encoder(ship, arguments):
    films, standard = ship.recipes(arguments).values()
    for recipe in (films, standard):
        assert not recipe.branches.adapted
        assert (recipe.encoder.kind, recipe.encoder.name) == ("onnx", str(SHIPPED / "encoder"))
    assert standard.genres.groups == {"Horror": ["Slasher", "Horror"]}
    assert not films.genres.groups


def test_an_encoder_is_adapted_and_then_teaches_a_shallower_one(ship, arguments, monkeypatch):
    recipes = []

    def adapted(recipe, train, folder, **rest):
        assert Path(recipe.encoder.name).is_dir() == bool(recipes)
        recipes.append(recipe)
        folder.mkdir(parents=True)
        (folder / "adapting.json").write_text("{}")

    monkeypatch.setattr(ship, "run_adaptation", adapted)
    monkeypatch.setattr(ship, "terse", lambda teacher, begun: begun.mkdir())
    for _ in range(2):
        # The second time both are there.
        assert ship.taught_encoder(arguments, None, None) == arguments.runs / "encoder"
    teacher, student = recipes
    assert (teacher.adapting.layers, teacher.adapting.teacher) == (None, None)
    begun, at = (str(arguments.runs / name) for name in ("terse", "teacher"))
    assert (student.encoder.name, student.adapting.teacher) == (begun, at)
    assert student.adapting.layers == 3


def test_a_model_of_another_recipe_is_not_shipped(ship, arguments, tmp_path):
    films = ship.recipes(arguments)["films"]
    told = films.with_settings({"encoder.name": "elsewhere"})
    (tmp_path / "config.json").write_text(json.dumps({"recipe": told.as_dict()}))
    ship.refuse_another_recipe(tmp_path, films)
    told = told.with_settings({"training.loss": "bce", "slicing.max_slices": 2})
    (tmp_path / "config.json").write_text(json.dumps({"recipe": told.as_dict()}))
    with pytest.raises(SystemExit, match="by other slicing, training settings"):
        ship.refuse_another_recipe(tmp_path, films)


def test_a_loss_by_rounding_is_told_and_bounded(ship, monkeypatch):
    model = SimpleNamespace(recipe_=Recipe.load("best"))
    ranked = {ship.RANKED: {"value": 0.3}}
    monkeypatch.setattr(ship, "score", lambda model, test: None)
    monkeypatch.setattr(ship, "metrics_of", lambda scored: ranked)
    found = ship.what_is_lost("films", model, None, {ship.RANKED: {"value": 0.299}})
    assert found["lost_macro_average_precision"] == pytest.approx(0.001)
    assert (found["loss"], found["float32"]) == ("logit_adjustment", ranked)
    with pytest.raises(SystemExit, match=r"films loses 0\.0040"):
        ship.what_is_lost("films", model, None, {ship.RANKED: {"value": 0.296}})


def test_what_is_known_of_the_shipped_encoder_is_kept(ship):
    known = ship.adapted_before(SHIPPED / "encoder")
    assert known["adapting"]["step"] == known["adapting"]["steps"]
    assert known["rounding"]["films"]["lost_macro_average_precision"] < ship.MOST_LOST


def test_of_another_encoder_nothing_is_known(ship, tmp_path):
    (tmp_path / "encoder.json").write_text('{"fingerprint": "another"}')
    with pytest.raises(SystemExit, match="is not the encoder that"):
        ship.adapted_before(tmp_path)
