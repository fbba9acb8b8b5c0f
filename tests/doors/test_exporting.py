"""The export commands, without the seconds that a new interpreter takes."""

import pytest

from plotgenre import GenreClassifier

pytest.importorskip("onnxscript")


def test_a_model_becomes_one_file(main, saved_model, tmp_path):
    status, out, err = main("export-onnx", saved_model, "new/model.onnx")
    assert (status, err) == (0, "")
    assert out.startswith("new/model.onnx: 4 genres, ")
    assert (tmp_path / "new" / "model.onnx").stat().st_size > 10_000


def test_a_model_of_words_is_one_sentence(main, film_lists, words_recipe, tmp_path):
    GenreClassifier(words_recipe).fit(*film_lists).save(tmp_path / "words")
    status, out, err = main("export-onnx", "words", "model.onnx")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "reads words, not token ids" in err
    assert not (tmp_path / "model.onnx").exists()


def test_a_model_of_the_package_is_bundled_by_its_name(main, tmp_path):
    status, out, err = main("bundle", "standard", "mine")
    assert (status, err) == (0, "")
    assert out.startswith("mine: half of all-MiniLM-L6-v2, adapted to films, ")
    assert (tmp_path / "mine" / "encoder" / "model.onnx").is_file()
    assert len(GenreClassifier.load(tmp_path / "mine").classes_) == 19


def test_a_model_that_is_nowhere_is_one_sentence(main, tmp_path):
    status, out, err = main("bundle", "no such model", "mine")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "no model folder 'no such model' here or on the Hub" in err
    assert not (tmp_path / "mine").exists()
