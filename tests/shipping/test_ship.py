"""How the package's models are made: their recipes, and which encoder they may be fitted to."""

import argparse
import json
from pathlib import Path

import pytest

from plotgenre.hub import SHIPPED


@pytest.fixture
def ship():
    import ship

    return ship


@pytest.fixture
def arguments(tmp_path):
    groups = {"tmdb_to_freebase": {"Horror": ["Slasher", "Horror"]}}
    (tmp_path / "tmdb_to_freebase_genres.json").write_text(json.dumps(groups))
    return argparse.Namespace(data=tmp_path, runs=tmp_path / "runs", encoder=None)


def test_both_models_read_the_encoder_that_the_first_one_adapts(ship, arguments):
    films, standard = ship.recipes(arguments).values()
    assert films.branches.adapted
    assert not standard.branches.adapted
    adapted = arguments.runs / "films" / "checkpoints" / "encoder"
    assert standard.encoder.name == str(adapted)
    assert standard.genres.groups == {"Horror": ["Slasher", "Horror"]}
    assert not films.genres.groups


def test_an_encoder_that_is_given_is_not_adapted(ship, arguments):
    arguments.encoder = Path("given")
    for recipe in ship.recipes(arguments).values():
        assert not recipe.branches.adapted
        assert (recipe.encoder.kind, recipe.encoder.name) == ("onnx", str(Path.cwd() / "given"))


def test_what_is_known_of_the_shipped_encoder_is_kept(ship):
    known = ship.adapted_before(SHIPPED / "encoder")
    assert known["adapting"]["step"] == known["adapting"]["steps"]
    assert known["rounding"]["films"]["lost_macro_average_precision"] < ship.MOST_LOST


def test_of_another_encoder_nothing_is_known(ship, tmp_path):
    (tmp_path / "encoder.json").write_text('{"fingerprint": "another"}')
    with pytest.raises(SystemExit, match="is not the encoder that"):
        ship.adapted_before(tmp_path)
