"""Losses by name: how far film logits (b, g) are from targets (b, g).

All are means over films and genres where the papers sum, so that a learning rate suits each, and
all are finite with finite gradients at any logit. ``l`` is a logit, ``y`` its target, ``p`` its
probability sigmoid(l), ``n_k`` the train films of genre ``k`` out of ``n``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from plotgenre.errors import RecipeError
from plotgenre.learning.priors import films_per_genre, log_odds
from plotgenre.learning.settings import TrainingSettings

Loss = Callable[[Tensor, Tensor], Tensor]
"""Logits and float targets of 0 and 1, both (b, g), to the mean loss over both, a scalar."""


def build_loss(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """The loss that the settings name, fitted to the train targets ``Y`` (n, g).

    Raises
    ------
    RecipeError
        If no loss has that name.
    """
    if settings.loss not in LOSSES:
        raise RecipeError(f"no loss is named {settings.loss!r}, there are {', '.join(LOSSES)}")
    return LOSSES[settings.loss](settings, Y)


def initial_logits(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Logits (g,) to start training from: each genre's log-odds in the train targets ``Y`` (n, g).

    Of these ``logit_adjustment`` leaves (1 - tau), since its loss adds the rest: otherwise
    training would start far from the genres' shares and spend its first epochs on the way back.
    """
    supplied = settings.logit_adjustment_tau if settings.loss == "logit_adjustment" else 0.0
    return log_odds(Y) * (1 - supplied)


def bce(_settings: TrainingSettings, _Y: npt.NDArray[np.bool_]) -> Loss:
    """Binary cross-entropy from logits, max(l, 0) - l y + log(1 + e^-|l|), safe at any logit."""
    return nn.functional.binary_cross_entropy_with_logits


def weighted_bce(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """Binary cross-entropy whose positives weigh as ``pos_weight`` says."""
    weights = torch.from_numpy(pos_weight(Y, settings.pos_weight_cap))

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=weights.to(logits.device)
        )

    return loss


def pos_weight(Y: npt.NDArray[np.bool_], cap: float) -> npt.NDArray[np.float32]:
    """Films without a genre per film with it, shape (g,), at most ``cap``.

    The cap keeps a genre of a handful of films, whose ratio runs into the thousands, from
    drowning all others; a genre without films gets the cap.
    """
    positives = Y.sum(axis=0)
    ratios = (len(Y) - positives) / np.maximum(positives, 1)
    return np.where(positives > 0, np.minimum(ratios, cap), cap).astype(np.float32)


def focal(settings: TrainingSettings, _Y: npt.NDArray[np.bool_]) -> Loss:
    """Focal loss: a target's cross-entropy times (1 - p_t)^gamma, p_t its own probability.

    Targets that are classified well already, the many easy negatives above all, lose their say
    (Lin et al. 2017, "Focal Loss for Dense Object Detection", ICCV, section 3.2, without the
    alpha of section 3.1). It is the asymmetric loss with one gamma and no shift.
    """
    gamma = settings.focal_gamma
    return lambda logits, targets: _asymmetric(logits, targets, (gamma, gamma), 0.0)


def asymmetric(settings: TrainingSettings, _Y: npt.NDArray[np.bool_]) -> Loss:
    """Asymmetric loss: focal, with an exponent for positives and one for negatives, and a shift.

    -(1 - p)^gamma_pos log p for positives, -p_m^gamma_neg log(1 - p_m) for negatives, with
    p_m = max(p - m, 0): a negative of probability at most m, the shift, counts as right (Ridnik
    et al. 2021, "Asymmetric Loss for Multi-Label Classification", ICCV, section 2). With a
    shift, a negative's loss ends at -log m however sure the model is, and its gradient fades:
    the paper's way with targets that are probably wrong.
    """
    gammas = settings.asymmetric_gamma_pos, settings.asymmetric_gamma_neg
    return lambda logits, targets: _asymmetric(logits, targets, gammas, settings.asymmetric_shift)


def _asymmetric(
    logits: Tensor, targets: Tensor, gammas: tuple[float, float], shift: float
) -> Tensor:
    p = torch.sigmoid(logits)
    log_p, log_not_p = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    positive = torch.exp(gammas[0] * log_not_p) * log_p
    shifted = p - shift
    # Masked twice, before the power and after it: a power's gradient at 0 is infinite or NaN, and
    # `where` on the result alone would still let that through. Below the smallest normal number
    # that gradient overflows, and the loss is 0 to all digits.
    counts = shifted > torch.finfo(p.dtype).tiny
    weight = torch.where(counts, shifted, 1.0) ** gammas[1]
    # log(1 - p + m) from logarithms, as 1 - p rounds to 0 where a negative is most wrong.
    log_shift = logits.new_tensor(math.log(shift) if shift else -math.inf)
    negative = torch.where(counts, weight * torch.logaddexp(log_not_p, log_shift), 0.0)
    return -torch.where(targets > 0, positive, negative).mean()


