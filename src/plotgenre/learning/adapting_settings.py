"""How an encoder is adapted; read by the command line, so nothing heavy is imported here."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass as settings_dataclass

_Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Minutes = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@settings_dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class AdaptingSettings:
    """How an encoder is adapted to films.

    Parameters
    ----------
    minutes
        Time for training and its evaluations; cutting and tokenising the plots comes on top. The
        steps that fit into it are planned from the speed measured at the start.
    steps
        The number of steps, whatever time they take; ``None`` plans it from ``minutes``. A run
        that is resumed may be given another number.
    films
        Films of a step.
    slices
        Slices drawn of each film of a step, without repetition; a film may have fewer.
    accumulation
        Parts that a step's films are worked through in. Each part's activations are held at once,
        so more parts need less memory and change nothing but rounding.
    batch_tokens
        Tokens of a forward pass at most, padding included; within a part, slices of similar
        length go together.
    layers
        How many of the encoder's blocks are kept, the first, the last and some evenly between them
        (Sanh et al. 2019, DistilBERT, section 3); ``None`` keeps all. Half of them read twice as
        fast, and want a teacher.
    teacher
        An encoder, as a folder or a name like ``encoder.name``, whose slice vectors the adapted one
        learns to give as well; ``None`` is none.
    teacher_weight
        What one less the cosine with the teacher's vector, the mean over a film's slices, counts
        beside the film's cross-entropy summed over genres.
    loss_on
        ``film``: a film's slice vectors are averaged, and the film is scored, for the film
        carries the genres, not each slice. ``slice``: every slice is scored on its film's genres.
    learning_rate
        Highest step size of the encoder's upper layer.
    head_learning_rate
        Highest step size of the linear layer from vectors to genres.
    head_start
        What that layer begins as. ``chance``: small numbers. ``names``: each genre's vector is what
        the encoder says of its name, so that fewer steps are needed.
    layer_decay
        A layer's step size is this much of that of the layer above it (Howard and Ruder 2018,
        ULMFiT, section 3.2).
    warmup
        Share of the steps in which step sizes rise from 0.
    schedule
        How step sizes fall to 0 after that.
    weight_decay
        Of matrices, not of biases and normalisations, as AdamW reads it.
    dropout
        Of the encoder's own dropout layers. Above 0 it costs much time on a processor.
    head_dropout
        Share of the inputs of the linear layer that are zeroed.
    frozen_layers
        Layers that stay as they are, counted from below: 1 is the embeddings, 2 the lowest block
        too.
    cache_frozen
        Keep on disk, beside the checkpoints, what the frozen layers say of each slice, so that it
        passes through them once: 2 bytes a number in bfloat16, 0.8 kB a token of MiniLM. Without
        dropout, and with two frozen layers or more.
    clip
        The gradient of the loss, summed over genres, is shortened to this length where longer.
    ema
        Decay of an average of the weights over the steps, which is what is then evaluated and
        written; 0 keeps none.
    validation_films
        Validation films scored at each evaluation, drawn once.
    evaluate_every
        Minutes between evaluations.
    checkpoint_every
        Minutes between checkpoints.
    seed
        Fixes the head's initial weights, the films, the slices, dropout and the validation films.

    Raises
    ------
    pydantic.ValidationError
        If a value is out of range.
    """

    minutes: _Minutes = 60.0
    steps: Annotated[int, Field(ge=1)] | None = None
    films: Annotated[int, Field(ge=1)] = 32
    slices: Annotated[int, Field(ge=1)] = 2
    accumulation: Annotated[int, Field(ge=1)] = 1
    batch_tokens: Annotated[int, Field(ge=1)] = 1024
    layers: Annotated[int, Field(ge=1)] | None = None
    teacher: Annotated[str, Field(min_length=1)] | None = None
    teacher_weight: _Rate = 100.0
    loss_on: Literal["film", "slice"] = "film"
    learning_rate: _Rate = 1e-4
    head_learning_rate: _Rate = 5e-3
    head_start: Literal["chance", "names"] = "chance"
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.9
    warmup: _Share = 0.06
    schedule: Literal["linear", "cosine"] = "linear"
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    dropout: _Share = 0.0
    head_dropout: _Share = 0.1
    frozen_layers: Annotated[int, Field(ge=0)] = 0
    cache_frozen: bool = False
    clip: _Rate = 1.0
    ema: _Share = 0.0
    validation_films: Annotated[int, Field(ge=1)] = 256
    evaluate_every: _Minutes = 10.0
    checkpoint_every: _Minutes = 10.0
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _can_be_cached(self) -> AdaptingSettings:
        if self.cache_frozen and (self.frozen_layers < 2 or self.dropout):
            raise ValueError("cache_frozen needs frozen_layers of 2 or more and no dropout")
        return self
