"""Encoders as a folder: model.onnx, tokenizer.json and a description; no torch at run time."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from plotgenre.embedding.encoders.encoder import (
    BATCH_TOKENS,
    EncoderCard,
    EncoderSettings,
    Vectors,
    Weights,
    as_pickled,
    batches_of_equal_length,
    fingerprint,
)
from plotgenre.embedding.encoders.graph import Graph, Ids
from plotgenre.embedding.encoders.onnx_description import (
    MODEL_FILE,
    TOKENIZER_FILE,
    description_of,
    write_description,
)
from plotgenre.embedding.encoders.onnx_file import data_files
from plotgenre.embedding.encoders.runtime_check import Checked, check_lengths, checked_graph
from plotgenre.embedding.encoders.tokens import TokenReader, read_tokenizer
from plotgenre.errors import EncoderError

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
        described = description_of(self.folder, settings, model_path)
        weights = described.weights
        if settings.precision == "int8" and weights != "int8":
            raise EncoderError(
                f"{self.folder} has {weights} weights, which are not multiplied in int8; expected "
                "int8 ones, as plotgenre bundle --weights int8 writes them"
            )
        tokenizer = read_tokenizer(self.folder / TOKENIZER_FILE)
        limit = described.max_tokens
        max_tokens = min(settings.max_tokens or limit, limit)
        self._tokens = TokenReader(
            tokenizer, described.prompt, max_tokens, described.query_prompt or ""
        )
        self._pooling = described.pooling
        self._normalize = described.normalize
        self._checked = checked_graph(
            model_path,
            fingerprint(
                described.parts,
                {"prompt": described.prompt, "max_tokens": max_tokens}
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
            name=described.name,
            revision=described.revision,
            dimension=self._dimension(described.dimension),
            max_tokens=max_tokens,
            reserved_tokens=self._tokens.reserved,
            pooling=self._pooling,
            prompt=self._tokens.prompt,
            precision=self._graph.precision,
            fingerprint=shortened(described.fingerprint),
            weights=weights,
            source=shortened(described.source),
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
        data = data_files(self._model_path)
        shutil.copy(self._model_path, folder / MODEL_FILE)
        for name in data:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._model_path.parent / name, folder / name)
        shutil.copy(self.folder / TOKENIZER_FILE, folder / TOKENIZER_FILE)
        card = self._card
        if weights not in ("float32", own):
            from plotgenre.embedding.encoders.compression import compress_file

            # All weights are in the one file then.
            compress_file(folder / MODEL_FILE, weights)
            for name in data:
                (folder / name).unlink()
            card = card.rounded(weights)
        write_description(folder, card, normalize=self._normalize)

    def _dimension(self, described: int) -> int:
        ids = np.array([self._tokens.ids(["a"])[0]], dtype=np.int64)
        found = self._vectors(self._graph, ids).shape[1] if ids.size else described
        if described not in (0, found):
            raise EncoderError(
                f"{self.folder} gives vectors of {found} numbers; its description says {described}"
            )
        return found

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
        output = graph.run({name: offered[name] for name in graph.inputs})
        if output.ndim not in (2, 3) or len(output) != len(ids):
            raise EncoderError(
                f"{self._model_path} gives an output of shape {output.shape}; "
                f"expected ({len(ids)}, d) or ({len(ids)}, {ids.shape[1]}, d)"
            )
        output = output[:texts]
        if output.ndim == 2:
            return output
        vectors = _pool(output, self._pooling)
        if self._normalize:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors


def _pool(hidden: npt.NDArray[np.float32], how: str) -> Vectors:
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


# With their files of weights, as the exporters of optimum and torch name them.
_GRAPHS = ("model.onnx", "onnx/model.onnx", "*.onnx_data", "*.onnx.data")


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
                allow_patterns=["*.json", *_GRAPHS],
            )
        )
    except (HFValidationError, HfHubHTTPError, OSError) as refused:
        raise EncoderError(
            f"no encoder folder {settings.name!r} here, and none such on the Hub"
        ) from refused
