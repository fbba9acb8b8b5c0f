"""Encoders as a folder: model.onnx, tokenizer.json and a description; no torch at run time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from plotgenre.embedding.encoders.encoder import (
    BATCH_TOKENS,
    EncoderCard,
    EncoderSettings,
    TokenPooling,
    Vectors,
    Weights,
    as_pickled,
    batches_of_equal_length,
    file_digest,
    fingerprint,
    first_line,
    prompts_in,
)
from plotgenre.embedding.encoders.graph import Graph, Ids
from plotgenre.embedding.encoders.runtime_check import Checked, check_lengths, checked_graph
from plotgenre.embedding.encoders.tokens import TokenReader
from plotgenre.errors import EncoderError

MODEL_FILE, TOKENIZER_FILE, DESCRIPTION_FILE = "model.onnx", "tokenizer.json", "encoder.json"

_FORMAT_KEYS = {"name", "dimension", "max_tokens", "pooling", "prompt", "fingerprint"}
_DEFAULT_MAX_TOKENS = 256
# Products of fewer rows may take another kernel, which rounds otherwise: OpenVINO's of bfloat16
# with int8 weights do so up to 4. A text's vector would then depend on how many are read with it.
_FEWEST_TOKENS = 16
# What the runtime check reads, over and over.
_CHECK_TEXT = (
    "A retired detective returns to the harbour town where his partner vanished, and finds that "
    "nobody wants the old case opened again. Two strangers share a taxi through a storm. Years "
    "later a soldier's daughter reads the letters that her mother hid beneath the floor. "
)


class OnnxEncoder:
    """A folder with an ONNX graph as an :class:`Encoder`.

    Folders written by :func:`export_encoder` describe themselves in ``encoder.json``; folders in
    the layout of sentence-transformers on the Hub (``onnx/model.onnx``, ``1_Pooling``) work too.

    Raises
    ------
    EncoderError
        If a file is missing or damaged, or differs from the description's digests.
    """

    def __init__(self, settings: EncoderSettings) -> None:
        self._settings = settings
        self.folder = _local_folder(settings)
        self._model_path = model_path = _graph_in(self.folder) or self.folder / MODEL_FILE
        described = _description(self.folder, settings, model_path)
        weights: Weights = described.get("weights", "float32")
        if settings.precision == "int8" and weights != "int8":
            raise EncoderError(
                f"{self.folder} has {weights} weights, which are not multiplied in int8; expected "
                "int8 ones, as plotgenre bundle --weights int8 writes them"
            )
        tokenizer = _tokenizer(self.folder / TOKENIZER_FILE)
        limit = int(described["max_tokens"])
        max_tokens = min(settings.max_tokens or limit, limit)
        self._tokens = TokenReader(
            tokenizer, str(described["prompt"]), max_tokens, str(described["query_prompt"])
        )
        self._pooling: TokenPooling = described["pooling"]
        self._normalize = bool(described.get("normalize", False))
        self._checked = checked_graph(
            model_path,
            fingerprint(
                [described[key].encode() for key in ("model_sha256", "tokenizer_sha256")],
                {"prompt": described["prompt"], "max_tokens": max_tokens}
                | {"pooling": self._pooling, "normalize": self._normalize},
            ),
            (settings.runtime, settings.precision),
            self._vectors,
            partial(self._check_batches, max_tokens),
        )
        self._graph = self._checked.graph

        def shortened(own: str) -> str:
            facts: dict[str, object] = {"max_tokens": max_tokens}
            return own if max_tokens == limit or not own else fingerprint([own.encode()], facts)

        self._card = EncoderCard(
            name=str(described["name"]),
            revision=described.get("revision"),
            dimension=int(described["dimension"]) or self._probe_dimension(),
            max_tokens=max_tokens,
            reserved_tokens=self._tokens.reserved,
            pooling=str(described["pooling"]),
            prompt=self._tokens.prompt,
            precision=self._graph.precision,
            fingerprint=shortened(str(described["fingerprint"])),
            weights=weights,
            source=shortened(described.get("source", "")),
            query_prompt=self._tokens.query_prompt,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return as_pickled(self._settings, self._card)

    @property
    def card(self) -> EncoderCard:
        """The identity card."""
        return self._card

    @property
    def checked(self) -> Checked:
        """What runs it here, and how that was decided."""
        return self._checked

    def token_spans(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        """For each text the (start, end) character offsets of its tokens, shape (t, 2)."""
        return self._tokens.spans(texts)

    def encode(self, texts: Sequence[str], *, query: bool = False) -> Vectors:
        """Vectors of shape (n, d), float32."""
        ids = self._tokens.ids(texts, query=query)
        vectors = np.zeros((len(texts), self.card.dimension), dtype=np.float32)
        lengths = [len(one) for one in ids]
        lanes = self._graph.lanes
        # The longest first, and none so large that one lane still reads while the others are done.
        most = BATCH_TOKENS if lanes == 1 else min(BATCH_TOKENS, sum(lengths) // 2) // lanes
        batches = list(batches_of_equal_length(lengths, most))[::-1]
        inputs = [np.array([ids[row] for row in rows], np.int64) for rows in batches]
        found = self._graph.side_by_side(partial(self._vectors, self._graph), inputs)
        for rows, of_rows in zip(batches, found, strict=True):
            vectors[rows] = of_rows
        return vectors

    def save(self, folder: Path, weights: Weights = "float32") -> None:
        """Copy graph, tokenizer and description into a new folder that this class reads.

        Parameters
        ----------
        folder
            Must not exist.
        weights
            ``float16`` or ``int8`` round the graph's large weights, which makes another encoder
            of it, with a fingerprint of its own; ``float32``, or what they are in already, leaves
            them as they are.

        Raises
        ------
        EncoderError
            If something stands there already, or weights that are rounded would be so otherwise.
        MissingExtraError
            If onnx, which rounding needs, is not installed.
        """
        own = self._card.weights
        if weights not in ("float32", own) and own != "float32":
            raise EncoderError(f"{self.folder} has {own} weights already; round float32 ones")
        try:
            folder.mkdir(parents=True)
        except OSError as refused:
            raise EncoderError(f"cannot make the encoder folder {folder}: {refused}") from None
        shutil.copy(self._model_path, folder / MODEL_FILE)
        shutil.copy(self.folder / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        card = self._card
        if weights not in ("float32", own):
            from plotgenre.embedding.encoders.compression import compress_file

            compress_file(folder / MODEL_FILE, weights)
            card = card.rounded(weights)
        write_description(folder, card, normalize=self._normalize)

    def _probe_dimension(self) -> int:
        ids = np.array([self._tokens.ids(["a"])[0]], dtype=np.int64)
        return int(self._vectors(self._graph, ids).shape[1])

    def _check_batches(self, max_tokens: int, most: int) -> list[Ids]:
        """At most ``most`` texts' ids, shapes (1, t), the shortest first."""
        # An empty text is its special tokens, if any; without any token nothing is read.
        (shortest,) = self._tokens.ids([""])
        words, batches = _CHECK_TEXT.split() * 40, []
        for turn, length in enumerate(check_lengths(len(shortest) or 1, max_tokens)[:most]):
            (ids,) = self._tokens.ids([" ".join(words[7 * turn : 7 * turn + 3 * length])])
            # A tokenizer may skip so much that a text falls short.
            if len(ids) >= length:
                # The first tokens may be special or a prompt's, and the last one special.
                batches.append(np.array([ids[: length - 1] + ids[-1:]], dtype=np.int64))
        return batches

    def _vectors(self, graph: Graph, ids: Ids) -> Vectors:
        texts, length = ids.shape
        if ids.size < _FEWEST_TOKENS:
            ids = np.resize(ids, (-(-_FEWEST_TOKENS // length), length))
        offered = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
            "position_ids": np.broadcast_to(np.arange(ids.shape[1]), ids.shape),
        }
        if unknown := set(graph.inputs) - offered.keys():
            raise EncoderError(
                f"{self._model_path} wants the inputs {', '.join(sorted(unknown))}; "
                f"expected none but {', '.join(offered)}"
            )
        output = graph.run({name: offered[name] for name in graph.inputs})[:texts]
        if output.ndim == 2:
            return output
        vectors = _pool(output, self._pooling)
        if self._normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors


def write_description(folder: Path, card: EncoderCard, *, normalize: bool) -> None:
    """Write ``encoder.json``: the card, and the digests of the files that it speaks of."""
    description = card.as_dict() | {
        "normalize": normalize,
        "model_sha256": file_digest(folder / MODEL_FILE),
        "tokenizer_sha256": file_digest(folder / TOKENIZER_FILE),
    }
    del description["precision"]
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description, indent=2), encoding="utf-8")


