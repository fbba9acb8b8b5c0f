import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sentence_transformers

from plotgenre.devices import torch_device
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import EncoderSettings, load_encoder
from plotgenre.embedding.encoders.processor import held_below_bfloat16
from plotgenre.embedding.encoders.trainable import TrainableEncoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.errors import EncoderError, MissingExtraError, RecipeError

Settings = Callable[..., EncoderSettings]


@pytest.fixture
def texts(sentences: list[str]) -> list[str]:
    return [*sentences, "Love.", "🦊 電影", " ".join(sentences)]


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    # The library refuses a single text too where there is no padding token.
    model.tokenizer.pad_token = model.tokenizer.pad_token or model.tokenizer.eos_token
    return np.stack([model.encode([text])[0] for text in texts])


def here(device: str) -> bool:
    import torch

    return {"cuda": torch.cuda, "mps": torch.backends.mps}[device].is_available()


def skip_if_emulated(precision: str) -> None:
    import torch

    if precision == "bfloat16" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no instructions for bfloat16")


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs Linux's list of features")
def test_auto_is_bfloat16_only_where_the_processor_has_it(tiny: Path, settings: Settings) -> None:
    features = set(Path("/proc/cpuinfo").read_text().split())
    has_it = bool(features & {"avx512_bf16", "amx_bf16", "bf16"}) and not held_below_bfloat16()
    encoder = load_encoder(settings(tiny, precision="auto"))
    assert encoder.card.precision == ("bfloat16" if has_it else "float32")


def test_vectors_are_those_of_the_library(tiny: Path, settings: Settings, texts: list[str]) -> None:
    encoder = load_encoder(settings(tiny))
    np.testing.assert_allclose(encoder.encode(texts), reference(tiny, texts), atol=1e-5)
    assert encoder.encode(texts).dtype == np.float32


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_vector_does_not_depend_on_its_batch(
    tiny: Path, settings: Settings, texts: list[str], precision: str
) -> None:
    skip_if_emulated(precision)
    encoder = load_encoder(settings(tiny, precision=precision))
    assert encoder.card.precision == precision
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts * 3), np.tile(alone, (3, 1)), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], alone, atol=1e-5)


def test_bfloat16_is_close_and_has_the_same_fingerprint(
    tiny: Path, settings: Settings, texts: list[str]
) -> None:
    skip_if_emulated("bfloat16")
    exact, rough = (load_encoder(settings(tiny, precision=p)) for p in ("float32", "bfloat16"))
    a, b = exact.encode(texts), rough.encode(texts)
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert cosine.min() > 0.99
    assert (a != b).any()
    assert exact.card.fingerprint == rough.card.fingerprint


def test_no_texts_give_no_vectors(tiny: Path, settings: Settings) -> None:
    assert load_encoder(settings(tiny)).encode([]).shape == (0, 32)


def test_an_empty_text_has_a_finite_vector(tiny: Path, settings: Settings) -> None:
    vectors = load_encoder(settings(tiny)).encode(["", "a"])
    assert np.isfinite(vectors).all()
    assert (vectors[0] != vectors[1]).any()


def test_the_card_says_what_was_loaded(tiny_causal: Path, settings: Settings) -> None:
    card = load_encoder(settings(tiny_causal)).card
    assert (card.dimension, card.max_tokens, card.reserved_tokens) == (32, 64, 0)
    assert (card.pooling, card.prompt, len(card.fingerprint)) == ("lasttoken", "", 64)


@pytest.mark.parametrize(
    ("pooling", "mode"), [("mean", "mean"), ("max", "max"), ("cls", "cls"), ("last", "lasttoken")]
)
def test_the_pooling_can_be_replaced(
    tiny_masked: Path, settings: Settings, texts: list[str], pooling: str, mode: str
) -> None:
    encoder = load_encoder(settings(tiny_masked, pooling=pooling))
    assert encoder.card.pooling == mode
    tokens = [t.numpy() for t in _token_embeddings(tiny_masked, texts)]
    expected = {
        "mean": [t.mean(0) for t in tokens],
        "max": [t.max(0) for t in tokens],
        "cls": [t[0] for t in tokens],
        "last": [t[-1] for t in tokens],
    }[pooling]
    np.testing.assert_allclose(encoder.encode(texts), np.stack(expected), atol=1e-5)


