"""Static encoders: a table of token vectors, averaged; no transformer, thousands of texts a second.

Reads any model2vec folder or Hub id through that library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.encoders.encoder import (
    PROMPTS_FILE,
    EncoderCard,
    EncoderSettings,
    Vectors,
    as_pickled,
    fingerprint,
    first_line,
    prompts_in,
)
from plotgenre.embedding.encoders.tokens import TokenReader
from plotgenre.errors import EncoderError, MissingExtraError

# A mean over tokens has no limit of its own; this one only bounds memory.
_MOST_TOKENS = 65_536

# model2vec sets the truncation of its one tokenizer at each call, and sets it back after it.
_ONE_AT_A_TIME = Lock()


class StaticEncoder:
    """A model2vec model as an :class:`Encoder`.

    Raises
    ------
    MissingExtraError
        If model2vec is not installed.
    EncoderError
        If the folder or Hub id holds no static model.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        try:
            from model2vec import StaticModel
        except ImportError as missing:
            raise MissingExtraError(f"The static encoder {settings.name}", "static") from missing
        if settings.pooling not in ("model", "mean"):
            raise EncoderError(f"a static encoder pools by the mean, not by {settings.pooling!r}")
        try:
            folder = _local_folder(settings)
            self._model = StaticModel.from_pretrained(str(folder))
        except Exception as broken:
            # The tokenizers library raises bare Exceptions, safetensors its own kind.
            raise EncoderError(
                f"cannot load the static encoder {settings.name!r}: {first_line(broken)}"
            ) from broken
        prompt, query_prompt = settings.prompts(prompts_in(folder))
        max_tokens = settings.max_tokens or _MOST_TOKENS
        self._tokens = TokenReader(self._model.tokenizer, prompt, max_tokens, query_prompt)
        self._settings = settings
        self._card = EncoderCard(
            name=settings.name,
            revision=settings.revision,
            dimension=int(self._model.dim),
            max_tokens=max_tokens,
            reserved_tokens=self._tokens.reserved,
            pooling="mean",
            prompt=prompt,
            precision="float32",
            fingerprint=self._fingerprint(max_tokens),
            query_prompt=query_prompt,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return as_pickled(self._settings, self._card)

    @property
    def card(self) -> EncoderCard:
        """The identity card."""
        return self._card

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        return self._tokens.spans(texts)

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """Vectors of shape (n, d), float32."""
        if not texts:
            return np.empty((0, self.card.dimension), dtype=np.float32)
        prompt = self.card.query_prompt if query else self.card.prompt
        prompted = [prompt + text for text in texts]
        with _ONE_AT_A_TIME:
            vectors = self._model.encode(
                prompted, max_length=self.card.max_tokens, use_multiprocessing=False
            )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.card.dimension)

    def save(self, folder: Path) -> None:
        """Write the model into a new folder that this class reads."""
        self._model.save_pretrained(folder)
        prompts = json.dumps({"prompts": self.card.prompts})
        (folder / PROMPTS_FILE).write_text(prompts, encoding="utf-8")

    def _fingerprint(self, max_tokens: int) -> str:
        parts = [self._model.embedding.tobytes(), self._tokens.vocabulary.encode()]
        for optional in (self._model.weights, self._model.token_mapping):
            if optional is not None:
                parts.append(optional.tobytes())
        facts: dict[str, object] = {
            "normalize": bool(self._model.normalize),
            "prompt": self._tokens.prompt,
            "max_tokens": max_tokens,
        }
        return fingerprint(parts, facts)


def _local_folder(settings: EncoderSettings) -> Path:
    """The folder, downloaded at the asked revision (which model2vec itself cannot be given)."""
    if Path(settings.name).is_dir():
        return Path(settings.name)
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            settings.name,
            revision=settings.revision,
            allow_patterns=["*.json", "*.safetensors", "README.md"],
        )
    )
