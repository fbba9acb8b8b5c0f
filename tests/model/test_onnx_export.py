"""A model as one ONNX graph: read by another program, it says what the library says."""

import json
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest
from tokenizers import Tokenizer

from plotgenre import GenreClassifier
from plotgenre.branches.semantic import SemanticBranch
from plotgenre.embedding.embedder import open_embedder
from plotgenre.embedding.encoders import EncoderSettings
from plotgenre.errors import ArtefactError, EncoderError, InputError, MissingExtraError
from plotgenre.learning.calibration import Calibration
from plotgenre.learning.heads import Head
from plotgenre.model import onnx_export
from plotgenre.model.adding import with_genre
from plotgenre.model.onnx_export import export_onnx

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

G = 3


@pytest.fixture
def model_of(fitted, film_recipe):
    """A model of random numbers over an encoder."""

    def model_of(encoder, settings):
        recipe = film_recipe.with_settings(settings)
        settings = recipe.encoder if encoder is None else encoder
        embedder = open_embedder(recipe.slicing, settings, None)
        rng = np.random.default_rng(0)
        dimension = embedder.encoder.card.dimension
        tensors = {
            name: rng.standard_normal(shape).astype(np.float32)
            for name, shape in recipe.head.shapes(dimension, G).items()
        }
        return replace(
            fitted.model_,
            recipe=recipe,
            genres=("A", "B", "C"),
            branches={
                "semantic": SemanticBranch(embedder, Head(recipe.head, dimension, G, tensors))
            },
            calibration=Calibration(
                rng.standard_normal((1, G)).astype(np.float32),
                rng.standard_normal(G).astype(np.float32),
            ),
            thresholds=np.full(G, 0.5, np.float32),
            encoder=settings,
        )

    return model_of


