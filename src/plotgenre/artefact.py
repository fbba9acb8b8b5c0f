"""The artefact: a model as a folder of JSON and safetensors. No pickle, and nothing is trusted.

config.json        format number, package version, genres, thresholds by name, recipe, encoder card,
                   digests of itself, the head and the bundled encoder's description
head.safetensors   the branches' and the calibration's tensors and nothing else
encoder/           optional: the encoder itself (onnx, tokenizer), so that the folder is whole;
                   models that lie side by side may share one beside them
evaluation.json    what the model scored, on test films or, a checkpoint, after its epoch
                                                 (for people; load never reads it)
README.md          the model card                (for people; load never reads it)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from plotgenre.errors import ArtefactError
from plotgenre.json_files import json_bytes, read_json, write_digested
from plotgenre.whole_files import put_back, whole_folder

FORMAT = 1
CONFIG_FILE, HEAD_FILE, ENCODER_FOLDER = "config.json", "head.safetensors", "encoder"
EVALUATION_FILE, CARD_FILE = "evaluation.json", "README.md"

# A card and an evaluation have some 100 kB.
_MOST_TEXT = 16 * 2**20

_DESCRIPTION, _DESCRIPTION_DIGEST = "encoder.json", "description_sha256"

_FILES = {CONFIG_FILE, HEAD_FILE, ENCODER_FOLDER, EVALUATION_FILE, CARD_FILE}

Tensors = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """What a model folder holds.

    Parameters
    ----------
    version
        The plotgenre version that wrote it.
    genres
        The ``g`` genres in the order of the head's outputs.
    thresholds
        One per genre, by name.
    train_films
        Films in train of every genre that train had, those that were left out included.
    recipe
        All settings, as plain values.
    encoder
        The encoder's identity card, as plain values; empty for a model without an encoder.
    tensors
        The arrays of the branches and the calibration.
    ungrouped
        Names of train that no group of the recipe has.
    evaluation
        What it scored, for people.
    card
        The model card, for people.
    write_encoder
        Writes the encoder into the folder that it is given; ``None`` leaves the encoder out.
    """

    version: str
    genres: tuple[str, ...]
    thresholds: dict[str, float]
    train_films: dict[str, int]
    recipe: dict[str, Any]
    encoder: dict[str, Any]
    tensors: Tensors
    ungrouped: tuple[str, ...] = ()
    evaluation: dict[str, Any] | None = None
    card: str | None = None
    write_encoder: Callable[[Path], object] | None = field(default=None, repr=False)


def write_artefact(folder: Path, artefact: Artefact) -> None:
    """Write a model folder: complete beside its place, synced, then renamed.

    Raises
    ------
    ArtefactError
        If something else than a model stands there, or the place cannot be written to.
    """
    folder = folder.absolute()
    try:
        if folder.exists() and not _may_replace(folder):
            raise ArtefactError(
                f"{folder} exists and is not a plotgenre model; choose another folder"
            )
        with whole_folder(folder) as new:
            _write(new, artefact)
    except OSError as refused:
        raise ArtefactError(f"cannot write the model {folder}: {refused}") from refused


def _write(folder: Path, artefact: Artefact) -> None:
    folder.mkdir()
    head = save_tensors({name: np.ascontiguousarray(t) for name, t in artefact.tensors.items()})
    (folder / HEAD_FILE).write_bytes(head)
    if artefact.evaluation is not None:
        (folder / EVALUATION_FILE).write_bytes(json_bytes(artefact.evaluation))
    if artefact.card is not None:
        (folder / CARD_FILE).write_text(artefact.card, encoding="utf-8")
    encoder = artefact.encoder
    if artefact.write_encoder is not None:
        artefact.write_encoder(folder / ENCODER_FOLDER)
        encoder = {**encoder, **description_digest(folder / ENCODER_FOLDER)}
    config = {
        "format": FORMAT,
        "plotgenre": artefact.version,
        "genres": list(artefact.genres),
        "thresholds": artefact.thresholds,
        "train_films": artefact.train_films,
        "ungrouped": list(artefact.ungrouped),
        "recipe": artefact.recipe,
        "encoder": encoder,
        "head_sha256": hashlib.sha256(head).hexdigest(),
    }
    write_digested(folder / CONFIG_FILE, config)


def read_artefact(folder: Path) -> Artefact:
    """Read a model folder and check that it is whole and agrees with itself.

    Raises
    ------
    ArtefactError
        If the folder or a file is missing, the format unknown, the head damaged, or thresholds do
        not match the genres.
    """
    put_back(folder)
    if not folder.is_dir():
        raise ArtefactError(f"no model folder at {folder}")
    config = _read_config(folder / CONFIG_FILE)
    genres, thresholds = tuple(config["genres"]), config["thresholds"]
    _refuse_contradictions(folder / CONFIG_FILE, genres, config)
    _tell_prompts(config["recipe"], config["encoder"])
    return Artefact(
        version=config["plotgenre"],
        genres=genres,
        thresholds={genre: float(thresholds[genre]) for genre in genres},
        train_films=config["train_films"],
        recipe=config["recipe"],
        encoder=config["encoder"],
        tensors=_read_head(folder / HEAD_FILE, config["head_sha256"]),
        ungrouped=tuple(config["ungrouped"]),
    )


def bundled_encoder(folder: Path, card: Mapping[str, Any]) -> Path | None:
    """The encoder in a model's folder, else one beside the folder that several models share.

    One beside it counts only if it describes itself as the encoder of the model's card: any other
    folder may bear that name.

    Raises
    ------
    ArtefactError
        If its description is not the one that was saved with the model.
    """
    own, beside = (at / ENCODER_FOLDER for at in (folder, folder.absolute().parent))
    if not own.is_dir():
        try:
            described = read_json(beside / _DESCRIPTION)
            own = beside if described["fingerprint"] == card["fingerprint"] else own
        except (OSError, ValueError, KeyError, TypeError) as broken:
            # It was beside the model, or in it, when this was saved.
            if _DESCRIPTION_DIGEST in card and isinstance(broken, ValueError):
                raise ArtefactError(f"{beside / _DESCRIPTION} is damaged: {broken}") from None
    if not own.is_dir():
        return None
    digest = description_digest(own)
    if _DESCRIPTION_DIGEST in card and digest != {_DESCRIPTION_DIGEST: card[_DESCRIPTION_DIGEST]}:
        raise ArtefactError(f"{own} is damaged: its {_DESCRIPTION} is not the one that was saved")
    return own


def description_digest(encoder: Path) -> dict[str, str]:
    """The digest of an encoder's description, which holds those of its files."""
    path = encoder / _DESCRIPTION
    if not path.is_file():
        return {}
    return {_DESCRIPTION_DIGEST: hashlib.sha256(path.read_bytes()).hexdigest()}


