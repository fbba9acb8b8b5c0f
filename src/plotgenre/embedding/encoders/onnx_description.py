"""What an ONNX folder says of itself, in ``encoder.json`` or as sentence-transformers does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from plotgenre.embedding.encoders.encoder import (
    EncoderCard,
    EncoderSettings,
    Weights,
    file_digest,
    fingerprint,
    prompts_in,
)
from plotgenre.embedding.encoders.onnx_file import data_files
from plotgenre.errors import EncoderError
from plotgenre.json_files import read_json, write_digested

MODEL_FILE, TOKENIZER_FILE, DESCRIPTION_FILE = "model.onnx", "tokenizer.json", "encoder.json"

_DEFAULT_MAX_TOKENS = 256
# The names of poolings in cards of exported encoders and in sentence-transformers.
_POOLINGS = {
    "mean_tokens": "mean",
    "max_tokens": "max",
    "cls_token": "cls",
    "lasttoken": "last",
} | {name: name for name in ("mean", "max", "cls", "last")}


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore"))
class Description:
    """What an encoder's vectors depend on, beside the settings.

    Parameters
    ----------
    dimension
        Length ``d`` of its vectors; 0 where the folder does not say.
    normalize
        Whether vectors that are pooled outside of the graph are made of unit length.
    model_sha256, tokenizer_sha256, data_sha256
        Digests of the graph, of the tokenizer, and of files of weights beside the graph by name.

    The others are those of `EncoderCard`.
    """

    name: str
    dimension: Annotated[int, Field(ge=0)]
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)]
    pooling: str
    prompt: str
    fingerprint: str
    model_sha256: str
    tokenizer_sha256: str
    # Earlier versions wrote none of what follows.
    data_sha256: dict[str, str] | None = None
    normalize: bool = False
    query_prompt: str | None = None
    revision: str | None = None
    source: str = ""
    weights: Weights = "float32"

    @property
    def parts(self) -> list[bytes]:
        """What a fingerprint is of."""
        data = [part for one in sorted((self.data_sha256 or {}).items()) for part in one]
        return [part.encode() for part in (self.model_sha256, self.tokenizer_sha256, *data)]


_ADAPTER = TypeAdapter(Description)


def write_description(folder: Path, card: EncoderCard, *, normalize: bool) -> None:
    """Write ``encoder.json``: the card, and the digests of the files that it speaks of."""
    digests = dict(_digests(folder, folder / MODEL_FILE))
    description = card.as_dict() | {"normalize": normalize} | digests
    del description["precision"]
    write_digested(folder / DESCRIPTION_FILE, description)


def description_of(folder: Path, settings: EncoderSettings, model_path: Path) -> Description:
    """What a folder says of itself, or the settings instead, for a graph in it.

    Raises
    ------
    EncoderError
        If a file is missing, damaged or not the one described, or the settings contradict it.
    """
    path = folder / DESCRIPTION_FILE
    if not path.exists():
        return _foreign(folder, settings, dict(_digests(folder, model_path)))
    described = _valid(path, _read(path))
    for key, digest in _digests(folder, model_path):
        # Earlier versions wrote no digests of files of weights.
        if getattr(described, key) not in (digest, None):
            raise EncoderError(f"{folder} is damaged: {key} is not the one in {DESCRIPTION_FILE}")
    if settings.prompt not in (None, described.prompt):
        raise EncoderError(
            f"{folder} was exported with the prompt {described.prompt!r}, "
            f"not {settings.prompt!r}; export it again"
        )
    pooling = _POOLINGS.get(described.pooling, described.pooling)
    if settings.pooling not in ("model", pooling):
        raise EncoderError(
            f"{folder} was exported with the pooling {pooling!r}, "
            f"not {settings.pooling!r}; export it again"
        )
    query = settings.query_prompt
    if query is None:
        # Before there was a prompt for queries, the one for slices stood before them too.
        query = described.prompt if described.query_prompt is None else described.query_prompt
    return replace(described, pooling=pooling, query_prompt=query)


def _digests(folder: Path, model_path: Path) -> Iterator[tuple[str, Any]]:
    yield "model_sha256", file_digest(model_path)
    yield "tokenizer_sha256", file_digest(folder / TOKENIZER_FILE)
    # The graph is read only once it is known to be the one described.
    if data := data_files(model_path):
        yield "data_sha256", {name: file_digest(model_path.parent / name) for name in data}


def _foreign(folder: Path, settings: EncoderSettings, digests: dict[str, Any]) -> Description:
    """What a folder in the layout of sentence-transformers says about itself."""
    pooling, included = str(settings.pooling), True
    if pooling == "model":
        config = _read(folder / "1_Pooling" / "config.json", dict)
        pooling = _foreign_pooling(config, folder)
        included = config.get("include_prompt", True)
    prompt, query_prompt = settings.prompts(prompts_in(folder))
    if (prompt or query_prompt) and not included:
        raise EncoderError(
            f"{folder} leaves prompts out of pooling, which an ONNX folder cannot; "
            "expected encoder.prompt '' and encoder.query_prompt ''"
        )
    modules = _read(folder / "modules.json", list, absent=[])
    limits = _read(folder / "sentence_bert_config.json", dict, absent={})
    kinds = [str(module.get("type")) for module in modules if isinstance(module, dict)]
    facts = {
        "pooling": pooling,
        "normalize": any("Normalize" in kind for kind in kinds),
        "prompt": prompt,
        "max_tokens": limits.get("max_seq_length") or _DEFAULT_MAX_TOKENS,
    }
    told = {"name": settings.name, "revision": settings.revision, "dimension": 0, "fingerprint": ""}
    found = _valid(folder, facts | digests | told | {"query_prompt": query_prompt})
    return replace(found, fingerprint=fingerprint(found.parts, facts))


def _foreign_pooling(config: dict[str, Any], folder: Path) -> str:
    switched_on = [key.removeprefix("pooling_mode_") for key, on in config.items() if on is True]
    modes = [config["pooling_mode"]] if "pooling_mode" in config else switched_on
    known = [_POOLINGS[mode] for mode in map(str, modes) if mode in _POOLINGS]
    if len(known) != 1:
        raise EncoderError(f"{folder} pools by {modes}; expected one of mean, max, cls, lasttoken")
    return known[0]


def _valid(path: Path, told: Any) -> Description:
    try:
        return _ADAPTER.validate_python(told)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where, said = first["loc"][0] if first["loc"] else None, first["msg"]
        if first["type"] == "missing":
            raise EncoderError(f"{path} lacks {where}") from None
        named = "" if where is None else f" {where}:"
        raise EncoderError(f"{path}:{named} {said[0].lower()}{said[1:]}") from None


def _read(path: Path, kind: type = dict, absent: Any = None) -> Any:
    if absent is not None and not path.exists():
        return absent
    try:
        found = read_json(path)
    except FileNotFoundError:
        raise EncoderError(f"encoder folder {path.parent} lacks the file {path.name}") from None
    except (ValueError, OSError) as broken:
        raise EncoderError(f"{path} is not readable JSON: {broken}") from None
    if not isinstance(found, kind):
        raise EncoderError(f"{path} is not a JSON {'object' if kind is dict else 'list'}")
    return found
