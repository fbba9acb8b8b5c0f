"""SetFit on MiniLM: a stated number of contrastive steps, then a one-vs-rest head."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from typing_extensions import override

from contenders.protocol import Contender, Probabilities, Targets, UnavailableError, Validation
from plotgenre.embedding.encoders.minilm import bundled_folder

# SetFit pairs every film with every other, so that it must be given a sample.
FILMS, STEPS, BATCH, TOKENS = 2000, 100, 16, 128


class SetFit(Contender):
    """The library's trainer and head, at its defaults but for the budget."""

    library = f"setfit {version('setfit')}"
    notes = (
        f"body and head fitted on {FILMS} train films, {STEPS} steps of {BATCH} pairs, "
        f"the first {TOKENS} tokens of a plot"
    )

    @override
    def fit(
        self, plots: Sequence[str], Y: Targets, genres: Sequence[str], validation: Validation
    ) -> None:
        try:
            from datasets import Dataset
            from setfit import SetFitModel, Trainer, TrainingArguments
        except ImportError as error:
            raise UnavailableError(f"`import setfit` fails: {error}") from error
        rows = np.random.default_rng(0).choice(len(plots), min(FILMS, len(plots)), replace=False)
        self.genres = len(genres)
        # Its head refuses a genre of which the sample has no film.
        self.columns = np.flatnonzero(Y[rows].any(axis=0))
        self.model = SetFitModel.from_pretrained(
            str(bundled_folder()), multi_target_strategy="one-vs-rest", device="cpu"
        )
        self.model.model_body.max_seq_length = TOKENS
        targets = Y[np.ix_(rows, self.columns)].astype(int).tolist()
        data = Dataset.from_dict({"text": [plots[i] for i in rows], "label": targets})
        arguments = TrainingArguments(
            batch_size=BATCH, max_steps=STEPS, num_epochs=1, seed=0, report_to="none",
            save_strategy="no", sampling_strategy="unique", use_amp=False,
        )  # fmt: skip
        Trainer(model=self.model, args=arguments, train_dataset=data).train()

    @override
    def probabilities(self, plots: Sequence[str]) -> Probabilities:
        P = np.zeros((len(plots), self.genres), dtype=np.float32)
        found = self.model.predict_proba(list(plots), as_numpy=True, show_progress_bar=False)
        P[:, self.columns] = np.clip(np.asarray(found), 0, 1)
        return P

    @override
    def save(self, folder: Path) -> None:
        self.model.save_pretrained(str(folder / "model"))


def make(variant: str, store: Path | None) -> SetFit:
    return SetFit()