def read_for_people(folder: Path, name: str) -> str | None:
    """The text of a file that says something of the model; None if there is none.

    Raises
    ------
    ArtefactError
        If it is no text of at most 16 MB, or a link to somewhere else.
    """
    path = folder / name
    if not path.is_file():
        return None
    # The Hub's cache has its files in a folder beside, under the names of their digests.
    places = folder.resolve(), folder.resolve().parent.parent / "blobs"
    if path.resolve().parent not in places:
        raise ArtefactError(f"{path} is a link to a file of somewhere else")
    if (size := path.stat().st_size) > _MOST_TEXT:
        raise ArtefactError(f"{path} has {size} bytes; expected at most {_MOST_TEXT}")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as broken:
        raise ArtefactError(f"{path} cannot be read: {broken}") from None


def _refuse_contradictions(path: Path, genres: tuple[str, ...], config: Mapping[str, Any]) -> None:
    thresholds, train_films = config["thresholds"], config["train_films"]
    if not genres or len(set(genres)) != len(genres):
        raise ArtefactError(f"{path}: there is no genre, or one stands twice")
    if odd := sorted(set(thresholds) ^ set(genres)):
        raise ArtefactError(f"{path}: thresholds and genres do not match, see {odd[:3]}")
    if not all(_is_number(t) and 0 <= t <= 1 for t in thresholds.values()):
        raise ArtefactError(f"{path}: a threshold is not a number from 0 to 1")
    if odd := sorted(set(genres) - set(train_films)):
        raise ArtefactError(f"{path}: train_films lacks the genres {odd[:3]}")
    if not all(_is_number(count) and count >= 0 for count in train_films.values()):
        raise ArtefactError(f"{path}: a number of train films is not a number from 0")


def _tell_prompts(recipe: Mapping[str, Any], card: dict[str, Any]) -> None:
    """Say of an older model, in place, which prompts its encoder had."""
    settings = recipe.get("encoder")
    if not card or not isinstance(settings, dict) or "query_prompt" in settings:
        return
    # There was one prompt then, which stood before slices and queries.
    prompt = card.get("prompt", "")
    card["query_prompt"] = prompt
    settings |= {"prompt": prompt, "query_prompt": prompt}


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


_CONFIG_TYPES = {
    "plotgenre": str,
    "genres": list,
    "thresholds": dict,
    "train_films": dict,
    "ungrouped": list,
    "recipe": dict,
    "encoder": dict,
    "head_sha256": str,
}


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = read_json(path)
    except FileNotFoundError:
        raise ArtefactError(f"{path.parent} is not a model: it lacks {path.name}") from None
    except (OSError, ValueError) as broken:
        raise ArtefactError(f"{path} is damaged: {broken}") from None
    found = config.get("format") if isinstance(config, dict) else None
    if found != FORMAT:
        raise ArtefactError(
            f"{path}: format {found!r} is unknown; this plotgenre reads format {FORMAT}"
        )
    # Models from before 0.2 do not say which names their groups leave out.
    config.setdefault("ungrouped", [])
    for key, kind in _CONFIG_TYPES.items():
        if not isinstance(config.get(key), kind):
            raise ArtefactError(f"{path}: {key!r} is missing or not a {kind.__name__}")
    if not all(isinstance(genre, str) for genre in [*config["genres"], *config["ungrouped"]]):
        raise ArtefactError(f"{path}: a genre's name is not text")
    return config


def _read_head(path: Path, sha256: str) -> Tensors:
    if path.exists() and not path.is_file():
        raise ArtefactError(f"{path} is no regular file")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ArtefactError(f"{path.parent} is not a whole model: it lacks {path.name}") from None
    except OSError as broken:
        raise ArtefactError(f"{path} cannot be read: {broken.strerror}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ArtefactError(f"{path} is damaged: its SHA-256 is not the one in {CONFIG_FILE}")
    try:
        tensors: Tensors = load_tensors(data)
    # A type of number that numpy lacks, such as bfloat16, is a KeyError or TypeError.
    except (SafetensorError, KeyError, TypeError) as broken:
        raise ArtefactError(f"{path} is damaged: {broken}") from None
    return tensors


def _may_replace(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    found = {entry.name for entry in folder.iterdir()}
    # Whatever else someone keeps in there would be deleted with the older model.
    return not found or (HEAD_FILE in found and found <= _FILES)
