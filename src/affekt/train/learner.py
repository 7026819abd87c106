"""A model in training: all that a run which was broken off needs to go on as if it had not been."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.extras import need
from affekt.train import checkpoint
from affekt.train.encoder import Dropout

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.optim import Optimizer
else:
    torch = need("torch", extra="train")

__all__ = ["Learner", "pace"]

_KEPT = ("epochs", "step", "best", "best_epoch", "history")


def pace(step: int, steps: int, warm_up: float) -> float:
    """Factor of the learning rates at a step: a straight line up in the first steps, then a straight line to 0.

    Args:
        step: Steps done.
        steps: Steps in all.
        warm_up: Share of them in which the rate rises.
    """
    warm = max(1, int(warm_up * steps))
    return step / warm if step < warm else max(0.0, (steps - step) / max(1, steps - warm))


class Learner:
    """A module with its optimisers, its sources of chance, and its course so far.

    Args:
        model: What is trained.
        optimisers: By name; each group of parameters has its learning rate as `base`.
        dropout: Share of units set to 0.
        seed: Seed of order, sampling and dropout.
    """

    def __init__(self, model: nn.Module, optimisers: Mapping[str, Optimizer], *, dropout: float, seed: int) -> None:
        self.model = model
        self.optimisers = optimisers
        self.rng = np.random.default_rng(seed)
        self.dropout = Dropout(dropout, seed=seed)
        self.epochs = 0
        self.step = 0
        self.best, self.best_epoch = np.inf, 0
        self.history: list[dict[str, Any]] = []

    def worn(self, patience: int) -> bool:
        """Whether the last epochs brought nothing."""
        return patience > 0 and self.best_epoch > 0 and self.epochs - self.best_epoch >= patience

    def update(self, factor: float) -> None:
        """One step of every optimiser at its own rates times a factor, with the gradients that are there."""
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                # SparseAdam takes no rate of 0.
                group["lr"] = group["base"] * factor + 1e-12
            optimiser.step()
            optimiser.zero_grad()
        self.step += 1

    def save(self, folder: Path, mark: Mapping[str, Any]) -> None:
        """Write a checkpoint."""
        state = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for i, held in optimiser.state_dict()["state"].items():
                for key, value in held.items():
                    state[f"{name}.{i}.{key}"] = torch.as_tensor(value)
        state["dropout"] = self.dropout.generator.get_state()
        course = {name: getattr(self, name) for name in _KEPT}
        checkpoint.write(folder, state, {**mark, **course, "rng": self.rng.bit_generator.state})

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint of the same training."""
        mark, state = checkpoint.mark_of(folder), checkpoint.read(folder)
        self.model.load_state_dict({k[6:]: v for k, v in state.items() if k.startswith("model.")})
        for name, optimiser in self.optimisers.items():
            # SparseAdam counts its steps in a plain number, AdamW in a tensor.
            plain = isinstance(optimiser, torch.optim.SparseAdam)
            held: dict[int, dict[str, Any]] = {}
            for key, value in state.items():
                if key.startswith(name + "."):
                    _, i, field = key.split(".", 2)
                    held.setdefault(int(i), {})[field] = int(value) if plain and field == "step" else value
            optimiser.load_state_dict({"state": held, "param_groups": optimiser.state_dict()["param_groups"]})
        self.dropout.generator.set_state(state["dropout"])
        self.rng.bit_generator.state = mark["rng"]
        for name in _KEPT:
            setattr(self, name, mark[name])
