import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from plotgenre.embedding.encoders import (
    EncoderSettings,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.errors import EncoderError

onnx = pytest.importorskip("onnx")
Settings = Callable[..., EncoderSettings]


@pytest.fixture
def copy(exported_masked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported_masked, tmp_path / "copy"))


@pytest.fixture
def foreign(wordpiece: Tokenizer, tmp_path: Path) -> Path:
    """The Hub layout of sentence-transformers; the graph looks token vectors up in a table."""
    folder = tmp_path / "foreign"
    for place in ("onnx", "1_Pooling"):
        (folder / place).mkdir(parents=True)
    onnx.save(lookup_graph(table(wordpiece)), folder / "onnx" / "model.onnx")
    wordpiece.save(str(folder / "tokenizer.json"))
    describe(folder, {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    modules = ["models.Transformer", "models.Pooling", "models.Normalize"]
    (folder / "modules.json").write_text(json.dumps([{"type": name} for name in modules]))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 40}')
    return folder


def describe(folder: Path, pooling: dict[str, object]) -> None:
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def table(tokenizer: Tokenizer) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.standard_normal((tokenizer.get_vocab_size(), 6)).astype(np.float32)


def lookup_graph(vectors: np.ndarray, extra_input: str = "token_type_ids") -> object:
    from onnx import TensorProto, helper, numpy_helper

    ids, mask, other = (
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask", extra_input)
    )
    out = helper.make_tensor_value_info("last", TensorProto.FLOAT, ["batch", "tokens", 6])
    # Mask and types take part, so that no runtime drops them as unused: mask * table + types.
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["found"]),
        helper.make_node("Cast", ["attention_mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Cast", [extra_input], ["added"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "axis"], ["kept3"]),
        helper.make_node("Unsqueeze", ["added", "axis"], ["added3"]),
        helper.make_node("Mul", ["found", "kept3"], ["masked"]),
        helper.make_node("Add", ["masked", "added3"], ["last"]),
    ]
    constants = [
        numpy_helper.from_array(vectors, "table"),
        numpy_helper.from_array(np.array([2], np.int64), "axis"),
    ]
    graph = helper.make_graph(nodes, "lookup", [ids, mask, other], [out], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def by_hand(tokenizer: Tokenizer, texts: list[str], reduce: Callable) -> np.ndarray:
    ids = [tokenizer.encode(text).ids[:40] for text in texts]
    return np.stack([reduce(table(tokenizer)[one]) for one in ids])


def test_vectors_are_the_same_however_many_lanes(
    pair: tuple[Path, Path], runtime: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [" ".join(["a man finds a map"] * times) for times in (3, 1, 2, 1, 4, 0, 3)]
    found = []
    for threads in "132":
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        encoder = load_encoder(settings(pair[1], kind="onnx"))
        found.append(encoder.encode(texts))
    np.testing.assert_allclose(found[1], found[0], atol=1e-6)
    np.testing.assert_allclose(found[2], found[0], atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "auto"])
def test_a_vector_does_not_depend_on_its_batch(
    pair: tuple[Path, Path], runtime: str, settings: Settings, sentences: list[str], precision: str
) -> None:
    texts = [*sentences, "Love.", "Ghost.", "🦊 電影", " ".join(sentences)]
    encoder = load_encoder(settings(pair[1], kind="onnx", precision=precision))
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts * 3), np.tile(alone, (3, 1)), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], alone, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "auto", "int8"])
def test_vectors_of_the_package_do_not_depend_on_the_batch(
    runtime: str, sentences: list[str], precision: str
) -> None:
    folder = str(files("plotgenre") / "shipped" / "encoder")
    encoder = load_encoder(EncoderSettings(kind="onnx", name=folder, precision=precision))
    words = " ".join(sentences).split()
    # Few words and many, all but the longest in fours, so that batches have several texts.
    counts = [0, *np.repeat([1, 2, 3, 4, 5, 6, 12, 40], 4), 400]
    texts = [" ".join((words[at:] + words * 6)[:count]) for at, count in enumerate(counts)]
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    turned = np.random.default_rng(0).permutation(len(texts))
    for size in (2, 7, len(texts)):
        parts = [turned[at : at + size] for at in range(0, len(texts), size)]
        found = np.concatenate([encoder.encode([texts[row] for row in part]) for part in parts])
        np.testing.assert_allclose(found, alone[turned], atol=2e-6)


