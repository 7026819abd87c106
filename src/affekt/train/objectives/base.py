"""What an objective is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["Objective", "identity", "sigmoid"]

Reading = Literal["multi", "single", "levels", "strengths", "dimensions", "none"]


def identity(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Outputs as they are."""
    return outputs


def sigmoid(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logits as probabilities."""
    return np.asarray(1 / (1 + np.exp(-outputs)), np.float32)


@dataclass(frozen=True)
class Objective:
    """A loss, how its head is read, and how models that were trained with it teach another.

    Attributes:
        loss: `(outputs, targets) -> loss of each row`; outputs of shape (rows, units), targets of shape
            (rows, columns) where NaN stands for "nobody was asked". A loss that is defined on a batch as a whole
            gives its value for every row.
        reading: How outputs become an answer: `multi` (independent logits), `single` (logits of a softmax), `levels`
            (cumulative logits of ordered levels), `strengths`, `dimensions`; `none` for a term that has no head.
        units: Outputs for each column of the targets.
        on: Whether it looks at the head's outputs or at the embedding that all heads read.
        answer: What a teacher passes on of its outputs: array (rows, units) -> (rows, answers).
        taught: `(outputs, answers of teachers) -> loss of each row`; `None` where nothing is passed on.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    reading: Reading
    units: int = 1
    on: Literal["head", "embedding"] = "head"
    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]] = identity
    taught: Callable[[Tensor, Tensor], Tensor] | None = None

    def mix(
        self, targets: NDArray[np.float64], answers: NDArray[np.float32] | None, share: float
    ) -> NDArray[np.float64]:
        """Targets with a share of the teachers' answers in those columns that the answers are for."""
        if answers is None or not share:
            return targets
        n = answers.shape[1]
        return np.concatenate([(1 - share) * targets[:, :n] + share * answers, targets[:, n:]], 1)
