"""Recipe: one validated tree, in and out of TOML."""

from pathlib import Path

import pytest

from plotgenre import Recipe
from plotgenre.errors import RecipeError
from plotgenre.recipe import DEFAULT_RECIPE, recipe_names

RECIPES = Path(__file__).resolve().parents[1] / "recipes"


def test_round_trip(tmp_path):
    recipe = Recipe().with_settings(
        {
            "slicing.tokens": 64,
            "head.kind": "linear",
            "training.learning_rate": 3e-4,
            "genres.merges": {"Comedy": ["Comedy film", "Humour – ☺"]},
            "encoder.prompt": 'say "genre":\n',
            "thresholds.top_k": 3,
            "thresholds.at_least_one": True,
        }
    )
    recipe.save(tmp_path / "r.toml")
    assert Recipe.load(tmp_path / "r.toml") == Recipe.load(str(tmp_path / "r.toml")) == recipe
    assert Recipe.from_dict(recipe.as_dict()) == recipe


def test_settings_of_none_survive(tmp_path):
    Recipe().save(tmp_path / "r.toml")
    assert "revision" not in (tmp_path / "r.toml").read_text()
    assert Recipe.load(tmp_path / "r.toml") == Recipe()


def test_names_are_the_files():
    assert recipe_names() == sorted(path.stem for path in RECIPES.glob("*.toml"))
    assert DEFAULT_RECIPE in recipe_names()


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_loads(path):
    assert Recipe.load(path) == Recipe.load(path.stem)


def test_unknown_name_lists_the_names():
    with pytest.raises(RecipeError) as caught:
        Recipe.load("mixd")
    assert "no recipe 'mixd'; expected a TOML file or one of" in str(caught.value)
    assert ", ".join(recipe_names()) in str(caught.value)


def test_a_folder_with_a_recipe_name_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "mixed").mkdir()
    expected = Recipe.load("mixed")
    monkeypatch.chdir(tmp_path)
    assert Recipe.load("mixed") == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[head]\ncolour = 1", r"r\.toml: unknown setting 'head\.colour'"),
        ("[hat]\nkind = 'mlp'", r"r\.toml: unknown setting 'hat'"),
        ("head = 3", r"r\.toml: head: .*got 3"),
        ("[head]\ndropout = 1.5", r"r\.toml: head\.dropout: .*less than 1, got 1\.5"),
        ("[head]\nkind = 'cnn'", r"r\.toml: head\.kind: .*'linear'.*got 'cnn'"),
        ("[training]\nmax_epochs = 'many'", r"r\.toml: training\.max_epochs: .*got 'many'"),
        ("[head]\nkind = 'attention'\npooling = 'mean'", "pooling must be 'none'"),
        ("[thresholds]\ntop_k = 0", r"r\.toml: thresholds\.top_k: .*got 0"),
        ("[split]\nvalidation = 0.6\ntest = 0.6", "must leave a part"),
        ("[genres.merges]\nA = ['B']\nB = ['C']", "'B' is an alias of 'A'"),
        ("[head", r"r\.toml is not TOML"),
    ],
)
def test_wrong_settings(tmp_path, text, sentence):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(RecipeError, match=sentence) as caught:
        Recipe.load(tmp_path / "r.toml")
    assert len(str(caught.value).splitlines()) == 1


def test_unreadable_files(tmp_path):
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        Recipe.load(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        Recipe.load(tmp_path / "latin.toml")


def test_with_settings_changes_a_copy():
    recipe = Recipe()
    changed = recipe.with_settings({"head.kind": "linear", "training.seed": 3})
    assert (changed.head.kind, changed.training.seed) == ("linear", 3)
    assert changed.slicing == recipe.slicing
    assert recipe == Recipe()


def test_a_mapping_replaces_a_whole_part():
    best = Recipe.load("best")
    changed = best.with_settings(
        {"branches.adapted": False, "adapting": {}, "head": {"kind": "mlp"}}
    )
    assert changed.adapting == Recipe().adapting != best.adapting
    assert (changed.head, changed.slicing) == (Recipe().head, best.slicing)
    with pytest.raises(RecipeError, match=r"unknown setting 'head\.colour'"):
        best.with_settings({"head": {"colour": "red"}})


@pytest.mark.parametrize("dotted", ["kind", "head", "hat.kind", ".kind", "head."])
def test_with_settings_names_the_parts(dotted):
    with pytest.raises(RecipeError, match=r"no setting .* one of genres, split, branches, lexical"):
        Recipe().with_settings({dotted: 1})


def test_with_settings_refuses_unknown_and_wrong():
    with pytest.raises(RecipeError, match=r"unknown setting 'head\.colour'"):
        Recipe().with_settings({"head.colour": "red"})
    with pytest.raises(RecipeError, match=r"training\.batch_size: .*got 0"):
        Recipe().with_settings({"training.batch_size": 0})


def test_recipes_are_frozen():
    with pytest.raises(AttributeError):
        Recipe().head = None