def test_no_product_has_so_few_rows_that_it_rounds_otherwise(
    exported_masked: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(settings(exported_masked, kind="onnx"))
    right, read = encoder.encode(["", "a", "a man"]), []

    def run(inputs: dict[str, np.ndarray]) -> np.ndarray:
        read.append(inputs["input_ids"].size)
        return graph.run(inputs)

    graph = encoder._graph
    monkeypatch.setattr(encoder, "_graph", replace(graph, run=run))
    found = np.concatenate([encoder.encode([text]) for text in ("", "a", "a man")])
    assert min(read) >= 16
    np.testing.assert_allclose(found, right, atol=1e-6)


def test_the_card_says_what_it_runs_in(
    exported_masked: Path, runtime: str, settings: Settings
) -> None:
    card = load_encoder(settings(exported_masked, kind="onnx", precision="float32")).card
    assert (card.precision, card.pooling, card.dimension, card.max_tokens) == (
        "float32",
        "mean",
        32,
        64,
    )


def test_no_texts_and_empty_texts(pair: tuple[Path, Path], settings: Settings) -> None:
    encoder = load_encoder(settings(pair[1], kind="onnx"))
    assert encoder.encode([]).shape == (0, 32)
    assert np.isfinite(encoder.encode(["", "a"])).all()


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(copy: Path, settings: Settings, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(EncoderError, match=f"lacks the file {file}"):
        load_encoder(settings(copy, kind="onnx"))


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json"])
def test_a_changed_file_is_damaged(copy: Path, settings: Settings, file: str) -> None:
    with (copy / file).open("ab") as opened:
        opened.write(b" ")
    key = file.partition(".")[0] + "_sha256"
    with pytest.raises(EncoderError, match=f"is damaged: {key} is"):
        load_encoder(settings(copy, kind="onnx"))


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "a"}'])
def test_a_damaged_description_is_named(copy: Path, settings: Settings, text: str) -> None:
    (copy / "encoder.json").write_text(text)
    with pytest.raises(EncoderError, match=r"encoder\.json"):
        load_encoder(settings(copy, kind="onnx"))


def test_a_damaged_graph_is_one_sentence(foreign: Path, runtime: str, settings: Settings) -> None:
    path = foreign / "onnx" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EncoderError, match="cannot be loaded as an ONNX graph") as caught:
        load_encoder(settings(foreign, kind="onnx"))
    assert "\n" not in str(caught.value)


def test_a_damaged_tokenizer_is_one_sentence(foreign: Path, settings: Settings) -> None:
    (foreign / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderError, match=r"tokenizer\.json is not a tokenizer"):
        load_encoder(settings(foreign, kind="onnx"))


