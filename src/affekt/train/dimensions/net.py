"""The net in front of the dimensional head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.recipes import DimensionNet
from affekt.extras import need
from affekt.train.fusion.loop import fit
from affekt.train.objectives.values import mean_and_spread, squared_error

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["Entered", "train_net", "weights_of"]


class Entered(nn.Module):
    """Two layers on the means of all layers of an encoder, and means and log spreads of dimensions after them.

    Args:
        middle: Mean of each number that it is given, shape (width,).
        spread: Standard deviation of each.
        dimensions: Number of dimensions.
        plan: Width of its layers, and dropout.
    """

    def __init__(self, middle: Tensor, spread: Tensor, dimensions: int, plan: DimensionNet) -> None:
        super().__init__()
        self.register_buffer("middle", middle)
        self.register_buffer("spread", spread)
        self.enter = nn.Linear(len(middle), plan.hidden)
        self.inner = nn.Linear(plan.hidden, plan.hidden)
        self.even = nn.LayerNorm(plan.hidden)
        self.out = nn.Linear(plan.hidden, 2 * dimensions)
        self.drop = nn.Dropout(plan.dropout)
        self.gelu = nn.GELU()

    def forward(self, vectors: Tensor) -> Tensor:
        """Means, then logarithms of standard deviations; shape (texts, 2 * dimensions)."""
        x = self.gelu(self.enter(self.drop((vectors - self.middle) / self.spread)))
        x = x + self.drop(self.gelu(self.inner(self.drop(x))))
        y: Tensor = self.out(self.drop(self.even(x)))
        return y


def train_net(
    plan: DimensionNet,
    vectors: NDArray[np.float32],
    *,
    taught: NDArray[np.float64],
    gold: NDArray[np.float64],
    variances: NDArray[np.float64],
    seed: int,
) -> Entered:
    """Train the net on the answers of a teacher, and on gold where there is some.

    Args:
        plan: How.
        vectors: Means of all layers of each text, shape (texts, width).
        taught: What the teacher says of each, in standard units, shape (texts, dimensions).
        gold: Mean ratings of the first texts, in the same units, shape (rated, dimensions).
        variances: Variance of single ratings about these, same shape; NaN where none is known.
        seed: Seed of weights, order and dropout.
    """
    rated, dimensions = gold.shape
    given, answers = torch.from_numpy(vectors), torch.from_numpy(taught.astype(np.float32))
    targets = torch.from_numpy(np.concatenate([gold, variances], 1).astype(np.float32))
    by_gold, by_teacher = mean_and_spread().loss, squared_error().loss
    at_rated = np.arange(rated)
    texts = torch.from_numpy(np.concatenate([np.arange(len(vectors)), *[at_rated] * (plan.repeats - 1)]))

    def loss(net: Entered, at: Tensor) -> Tensor:
        i = texts[at]
        said = net(given[i])
        known = i < rated
        each = by_teacher(said[:, :dimensions], answers[i]) * torch.where(known, 1 - plan.gold, 1.0)
        each = each.index_add(0, known.nonzero()[:, 0], plan.gold * by_gold(said[known], targets[i[known]]))
        return each.mean()

    spread, middle = torch.std_mean(given[:rated], 0)
    return fit(
        lambda: Entered(middle, spread.clamp(min=1e-6), dimensions, plan),
        loss,
        rows=len(texts),
        seed=seed,
        epochs=plan.epochs,
        batch=plan.batch,
        rate=plan.rate,
        decay=plan.decay,
        warm_up=0.1,
    )


def weights_of(net: Entered, head: str) -> dict[str, NDArray[np.float32]]:
    """The net as `build_graph` takes it: the last layer under the name of the head, the others below it."""
    state: Sequence[tuple[str, Tensor]] = list(net.state_dict().items())
    return {f"{head}.{name.removeprefix('out.')}": value.numpy() for name, value in state}