def distribution_balanced(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """Distribution-balanced loss: weights that see co-occurrence, and tolerance for negatives.

    *Rebalanced weights* (Wu et al. 2020, "Distribution-Balanced Loss for Multi-Label
    Classification in Long-Tailed Datasets", ECCV, section 3). Were films drawn by genre, each
    genre as often as any other, genre k alone would draw a film with chance (1/g)(1/n_k), all
    genres of the film together with (1/g) sum_{j: y_j = 1} 1/n_j; r is the first over the second,
    so a common genre that comes along with a rare one does not gain from it. The weight is
    r_hat = alpha + sigmoid(beta (r - mu)). No genre would ever draw a film without genres: its
    r is infinite and its weight alpha + 1.

    *Negative-tolerant regularisation* (same section): with v_k = -kappa b_k, where
    b_k = -log(1/p_k - 1) is the log-odds of the genre's share p_k = n_k/n, positives have
    log(1 + e^-(l - v_k)) and negatives (1/lambda) log(1 + e^(lambda (l - v_k))), which stops
    pushing a negative down the sooner the larger lambda is.

    Huang et al. 2021 ("Balancing Methods for Multi-label Text Classification with Long-Tailed
    Class Distribution", EMNLP) bring it to text; they also multiply by the focal
    factor, which is left out here.
    """
    inverse = torch.from_numpy((1 / films_per_genre(Y)).astype(np.float32))
    bias = torch.from_numpy((-settings.balanced_kappa * log_odds(Y)).astype(np.float32))
    steepness, tolerance = settings.balanced_beta, settings.balanced_lambda

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        own = inverse.to(targets)
        together = (targets @ own)[:, None]
        # A huge ratio, not an infinite one: times a beta of 0 that would be NaN.
        ratios = own / together.clamp_min(torch.finfo(torch.float32).tiny)
        weights = settings.balanced_alpha + torch.sigmoid(
            steepness * (ratios - settings.balanced_mu)
        )
        shifted = logits - bias.to(logits.device)
        positive = nn.functional.logsigmoid(shifted)
        negative = nn.functional.logsigmoid(-tolerance * shifted) / tolerance
        return -(weights * torch.where(targets > 0, positive, negative)).mean()

    return loss


def logit_adjustment(settings: TrainingSettings, Y: npt.NDArray[np.bool_]) -> Loss:
    """Binary cross-entropy of l + tau log(p_k / (1 - p_k)), p_k the genre's share of train films.

    Menon et al. 2021 ("Long-Tail Learning via Logit Adjustment", ICLR, the logit adjusted softmax
    cross-entropy) add tau log(prior) to each class's score within the softmax. Multi-label, every
    genre is a problem of two classes of its own, with priors p_k and 1 - p_k and scores f_1 and
    f_0; the softmax of both adjusted scores is the sigmoid of their difference,
    (f_1 - f_0) + tau (log p_k - log(1 - p_k)), and f_1 - f_0 is the logit.

    Only the loss adds the term, prediction does not: at tau 1 the probabilities are those of a
    world where half of all films have each genre, and a threshold of 0.5 aims at the mean of the
    error rates on films with the genre and without. Every head has a bias a genre, which takes up
    the term, so (but for ``noisy_or`` and for weight decay) training learns what ``bce`` learns,
    with the biases moved by -tau log(p_k / (1 - p_k)). Thresholds tuned one a genre move along
    and decide as before. A single tuned threshold cannot: it then decides in favour of rare
    genres, which costs micro-F1 and gains macro-F1; so do rankings of one film's genres.
    """
    added = torch.from_numpy((settings.logit_adjustment_tau * log_odds(Y)).astype(np.float32))

    def loss(logits: Tensor, targets: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(
            logits + added.to(logits.device), targets
        )

    return loss


LOSSES: dict[str, Callable[[TrainingSettings, npt.NDArray[np.bool_]], Loss]] = {
    "bce": bce,
    "weighted_bce": weighted_bce,
    "focal": focal,
    "asymmetric": asymmetric,
    "distribution_balanced": distribution_balanced,
    "logit_adjustment": logit_adjustment,
}