def _token_embeddings(folder: Path, texts: list[str]) -> list:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return [model.encode(text, output_value="token_embeddings") for text in texts]


def test_replacing_a_pooling_changes_the_fingerprint(tiny_masked: Path, settings: Settings) -> None:
    cards = [load_encoder(settings(tiny_masked, pooling=p)).card for p in ("model", "mean", "last")]
    assert cards[0].fingerprint == cards[1].fingerprint != cards[2].fingerprint


def test_a_prompt_is_put_before_the_text(tiny: Path, settings: Settings, texts: list[str]) -> None:
    plain, prompted = (
        load_encoder(settings(tiny)),
        load_encoder(settings(tiny, prompt="The plot: ")),
    )
    expected = reference(tiny, [f"The plot: {text}" for text in texts])
    np.testing.assert_allclose(prompted.encode(texts), expected, atol=1e-5)
    assert prompted.card.fingerprint != plain.card.fingerprint
    assert prompted.card.text_tokens < plain.card.text_tokens
    assert prompted.card.max_tokens == plain.card.max_tokens


def test_prompt_and_slice_fit_into_the_encoder(
    tiny_masked: Path, settings: Settings, sentences: list[str]
) -> None:
    encoder = load_encoder(settings(tiny_masked, prompt="The plot: "))
    slices = Embedder(Slicing(overlap=4), encoder).slices([" ".join(sentences)])[0]
    whole = encoder.model.tokenizer([f"The plot: {s}" for s in slices])["input_ids"]
    assert len(slices) > 1
    assert max(map(len, whole)) <= encoder.card.max_tokens + 1


@pytest.mark.parametrize("query", [False, True])
@pytest.mark.parametrize("default", [None, "document"])
def test_the_models_own_prompts_are_those_of_the_library(
    tiny_masked: Path,
    settings: Settings,
    texts: list[str],
    tmp_path: Path,
    default: str | None,
    query: bool,
) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(tiny_masked, folder)
    path = folder / "config_sentence_transformers.json"
    config = json.loads(path.read_text()) | {
        "prompts": {"document": "The ship: ", "query": "Who? "},
        "default_prompt_name": default,
    }
    path.write_text(json.dumps(config))
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    encode = model.encode_query if query else model.encode_document
    encoder = load_encoder(settings(folder))
    expected = np.stack([encode([text])[0] for text in texts])
    np.testing.assert_allclose(encoder.encode(texts, query=query), expected, atol=1e-5)
    assert (expected != reference(tiny_masked, texts)).any()
    # An empty prompt is none, whatever the model's own is.
    bare = load_encoder(settings(folder, prompt="", query_prompt=""))
    np.testing.assert_allclose(
        bare.encode(texts, query=query), reference(tiny_masked, texts), atol=1e-5
    )
    assert bare.card.fingerprint == load_encoder(settings(tiny_masked)).card.fingerprint


def test_parts_for_queries_and_for_documents(
    tiny_masked: Path, settings: Settings, texts: list[str], tmp_path: Path
) -> None:
    import torch
    from sentence_transformers.base.modules import Router

    documents, queries = (
        sentence_transformers.SentenceTransformer(str(tiny_masked), device="cpu") for _ in range(2)
    )
    with torch.no_grad():
        for parameter in queries.parameters():
            parameter.mul_(1.1)
    router = Router.for_query_document(list(queries), list(documents))
    sentence_transformers.SentenceTransformer(modules=[router], device="cpu").save(
        str(tmp_path / "both")
    )
    encoder = load_encoder(settings(tmp_path / "both"))
    for query, model in ((True, queries), (False, documents)):
        expected = np.stack([model.encode([text])[0] for text in texts])
        np.testing.assert_allclose(encoder.encode(texts, query=query), expected, atol=1e-5)
    with pytest.raises(EncoderError, match="has parts for queries and for documents"):
        TrainableEncoder(settings(tmp_path / "both"))


