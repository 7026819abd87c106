"""Objectives: one function each, `(outputs, targets) -> loss of each row`.

| objective | outputs | targets | loss of a row |
|---|---|---|---|
| `multi_label` | logits, labels wide | 0/1, labels wide | binary cross-entropy, summed over labels |
| `squared_error` | values, n wide | values, n wide | squared error, summed |
| `mean_and_spread` | means and log spreads, 2n wide | means and variances, 2n wide | squared error + .1 NLL |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import UnknownNameError
from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import functional
else:
    torch = need("torch", extra="train")
    functional = torch.nn.functional

__all__ = ["Objective", "mean_and_spread", "multi_label", "objective", "squared_error"]


def multi_label(outputs: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of independent labels.

    Args:
        outputs: Logits, shape (rows, labels).
        targets: 0, 1 or a probability, same shape.

    Returns:
        Loss of each row, summed over labels, shape (rows,).
    """
    return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").sum(1)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, summed over columns; shapes (rows, n) -> (rows,)."""
    return ((outputs - targets) ** 2).sum(1)


def mean_and_spread(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean by squared error, and the spread of single ratings by Gaussian likelihood.

    The likelihood sees the error of the mean as a constant, so that it moves the spread and never the mean: a
    row on which annotators disagree counts as much for the mean as any other.

    Args:
        outputs: Means, then logarithms of standard deviations, shape (rows, 2n).
        targets: Mean ratings, then variances of single ratings about them, same shape; a NaN variance leaves
            the spread of that row out.

    Returns:
        Loss of each row, shape (rows,).
    """
    n = outputs.shape[1] // 2
    error = (outputs[:, :n] - targets[:, :n]) ** 2
    log_sd, variance = outputs[:, n:], targets[:, n:]
    known = ~variance.isnan()
    likelihood = log_sd + 0.5 * (torch.where(known, variance, 0.0) + error.detach()) * torch.exp(-2 * log_sd)
    return error.sum(1) + 0.1 * torch.where(known, likelihood, 0.0).sum(1)


@dataclass(frozen=True)
class Objective:
    """A loss, and how models that were trained with it teach another (Hinton et al. 2015).

    Attributes:
        loss: `(outputs, targets) -> loss of each row`.
        answer: What a teacher passes on of its outputs: array (rows, units) -> (rows, answers).
        taught: `(outputs, answers of teachers) -> loss of each row`.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    taught: Callable[[Tensor, Tensor], Tensor]

    def mix(
        self, targets: NDArray[np.float64], answers: NDArray[np.float32] | None, share: float
    ) -> NDArray[np.float64]:
        """Targets with a share of the teachers' answers in those columns that the answers are for."""
        if answers is None or not share:
            return targets
        n = answers.shape[1]
        return np.concatenate([(1 - share) * targets[:, :n] + share * answers, targets[:, n:]], 1)


def _sigmoid(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-outputs)), np.float32)


_ALL: dict[str, Objective] = {
    "multi_label": Objective(multi_label, _sigmoid, multi_label),
    "squared_error": Objective(squared_error, lambda outputs: outputs, squared_error),
    "mean_and_spread": Objective(
        mean_and_spread,
        lambda outputs: outputs[:, : outputs.shape[1] // 2],
        lambda outputs, answers: squared_error(outputs[:, : answers.shape[1]], answers),
    ),
}


def objective(name: str) -> Objective:
    """The objective of that name.

    Raises:
        UnknownNameError: There is none; the nearest names are given.
    """
    if name not in _ALL:
        raise UnknownNameError("objective", name, _ALL)
    return _ALL[name]
