"""An adaptation that also learns to give another encoder's vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.errors import InputError
from plotgenre.learning.adaptation import AdaptationRun, DrawnFilms, SliceEncoder, film_means
from plotgenre.learning.adapting_settings import AdaptingSettings
from plotgenre.learning.token_films import TokenFilms


class DistillationRun(AdaptationRun):
    """Beside its genres, a film's slices have the vectors that a teacher gives them.

    Sentence vectors of a teacher as targets are those of Reimers and Gurevych 2020, "Making
    Monolingual Sentence Embeddings Multilingual using Knowledge Distillation", section 2; here of
    the same text, and compared by their cosine.

    Parameters
    ----------
    encoder, train, validation, settings, states
        As of `AdaptationRun`.
    teacher
        Vectors of the train films' slices, shape (n_slices, d), of any float type.

    Raises
    ------
    InputError
        If the teacher's vectors are of another number or length.
    """

    def __init__(
        self,
        encoder: SliceEncoder,
        train: TokenFilms,
        validation: TokenFilms,
        settings: AdaptingSettings,
        states: Path,
        teacher: npt.NDArray[np.floating],
    ) -> None:
        expected = (len(train.lengths), encoder.dimension)
        if teacher.shape != expected:
            raise InputError(
                f"adapting.teacher gives vectors of shape {teacher.shape}; expected {expected}, "
                "one for each slice of the train films and as long as the encoder's"
            )
        super().__init__(encoder, train, validation, settings, states)
        self.teacher = teacher

    def summed_loss(self, drawn: DrawnFilms, vectors: Tensor) -> Tensor:
        """That of the genres, and one less the cosine with the teacher, the mean of each film."""
        told = torch.from_numpy(self.teacher[drawn.slices].astype(np.float32)).to(self.device)
        apart = 1 - nn.functional.cosine_similarity(vectors, told)
        missed = film_means(apart[:, None], drawn.sizes).sum()
        return super().summed_loss(drawn, vectors) + self.settings.teacher_weight * missed
