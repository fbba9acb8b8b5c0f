"""A sentence-transformers model as its weights: to be fine-tuned, and written as a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.embedding.encoders.encoder import EncoderCard, EncoderSettings
from plotgenre.embedding.encoders.frozen_blocks import FrozenBlocks
from plotgenre.embedding.encoders.transformer import (
    TransformerEncoder,
    runs_in_bfloat16,
    without_bars,
)
from plotgenre.errors import EncoderError

# Up to this many tokens attention is faster written out: torch's fused kernel took a quarter of a
# training step on a processor, 174 ms backward for 1,024 tokens of MiniLM where products take 5.
_WRITTEN_OUT_TOKENS = 512


class TrainableEncoder:
    """An encoder whose vectors have gradients, over exactly the tokens that `encode` reads.

    Parameters
    ----------
    settings
        Of a ``sentence_transformers`` encoder. Its weights stay float32; with bfloat16 the
        transformer's multiplications alone run in it, as they do in `TransformerEncoder`.
    dropout
        Of the model's own dropout layers, whatever it came with.
    layers
        Blocks that are kept, the first, the last and some evenly between; ``None`` keeps all.

    Raises
    ------
    MissingExtraError, EncoderError, RecipeError
        As `TransformerEncoder`; also if the encoder is of a kind or a precision that cannot be
        trained here, or has fewer blocks than are to be kept.
    """

    def __init__(
        self, settings: EncoderSettings, dropout: float = 0.0, layers: int | None = None
    ) -> None:
        if settings.kind != "sentence_transformers":
            raise EncoderError(
                f"an encoder of kind {settings.kind!r} cannot be adapted; "
                "expected encoder.kind 'sentence_transformers'"
            )
        if settings.precision == "int8":
            raise EncoderError(
                "an encoder cannot be adapted in int8; "
                "expected encoder.precision 'auto', 'float32' or 'bfloat16'"
            )
        self._source = TransformerEncoder(replace(settings, precision="float32"))
        self._model = self._source.model.float()
        self._bfloat16 = runs_in_bfloat16(settings, self._model.device)
        if hasattr(self._model[0], "sub_modules"):
            raise EncoderError(
                f"the encoder {settings.name!r} has parts for queries and for documents, which "
                "cannot be adapted; expected one that reads both alike"
            )
        pooled_whole = all(getattr(module, "include_prompt", True) for module in self._model)
        if self._source.card.prompt and not pooled_whole:
            raise EncoderError(
                f"the encoder {settings.name!r} leaves its prompt out of pooling, which adapting "
                "cannot; expected encoder.prompt '' or another encoder"
            )
        if layers is not None:
            _keep_blocks(self._model, layers, settings.name)
        self.depths: Mapping[str, int] = layer_depths(self._model, settings.name)
        self._name = settings.name
        _set_dropout(self._model, dropout)
        self._attention = "sdpa"

    @property
    def module(self) -> nn.Module:
        """The whole model, from tokens to vectors."""
        return self._model

    @property
    def source(self) -> TransformerEncoder:
        """The same model as an encoder, in float32; its card is that of before any training."""
        return self._source

    @property
    def card(self) -> EncoderCard:
        """The identity card of before any training, with the precision of training."""
        precision = "bfloat16" if self._bfloat16 else "float32"
        return replace(self._source.card, precision=precision)

    @property
    def dimension(self) -> int:
        """Length ``d`` of a vector."""
        return self._source.card.dimension

    @property
    def pad(self) -> int:
        """The token that fills up a shorter slice."""
        tokenizer: Any = self._model.tokenizer
        pad: int | None = tokenizer.pad_token_id
        return 0 if pad is None else pad

    def ids(self, slices: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        """Token ids of each slice with prompt and special tokens."""
        return [np.array(ids, dtype=np.int32) for ids in self._source.token_ids(slices)]

    def vectors(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (b, d), float32, of token ids and mask (b, t)."""
        on_processor = ids.device.type == "cpu" and ids.shape[1] <= _WRITTEN_OUT_TOKENS
        self._attend("eager" if on_processor else "sdpa")
        features: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        transformer, *rest = self._model
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self._bfloat16):
            features = transformer(features)
        features["token_embeddings"] = features["token_embeddings"].float()
        for module in rest:
            features = module(features)
        vectors: Tensor = features["sentence_embedding"]
        return vectors

    def split(self, layers: int) -> FrozenBlocks:
        """The lowest ``layers`` layers, 2 or more, and the rest; the embeddings are one of them.

        The embeddings run in both parts: they are a table, and cost next to nothing.
        """
        _, blocks = _blocks(self._model, self._name)
        precision = torch.bfloat16 if self._bfloat16 else torch.float32
        return FrozenBlocks(list(blocks)[: layers - 1], self.vectors, precision)

    def save(self, folder: Path) -> None:
        """Write the model as a sentence-transformers folder, which must be new.

        The prompts that it was trained with become the folder's own.
        """
        self._model.eval()
        self._model.prompts = {**self._source.card.prompts}
        self._model.default_prompt_name = None
        self._attend("sdpa")
        with without_bars():
            self._model.save(str(folder), create_model_card=False)

    def _attend(self, attention: str) -> None:
        if attention != self._attention:
            modules: Iterable[Any] = self._model.modules()
            for module in modules:
                if hasattr(module, "set_attn_implementation"):
                    module.set_attn_implementation(attention)
            self._attention = attention


