"""Objectives for values: dimensions, appraisals, strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from affekt.extras import need
from affekt.train.objectives.base import Objective

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["ccc", "mean_and_spread", "rank_n_contrast", "squared_error", "strengths"]


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    error = outputs - targets
    return torch.where(error.isnan(), 0.0, error).square().sum(1)


def squared_error(targets: NDArray[np.float64] | None = None) -> Objective:
    """Squared error, summed over columns."""
    return Objective(_squared_error, "dimensions", taught=_squared_error)


def strengths(targets: NDArray[np.float64] | None = None) -> Objective:
    """Squared error of the strengths of labels, summed over labels."""
    return Objective(_squared_error, "strengths", taught=_squared_error)


def _mean_and_spread(outputs: Tensor, targets: Tensor) -> Tensor:
    n = outputs.shape[1] // 2
    error = (outputs[:, :n] - targets[:, :n]) ** 2
    log_sd, variance = outputs[:, n:], targets[:, n:]
    known = ~variance.isnan()
    likelihood = log_sd + 0.5 * (torch.where(known, variance, 0.0) + error.detach()) * torch.exp(-2 * log_sd)
    return error.sum(1) + 0.1 * torch.where(known, likelihood, 0.0).sum(1)


def mean_and_spread(targets: NDArray[np.float64] | None = None) -> Objective:
    """Mean by squared error, and the spread of single ratings by Gaussian likelihood.

    Outputs are means, then logarithms of standard deviations; targets mean ratings, then variances of single
    ratings about them; a NaN variance leaves the spread of that row out. The likelihood sees the error of the mean
    as a constant, so that it moves the spread and never the mean: a row on which annotators disagree counts as much
    for the mean as any other.
    """
    return Objective(
        _mean_and_spread,
        "dimensions",
        answer=lambda outputs: outputs[:, : outputs.shape[1] // 2],
        taught=lambda outputs, answers: _squared_error(outputs[:, : answers.shape[1]], answers),
    )


def ccc(targets: NDArray[np.float64] | None = None, *, error: float = 0.1) -> Objective:
    """1 - concordance correlation over the batch, column by column, and a little squared error.

    Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", Biometrics 1989. The squared error
    keeps a gradient where a batch has no spread.

    Args:
        targets: Not used.
        error: Weight of the squared error.
    """

    def loss(outputs: Tensor, wanted: Tensor) -> Tensor:
        known = ~wanted.isnan()
        n = known.sum(0).clamp(min=1)
        y, x = torch.where(known, wanted, 0.0), torch.where(known, outputs, 0.0)
        mx, my = x.sum(0) / n, y.sum(0) / n
        dx, dy = (x - mx) * known, (y - my) * known
        covariance = (dx * dy).sum(0) / n
        spread = (dx**2).sum(0) / n + (dy**2).sum(0) / n + (mx - my) ** 2
        one = (1 - 2 * covariance / spread.clamp(min=1e-8)).sum()
        return one + error * _squared_error(outputs, wanted)

    return Objective(loss, "dimensions", taught=_squared_error)


def rank_n_contrast(targets: NDArray[np.float64] | None = None, *, temperature: float = 2.0) -> Objective:
    """Order of the embeddings after the order of their values.

    For an anchor i and each j, the similarity of i and j must exceed that of i and all k whose value lies further
    from i's than j's does. Zha et al., "Rank-N-Contrast: Learning Continuous Representations for Regression",
    NeurIPS 2023, eqs. 1 and 2, with the negative L2 distance as similarity; several columns are compared by their
    L1 distance.

    Args:
        targets: Not used.
        temperature: Divides the similarities.
    """

    def loss(embedding: Tensor, wanted: Tensor) -> Tensor:
        n = len(embedding)
        if n < 3:
            return embedding.sum(1) * 0.0
        square = (embedding[:, None] - embedding[None]).square().sum(2)
        # The square root has no gradient at 0, where a row meets itself.
        similarity = -(square + 1e-12).sqrt() / temperature
        apart = (wanted[:, None] - wanted[None]).nan_to_num(0.0).abs().sum(2)
        other = ~torch.eye(n, dtype=torch.bool)
        # further[i, j, k]: k is at least as far from i in value as j is.
        further = (apart[:, None, :] >= apart[:, :, None]) & other[:, None, :]
        among = torch.where(further, similarity[:, None, :], -torch.inf).logsumexp(2)
        each = torch.where(other, similarity - torch.where(other, among, 0.0), 0.0)
        return -each.sum(1) / (n - 1)

    return Objective(loss, "none", on="embedding")
