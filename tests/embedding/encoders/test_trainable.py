import json
import shutil
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from plotgenre.embedding.encoders import EncoderSettings, load_encoder, trainable
from plotgenre.embedding.encoders.trainable import TrainableEncoder, layer_depths
from plotgenre.errors import EncoderError


def padded(encoder: TrainableEncoder, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = encoder.ids(texts)
    longest = max(map(len, ids))
    rows = [np.pad(one, (0, longest - len(one)), constant_values=encoder.pad) for one in ids]
    mask = [np.arange(longest) < len(one) for one in ids]
    return torch.from_numpy(np.stack(rows)).long(), torch.from_numpy(np.stack(mask)).long()


def test_int8_is_refused(tiny: Path) -> None:
    with pytest.raises(EncoderError, match="cannot be adapted in int8"):
        TrainableEncoder(EncoderSettings(name=str(tiny), precision="int8"))


def test_a_prompt_that_is_not_pooled_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(tiny, folder)
    (path,) = folder.glob("*_Pooling/config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"include_prompt": False}))
    TrainableEncoder(EncoderSettings(name=str(folder)))
    with pytest.raises(EncoderError, match="leaves its prompt out of pooling"):
        TrainableEncoder(EncoderSettings(name=str(folder), prompt="The plot: "))


@pytest.mark.parametrize(
    ("asked", "document", "query"),
    [({}, "A ship: ", "Who? "), ({"prompt": "", "query_prompt": "A ghost: "}, "", "A ghost: ")],
)
def test_the_prompts_go_along(
    tiny: Path, tmp_path: Path, asked: dict[str, str], document: str, query: str
) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(tiny, folder)
    path = folder / "config_sentence_transformers.json"
    own = {"prompts": {"query": "Who? ", "film": "A ship: "}, "default_prompt_name": "film"}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    settings = EncoderSettings(name=str(folder), **asked)
    TrainableEncoder(settings).save(tmp_path / "saved")
    saved = load_encoder(EncoderSettings(name=str(tmp_path / "saved")))
    assert saved.card.prompts == {"document": document, "query": query}
    assert saved.card.fingerprint == load_encoder(settings).card.fingerprint


def test_vectors_are_those_of_prediction(tiny: Path, sentences: list[str]) -> None:
    settings = EncoderSettings(name=str(tiny), precision="float32", prompt="The plot: ")
    encoder = TrainableEncoder(settings)
    encoder.module.eval()
    with torch.no_grad():
        found = encoder.vectors(*padded(encoder, sentences))
    np.testing.assert_allclose(found, load_encoder(settings).encode(sentences), atol=1e-5)
    assert encoder.dimension == found.shape[1]


def test_bfloat16_gives_vectors_and_gradients_in_float32(tiny: Path, sentences: list[str]) -> None:
    encoder = TrainableEncoder(EncoderSettings(name=str(tiny), precision="bfloat16"))
    assert encoder.card.precision == "bfloat16"
    vectors = encoder.vectors(*padded(encoder, sentences))
    vectors.square().sum().backward()
    assert vectors.dtype == torch.float32
    parameters = [p for p in encoder.module.parameters() if p.grad is not None]
    assert {p.dtype for p in encoder.module.parameters()} == {torch.float32}
    assert all(bool(torch.isfinite(p.grad).all()) for p in parameters)
    exact = load_encoder(EncoderSettings(name=str(tiny), precision="float32")).encode(sentences)
    ours = vectors.detach().numpy()
    assert (ours != exact).any()
    cosine = (ours * exact).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(exact, axis=1)
    assert cosine.min() > 0.99


def test_dropout_is_set_for_training_alone(tiny: Path, sentences: list[str]) -> None:
    for dropout in (0.0, 0.5):
        settings = EncoderSettings(name=str(tiny), precision="float32")
        encoder = TrainableEncoder(settings, dropout)
        batch = padded(encoder, sentences)
        encoder.module.train()
        with torch.no_grad():
            one, other = encoder.vectors(*batch), encoder.vectors(*batch)
        assert torch.equal(one, other) == (dropout == 0)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_two_parts_give_the_vectors_and_gradients_of_the_whole(
    tiny: Path, sentences: list[str], precision: Literal["float32", "bfloat16"]
) -> None:
    encoder = TrainableEncoder(EncoderSettings(name=str(tiny), precision=precision))
    encoder.module.train()
    ids, mask = padded(encoder, sentences)
    split = encoder.split(2)
    states = split.states(ids, mask)
    assert states.shape == (*ids.shape, split.width)
    assert not states.requires_grad
    found = []
    for vectors in (encoder.vectors(ids, mask), split.vectors(states, ids, mask)):
        encoder.module.zero_grad()
        vectors.square().sum(0)[0].backward()
        grads = {n: p.grad for n, p in encoder.module.named_parameters() if p.grad is not None}
        found.append((vectors.detach(), grads))
    (whole, all_grads), (apart, upper) = found
    assert torch.equal(whole, apart)
    learned = {name for name in upper if encoder.depths[name] >= 2}
    assert learned == {name for name in all_grads if encoder.depths[name] >= 2}
    assert all(torch.equal(all_grads[name], upper[name]) for name in learned)
    # Other states in the place of the lowest block's: it did not run.
    other = split.vectors(torch.zeros_like(states), ids, mask)
    assert not torch.equal(other, whole)
    assert torch.equal(encoder.vectors(ids, mask), whole)


def test_the_saved_folder_is_an_encoder(tiny: Path, sentences: list[str], tmp_path: Path) -> None:
    settings = EncoderSettings(name=str(tiny), precision="float32", pooling="max")
    encoder = TrainableEncoder(settings)
    encoder.vectors(*padded(encoder, sentences))
    with torch.no_grad():
        for parameter in encoder.module.parameters():
            parameter.mul_(1.01)
    encoder.save(tmp_path / "saved")
    loaded = load_encoder(EncoderSettings(name=str(tmp_path / "saved"), precision="float32"))
    with torch.no_grad():
        ours = encoder.vectors(*padded(encoder, sentences))
    np.testing.assert_allclose(loaded.encode(sentences), ours, atol=1e-5)
    assert loaded.card.pooling == "max"
    assert loaded.card.fingerprint != encoder.card.fingerprint


def test_layers_count_from_the_embeddings(tiny: Path) -> None:
    encoder = TrainableEncoder(EncoderSettings(name=str(tiny)))
    depths = dict(encoder.depths)
    assert depths.keys() == {name for name, _ in encoder.module.named_parameters()}
    embeddings = {d for name, d in depths.items() if "embeddings" in name or ".wte" in name}
    assert embeddings == {0}
    for block in (0, 1):
        own = {
            d for name, d in depths.items() if f"layer.{block}." in name or f"h.{block}." in name
        }
        assert own == {block + 1}
    after = {d for name, d in depths.items() if "pooler" in name or "ln_f" in name}
    assert after <= {2}


def test_a_model_without_blocks_is_refused() -> None:
    with pytest.raises(EncoderError, match="'bare' has no list of None blocks"):
        layer_depths(torch.nn.Linear(2, 2), "bare")


def test_other_kinds_are_refused(tiny_static: Path) -> None:
    with pytest.raises(EncoderError, match="kind 'static' cannot be adapted"):
        TrainableEncoder(EncoderSettings(kind="static", name=str(tiny_static)))


def test_a_shallower_encoder_is_the_same_without_blocks(
    tiny: Path, sentences: list[str], tmp_path: Path
) -> None:
    """Of two blocks the first is kept; what was the second one's input is then the output."""
    settings = EncoderSettings(name=str(tiny), precision="float32")
    encoder, whole = TrainableEncoder(settings, layers=1), TrainableEncoder(settings)
    assert max(encoder.depths.values()) == 1
    own, all_of_them = (dict(one.module.named_parameters()) for one in (encoder, whole))
    assert own.keys() < all_of_them.keys()
    assert all(torch.equal(own[name], all_of_them[name]) for name in own)
    encoder.module.eval()
    with torch.no_grad():
        ours = encoder.vectors(*padded(encoder, sentences))
        assert (ours - whole.vectors(*padded(whole, sentences))).abs().max() > 0.01
    encoder.save(tmp_path / "saved")
    saved = load_encoder(EncoderSettings(name=str(tmp_path / "saved"), precision="float32"))
    np.testing.assert_allclose(saved.encode(sentences), ours, atol=1e-5)
    with pytest.raises(EncoderError, match=r"adapting\.layers is 3, but .* has 2 blocks"):
        TrainableEncoder(settings, layers=3)


def test_blocks_are_kept_evenly_with_the_first_and_the_last() -> None:
    from transformers import GPT2Config, GPT2Model

    for count, kept in ((3, [0, 2, 5]), (2, [0, 5]), (4, [0, 2, 3, 5]), (6, [0, 1, 2, 3, 4, 5])):
        model = GPT2Model(GPT2Config(n_layer=6, n_embd=8, n_head=2, vocab_size=9))
        before = list(model.h)
        trainable._keep_blocks(model, count, "causal")
        assert [before.index(block) for block in model.h] == kept
        assert [block.attn.layer_idx for block in model.h] == list(range(count))
        assert model.config.num_hidden_layers == count
