"""Adapting the semantic branch's encoder: plots and targets in, a folder of new weights out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plotgenre.branches.branch import Labelled, Progress
from plotgenre.embedding.embedder import Embedder
from plotgenre.embedding.encoders import Encoder, EncoderSettings, load_encoder, named_encoder
from plotgenre.embedding.slicing import Slicing
from plotgenre.embedding.store import Store
from plotgenre.errors import InputError, RecipeError
from plotgenre.json_files import json_bytes
from plotgenre.learning.adapting import adapt
from plotgenre.learning.adapting_log import AdaptingLog
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.token_films import TokenFilms
from plotgenre.whole_files import whole_folder

if TYPE_CHECKING:
    from plotgenre.embedding.encoders.trainable import TrainableEncoder

LOG_FILE = "adapting.json"

_CHUNK_SLICES = 8192


def adapt_encoder(
    settings: tuple[EncoderSettings, Slicing, AdaptingSettings],
    train: Labelled,
    validation: Labelled,
    genres: Sequence[str],
    folder: Path,
    store: Path | None = None,
    progress: Progress | None = None,
) -> AdaptingLog:
    """Fine-tune an encoder on films and write it as a sentence-transformers folder.

    Run again after an interrupt, it goes on where it stopped. Checkpoints lie beside the folder,
    which itself appears only when complete, and hold the layer from vectors to genres too: the
    folder has no use for it, as a head is fitted on the new vectors afterwards.

    Parameters
    ----------
    settings
        Which encoder, how plots are cut, how it is adapted.
    train, validation
        Plots (n) and targets (n, g).
    genres
        Names of the ``g`` genres.
    folder
        New, empty, or what an earlier call wrote, which is replaced.
    store
        Folder where vectors of slices are kept: a teacher's, if there is one.
    progress
        Whom to tell.

    Raises
    ------
    InputError
        If something else stands in the folder's place, the films do not make sense, or the
        checkpoints are those of another run.
    EncoderError, RecipeError, MissingExtraError
        If the encoder cannot be loaded or adapted, training diverges, or a part is missing.
    """
    folder = folder.absolute()
    _refuse_other_content(folder)
    encoder_settings, slicing, adapting = settings
    from plotgenre.embedding.encoders.trainable import TrainableEncoder

    encoder = TrainableEncoder(encoder_settings, adapting.dropout, adapting.layers)
    progress = progress or Progress()
    teacher = _teacher(adapting.teacher, encoder_settings, encoder)
    # The teacher's own slices, if there is one: the store may have its vectors already.
    cutter = Embedder(slicing, teacher or encoder.source)
    slices = {
        side: cutter.slices(own[0]) for side, own in (("train", train), ("validation", validation))
    }
    films = (
        token_films("train", encoder, slices["train"], train[1]),
        token_films("validation", encoder, slices["validation"], validation[1]),
    )
    facts = {
        "encoder.fingerprint": encoder.card.fingerprint,
        "encoder.precision": encoder.card.precision,
        "genres": list(genres),
    }
    taught = None
    if teacher is not None:
        facts["teacher.fingerprint"] = teacher.card.fingerprint
        kept = None if store is None else Store(store, teacher.card)
        texts = [text for own in slices["train"] for text in own]
        taught = Embedder(slicing, teacher, kept).vectors(texts, progress.embedding)
    # Of layers that are left out the rest knows nothing yet, so the teacher says the names.
    names = None
    if adapting.head_start == "names":
        asked = teacher or encoder.source
        names = asked.encode(genres, query=True)
        # Checkpoints from before there was such a prompt go on.
        if asked.card.query_prompt:
            facts["names.query_prompt"] = asked.card.query_prompt
    log = adapt(
        encoder, films, adapting, checkpoints_of(folder), facts, progress.adapting, names, taught
    )
    told = {
        "source": encoder.card.as_dict(),
        "teacher": None if teacher is None else teacher.card.as_dict(),
        "slicing": asdict(slicing),
        "adapting": asdict(adapting),
        "films": {"train": len(films[0]), "validation": len(films[1])},
        "slices": {"train": len(films[0].lengths), "validation": len(films[1].lengths)},
        "tokens": {"train": len(films[0].ids), "validation": len(films[1].ids)},
        "genres": list(genres),
        "log": log.as_dict(),
    }
    _write(encoder, told, folder)
    return log


def _teacher(
    name: str | None, settings: EncoderSettings, encoder: TrainableEncoder
) -> Encoder | None:
    if name is None:
        return None
    # It is another encoder, run as the settings say.
    how = {key: getattr(settings, key) for key in ("precision", "runtime", "device")}
    teacher = load_encoder(replace(named_encoder(name), **how))
    # Refused now rather than after it has read all slices.
    if teacher.card.dimension != encoder.dimension:
        raise RecipeError(
            f"adapting.teacher {name!r} gives vectors of {teacher.card.dimension} numbers; "
            f"expected {encoder.dimension}, as many as the encoder's"
        )
    return teacher


def checkpoints_of(folder: Path) -> Path:
    """Where the checkpoints of an adaptation lie."""
    return folder.with_name(f"{folder.name}.checkpoints")


def token_films(
    name: str,
    encoder: TrainableEncoder,
    slices: Sequence[Sequence[str]],
    Y: npt.NDArray[np.bool_],
) -> TokenFilms:
    """The tokens of ``n`` films' slices; ``Y`` of (n, g) says the genres."""
    texts = [text for one in slices for text in one]
    ids = [
        one
        for at in range(0, len(texts), _CHUNK_SLICES)
        for one in encoder.ids(texts[at : at + _CHUNK_SLICES])
    ]
    ends = np.cumsum([len(one) for one in slices]).tolist()
    own = [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    return TokenFilms.of(name, own, Y)


def _refuse_other_content(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir() or (any(folder.iterdir()) and not (folder / LOG_FILE).is_file()):
        raise InputError(f"{folder} exists and is no adapted encoder; choose another folder")


def _write(encoder: TrainableEncoder, told: dict[str, Any], folder: Path) -> None:
    with whole_folder(folder) as new:
        encoder.save(new)
        (new / LOG_FILE).write_bytes(json_bytes(told))
