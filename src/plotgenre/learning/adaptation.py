"""The steps of an adaptation, in torch; ``adapting.adapt`` is the way in."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.devices import seeded
from plotgenre.errors import RecipeError
from plotgenre.learning.adapting_log import ValidationScores
from plotgenre.learning.adapting_rates import FULL_RATE, parameter_groups, rate_share
from plotgenre.learning.adapting_scores import validation_scores
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.frozen_states import FrozenStates, SplitEncoder
from plotgenre.learning.networks import sum_over_slices
from plotgenre.learning.priors import log_odds
from plotgenre.learning.token_films import (
    Rows,
    TokenFilms,
    batches_of_similar_length,
    films_of_step,
)

# Of a genre's vector that begins as its name; a unit vector's logits hardly differ.
_HEAD_LENGTH = 3.0

INITIAL_WEIGHTS, FILMS, SLICES, DROPOUT, VALIDATION = range(5)


class SliceEncoder(Protocol):
    """What is adapted: a torch module in float32 from token ids to slice vectors."""

    @property
    def module(self) -> nn.Module:
        """Holds all weights."""
        ...

    @property
    def depths(self) -> Mapping[str, int]:
        """The layer of each parameter of ``module`` by name, 0 the lowest."""
        ...

    @property
    def dimension(self) -> int:
        """Length ``d`` of a vector."""
        ...

    @property
    def pad(self) -> int:
        """The token that fills up a shorter slice."""
        ...

    def vectors(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Vectors (b, d), float32, of token ids and mask (b, t)."""
        ...

    def split(self, layers: int) -> SplitEncoder:
        """The lowest ``layers`` layers, and the rest."""
        ...


@dataclass(frozen=True, slots=True)
class Stepped:
    """What a step did: its mean loss over films and genres, tokens read, places padded."""

    loss: float
    tokens: int
    padded: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class DrawnFilms:
    """Some train films of a step.

    Parameters
    ----------
    films
        Their rows, shape (n,).
    slices
        Rows of their drawn slices, one film's after the other, shape (b,).
    sizes
        How many of these each film has, shape (n,).
    """

    films: Rows
    slices: Rows
    sizes: Tensor