def logits_by_another_program(path, slices):
    """From the file alone: its own tokenizer, onnxruntime and the slices as text."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    facts = json.loads(told["plotgenre"])
    tokenizer = Tokenizer.from_str(told["tokenizer"])
    tokenizer.enable_truncation(facts["max_tokens"])
    tokenizer.enable_padding(pad_id=2)
    read = tokenizer.encode_batch([facts["prompt"] + text for film in slices for text in film])
    given = {
        "input_ids": np.array([one.ids for one in read]),
        "attention_mask": np.array([one.attention_mask for one in read]),
        "films": np.repeat(np.arange(len(slices)), [len(film) for film in slices]),
    }
    (logits,) = session.run(["logits"], given)
    return logits, facts


def check(model, path, plots):
    export_onnx(model, path)
    embedder = model.branches["semantic"].embedder
    slices = embedder.slices(plots)
    assert len({len(film) for film in slices}) > 1
    found, facts = logits_by_another_program(path, slices)
    np.testing.assert_allclose(found, model.logits(plots), atol=1e-4)
    assert np.abs(found).max() > 0.1
    # One film at a time, so without padding of its slices to those of others.
    alone, _ = logits_by_another_program(path, slices[-1:])
    np.testing.assert_allclose(alone, found[-1:], atol=1e-4)
    return facts


@pytest.fixture(scope="module")
def plots(film_lists, sentences):
    return [*film_lists[0][:20], *sentences, "Love.", " ".join(sentences * 3), " ".join(sentences)]


def test_a_fitted_model(film_lists, film_recipe, plots, tmp_path):
    recipe = film_recipe.with_settings(
        {
            "head.batch_norm": True,
            "calibration.method": "per_genre",
            "training.max_epochs": 4,
            "encoder.prompt": "The plot: ",
        }
    )
    model = GenreClassifier(recipe).fit(*film_lists).model_
    facts = check(model, tmp_path / "new" / "model.onnx", plots)
    assert facts["genres"] == dict(zip(model.genres, model.thresholds.tolist(), strict=True))
    assert facts["prompt"] == "The plot: "
    assert facts["slicing"]["way"] == "windows"
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["model.onnx"]


def test_attention_over_a_causal_encoder(model_of, tiny_causal, plots, tmp_path):
    encoder = EncoderSettings(name=str(tiny_causal), precision="float32")
    settings = {"head.kind": "attention", "head.pooling": "none", "encoder.pooling": "last"}
    check(model_of(encoder, settings), tmp_path / "model.onnx", plots)


def test_a_linear_head_over_an_exported_encoder(model_of, folder, plots, tmp_path):
    encoder = EncoderSettings(kind="onnx", name=str(folder), precision="float32")
    settings = {"head.kind": "linear", "head.pooling": "none", "head.combine": "noisy_or"}
    (tmp_path / "model.onnx").write_text("an older file")
    check(model_of(encoder, settings), tmp_path / "model.onnx", plots)


@pytest.fixture(scope="module")
def folder(tiny_masked, tmp_path_factory):
    from plotgenre.embedding.encoders.export import export_encoder

    folder = tmp_path_factory.mktemp("exported") / "encoder"
    export_encoder(EncoderSettings(name=str(tiny_masked)), folder)
    return folder


def test_words_are_refused(film_lists, film_recipe, tmp_path):
    words = {"branches.lexical": True, "training.max_epochs": 1}
    model = GenreClassifier(film_recipe.with_settings(words)).fit(*film_lists).model_
    with pytest.raises(InputError, match="lexical branch reads words, not token ids"):
        export_onnx(model, tmp_path / "model.onnx")
    alone = replace(model, branches={"lexical": model.branches["lexical"]})
    with pytest.raises(InputError, match="the branches lexical cannot be"):
        export_onnx(alone, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_genres_added_without_training_are_refused(fitted, film_lists, tmp_path):
    more = with_genre(fitted.model_, "Ghost story", film_lists[0])
    with pytest.raises(InputError, match="1 genres were added without training"):
        export_onnx(more, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_static_encoder_is_refused(model_of, tiny_static, tmp_path):
    encoder = EncoderSettings(kind="static", name=str(tiny_static))
    with pytest.raises(InputError, match="static encoder is no ONNX graph"):
        export_onnx(model_of(encoder, {}), tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda graph: setattr(graph.opset_import[0], "version", 17), "version 17, expected 18"),
        (
            lambda graph: graph.graph.output[0].type.tensor_type.shape.dim.add(dim_value=1),
            "one vector a slice",
        ),
        (lambda graph: setattr(graph.graph.input[1], "name", "mask"), "found input_ids, mask to"),
    ],
    ids=["operators", "output", "inputs"],
)
def test_other_graphs_are_refused(model_of, folder, tmp_path, monkeypatch, change, words):
    encoder = EncoderSettings(kind="onnx", name=str(folder), precision="float32")
    model, load = model_of(encoder, {}), onnx.load

    def changed(path):
        graph = load(path)
        change(graph)
        return graph

    monkeypatch.setattr(onnx, "load", changed)
    with pytest.raises(EncoderError, match=words):
        export_onnx(model, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_differs_leaves_the_old_file(model_of, folder, tmp_path, monkeypatch):
    encoder = EncoderSettings(kind="onnx", name=str(folder), precision="float32")
    model = model_of(encoder, {})
    wrong = replace(model.calibration, biases=model.calibration.biases + 1)
    right = onnx_export.add_calibration
    monkeypatch.setattr(
        onnx_export, "add_calibration", lambda nodes, _, logits: right(nodes, wrong, logits)
    )
    (tmp_path / "model.onnx").write_text("an older file")
    with pytest.raises(ArtefactError, match="differs from the library's by 1 in a logit"):
        export_onnx(model, tmp_path / "model.onnx")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [
        ("model.onnx", "an older file")
    ]


def test_what_cannot_be_written(model_of, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    model = model_of(EncoderSettings(kind="onnx", name=str(copy)), {})
    with pytest.raises(ArtefactError, match="cannot write"):
        export_onnx(model, copy)
    assert (copy / "encoder.json").exists()


def test_a_missing_library(fitted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[export\]'"):
        export_onnx(fitted.model_, tmp_path / "model.onnx")
