import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from plotgenre.embedding.encoders import (
    EncoderSettings,
    load_encoder,
    save_encoder,
    saved_encoder,
)
from plotgenre.errors import EncoderError, MissingExtraError

model2vec = pytest.importorskip("model2vec")


@pytest.fixture
def static(tiny_static: Path) -> Callable[..., EncoderSettings]:
    def of(folder: Path = tiny_static, **rest: object) -> EncoderSettings:
        return EncoderSettings(kind="static", name=str(folder), **rest)

    return of


def test_vectors_are_those_of_the_library(
    static: Callable[..., EncoderSettings], tiny_static: Path, sentences: list[str]
) -> None:
    texts = [*sentences, "Love.", " ".join(sentences)]
    encoder = load_encoder(static())
    expected = model2vec.StaticModel.from_pretrained(tiny_static).encode(texts)
    np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-6)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts[::-1])[::-1], alone, atol=1e-6)


def test_no_texts_and_empty_texts(static: Callable[..., EncoderSettings]) -> None:
    encoder = load_encoder(static())
    assert encoder.encode([]).shape == (0, 32)
    assert np.isfinite(encoder.encode(["", "love"])).all()


def test_long_plots_are_read_whole(
    static: Callable[..., EncoderSettings], sentences: list[str]
) -> None:
    encoder = load_encoder(static())
    start = "love " * 2000
    assert np.abs(encoder.encode([start + "ghost " * 2000]) - encoder.encode([start])).max() > 0.01
    assert [len(s) for s in encoder.token_spans([start])] == [2000]


def test_prompt_and_limit_change_vectors_and_fingerprint(
    static: Callable[..., EncoderSettings], sentences: list[str]
) -> None:
    encoders = [load_encoder(static(**k)) for k in ({}, {"prompt": "ghost "}, {"max_tokens": 8})]
    assert len({encoder.card.fingerprint for encoder in encoders}) == 3
    plain, prompted, short = (encoder.encode(sentences) for encoder in encoders)
    assert (plain != prompted).any()
    assert (plain != short).any()
    texts = [f"ghost {sentence}" for sentence in sentences]
    np.testing.assert_allclose(prompted, encoders[0].encode(texts), atol=1e-6)


def test_own_prompts_are_read_and_saved(
    static: Callable[..., EncoderSettings], tiny_static: Path, tmp_path: Path, sentences: list[str]
) -> None:
    folder, prompts = tmp_path / "prompted", {"query": "ghost ", "passage": "love "}
    shutil.copytree(tiny_static, folder)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    plain, prompted = load_encoder(static()), load_encoder(static(folder))
    for query, word in ((True, "ghost "), (False, "love ")):
        expected = plain.encode([word + text for text in sentences])
        np.testing.assert_allclose(prompted.encode(sentences, query=query), expected, atol=1e-6)
    save_encoder(static(folder), tmp_path / "saved")
    saved = load_encoder(saved_encoder(static(folder), tmp_path / "saved"))
    assert saved.card.prompts == prompted.card.prompts == {"document": "love ", "query": "ghost "}
    assert saved.card.fingerprint == prompted.card.fingerprint


def test_a_saved_encoder_is_the_same(
    static: Callable[..., EncoderSettings], tmp_path: Path, sentences: list[str]
) -> None:
    asked = static(prompt="love ", max_tokens=20)
    save_encoder(asked, tmp_path / "encoder")
    source, saved = load_encoder(asked), load_encoder(saved_encoder(asked, tmp_path / "encoder"))
    assert saved.card.fingerprint == source.card.fingerprint
    np.testing.assert_array_equal(saved.encode(sentences), source.encode(sentences))


def test_another_table_has_another_fingerprint(
    static: Callable[..., EncoderSettings], tiny_static: Path, tmp_path: Path
) -> None:
    model = model2vec.StaticModel.from_pretrained(tiny_static)
    changed = model2vec.StaticModel(model.embedding + 1, model.tokenizer, normalize=True)
    changed.save_pretrained(tmp_path / "changed")
    cards = [load_encoder(static(folder)).card for folder in (tiny_static, tmp_path / "changed")]
    assert cards[0].fingerprint != cards[1].fingerprint


def test_another_pooling_than_the_mean_is_refused(static: Callable[..., EncoderSettings]) -> None:
    with pytest.raises(EncoderError, match="pools by the mean, not by 'last'"):
        load_encoder(static(pooling="last"))


@pytest.mark.parametrize("name", ["no/such-encoder", "/no/such/folder"])
def test_a_missing_model_is_one_sentence(name: str) -> None:
    with pytest.raises(EncoderError, match=f"cannot load the static encoder '{name}'") as caught:
        load_encoder(EncoderSettings(kind="static", name=name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize("damage", ["absent", "truncated"])
def test_a_damaged_folder_is_one_sentence(
    static: Callable[..., EncoderSettings],
    tiny_static: Path,
    tmp_path: Path,
    file: str,
    damage: str,
) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_static, folder)
    content = (folder / file).read_bytes()
    (folder / file).unlink()
    if damage == "truncated":
        (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(EncoderError, match="cannot load the static encoder"):
        load_encoder(static(folder))


def test_a_missing_library_is_named_with_its_install_line(
    static: Callable[..., EncoderSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'plotgenre\[static\]'"):
        load_encoder(static())
