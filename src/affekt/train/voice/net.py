"""One small net on vectors of speech, with a head for each thing that is learned; rows need not have all of them.

The vectors of an encoder's layers are weighted by a softmax that is learned (Yang et al. 2021, SUPERB), and pass one
hidden layer. Losses are those of `affekt.train.objectives`, summed; a target that is not known is NaN and teaches
nothing, so that one corpus may give classes, another dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.works import implements
from affekt.extras import need
from affekt.train.objectives import objective

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["Learned", "Task", "fit_net", "salience", "salient"]


@dataclass(frozen=True)
class Task:
    """What a head learns.

    Attributes:
        targets: Shape (rows, columns); NaN where it is not known.
        objective: Name of its loss.
        weight: Factor of the loss.
        balanced: Whether rows count by the inverse of how often their label comes, for targets of one label.
    """

    targets: NDArray[np.float64]
    objective: str
    weight: float = 1.0
    balanced: bool = False


class _Net(nn.Module):
    def __init__(self, layers: int, width: int, hidden: int, dropout: float, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.zeros(layers))
        self.inner = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout))
        self.heads = nn.ModuleDict({name: nn.Linear(hidden, units) for name, units in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        inner = self.inner((x * torch.softmax(self.mix, 0)[:, None]).sum(1))
        return {name: head(inner) for name, head in self.heads.items()}


@dataclass(frozen=True)
class Learned:
    """A net that was trained.

    Attributes:
        mean: Shape (layers, width) of what the vectors are standardised by.
        sd: Likewise.
        net: The net.
        weights: Share of each layer, shape (layers,).
    """

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    net: nn.Module
    weights: NDArray[np.float32]

    def outputs(self, vectors: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What each head says of vectors of shape (rows, layers, width): shape (rows, units)."""
        with torch.no_grad():
            found = self.net(torch.from_numpy((vectors - self.mean) / self.sd))
        return {name: out.numpy() for name, out in found.items()}


@implements(works=["meralion-ser", "emonet-voice"])
def fit_net(
    vectors: NDArray[np.float32],
    tasks: Mapping[str, Task],
    *,
    seed: int,
    epochs: int = 30,
    batch: int = 128,
    rate: float = 2e-3,
    hidden: int = 64,
    dropout: float = 0.3,
    decay: float = 1e-2,
) -> Learned:
    """Train a net on vectors.

    Args:
        vectors: Shape (rows, layers, width).
        tasks: Name of a head -> what it learns, each with as many rows.
        seed: Seed of weights, order and dropout.
        epochs: Passes over the rows.
        batch: Rows a step.
        rate: Highest learning rate; it falls to 0 along a cosine.
        hidden: Units of the hidden layer.
        dropout: Share of units set to 0.
        decay: Weight decay (AdamW).
    """
    mean, sd = vectors.mean(0), vectors.std(0) + np.float32(1e-6)
    x = torch.from_numpy((vectors - mean) / sd)
    losses, wanted, rows = {}, {}, {}
    for name, task in tasks.items():
        losses[name] = objective(task.objective, task.targets)
        wanted[name] = torch.from_numpy(np.asarray(task.targets, np.float32))
        known = np.asarray(~np.isnan(task.targets).all(1))
        counts = np.ones(len(known))
        if task.balanced:
            label = np.nan_to_num(task.targets).argmax(1)
            often = np.bincount(label[known], minlength=task.targets.shape[1])
            counts = known.sum() / (np.maximum(often, 1) * (often > 0).sum())[label]
        rows[name] = torch.from_numpy((counts * known).astype(np.float32))
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    net = _Net(
        x.shape[1], x.shape[2], hidden, dropout, {n: losses[n].units * t.targets.shape[1] for n, t in tasks.items()}
    )
    steps = epochs * (len(x) // batch + 1)
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    net.train()
    for _ in range(epochs):
        for at in torch.randperm(len(x), generator=order).split(batch):
            total = torch.zeros(())
            for name, out in net(x[at]).items():
                known = rows[name][at] > 0
                if known.sum() > 1:  # a correlation needs two rows
                    each = losses[name].loss(out[known], wanted[name][at][known])
                    total = total + tasks[name].weight * (each * rows[name][at][known]).mean()
            if total.requires_grad:
                optimiser.zero_grad()
                total.backward()
                optimiser.step()
            schedule.step()
    net.eval()
    return Learned(mean, sd, net, torch.softmax(net.mix.detach(), 0).numpy())


@implements(works=["label-variance-ser"])
def salience(vectors: NDArray[np.float32], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much each part of a vector has to do with the targets: the largest absolute correlation with one of them.

    After the selection of representations by their cross-correlation with the targets (arXiv:2503.22711); a target
    that is not known is left out, and a part that never changes has none.

    Args:
        vectors: Shape (rows, width).
        targets: Shape (rows, columns): 0/1 or shares of labels, or values; NaN where not known.

    Returns:
        Shape (width,), 0 to 1.
    """
    best = np.zeros(vectors.shape[1])
    for column in np.asarray(targets, np.float64).T:
        known = ~np.isnan(column)
        y = column[known] - column[known].mean() if known.any() else column[:0]
        if not (y**2).sum() > 0:
            continue
        x = vectors[known] - vectors[known].mean(0, dtype=np.float64)
        spread = np.sqrt((x**2).sum(0) * (y**2).sum())
        best = np.maximum(best, np.abs(np.divide(y @ x, spread, out=np.zeros_like(spread), where=spread > 1e-12)))
    return best


def salient(vectors: NDArray[np.float32], targets: NDArray[np.float64], *, share: float) -> NDArray[np.intp]:
    """The parts of a vector that have most to do with the targets, in their order.

    Args:
        vectors: As for `salience`.
        targets: As for `salience`.
        share: Share of the parts that is kept, above 0.
    """
    count = max(round(share * vectors.shape[1]), 1)
    return np.sort(np.argsort(-salience(vectors, targets), kind="stable")[:count])