@pytest.mark.parametrize("name", ["no/such-encoder", "/no/such/folder", "???"])
def test_a_missing_folder_is_one_sentence(name: str) -> None:
    with pytest.raises(EncoderError, match="no encoder folder") as caught:
        load_encoder(EncoderSettings(kind="onnx", name=name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("asked", [{"pooling": "last"}, {"prompt": "The plot: "}])
def test_what_the_export_fixed_cannot_be_asked_otherwise(
    exported_masked: Path, settings: Settings, asked: dict[str, str]
) -> None:
    with pytest.raises(EncoderError, match="export it again"):
        load_encoder(settings(exported_masked, kind="onnx", **asked))


def test_a_lower_limit_truncates_and_changes_the_fingerprint(
    exported_masked: Path, settings: Settings, sentences: list[str]
) -> None:
    whole, short = (
        load_encoder(settings(exported_masked, kind="onnx", max_tokens=m)) for m in (None, 10)
    )
    assert whole.card.fingerprint != short.card.fingerprint
    start = sentences[0][: short.token_spans(sentences[:1])[0][7, 1]]
    np.testing.assert_allclose(short.encode(sentences[:1]), whole.encode([start]), atol=1e-5)


@pytest.mark.parametrize("reduce", ["mean", "max", "cls", "lasttoken"])
def test_a_folder_of_the_hub_is_pooled_and_normalised(
    foreign: Path,
    wordpiece: Tokenizer,
    runtime: str,
    settings: Settings,
    sentences: list[str],
    reduce: str,
) -> None:
    describe(foreign, {"word_embedding_dimension": 6, "pooling_mode": reduce})
    encoder = load_encoder(settings(foreign, kind="onnx"))
    texts = [*sentences, "love", " ".join(sentences)]
    how = {
        "mean": lambda t: t.mean(0),
        "max": lambda t: t.max(0),
        "cls": lambda t: t[0],
        "lasttoken": lambda t: t[-1],
    }[reduce]
    expected = by_hand(wordpiece, texts[:-1], how)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(texts)[:-1], expected, atol=1e-5)
    assert (encoder.card.dimension, encoder.card.max_tokens) == (6, 40)


def test_the_older_pooling_switches_and_no_normalisation(
    foreign: Path, wordpiece: Tokenizer, settings: Settings, sentences: list[str]
) -> None:
    (foreign / "modules.json").unlink()
    encoder = load_encoder(settings(foreign, kind="onnx"))
    expected = by_hand(wordpiece, sentences, lambda t: t.mean(0))
    np.testing.assert_allclose(encoder.encode(sentences), expected, atol=1e-5)


def test_a_foreign_folder_takes_pooling_and_prompt_from_the_settings(
    foreign: Path, wordpiece: Tokenizer, settings: Settings, sentences: list[str]
) -> None:
    shutil.rmtree(foreign / "1_Pooling")
    with pytest.raises(EncoderError, match=r"1_Pooling lacks the file config\.json"):
        load_encoder(settings(foreign, kind="onnx"))
    asked = [{"pooling": "max"}, {"pooling": "mean"}, {"pooling": "max", "prompt": "the "}]
    encoders = [load_encoder(settings(foreign, kind="onnx", **one)) for one in asked]
    assert len({encoder.card.fingerprint for encoder in encoders}) == 3
    texts = [f"the {sentence}" for sentence in sentences]
    np.testing.assert_allclose(encoders[2].encode(sentences), encoders[0].encode(texts), atol=1e-6)


def test_a_foreign_folders_own_prompts_are_read(
    foreign: Path, settings: Settings, sentences: list[str]
) -> None:
    plain = load_encoder(settings(foreign, kind="onnx"))
    path = foreign / "config_sentence_transformers.json"
    path.write_text(json.dumps({"prompts": {"query": "a ", "passage": "the "}}))
    encoder = load_encoder(settings(foreign, kind="onnx"))
    assert encoder.card.prompts == {"document": "the ", "query": "a "}
    for query, word in ((True, "a "), (False, "the ")):
        expected = plain.encode([word + text for text in sentences])
        np.testing.assert_allclose(encoder.encode(sentences, query=query), expected, atol=1e-6)
    assert encoder.card.fingerprint != plain.card.fingerprint
    bare = load_encoder(settings(foreign, kind="onnx", prompt=""))
    assert bare.card.fingerprint == plain.card.fingerprint


@pytest.mark.parametrize("kind", ["onnx", "static"])
def test_a_device_of_torch_is_told_that_the_processor_runs(
    kind: str, foreign: Path, tiny_static: Path, settings: Settings, sentences: list[str]
) -> None:
    folder = {"onnx": foreign, "static": tiny_static}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = [load_encoder(settings(folder, kind=kind, device=d)) for d in ("auto", "cpu")]
    with pytest.warns(UserWarning, match="runs on the processor, not on 'cuda'"):
        asked = load_encoder(settings(folder, kind=kind, device="cuda"))
    assert asked.card == plain[0].card == plain[1].card
    np.testing.assert_array_equal(asked.encode(sentences), plain[0].encode(sentences))


def test_prompts_that_are_not_pooled_are_refused(foreign: Path, settings: Settings) -> None:
    describe(foreign, {"pooling_mode": "mean", "include_prompt": False})
    load_encoder(settings(foreign, kind="onnx"))
    for asked in ({"prompt": "the "}, {"query_prompt": "the "}):
        with pytest.raises(EncoderError, match="leaves prompts out of pooling"):
            load_encoder(settings(foreign, kind="onnx", **asked))


def test_an_older_export_has_one_prompt(
    tiny_masked: Path, settings: Settings, tmp_path: Path, sentences: list[str]
) -> None:
    """Before there was a prompt for queries, the one for slices stood before them too."""
    asked = settings(tiny_masked, prompt="The plot: ", query_prompt="A ghost: ")
    save_encoder(asked, tmp_path / "encoder")
    new = load_encoder(settings(tmp_path / "encoder", kind="onnx"))
    assert new.card.prompts == {"document": "The plot: ", "query": "A ghost: "}
    source = load_encoder(asked).encode(sentences, query=True)
    np.testing.assert_allclose(new.encode(sentences, query=True), source, atol=1e-4)
    path = tmp_path / "encoder" / "encoder.json"
    described = json.loads(path.read_text())
    del described["query_prompt"], described["content_sha256"]
    path.write_text(json.dumps(described))
    old = load_encoder(settings(tmp_path / "encoder", kind="onnx"))
    assert old.card.fingerprint == new.card.fingerprint
    np.testing.assert_array_equal(old.encode(sentences, query=True), old.encode(sentences))
    told = load_encoder(settings(tmp_path / "encoder", kind="onnx", query_prompt=""))
    assert told.card.prompts == {"document": "The plot: ", "query": ""}


def test_padding_and_truncation_baked_into_the_tokenizer_are_overridden(
    foreign: Path, wordpiece: Tokenizer, settings: Settings, sentences: list[str]
) -> None:
    plain = load_encoder(settings(foreign, kind="onnx")).encode(sentences)
    baked = Tokenizer.from_str(wordpiece.to_str())
    baked.enable_padding(length=64)
    baked.enable_truncation(max_length=5)
    baked.save(str(foreign / "tokenizer.json"))
    encoder = load_encoder(settings(foreign, kind="onnx"))
    np.testing.assert_array_equal(encoder.encode(sentences), plain)


def test_a_saved_foreign_folder_is_the_same(
    foreign: Path, settings: Settings, tmp_path: Path, sentences: list[str]
) -> None:
    asked = settings(foreign, kind="onnx", pooling="max", max_tokens=20, prompt="the ")
    save_encoder(asked, tmp_path / "saved")
    source, saved = load_encoder(asked), load_encoder(saved_encoder(asked, tmp_path / "saved"))
    np.testing.assert_array_equal(saved.encode(sentences), source.encode(sentences))
    assert saved.card == source.card
    with pytest.raises(EncoderError, match="cannot make the encoder folder"):
        save_encoder(asked, tmp_path / "saved")


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode": "weightedmean"},
        {},
        {"pooling_mode_max_tokens": True, "x": True, "pooling_mode_cls_token": True},
    ],
    ids=range(3),
)
def test_a_pooling_that_is_not_known_is_refused(
    foreign: Path, settings: Settings, config: dict[str, object]
) -> None:
    describe(foreign, config)
    with pytest.raises(EncoderError, match="expected one of mean, max, cls, lasttoken"):
        load_encoder(settings(foreign, kind="onnx"))


def test_an_input_that_is_not_known_is_named(
    foreign: Path, wordpiece: Tokenizer, settings: Settings
) -> None:
    graph = lookup_graph(table(wordpiece), extra_input="past_key_values")
    onnx.save(graph, foreign / "onnx" / "model.onnx")
    with pytest.raises(EncoderError, match="wants the inputs past_key_values"):
        load_encoder(settings(foreign, kind="onnx"))
