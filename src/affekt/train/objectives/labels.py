"""Objectives for labels: each takes the training targets, (rows, labels), that it may want statistics of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import InputError
from affekt.extras import need
from affekt.train.objectives.base import Objective, sigmoid

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import functional
else:
    torch = need("torch", extra="train")
    functional = torch.nn.functional

__all__ = ["class_balanced", "focal", "multi_label", "one_label", "ordinal", "pair_penalties", "unlikely_pairs"]


def _bce(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of each label, and which labels were asked about."""
    known = ~targets.isnan()
    wanted = torch.where(known, targets, 0.0)
    each = functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none")
    return torch.where(known, each, 0.0), wanted


def _multi_label(outputs: Tensor, targets: Tensor) -> Tensor:
    return _bce(outputs, targets)[0].sum(1)


def multi_label(targets: NDArray[np.float64] | None = None) -> Objective:
    """Binary cross-entropy of independent labels, summed over labels; targets are 0, 1 or a probability."""
    return Objective(_multi_label, "multi", answer=sigmoid, taught=_multi_label)


def class_balanced(targets: NDArray[np.float64] | None, *, beta: float = 0.999) -> Objective:
    """Binary cross-entropy in which the rare side of a label counts for more.

    The two sides of each label are weighted by the inverse of their effective number, (1 - beta^n) / (1 - beta) for
    n rows, scaled so that a label's weights have mean 1 over its rows. Cui et al., "Class-Balanced Loss Based on
    Effective Number of Samples", CVPR 2019, eq. 4, carried to labels side by side.

    Args:
        targets: Training targets, shape (rows, labels).
        beta: In [0, 1); 0 weighs all rows alike.
    """
    if targets is None:
        raise InputError("class_balanced counts labels and needs the training targets")
    counts = np.stack([np.nansum(targets <= 0.5, 0), np.nansum(targets > 0.5, 0)]).astype(float)
    inverse = (1 - beta) / (1 - beta ** np.maximum(counts, 1))
    weights = torch.tensor(inverse * counts.sum(0) / (inverse * counts).sum(0), dtype=torch.float32)

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        each, given = _bce(outputs, wanted)
        return (each * (given * weights[1] + (1 - given) * weights[0])).sum(1)

    return Objective(loss, "multi", answer=sigmoid, taught=_multi_label)


def focal(targets: NDArray[np.float64] | None = None, *, gamma: float = 2.0) -> Objective:
    """Focal loss: what is already answered well counts for less.

    `-(1 - q)^gamma log q` for the probability q of what is true. Lin et al., "Focal Loss for Dense Object
    Detection", ICCV 2017, eq. 4, without the weight of classes.

    Args:
        targets: Not used.
        gamma: 0 is plain cross-entropy.
    """

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        each, given = _bce(outputs, wanted)
        p = torch.sigmoid(outputs)
        off = given * (1 - p) + (1 - given) * p
        return (off**gamma * each).sum(1)

    return Objective(loss, "multi", answer=sigmoid, taught=_multi_label)


def pair_penalties(targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """How unlikely two labels are together, from training targets of shape (rows, labels).

    1 - n_ij / min(n_i, n_j), so 1 for labels that were never seen together, and near 0 where the rarer of the two
    never comes without the other; 0 on the diagonal. Shape (labels, labels).
    """
    given = np.nan_to_num(targets) > 0
    together = given.T.astype(float) @ given
    count = np.diag(together)
    fewer = np.minimum(count[:, None], count[None])
    out: NDArray[np.float64] = 1 - together / np.maximum(fewer, 1)
    np.fill_diagonal(out, 0.0)
    return out


def unlikely_pairs(targets: NDArray[np.float64] | None, *, strength: float = 1.0) -> Objective:
    """Binary cross-entropy, and a penalty on giving labels together that annotators rarely give together.

    Adds `strength * sum_{i<j} P_ij p_i p_j` with P of `pair_penalties`. The idea of a matrix of penalties from
    the co-occurrence of perceived emotions is Chou, Lee and Busso's ("Exploiting Co-occurrence Frequency of Emotions
    in Perceptual Evaluations To Train A Speech Emotion Classifier", Interspeech 2022, and arXiv:2510.05934); this
    form of it, a product of probabilities, is ours.
    """
    if targets is None:
        raise InputError("unlikely_pairs counts pairs of labels and needs the training targets")
    penalties = torch.tensor(np.triu(pair_penalties(targets), 1), dtype=torch.float32)

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        p = torch.sigmoid(outputs)
        return _multi_label(outputs, wanted) + strength * ((p @ penalties.to(p.dtype)) * p).sum(1)

    return Objective(loss, "multi", answer=sigmoid, taught=_multi_label)


def _one_label(outputs: Tensor, targets: Tensor) -> Tensor:
    total = targets.nansum(1, keepdim=True)
    wanted = torch.where(targets.isnan(), 0.0, targets) / total.clamp(min=1e-9)
    # A row without any label teaches nothing.
    return -(wanted * functional.log_softmax(outputs, 1)).sum(1) * (total[:, 0] > 0)


def _softmax(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    e = np.exp(outputs - outputs.max(1, keepdims=True))
    return np.asarray(e / e.sum(1, keepdims=True), np.float32)


def one_label(targets: NDArray[np.float64] | None = None) -> Objective:
    """Cross-entropy of a softmax with one label or, where annotators are counted, with their distribution.

    With shares of annotators as targets this is the Kullback-Leibler divergence from them, up to a constant.
    """
    return Objective(_one_label, "single", answer=_softmax, taught=_one_label)


def ordinal(targets: NDArray[np.float64] | None = None, *, levels: int = 3) -> Objective:
    """Cumulative logits for strengths 0..levels: for each label and level k, whether the strength reaches k.

    The extended binary classification of ordinal levels (Li and Lin, NeurIPS 2006), with thresholds of its own for
    each label.

    Args:
        targets: Not used.
        levels: Highest strength.
    """

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        steps = torch.arange(1, levels + 1, dtype=outputs.dtype)
        reached = (wanted[:, :, None] >= steps - 0.5).to(outputs.dtype)
        reached = torch.where(wanted.isnan()[:, :, None], torch.nan, reached)
        return _multi_label(outputs, reached.flatten(1)) / levels

    return Objective(loss, "levels", units=levels, answer=sigmoid)
