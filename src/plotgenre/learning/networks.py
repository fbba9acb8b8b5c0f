"""The heads as torch modules, for training; ``export`` hands their tensors to the numpy head."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.errors import InputError
from plotgenre.learning.heads import NOISY_OR_FLOOR, Combine, HeadSettings


class Network(nn.Module):
    """What all heads share: slice logits (n_slices, g), then one way to combine them.

    ``forward`` takes vectors (n_slices, d) and each film's number of slices (n,), films one after
    the other, and returns film logits (n, g). Pooling is not its task: pool the bags before.
    """

    def __init__(self, settings: HeadSettings, inner: int, n_genres: int) -> None:
        super().__init__()
        self.combine: Combine = settings.combine
        self.dropout = nn.Dropout(settings.dropout)
        self.output = nn.Linear(inner, n_genres)

    def forward(self, vectors: Tensor, sizes: Tensor) -> Tensor:
        """Film logits (n, g)."""
        return combine_slices(self.slice_logits(vectors), sizes, self.combine)

    def slice_logits(self, vectors: Tensor) -> Tensor:
        """One logit per slice and genre, shape (n_slices, g)."""
        logits: Tensor = self.output(self.dropout(vectors))
        return logits

    def export(self) -> dict[str, npt.NDArray[np.float32]]:
        """Copies of the tensors that the numpy head reads."""
        return {name: tensor.cpu().numpy().copy() for name, tensor in self.state_dict().items()}


class Mlp(Network):
    """The origin's network: Linear, [BatchNorm], ReLU, Dropout, Linear."""

    def __init__(self, settings: HeadSettings, dimension: int, n_genres: int) -> None:
        hidden = settings.hidden_size(dimension, n_genres)
        super().__init__(settings, hidden, n_genres)
        self.hidden = nn.Linear(dimension, hidden)
        self.norm = nn.BatchNorm1d(hidden) if settings.batch_norm else None

    def slice_logits(self, vectors: Tensor) -> Tensor:
        """One logit per slice and genre, shape (n_slices, g)."""
        hidden = self.hidden(vectors)
        if self.norm is not None:
            hidden = self.norm(hidden)
        return super().slice_logits(torch.relu(hidden))

    def export(self) -> dict[str, npt.NDArray[np.float32]]:
        """Copies of the tensors, BatchNorm folded into the hidden layer so that it vanishes."""
        tensors = super().export()
        if self.norm is None:
            return tensors
        weight, bias, mean, variance = (
            tensors.pop(f"norm.{name}").astype(np.float64)
            for name in ("weight", "bias", "running_mean", "running_var")
        )
        del tensors["norm.num_batches_tracked"]
        scale = weight / np.sqrt(variance + self.norm.eps)
        folded = {
            "hidden.weight": tensors["hidden.weight"] * scale[:, None],
            "hidden.bias": (tensors["hidden.bias"] - mean) * scale + bias,
        }
        return tensors | {name: tensor.astype(np.float32) for name, tensor in folded.items()}


class Attention(Mlp):
    """Label-wise attention: film logit = sum_s a_sg l_sg, a = softmax over slices, l of the mlp."""

    def __init__(self, settings: HeadSettings, dimension: int, n_genres: int) -> None:
        super().__init__(settings, dimension, n_genres)
        self.key = nn.Linear(dimension, settings.attention_dim, bias=False)
        self.query = nn.Linear(settings.attention_dim, n_genres, bias=False)

    def forward(self, vectors: Tensor, sizes: Tensor) -> Tensor:
        """Film logits (n, g)."""
        scores = self.query(torch.tanh(self.key(vectors)))
        weights = softmax_over_slices(scores, sizes)
        return sum_over_slices(weights * self.slice_logits(vectors), sizes)


def build_network(
    settings: HeadSettings, dimension: int, biases: npt.NDArray[np.float32]
) -> Network:
    """A fresh network from torch's global generator, its output biases set to ``biases`` (g,).

    Raises
    ------
    InputError
        If the dimension is below 1 or there are no genres.
    """
    n_genres = len(biases)
    if dimension < 1 or n_genres < 1:
        raise InputError(
            f"a head needs dimensions and genres, got {dimension} dimensions, {n_genres} genres"
        )
    network: Network
    if settings.kind == "mlp":
        network = Mlp(settings, dimension, n_genres)
    elif settings.kind == "attention":
        network = Attention(settings, dimension, n_genres)
    else:
        network = Network(settings, dimension, n_genres)
    with torch.no_grad():
        network.output.bias.copy_(torch.from_numpy(biases))
    return network


def prior_biases(
    logits: npt.NDArray[np.float64], combine: Combine, slices_per_film: float
) -> npt.NDArray[np.float32]:
    """Output biases (g,) with which an untrained head gives each film the ``logits`` (g,).

    With the genres' log-odds (prior initialisation, Lin et al. 2017, section 3.3) training does not
    spend its first epochs on learning that genres are rare. For ``noisy_or`` the probability is
    spread over ``slices_per_film`` slices, as each adds to the film.
    """
    if combine == "noisy_or":
        z = np.logaddexp(0, logits) / slices_per_film
        logits = z + np.log(-np.expm1(-z))
    return logits.astype(np.float32)


def combine_slices(logits: Tensor, sizes: Tensor, how: Combine) -> Tensor:
    """Film logits (n, g) from slice logits (n_slices, g); the twin of ``heads.combine_slices``."""
    if how == "max":
        return torch.segment_reduce(logits, "max", lengths=sizes, axis=0)
    if how == "mean":
        return sum_over_slices(logits, sizes) / sizes[:, None]
    z = sum_over_slices(nn.functional.softplus(logits.clamp_min(NOISY_OR_FLOOR)), sizes)
    return z + torch.log(-torch.expm1(-z))


def softmax_over_slices(scores: Tensor, sizes: Tensor) -> Tensor:
    """Softmax of scores (n_slices, g) within each film's own slices; same shape."""
    highest = torch.segment_reduce(scores.detach(), "max", lengths=sizes, axis=0)
    exponentials = torch.exp(scores - highest.repeat_interleave(sizes, dim=0))
    return exponentials / sum_over_slices(exponentials, sizes).repeat_interleave(sizes, dim=0)


def sum_over_slices(values: Tensor, sizes: Tensor) -> Tensor:
    """Sums (n, g) of values (n_slices, g) over each film's slices."""
    # index_add is three times as fast here as segment_reduce's sum, forward and backward.
    films = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes)
    return values.new_zeros(len(sizes), values.shape[1]).index_add(0, films, values)
