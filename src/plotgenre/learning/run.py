"""The epochs of a training, in torch; ``training.fit_head`` is the way in."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from operator import attrgetter

import numpy as np
import numpy.typing as npt
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from plotgenre.devices import seeded, torch_device
from plotgenre.embedding.bags import Bags
from plotgenre.errors import RecipeError
from plotgenre.learning.checkpoints import Checkpoint
from plotgenre.learning.heads import HeadSettings
from plotgenre.learning.history import EpochScores, History
from plotgenre.learning.labelled import LabelledBags
from plotgenre.learning.losses import build_loss, initial_logits
from plotgenre.learning.networks import build_network, prior_biases
from plotgenre.learning.settings import TrainingSettings
from plotgenre.learning.thresholds import best_micro_f1

VALIDATION_BLOCK = 1024
"""Films scored at once in validation: bounds memory, and changes no score."""

INITIAL_WEIGHTS, SHUFFLING, DROPOUT = range(3)


class TrainingRun:
    """A training between two epochs: network, optimizer, best weights so far, history.

    All chance is drawn from (seed, purpose, epoch), never from where a generator happens to
    stand, so that a run resumed from a checkpoint continues bit for bit on the processor. Other
    devices add in no fixed order and draw other chance, so that weights there differ a little.
    """

    def __init__(
        self,
        train: LabelledBags,
        validation: LabelledBags,
        head: HeadSettings,
        settings: TrainingSettings,
    ) -> None:
        self.train, self.validation, self.settings = train, validation, settings
        self.history = History()
        slices_per_film = len(train.bags.vectors) / len(train)
        biases = prior_biases(initial_logits(settings, train.Y), head.combine, slices_per_film)
        self.device = torch_device(settings.device, "training.device")
        # Drawn on the processor, so that a run begins alike on all devices.
        with seeded(torch.device("cpu"), self._seed(INITIAL_WEIGHTS)):
            self.network = build_network(head, train.bags.dimension, biases)
        self.network.to(self.device)
        self.best = self._weights()
        self.loss = build_loss(settings, train.Y)
        optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
        self.optimizer = optimizer(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
        )

    @property
    def finished(self) -> bool:
        """Whether the last epoch, or the patience, is used up."""
        epochs = len(self.history.epochs)
        waited = epochs - self.history.best_epoch
        return epochs >= self.settings.max_epochs or waited >= self.settings.patience

    def next_epoch(self) -> EpochScores:
        """Train one epoch, validate, and keep the weights if they are the best so far.

        Raises
        ------
        RecipeError
            If the loss is no longer finite.
        """
        started = time.perf_counter()
        epoch = len(self.history.epochs) + 1
        train_loss = self._train(epoch)
        validation_loss, micro_f1, precision = self._validate()
        if not math.isfinite(train_loss + validation_loss):
            raise RecipeError(
                f"training diverged in epoch {epoch} (train loss {train_loss}, validation loss "
                f"{validation_loss}): learning_rate {self.settings.learning_rate} is too high"
            )
        seconds = time.perf_counter() - started
        scores = EpochScores(epoch, train_loss, validation_loss, precision, seconds, micro_f1)
        self._record(scores)
        return scores

    def export(self) -> dict[str, npt.NDArray[np.float32]]:
        """The tensors of the best epoch; from here on the network is that epoch's."""
        self.network.load_state_dict(self.best)
        return self.network.export()

    def checkpoint(self) -> Checkpoint[History]:
        """All that the next epoch depends on."""
        states = self.optimizer.state_dict()["state"]
        tensors = {
            **{f"network.{name}": tensor for name, tensor in self._weights().items()},
            **{f"best.{name}": tensor for name, tensor in self.best.items()},
            **{
                f"optimizer.{row}.{name}": tensor
                for row, state in states.items()
                for name, tensor in state.items()
            },
        }
        return Checkpoint(
            {name: part.cpu().numpy() for name, part in tensors.items()}, self.history
        )

    def resume(self, checkpoint: Checkpoint[History]) -> None:
        """Take up where the checkpoint stood."""
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "optimizer": {}}
        for name, array in checkpoint.tensors.items():
            part, _, rest = name.partition(".")
            parts[part][rest] = torch.from_numpy(array)
        self.network.load_state_dict(parts["network"])
        self.best = {name: tensor.to(self.device) for name, tensor in parts["best"].items()}
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimizer"].items():
            row, _, rest = name.partition(".")
            states.setdefault(int(row), {})[rest] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        self.history = checkpoint.history

    def _train(self, epoch: int) -> float:
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate(epoch)
        total = 0.0
        with seeded(self.device, self._seed(DROPOUT, epoch)):
            for rows in self._batches(epoch):
                targets = torch.from_numpy(self.train.Y[rows]).to(self.device).float()
                self.optimizer.zero_grad()
                loss = self.loss(self._logits(self.train.bags.take(rows)), targets)
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                total += loss.item() * len(rows)
        return total / len(self.train)

    @torch.no_grad()
    def _validate(self) -> tuple[float, float, float]:
        self.network.eval()
        bags, Y = self.validation.bags, self.validation.Y
        films = np.arange(len(bags))
        blocks = range(0, len(bags), VALIDATION_BLOCK)
        logits = torch.cat(
            [self._logits(bags.take(films[start : start + VALIDATION_BLOCK])) for start in blocks]
        )
        loss = self.loss(logits, torch.from_numpy(Y).to(self.device).float()).item()
        if not math.isfinite(loss):
            return loss, math.nan, math.nan
        supported = Y.any(axis=0)
        P = torch.sigmoid(logits).cpu().numpy()
        precision = average_precision_score(Y[:, supported], logits.cpu().numpy()[:, supported])
        return loss, best_micro_f1(P, Y), float(precision)

    def _logits(self, bags: Bags) -> Tensor:
        vectors, sizes = (
            torch.from_numpy(one).to(self.device) for one in (bags.vectors, bags.sizes)
        )
        logits: Tensor = self.network(vectors, sizes)
        return logits

    def _batches(self, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
        generator = torch.Generator().manual_seed(self._seed(SHUFFLING, epoch))
        order = torch.randperm(len(self.train), generator=generator).numpy()
        size = self.settings.batch_size
        # A last batch of one film joins the one before it: BatchNorm has no variance over one.
        stops = [*range(size, len(order) - (size > 1), size), len(order)]
        for start, stop in zip([0, *stops], stops, strict=False):
            yield order[start:stop]

    def _learning_rate(self, epoch: int) -> float:
        rate = self.settings.learning_rate
        if self.settings.learning_rate_schedule == "constant":
            return rate
        return rate * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / self.settings.max_epochs))

    def _record(self, scores: EpochScores) -> None:
        best = self.history.best_epoch
        is_best = not best or self._better(scores, self.history.epochs[best - 1])
        if is_best:
            self.best = self._weights()
        epochs = (*self.history.epochs, scores)
        self.history = History(epochs, scores.epoch if is_best else best)

    def _better(self, scores: EpochScores, best: EpochScores) -> bool:
        if self.settings.monitor == "validation_loss":
            return scores.validation_loss < best.validation_loss
        score = attrgetter(self.settings.monitor)
        return bool(score(scores) > score(best))

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.network.state_dict().items()}

    def _seed(self, purpose: int, epoch: int = 0) -> int:
        sequence = np.random.SeedSequence([self.settings.seed, purpose, epoch])
        return int(sequence.generate_state(1, np.uint64)[0] >> 1)