def test_a_query_prompt_changes_queries_alone(
    tiny: Path, settings: Settings, texts: list[str]
) -> None:
    plain, asking = (load_encoder(settings(tiny, query_prompt=p)) for p in (None, "The plot: "))
    np.testing.assert_array_equal(plain.encode(texts, query=True), plain.encode(texts))
    np.testing.assert_array_equal(asking.encode(texts), plain.encode(texts))
    expected = reference(tiny, [f"The plot: {text}" for text in texts])
    np.testing.assert_allclose(asking.encode(texts, query=True), expected, atol=1e-5)
    assert asking.card.text_tokens == plain.card.text_tokens
    assert asking.card.fingerprint == plain.card.fingerprint


def test_a_query_prompt_that_leaves_no_room_is_refused(
    tiny_masked: Path, settings: Settings
) -> None:
    with pytest.raises(EncoderError, match="query prompt and special tokens take"):
        load_encoder(settings(tiny_masked, query_prompt="love " * 60))


def test_a_device_that_is_absent_is_refused_by_name(tiny_masked: Path, settings: Settings) -> None:
    absent = next(name for name in ("mps", "cuda") if not here(name))
    with pytest.raises(RecipeError, match=rf"encoder\.device is '{absent}'.* expected auto or"):
        load_encoder(settings(tiny_masked, device=absent))
    encoder = load_encoder(settings(tiny_masked, device="cpu"))
    assert encoder.model.device.type == "cpu"
    auto = load_encoder(settings(tiny_masked))
    assert auto.model.device.type == torch_device("auto", "encoder.device").type
    assert encoder.card == auto.card


def test_max_tokens_truncate_and_change_the_fingerprint(
    tiny_masked: Path, settings: Settings, texts: list[str]
) -> None:
    whole, short = (load_encoder(settings(tiny_masked, max_tokens=m)) for m in (None, 10))
    assert (short.card.max_tokens, short.card.text_tokens) == (10, 8)
    assert whole.card.fingerprint != short.card.fingerprint
    start = texts[-1][: short.token_spans(texts[-1:])[0][7, 1]]
    np.testing.assert_allclose(short.encode([texts[-1]]), whole.encode([start]), atol=1e-5)


def test_max_tokens_beyond_the_models_own_are_its_own(
    tiny_masked: Path, settings: Settings
) -> None:
    assert load_encoder(settings(tiny_masked, max_tokens=5000)).card.max_tokens == 64


def test_a_fingerprint_is_stable_and_changes_with_the_weights(
    tiny: Path, settings: Settings, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file, save_file

    copy = tmp_path / "elsewhere"
    shutil.copytree(tiny, copy)
    first, second = load_encoder(settings(tiny)), load_encoder(settings(copy))
    assert first.card.fingerprint == second.card.fingerprint
    tensors = load_file(copy / "model.safetensors")
    name = next(name for name in sorted(tensors) if tensors[name].ndim == 2)
    tensors[name] = tensors[name] + np.float32(1e-3)
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    assert load_encoder(settings(copy)).card.fingerprint != first.card.fingerprint


@pytest.mark.parametrize("name", ["no/such-encoder", "/no/such/folder", "???"])
def test_a_missing_model_is_one_sentence(name: str) -> None:
    with pytest.raises(EncoderError, match="cannot load the encoder") as caught:
        load_encoder(EncoderSettings(name=name))
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_damaged_weights_are_one_sentence(
    tiny_masked: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_masked, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="cannot load the encoder"):
        load_encoder(settings(folder))


def test_a_missing_library_is_named_with_its_install_line(
    tiny_masked: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[transformers\]'"):
        load_encoder(settings(tiny_masked))


def test_loading_draws_no_bar_and_leaves_bars_as_they_were(
    tiny_masked: Path, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled(), are_progress_bars_disabled()
    load_encoder(settings(tiny_masked))
    assert "Loading weights" not in "".join(capfd.readouterr())
    assert (logging.is_progress_bar_enabled(), are_progress_bars_disabled()) == before
