"""Encoders of the sentence-transformers library: any Hub id or local folder, masked or causal."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plotgenre.devices import torch_device
from plotgenre.embedding.encoders.encoder import (
    BUNDLED,
    EncoderCard,
    EncoderSettings,
    Vectors,
    as_pickled,
    batches_of_equal_length,
    fingerprint,
    first_line,
)
from plotgenre.embedding.encoders.minilm import bundled_folder
from plotgenre.embedding.encoders.processor import held_below_bfloat16
from plotgenre.embedding.encoders.tokens import TokenReader
from plotgenre.errors import EncoderError, MissingExtraError

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

# Its tokenizer is changed by each call, and torch takes all cores for one batch anyway.
_ONE_AT_A_TIME = Lock()

_POOLING_NAMES = {"mean": "mean", "max": "max", "cls": "cls", "last": "lasttoken"}
# A model whose positions have no end (rotary) still needs a bound; memory grows with its square.
_MOST_TOKENS = 8192


class TransformerEncoder:
    """A sentence-transformers model as an :class:`Encoder`.

    Raises
    ------
    MissingExtraError
        If sentence-transformers is not installed.
    EncoderError
        If the model cannot be loaded or its tokenizer cannot report offsets.
    RecipeError
        If torch does not have the device.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self.model = _load(settings)
        limit = self.model.max_seq_length or _MOST_TOKENS
        max_tokens = min(settings.max_tokens or limit, limit, _MOST_TOKENS)
        self.model.max_seq_length = max_tokens
        backend = _backend(self.model, settings.name)
        prompt, query_prompt = settings.prompts(
            {"prompts": self.model.prompts, "default_prompt_name": self.model.default_prompt_name}
        )
        self._tokens = TokenReader(backend, prompt, max_tokens, query_prompt)
        pooling = [_module_facts(module) for module in self.model][1:]
        facts: dict[str, object] = {
            "modules": pooling,
            "prompt": prompt,
            "max_tokens": max_tokens,
        }
        dimension = self.model.get_embedding_dimension()
        assert dimension is not None
        self._card = EncoderCard(
            name=settings.name,
            revision=settings.revision,
            dimension=dimension,
            max_tokens=max_tokens,
            reserved_tokens=self._tokens.reserved,
            pooling=str(_pooling_mode(self.model)),
            prompt=prompt,
            precision="float32",
            fingerprint=fingerprint(self._weights_and_tokenizer(), facts),
            query_prompt=query_prompt,
        )
        if runs_in_bfloat16(settings, self.model.device):
            self._card = _in_bfloat16(self.model, self._card)

    def __reduce__(self) -> tuple[object, ...]:
        return as_pickled(self._settings, self._card)

    @property
    def card(self) -> EncoderCard:
        """The identity card."""
        return self._card

    @property
    def vocabulary(self) -> str:
        """The tokenizer as JSON text, without padding or truncation."""
        return self._tokens.vocabulary

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        return self._tokens.spans(texts)

    def token_ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with prompt and special tokens, truncated to the maximum."""
        return self._tokens.ids(texts)

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """Vectors of shape (n, d), float32."""
        vectors = np.zeros((len(texts), self.card.dimension), dtype=np.float32)
        lengths = self._tokens.lengths(texts, query=query)
        prompt = self.card.query_prompt if query else self.card.prompt
        # Some models have a part for queries and one for documents.
        encode = self.model.encode_query if query else self.model.encode_document
        for rows in batches_of_equal_length(lengths):
            with _ONE_AT_A_TIME:
                vectors[rows] = encode(
                    [texts[row] for row in rows],
                    prompt=prompt,
                    batch_size=len(rows),
                    show_progress_bar=False,
                )
        return vectors

    def _weights_and_tokenizer(self) -> Iterator[bytes]:
        for name, tensor in sorted(self.model.state_dict().items()):
            yield name.encode()
            yield tensor.detach().float().cpu().numpy().tobytes()
        yield self._tokens.vocabulary.encode()


def _load(settings: EncoderSettings) -> SentenceTransformer:
    try:
        from safetensors import SafetensorError
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Pooling
    except ImportError as missing:
        raise MissingExtraError(f"The encoder {settings.name}", "transformers") from missing
    device = torch_device(settings.device, "encoder.device")
    source = str(bundled_folder()) if settings.name == BUNDLED else settings.name
    try:
        with without_bars():
            model = SentenceTransformer(source, revision=settings.revision, device=str(device))
    except (OSError, ValueError, SafetensorError) as broken:
        raise EncoderError(
            f"cannot load the encoder {settings.name!r} from the Hub or a local folder: "
            f"{first_line(broken)}"
        ) from broken
    tokenizer = model.tokenizer
    if getattr(tokenizer, "pad_token", "") is None:
        # Causal models often have no padding token; batches of equal length never use it.
        tokenizer.pad_token = tokenizer.eos_token
    if settings.pooling != "model":
        at = next((i for i, module in enumerate(model) if isinstance(module, Pooling)), None)
        if at is None:
            raise EncoderError(f"the encoder {settings.name!r} has no pooling that can be replaced")
        model[at] = Pooling(
            model[at].embedding_dimension, pooling_mode=_POOLING_NAMES[settings.pooling]
        )
    return model.eval()


@contextmanager
def without_bars() -> Iterator[None]:
    """Silence the bars that transformers draws over milliseconds; downloads keep theirs."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging as untyped

    logging: Any = untyped

    loading, downloads = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    restore_downloads = enable_progress_bars if downloads else disable_progress_bars
    logging.disable_progress_bar()
    restore_downloads()
    try:
        yield
    finally:
        if loading:
            logging.enable_progress_bar()
        restore_downloads()


def _backend(model: SentenceTransformer, name: str) -> Any:
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise EncoderError(
            f"the encoder {name!r} has a tokenizer that cannot report character offsets; "
            "expected one backed by the tokenizers library (a tokenizer.json)"
        )
    return backend


def _module_facts(module: Any) -> list[object]:
    config = module.get_config_dict() if hasattr(module, "get_config_dict") else {}
    return [type(module).__name__, {key: str(value) for key, value in sorted(config.items())}]


def _pooling_mode(model: SentenceTransformer) -> str:
    return next((str(m.pooling_mode) for m in model if hasattr(m, "pooling_mode")), "model")


def runs_in_bfloat16(settings: EncoderSettings, device: torch.device) -> bool:
    """Whether the settings mean bfloat16 on this device."""
    import torch

    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and _multiplies_in_bfloat16()


def _multiplies_in_bfloat16() -> bool:
    """Whether the processor has instructions for it; emulated, it is slower than float32."""
    import torch

    if held_below_bfloat16():
        return False
    # On any x86 with AVX-512 oneDNN says yes, and emulates what is not there.
    if platform.machine() in ("x86_64", "AMD64"):
        # A tile of AMX holds bfloat16 in every processor that has one.
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _in_bfloat16(model: SentenceTransformer, card: EncoderCard) -> EncoderCard:
    """Run the transformer itself in bfloat16; pooling and what follows stays in float32."""
    from dataclasses import replace

    import torch

    def back_to_float32(module: Any, inputs: Any, features: dict[str, Any]) -> dict[str, Any]:
        features["token_embeddings"] = features["token_embeddings"].float()
        return features

    model[0].to(torch.bfloat16)
    model[0].register_forward_hook(back_to_float32)
    return replace(card, precision="bfloat16")