def layer_depths(model: nn.Module, name: str) -> dict[str, int]:
    """The layer of each parameter by its name: 0 the embeddings, then the blocks from 1.

    What comes after the blocks, such as a last normalisation or a dense layer, counts to the
    highest of them. Blocks are the one list of modules that is as long as the model's
    configuration says; so far every architecture of the transformers library registers what feeds
    them before and what reads them after.

    Raises
    ------
    EncoderError
        If there is no such list.
    """
    path, listed = _blocks(model, name)
    blocks, depth = f"{path}.", 0
    depths: dict[str, int] = {}
    for parameter, _ in model.named_parameters():
        if parameter.startswith(blocks):
            depth = int(parameter.removeprefix(blocks).partition(".")[0]) + 1
        elif depth:
            depth = len(listed)
        depths[parameter] = depth
    return depths


def _blocks(model: nn.Module, name: str) -> tuple[str, nn.ModuleList]:
    """The model's list of blocks, and where in the model it stands."""
    config: Any = next((m.config for m in model.modules() if hasattr(m, "config")), None)
    layers: Any = getattr(config, "num_hidden_layers", None)
    for path, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return path, module
    raise EncoderError(f"the encoder {name!r} has no list of {layers} blocks to be adapted")


def _keep_blocks(model: nn.Module, count: int, name: str) -> None:
    """Take the blocks between those kept out of the model and its configuration."""
    path, blocks = _blocks(model, name)
    if count > len(blocks):
        raise EncoderError(
            f"adapting.layers is {count}, but the encoder {name!r} has {len(blocks)} blocks"
        )
    # A single one is the first: what stands above it has never seen embeddings.
    rows = np.linspace(0, len(blocks) - 1, count).round().astype(int).tolist()
    kept = nn.ModuleList([blocks[row] for row in rows])
    where, _, last = path.rpartition(".")
    setattr(model.get_submodule(where), last, kept)
    for place, block in enumerate(kept):
        parts: Iterable[Any] = block.modules()
        for module in parts:
            # Under which a causal block keeps what it has read.
            if hasattr(module, "layer_idx"):
                module.layer_idx = place
    for module in model.modules():
        config: Any = getattr(module, "config", None)
        if getattr(config, "num_hidden_layers", None) == len(blocks):
            config.num_hidden_layers = count


def _set_dropout(model: nn.Module, dropout: float) -> None:
    modules: Iterable[Any] = model.modules()
    for module in modules:
        if isinstance(module, nn.Dropout):
            module.p = dropout
        # Newer architectures keep the rate of attention as a number and have no layer for it.
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = dropout
