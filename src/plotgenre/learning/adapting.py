"""Adapting: an encoder learns from films, in time. Needs torch only once ``adapt`` is called."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from plotgenre.errors import InputError, MissingExtraError
from plotgenre.learning.adapting_log import AdaptingLog, Evaluated
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.checkpoints import Checkpoint, CheckpointFolder
from plotgenre.learning.token_films import TokenFilms

if TYPE_CHECKING:
    from plotgenre.learning.adaptation import AdaptationRun, SliceEncoder, Stepped

STATES_FILE = "frozen.states"

# The speed is measured for this share of the minutes, and for so many seconds at most.
_MEASURED_SHARE, _MEASURED_SECONDS = 0.05, 30.0


def adapt(
    encoder: SliceEncoder,
    films: tuple[TokenFilms, TokenFilms],
    settings: AdaptingSettings,
    folder: Path,
    facts: Mapping[str, Any],
    progress: Callable[[Evaluated], None] | None = None,
    names: npt.NDArray[np.float32] | None = None,
    teacher: npt.NDArray[np.floating] | None = None,
) -> AdaptingLog:
    """Fine-tune an encoder, with a linear layer from its vectors to genres on top, in place.

    The steps that fit into the minutes are planned once, from the speed at the start, and kept in
    the checkpoints, as step sizes fall with the planned steps: an interrupted run that is started
    again ends at the same weights as one that ran through. Given another number of steps, it ends
    sooner or goes on longer.

    An interrupt lets the step end, writes a checkpoint, and is then raised; a second one is raised
    at once.

    Parameters
    ----------
    encoder
        Its weights are changed.
    films
        Train and validation films over the same genres.
    settings
        All settings.
    folder
        Of the checkpoints.
    facts
        What else a checkpoint must agree in, such as the encoder's fingerprint; JSON values.
    progress
        Called after each evaluation.
    names
        What the encoder says of each genre's name, shape (g, d); needed where the layer on top is
        to begin so.
    teacher
        What another encoder says of each slice of the train films, shape (n_slices, d); needed
        where one is to be learned from.

    Raises
    ------
    InputError
        If the checkpoints are those of another run, no drawn validation film has a genre, or
        ``names`` and ``settings.head_start``, or the teacher's vectors and the encoder's, do not
        agree.
    RecipeError
        If there is nothing left to learn, or the loss is no longer finite.
    MissingExtraError
        If torch or scikit-learn is not installed.
    """
    if (settings.head_start == "names") != (names is not None):
        raise InputError(
            f"adapting.head_start is {settings.head_start!r}; vectors of names are needed for "
            "'names' and for nothing else"
        )
    try:
        from plotgenre.learning.adaptation import AdaptationRun
        from plotgenre.learning.distillation import DistillationRun
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("torch", "sklearn"):
            raise MissingExtraError("Adapting an encoder", "train") from error
        raise
    checkpoints = CheckpointFolder(
        folder, _identity(films, settings, facts), AdaptingLog, unit="step"
    )
    found = checkpoints.latest()
    states = folder / STATES_FILE
    if teacher is None:
        run = AdaptationRun(encoder, *films, settings, states)
    else:
        run = DistillationRun(encoder, *films, settings, states, teacher)
    if not films[1].Y[run.validation_rows].any():
        raise InputError("no drawn validation film has a genre, so no evaluation would say a thing")
    adaptation = _Adaptation(run, checkpoints, progress)
    if names is not None:
        run.begin_head(names)
    if found is not None:
        run.resume(found.tensors)
        adaptation.log = found.history
    with _interrupts() as interrupted, closing(run):
        adaptation.go(interrupted)
    run.finish()
    # It is large, and made again should the run go on.
    states.unlink(missing_ok=True)
    return adaptation.log


class _Adaptation:
    """A run with its clock: when to evaluate, when to write a checkpoint."""

    def __init__(
        self,
        run: AdaptationRun,
        checkpoints: CheckpointFolder[AdaptingLog],
        progress: Callable[[Evaluated], None] | None,
    ) -> None:
        self.run, self.checkpoints, self.progress = run, checkpoints, progress
        self.settings = run.settings
        self.log = AdaptingLog()
        self.since: list[Stepped] = []

    def go(self, interrupted: Callable[[], bool]) -> None:
        """Take all steps that are left."""
        if not self.log.steps:
            self._plan()
        elif self.settings.steps is not None:
            # A run may be told to end sooner or later: from here on step sizes follow the new plan.
            self.log = replace(self.log, steps=max(self.settings.steps, self.log.step))
        evaluated = self.log.evaluations[-1].seconds if self.log.evaluations else 0.0
        saved = self.log.seconds
        while self.log.step < self.log.steps:
            if interrupted():
                self._save()
                raise KeyboardInterrupt
            done = self.run.step(self.log.step, self.log.steps)
            self.since.append(done)
            seconds = self.log.seconds + done.seconds
            self.log = replace(self.log, step=self.log.step + 1, seconds=seconds)
            last = self.log.step == self.log.steps
            if last or self.log.seconds - evaluated >= 60 * self.settings.evaluate_every:
                self._evaluate()
                evaluated = self.log.seconds
            if last or self.log.seconds - saved >= 60 * self.settings.checkpoint_every:
                self._save()
                saved = self.log.seconds

    def _plan(self) -> None:
        begun = time.perf_counter()
        self._evaluate()
        one_evaluation = self.log.seconds
        steps, budget = self.settings.steps, 60 * self.settings.minutes
        if steps is None:
            measured = min(_MEASURED_SHARE * budget, _MEASURED_SECONDS)
            one_step = self.run.measure(measured)
            evaluations = math.ceil(self.settings.minutes / self.settings.evaluate_every)
            left = budget - (time.perf_counter() - begun) - evaluations * one_evaluation
            steps = max(int(left / one_step), 1)
        self.log = replace(self.log, steps=steps, seconds=time.perf_counter() - begun)

    def _evaluate(self) -> None:
        begun = time.perf_counter()
        scores = self.run.evaluate()
        log, since = self.log, self.since
        seconds = log.seconds + time.perf_counter() - begun
        tokens, padded = sum(s.tokens for s in since), sum(s.padded for s in since)
        evaluated = Evaluated(
            step=log.step,
            steps=log.steps,
            seconds=seconds,
            train_loss=sum(s.loss for s in since) / len(since) if since else None,
            tokens_per_second=tokens / sum(s.seconds for s in since) if since else 0.0,
            padding=padded / max(tokens + padded, 1),
            validation=scores,
        )
        self.since = []
        self.log = replace(log, seconds=seconds, evaluations=(*log.evaluations, evaluated))
        if self.progress is not None:
            self.progress(evaluated)

    def _save(self) -> None:
        self.checkpoints.save(Checkpoint(self.run.tensors(), self.log))


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: a step that it cut in two could not be resumed."""
    heard: list[int] = []

    def hear(number: int, frame: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    if threading.current_thread() is not threading.main_thread():
        # Python hands signals to the main thread only.
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, hear)
    try:
        yield lambda: bool(heard)
    finally:
        signal.signal(signal.SIGINT, before)


def _identity(
    films: tuple[TokenFilms, TokenFilms], settings: AdaptingSettings, facts: Mapping[str, Any]
) -> dict[str, Any]:
    identity = {f"adapting.{name}": value for name, value in asdict(settings).items()}
    # How often a run is looked at and saved does not change what it learns, and when it ends may
    # be decided anew. Where the teacher lies says less than its fingerprint, which is a fact.
    for free in ("checkpoint_every", "evaluate_every", "steps", "minutes", "teacher"):
        del identity[f"adapting.{free}"]
    # So that checkpoints from before there were such settings go on.
    if not settings.cache_frozen:
        del identity["adapting.cache_frozen"]
    if settings.head_start == "chance":
        del identity["adapting.head_start"]
    if settings.layers is None:
        del identity["adapting.layers"]
    if settings.teacher is None:
        del identity["adapting.teacher_weight"]
    for name, side in zip(("train", "validation"), films, strict=True):
        identity |= {f"{name}.films": len(side), f"{name}.digest": side.digest()}
    return identity | dict(facts)