def _pool(hidden: npt.NDArray[np.float32], how: TokenPooling) -> Vectors:
    """(b, s, d) to (b, d); no mask, since a batch's texts all have the same length."""
    pooled: Vectors
    if how == "mean":
        pooled = hidden.mean(axis=1)
    elif how == "max":
        pooled = hidden.max(axis=1)
    else:
        pooled = hidden[:, 0] if how == "cls" else hidden[:, -1]
    return pooled


def is_onnx_folder(folder: Path) -> bool:
    """Whether an encoder's graph lies in the folder, in either of the two layouts."""
    return _graph_in(folder) is not None


def _graph_in(folder: Path) -> Path | None:
    places = (folder / MODEL_FILE, folder / "onnx" / MODEL_FILE)
    return next((path for path in places if path.is_file()), None)


def _local_folder(settings: EncoderSettings) -> Path:
    if Path(settings.name).is_dir():
        return Path(settings.name)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(
            snapshot_download(
                settings.name,
                revision=settings.revision,
                allow_patterns=["*.json", "model.onnx", "onnx/model.onnx", "*.onnx_data"],
            )
        )
    except (HFValidationError, HfHubHTTPError, OSError) as refused:
        raise EncoderError(
            f"no encoder folder {settings.name!r} here, and none such on the Hub"
        ) from refused


