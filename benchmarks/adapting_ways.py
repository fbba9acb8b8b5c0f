"""Ways to adapt an encoder that are no part of plotgenre: other losses, other beginnings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import AutoModelForMaskedLM, DataCollatorForLanguageModeling

from plotgenre.embedding.encoders.trainable import TrainableEncoder
from plotgenre.learning.adaptation import AdaptationRun, DrawnFilms
from plotgenre.learning.adapting_rates import FULL_RATE, rate_share
from plotgenre.learning.token_films import Rows, batches_of_similar_length, films_of_step

# The teacher's share in a target, how much a step's contrast counts beside its genres, and the
# contrast's temperature.
TEACHERS_SHARE, CONTRAST, TEMPERATURE = 0.5, 1.0, 0.05
# Of masked words: their share, the rate of what guesses them, the seed.
MASKED_SHARE, GUESSING_RATE, MASKED = 0.15, 1e-3, 9
# The seed of vectors that begin by chance.
DRAWN = 10


class TaughtRun(AdaptationRun):
    """Half of each target is a teacher's probability (Hinton, Vinyals and Dean 2015, section 2)."""

    teacher: npt.NDArray[np.float32]
    """Probabilities of the train films, shape (n, g)."""

    def targets(self, films: Rows) -> Tensor:
        """Between the films' genres and what the teacher says of them."""
        told = torch.from_numpy(self.teacher[films])
        return torch.lerp(super().targets(films), told, TEACHERS_SHARE)


class ContrastedRun(AdaptationRun):
    """Slices of one film are to be told from those of the step's other films.

    InfoNCE over cosines (van den Oord, Li and Vinyals 2018, section 2.3), of films with two slices.
    """

    def summed_loss(self, drawn: DrawnFilms, vectors: Tensor) -> Tensor:
        """That of the genres, and the films' contrast."""
        summed = super().summed_loss(drawn, vectors)
        ends = drawn.sizes.cumsum(0)
        paired = ends[drawn.sizes == 2]
        firsts, seconds = (
            nn.functional.normalize(vectors[paired - back], dim=1) for back in (2, 1)
        )
        cosines = firsts @ seconds.T / TEMPERATURE
        own = torch.arange(len(paired))
        both = sum(
            nn.functional.cross_entropy(c, own, reduction="sum") for c in (cosines, cosines.T)
        )
        return summed + CONTRAST * both / 2


def start_as_long_by_chance(run: AdaptationRun, encoder: TrainableEncoder, steps: int) -> None:
    """What the start as names is without the names: vectors of that length in any direction."""
    drawn = np.random.default_rng(DRAWN).standard_normal(run.head.weight.shape)
    run.begin_head(drawn.astype(np.float32))


def read_masked_words(run: AdaptationRun, encoder: TrainableEncoder, steps: int) -> list[float]:
    """Masked words are guessed for half as many steps more (Devlin 2019, section 3.1).

    By the layers that adapt, all at the highest step size, on a processor. Returns the mean loss of
    each step's words.
    """
    steps //= 2
    transformer, tokenizer = encoder.module[0].auto_model, encoder.module.tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(MASKED)
        guesser = AutoModelForMaskedLM.from_config(transformer.config)
    setattr(guesser, guesser.base_model_prefix, transformer)
    guesser.tie_weights()
    own = {id(parameter) for parameter in transformer.parameters()}
    learned = [parameter for parameter in transformer.parameters() if parameter.requires_grad]
    above = [parameter for parameter in guesser.parameters() if id(parameter) not in own]
    groups = [(learned, run.settings.learning_rate), (above, GUESSING_RATE)]
    optimizer = torch.optim.AdamW(
        [{"params": parameters, "lr": 0.0, FULL_RATE: rate} for parameters, rate in groups],
        fused=True,
    )
    # From states to words: a layer, and the table of the tokens' vectors.
    guess = next(
        module for name, module in guesser.named_children() if name != guesser.base_model_prefix
    )
    masking = DataCollatorForLanguageModeling(tokenizer, mlm_probability=MASKED_SHARE, seed=MASKED)
    settings, train, losses = run.settings, run.train, []
    encoder.module.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group[FULL_RATE] * rate_share(step, steps, settings)
        films = films_of_step(len(train), settings.films, step, (settings.seed, MASKED))
        rng = np.random.default_rng([settings.seed, MASKED, 1, step])
        slices, _ = train.draw(films, settings.slices, rng)
        total, masked = 0.0, 0
        for rows in batches_of_similar_length(train.lengths[slices], settings.batch_tokens):
            ids, mask = train.padded(slices[rows], encoder.pad)
            batch = masking(
                [{"input_ids": one[on == 1]} for one, on in zip(ids, mask, strict=True)]
            )
            states = transformer(batch["input_ids"], batch["attention_mask"]).last_hidden_state
            at = batch["labels"] != -100
            loss = nn.functional.cross_entropy(
                guess(states[at]), batch["labels"][at], reduction="sum"
            )
            (loss / max(MASKED_SHARE * int(train.lengths[slices].sum()), 1)).backward()
            total, masked = total + loss.item(), masked + int(at.sum())
        nn.utils.clip_grad_norm_(learned, settings.clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(total / max(masked, 1))
    return losses
