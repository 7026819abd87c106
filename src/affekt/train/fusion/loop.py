"""The loop that trains the small nets of this room."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["fit", "parameters"]

Net = TypeVar("Net", bound="nn.Module")


def fit(
    make: Callable[[], Net],
    loss: Callable[[Net, Tensor], Tensor],
    *,
    rows: int,
    seed: int,
    epochs: int,
    batch: int = 32,
    rate: float = 2e-3,
    decay: float = 1e-2,
    warm_up: float = 0.0,
    score: Callable[[Net], float] | None = None,
) -> Net:
    """Make a net and train it.

    Args:
        make: Makes the net; its weights follow from the seed.
        loss: From the net and the places of some rows, shape (batch,), to what is to be made small.
        rows: Number of rows that are trained on.
        seed: Seed of weights, order and dropout.
        epochs: Passes over the rows.
        batch: Rows a step.
        rate: Highest learning rate; it falls to 0 along a cosine.
        decay: Weight decay (AdamW).
        warm_up: Share of the steps in which the rate rises first, with momentum falling (one cycle, Smith 2018).
        score: How good the net is on development rows, more being better; the best epoch is kept. Default the last.

    Returns:
        The net, ready to be asked.
    """
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    net = make()
    optimiser = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=rate, weight_decay=decay)
    steps = epochs * -(-rows // batch)
    schedule: torch.optim.lr_scheduler.LRScheduler
    if warm_up:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, pct_start=warm_up)
    else:
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    best, kept = float("-inf"), None
    for _ in range(epochs):
        net.train()
        for at in torch.randperm(rows, generator=order).split(batch):
            optimiser.zero_grad()
            loss(net, at).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        net.eval()
        if score is not None and (found := score(net)) > best:
            best, kept = found, copy.deepcopy(net.state_dict())
    if kept is not None:
        net.load_state_dict(kept)
    net.eval()
    return net


def parameters(net: nn.Module) -> int:
    """How many numbers of a net are trained."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)