class AdaptationRun:
    """An adaptation between two steps: encoder, head, optimizer, average of the weights.

    A step depends on its number, the planned steps and the weights alone: all chance is drawn from
    (seed, purpose, step), so that a run resumed from its tensors continues bit for bit. What frozen
    layers say is kept in the file ``states``, where the settings ask for it.
    """

    def __init__(
        self,
        encoder: SliceEncoder,
        train: TokenFilms,
        validation: TokenFilms,
        settings: AdaptingSettings,
        states: Path,
    ) -> None:
        self.encoder, self.train, self.settings = encoder, train, settings
        self.validation, self.validation_rows = validation, _drawn(len(validation), settings)
        self.device = next(encoder.module.parameters()).device
        for name, parameter in encoder.module.named_parameters():
            parameter.requires_grad_(encoder.depths[name] >= settings.frozen_layers)
        with self._chance(INITIAL_WEIGHTS):
            self.head = nn.Linear(encoder.dimension, train.Y.shape[1])
        with torch.no_grad():
            self.head.bias.copy_(torch.from_numpy(log_odds(train.Y)))
        self.head.to(self.device)
        self.optimizer = self._fresh_optimizer()
        self.average = [p.detach().clone() for p in self._learned()] if settings.ema else []
        self.states: FrozenStates | None = None
        if settings.cache_frozen:
            split = encoder.split(settings.frozen_layers)
            self.states = FrozenStates(states, train.slice_offsets, split)

    def begin_head(self, vectors: npt.NDArray[np.float32]) -> None:
        """Each genre's row of the head is its vector of (g, d), less the mean, and 3 long."""
        centred = torch.from_numpy(vectors - vectors.mean(axis=0))
        with torch.no_grad():
            self.head.weight.copy_(_HEAD_LENGTH * nn.functional.normalize(centred, dim=1))
            if self.average:
                torch._foreach_copy_(self.average, self._learned())

    def measure(self, seconds: float) -> float:
        """Seconds of a step, from steps at rate 0, which change no weight."""
        begun = time.perf_counter()
        taken: list[float] = []
        while not taken or time.perf_counter() - begun < seconds:
            taken.append(self._step(len(taken), 0.0).seconds)
        self.optimizer = self._fresh_optimizer()
        # The first one also pays for memory and for choosing kernels.
        return float(np.mean(taken[1:] or taken))

    def step(self, step: int, steps: int) -> Stepped:
        """Step number ``step`` of ``steps``, counted from 0.

        Raises
        ------
        RecipeError
            If the loss is no longer finite.
        """
        done = self._step(step, rate_share(step, steps, self.settings))
        if not math.isfinite(done.loss):
            raise RecipeError(
                f"adapting diverged in step {step + 1} (loss {done.loss}): adapting.learning_rate "
                f"{self.settings.learning_rate} or adapting.head_learning_rate "
                f"{self.settings.head_learning_rate} is too high"
            )
        if self.settings.ema:
            # A shorter memory at first: the weights that the average started from are no result.
            share = 1 - min(self.settings.ema, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, self._learned(), share)
        return done

    def evaluate(self) -> ValidationScores:
        """Scores of the drawn validation films, all slices of each; the average's, if one is kept.

        Raises
        ------
        RecipeError
            If logits are no longer finite.
        """
        return validation_scores(self.validation_logits(), self.validation.Y[self.validation_rows])

    @torch.no_grad()
    def validation_logits(self) -> Tensor:
        """Logits (n, g) of the drawn validation films, all slices read; the average's, if kept."""
        with self._averaged():
            self.encoder.module.eval()
            slices, sizes = self.validation.slices_of(self.validation_rows)
            vectors, _ = self._vectors(self.validation, slices)
            return film_means(self.head(vectors), self._on_device(sizes))

    def finish(self) -> None:
        """Leave the average in the encoder, if one is kept."""
        if self.settings.ema:
            with torch.no_grad():
                torch._foreach_copy_(self._learned(), self.average)

    def close(self) -> None:
        """Close the file of states, if one is open."""
        if self.states is not None:
            self.states.close()

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """All that the next step depends on; frozen weights are the source's, and left out."""
        frozen = {}
        if self.states is not None:
            self.states.sync()
            frozen["frozen.kept"] = torch.from_numpy(self.states.kept)
        states = self.optimizer.state_dict()["state"]
        tensors = {
            **{f"weight.{row}": p for row, p in enumerate(self._learned_encoder())},
            **{f"head.{name}": p for name, p in self.head.named_parameters()},
            **{f"average.{row}": p for row, p in enumerate(self.average)},
            **{
                f"optimizer.{row}.{name}": tensor
                for row, state in states.items()
                for name, tensor in state.items()
            },
            **frozen,
        }
        return {name: t.detach().contiguous().cpu().numpy() for name, t in tensors.items()}

    def resume(self, tensors: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take up where :meth:`tensors` were taken."""
        found = {name: torch.from_numpy(array) for name, array in tensors.items()}
        with torch.no_grad():
            for row, parameter in enumerate(self._learned_encoder()):
                parameter.copy_(found[f"weight.{row}"])
            for name, parameter in self.head.named_parameters():
                parameter.copy_(found[f"head.{name}"])
            for row, average in enumerate(self.average):
                average.copy_(found[f"average.{row}"])
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in found.items():
            if name.startswith("optimizer."):
                _, row_of, state = name.split(".")
                states.setdefault(int(row_of), {})[state] = tensor
        if self.states is not None:
            self.states.resume(np.asarray(tensors["frozen.kept"], dtype=np.bool_))
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})

    def _step(self, step: int, share: float) -> Stepped:
        begun = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = group[FULL_RATE] * share
        self.encoder.module.train()
        films, slices, sizes = self._draw(step)
        scored = len(films) if self.settings.loss_on == "film" else len(slices)
        loss, padded = 0.0, 0
        with self._chance(DROPOUT, step):
            for part in np.array_split(np.arange(len(films)), self.settings.accumulation):
                if not len(part):
                    continue
                first = int(sizes[: part[0]].sum())
                own = slices[first : first + int(sizes[part].sum())]
                vectors, wasted = self._vectors(self.train, own)
                drawn = DrawnFilms(films[part], own, self._on_device(sizes[part]))
                summed = self.summed_loss(drawn, vectors)
                # A sum over genres: Adam's steps are the same at any scale, but `clip` has one.
                (summed / scored).backward()  # type: ignore[no-untyped-call]
                loss, padded = loss + summed.item(), padded + wasted
        nn.utils.clip_grad_norm_(self._learned(), self.settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        tokens = int(self.train.lengths[slices].sum())
        mean = loss / scored / self.train.Y.shape[1]
        return Stepped(mean, tokens, padded, time.perf_counter() - begun)

    def _draw(self, step: int) -> tuple[Rows, Rows, Rows]:
        settings, n = self.settings, len(self.train)
        films = films_of_step(n, min(settings.films, n), step, (settings.seed, FILMS))
        rng = np.random.default_rng([settings.seed, SLICES, step])
        slices, sizes = self.train.draw(films, settings.slices, rng)
        return films, slices, sizes

    def summed_loss(self, drawn: DrawnFilms, vectors: Tensor) -> Tensor:
        """Cross-entropy summed over genres and over what is scored: films, or slices.

        Parameters
        ----------
        drawn
            ``n`` films and ``b`` slices of them.
        vectors
            Of these slices, shape (b, d).
        """
        targets, sizes = self.targets(drawn.films), drawn.sizes
        if self.settings.loss_on == "film":
            # The film, not the slice, carries the genres.
            vectors = film_means(vectors, sizes)
        else:
            targets = targets.repeat_interleave(sizes, dim=0)
        dropped = nn.functional.dropout(vectors, self.settings.head_dropout)
        logits = self.head(dropped)
        return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")

    def targets(self, films: Rows) -> Tensor:
        """What the films' probabilities should be, shape (n, g), float32."""
        return self._on_device(self.train.Y[films]).float()

    def _vectors(self, films: TokenFilms, slices: Rows) -> tuple[Tensor, int]:
        """Vectors of the slices in their order, and places padded on the way."""
        order, vectors, padded = [], [], 0
        for rows in batches_of_similar_length(films.lengths[slices], self.settings.batch_tokens):
            own = slices[rows]
            ids, mask = (self._on_device(one) for one in films.padded(own, self.encoder.pad))
            if self.states is not None and films is self.train:
                vectors.append(self.states.vectors(own, ids, mask))
            else:
                vectors.append(self.encoder.vectors(ids, mask))
            order.append(rows)
            padded += int(mask.numel() - mask.sum())
        back = self._on_device(np.argsort(np.concatenate(order)))
        return torch.cat(vectors)[back], padded

    def _learned_encoder(self) -> list[nn.Parameter]:
        return [p for p in self.encoder.module.parameters() if p.requires_grad]

    def _learned(self) -> list[Tensor]:
        return [*self._learned_encoder(), *self.head.parameters()]

    def _fresh_optimizer(self) -> torch.optim.AdamW:
        encoder, head = self.encoder.module.named_parameters(), self.head.parameters()
        groups = parameter_groups(encoder, head, self.encoder.depths, self.settings)
        return torch.optim.AdamW(groups, fused=True)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The averaged weights in place of the learned ones, for as long as this lasts."""
        if not self.settings.ema:
            yield
            return
        learned = self._learned()
        kept = [parameter.detach().clone() for parameter in learned]
        torch._foreach_copy_(learned, self.average)
        try:
            yield
        finally:
            torch._foreach_copy_(learned, kept)

    def _chance(self, purpose: int, step: int = 0) -> AbstractContextManager[None]:
        """Torch's generators at what (seed, purpose, step) gives, put back afterwards."""
        sequence = np.random.SeedSequence([self.settings.seed, purpose, step])
        return seeded(self.device, int(sequence.generate_state(1, np.uint64)[0] >> 1))

    def _on_device(self, array: npt.NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def film_means(values: Tensor, sizes: Tensor) -> Tensor:
    """Means over each film's slices: from (b, k) and the slices of each, (n,), to (n, k)."""
    return sum_over_slices(values, sizes) / sizes[:, None]


def _drawn(n: int, settings: AdaptingSettings) -> Rows:
    order = np.random.default_rng([settings.seed, VALIDATION]).permutation(n)
    return np.sort(order[: settings.validation_films])