def _description(folder: Path, settings: EncoderSettings, model_path: Path) -> dict[str, Any]:
    digests = {
        "model_sha256": file_digest(model_path),
        "tokenizer_sha256": file_digest(folder / TOKENIZER_FILE),
    }
    if not (folder / DESCRIPTION_FILE).exists():
        return _foreign_description(folder, settings, digests)
    described: Any = _read_json(folder / DESCRIPTION_FILE)
    if not isinstance(described, dict):
        raise EncoderError(f"{folder / DESCRIPTION_FILE} is not a JSON object")
    if missing := sorted((_FORMAT_KEYS | digests.keys()) - described.keys()):
        raise EncoderError(f"{folder / DESCRIPTION_FILE} lacks {', '.join(missing)}")
    for key, digest in digests.items():
        if described[key] != digest:
            raise EncoderError(
                f"{folder} is damaged: {key} is {digest[:12]}…, expected {described[key][:12]}…"
            )
    if settings.prompt not in (None, described["prompt"]):
        raise EncoderError(
            f"{folder} was exported with the prompt {described['prompt']!r}, "
            f"not {settings.prompt!r}; export it again"
        )
    # The card of an exported encoder has the pooling's name in sentence-transformers.
    pooling = _POOLINGS.get(described["pooling"], described["pooling"])
    if settings.pooling not in ("model", pooling):
        raise EncoderError(
            f"{folder} was exported with the pooling {pooling!r}, "
            f"not {settings.pooling!r}; export it again"
        )
    # Before there was a prompt for queries, the one for slices stood before them too.
    query = described.get("query_prompt", described["prompt"])
    if settings.query_prompt is not None:
        query = settings.query_prompt
    return described | {"pooling": pooling, "query_prompt": query}


def _foreign_description(
    folder: Path, settings: EncoderSettings, digests: dict[str, str]
) -> dict[str, Any]:
    """What a folder in the layout of sentence-transformers says about itself."""
    pooling, included = settings.pooling, True
    if pooling == "model":
        config = _read_json(folder / "1_Pooling" / "config.json")
        pooling = _foreign_pooling(config, folder)
        included = config.get("include_prompt", True)
    prompt, query_prompt = settings.prompts(prompts_in(folder))
    if (prompt or query_prompt) and not included:
        raise EncoderError(
            f"{folder} leaves prompts out of pooling, which an ONNX folder cannot; "
            "expected encoder.prompt '' and encoder.query_prompt ''"
        )
    modules = _read_json(folder / "modules.json", [])
    limits = _read_json(folder / "sentence_bert_config.json", {})
    facts = {
        "pooling": pooling,
        "normalize": any("Normalize" in module.get("type", "") for module in modules),
        "prompt": prompt,
        "max_tokens": limits.get("max_seq_length") or _DEFAULT_MAX_TOKENS,
    }
    parts = [digest.encode() for digest in digests.values()]
    return {
        **facts,
        **digests,
        "name": settings.name,
        "revision": settings.revision,
        "dimension": 0,
        "fingerprint": fingerprint(parts, dict(facts)),
        "query_prompt": query_prompt,
    }


_POOLINGS: dict[str, TokenPooling] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "max": "max",
    "max_tokens": "max",
    "cls": "cls",
    "cls_token": "cls",
    "lasttoken": "last",
    "last": "last",
}


def _foreign_pooling(config: dict[str, Any], folder: Path) -> TokenPooling:
    switched_on = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True]
    modes = [config["pooling_mode"]] if "pooling_mode" in config else switched_on
    known = [_POOLINGS[mode] for mode in modes if mode in _POOLINGS]
    if len(known) != 1:
        raise EncoderError(f"{folder} pools by {modes}; expected one of mean, max, cls, lasttoken")
    return known[0]


def _read_json(path: Path, default: Any = None) -> Any:
    if default is not None and not path.exists():
        return default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EncoderError(f"encoder folder {path.parent} lacks the file {path.name}") from None
    except (ValueError, OSError) as broken:
        raise EncoderError(f"{path} is not readable JSON: {broken}") from None


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as broken:
        # The tokenizers library raises bare Exceptions.
        raise EncoderError(f"{path} is not a tokenizer: {first_line(broken)}") from broken
