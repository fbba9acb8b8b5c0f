"""GenreWorker: a batch of rows in, the same rows with genres out; one class for every engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import ArtefactError, InputError
from plotgenre.hub import DEFAULT_MODEL
from plotgenre.texts import cut_warning, read_part

if TYPE_CHECKING:
    from plotgenre.classifier import GenreClassifier

Column = Sequence[Any] | npt.NDArray[Any]

GENRES, PROBABILITIES, ERROR = ADDED = ("genres", "probabilities", "error")
"""The columns that are added."""

_DECIMALS = 6


# Not pydantic's: engines wrap the class in one of theirs that has attributes before `__init__`.
@dataclass(frozen=True, kw_only=True)
class GenreWorker:
    """Tags batches; nothing but plain settings, so that it can be sent to any process.

    The model is loaded at the first batch, once in a process, whatever the number of workers of
    the same settings. A row's answer does not depend on its batch.

    Parameters
    ----------
    model
        A folder, a model of the package, or a Hub id; the process must reach it.
    fast, quick
        Read words alone, or less of a plot and in 8 bits, as `GenreClassifier.load` has it.
    encoder
        An exported folder of the model's encoder, to run it in another way.
    plot_column
        The column that is read.
    fingerprint
        What `fingerprinted` found elsewhere: another model under the same name is refused.
    """

    model: str = DEFAULT_MODEL
    fast: bool = False
    quick: bool = False
    encoder: str | None = None
    plot_column: str = "plot"
    fingerprint: str = ""

    def __call__(self, batch: Mapping[str, Column]) -> dict[str, Column]:
        """The batch's columns, and three more, of ``n`` rows each.

        Parameters
        ----------
        batch
            Columns of ``n`` rows by name, lists or arrays; the plot column among them.

        Returns
        -------
        dict
            The batch's own columns, with one that is called like an added one renamed, see
            `carried_names`; then ``genres`` (lists of names, best first), ``probabilities`` (lists
            of float, in the same order, 6 decimals) and ``error`` (None, or a sentence that says
            why the row has no genres, or that its plot was not read to the end), as arrays of
            objects, shape (n,).

        Raises
        ------
        InputError
            If there is no plot column.
        ArtefactError, EncoderError, MissingExtraError
            If the model cannot be loaded, or is not that of the fingerprint.
        """
        if self.plot_column not in batch:
            raise InputError(
                f"the batch has no column {self.plot_column!r}; it has {', '.join(batch)}"
            )
        plots = list(batch[self.plot_column])
        # Loaded before anything is caught: a missing model is no fault of a row.
        classifier = _checked(self)
        errors = [why_no_plot(plot) for plot in plots]
        good = [i for i, error in enumerate(errors) if error is None]
        found: list[dict[str, float]] = [{} for _ in plots]
        read = [read_part(plots[i]) for i in good]
        for i, tags in zip(good, _tagged(classifier, read), strict=True):
            if isinstance(tags, str):
                errors[i] = tags
            else:
                found[i] = tags
                cut = cut_warning(plots[i])
                errors[i] = cut and f"the plot {cut}"
        names = carried_names(batch)
        return {
            **{names[column]: values for column, values in batch.items()},
            GENRES: _objects([list(tags) for tags in found]),
            PROBABILITIES: _objects(
                [[round(p, _DECIMALS) for p in tags.values()] for tags in found]
            ),
            ERROR: _objects(errors),
        }

    def fingerprinted(self) -> GenreWorker:
        """The same worker, which refuses any model but the one found here; loads it."""
        # Anew, for a model may have been trained again under its name.
        _loaded.cache_clear()
        classifier = _loaded(self.model, self.fast, self.quick, self.encoder)
        return replace(self, fingerprint=_fingerprint(classifier))


def why_no_plot(plot: Any) -> str | None:
    """Why a value cannot be read as a plot, as a sentence; None where it can."""
    # Tables hold what is missing as None, as NaN, or as what neither equals itself nor compares.
    if plot is None or (not isinstance(plot, str) and _is_missing(plot)):
        return "there is no plot; expected a text"
    if not isinstance(plot, str):
        return f"the plot is {str(plot)[:40]} ({type(plot).__name__}); expected a text"
    if not plot.strip():
        return "the plot is empty; expected a text"
    try:
        plot.encode()
    except UnicodeEncodeError:
        return "the plot is not Unicode text: it holds half of a surrogate pair"
    return None


def carried_names(columns: Iterable[str]) -> dict[str, str]:
    """What the columns of a table are called beside those added: ``genres`` is ``input_genres``.

    In the order of the columns; ``input_`` is put before a name until no column has it.
    """
    own = list(columns)
    taken = {*own, *ADDED}
    names: dict[str, str] = {}
    for column in own:
        name = column
        if column in ADDED:
            while name in taken:
                name = f"input_{name}"
            taken.add(name)
        names[column] = name
    return names


@lru_cache(maxsize=1)
def _checked(worker: GenreWorker) -> GenreClassifier:
    classifier = _loaded(worker.model, worker.fast, worker.quick, worker.encoder)
    if worker.fingerprint and _fingerprint(classifier) != worker.fingerprint:
        raise ArtefactError(
            f"the model {worker.model!r} is another one here than where the batch was begun; "
            "expected the same on every machine"
        )
    return classifier


@lru_cache(maxsize=1)
def _loaded(model: str, fast: bool, quick: bool, encoder: str | None) -> GenreClassifier:
    from plotgenre.classifier import GenreClassifier
    from plotgenre.embedding.encoders import EncoderSettings

    settings = None if encoder is None else EncoderSettings(kind="onnx", name=encoder)
    return GenreClassifier.from_pretrained(model, encoder=settings, fast=fast, quick=quick)


def _fingerprint(classifier: GenreClassifier) -> str:
    """SHA-256 over all that tags depend on: what logits do, thresholds and the policy."""
    digest = hashlib.sha256(classifier.model_.fingerprint().encode())
    digest.update(np.ascontiguousarray(classifier.thresholds_).tobytes())
    digest.update(repr(classifier.recipe_.thresholds).encode())
    return digest.hexdigest()


def _tagged(classifier: GenreClassifier, plots: list[str]) -> list[dict[str, float] | str]:
    """Each plot's genres, or why it has none: a batch that fails is halved down to the bad row."""
    if not plots:
        return []
    try:
        return [*classifier.tag_many(plots)]
    # Whatever one row makes a library raise must not end the other rows' run.
    except Exception as broken:
        if len(plots) == 1:
            said = next(iter(str(broken).splitlines()), "")
            return [f"the plot cannot be read: {said or type(broken).__name__}"]
    half = len(plots) // 2
    return _tagged(classifier, plots[:half]) + _tagged(classifier, plots[half:])


def _is_missing(value: Any) -> bool:
    try:
        return bool(value != value)
    except TypeError:
        # As pandas' NA does.
        return True
    except ValueError:
        return False


def _objects(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    # Filled one by one, for numpy takes lists of one length for rows of a matrix.
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column
