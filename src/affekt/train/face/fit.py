"""One network fitted to faces: a rate that rises once and falls, and a running mean of the weights."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.recipes import FaceRecipe
from affekt.extras import need
from affekt.train import checkpoint
from affekt.train.face.augment import disturb, standard
from affekt.train.face.net import Net

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["build", "fit", "logits_of"]

Progress = Callable[[str, int, int, float], None]

_BATCH_OF_ANSWERS = 512
# What of a recipe says something about the weights and does not change them.
_UNTRAINED = {"title", "version", "licence", "terms", "works", "not_for", "caveats", "places", "views", "watch"}


def build(recipe: FaceRecipe, *, labels: int) -> Net:
    """The untrained network, the same for the same seed."""
    torch.manual_seed(recipe.seed)
    net = Net(stem=recipe.stem, widths=recipe.widths, blocks=recipe.blocks, labels=labels, dropout=recipe.dropout)
    for part in net.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    arranged: Net = net.to(memory_format=torch.channels_last)
    return arranged


def fit(
    recipe: FaceRecipe,
    pictures: NDArray[np.uint8],
    gold: NDArray[np.int64],
    dev: tuple[NDArray[np.uint8], NDArray[np.int64]],
    folder: Path,
    *,
    labels: int,
    progress: Progress | None = None,
) -> tuple[Net, list[dict[str, float]]]:
    """Train, and keep the running mean of the weights.

    Args:
        recipe: How.
        pictures: Grey values, shape `(rows, size, size)`.
        gold: Number of the label of each.
        dev: The same of the dev split; it is watched, and chooses nothing here.
        folder: Where the checkpoint after each epoch goes; a run that was broken off goes on after its last.
        labels: Number of labels.
        progress: Called with what is done, the step, their number, and the loss.

    Returns:
        The network with averaged weights, ready to answer, and for some epochs the loss and the accuracy on dev.
    """
    net, mean = build(recipe, labels=labels), build(recipe, labels=labels).eval()
    matrices = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate)
    a_pass = len(pictures) // recipe.batch
    total = a_pass * recipe.epochs
    inputs, targets = standard(torch.from_numpy(pictures)[:, None]), torch.from_numpy(gold)
    of = _digest(recipe, pictures, gold)
    mark = checkpoint.mark_of(folder)
    done, history = 0, []
    if mark.get("of") == of:
        done, history = mark["epoch"], mark["history"]
        _restore(checkpoint.read(folder), net, mean, optimiser)
    for epoch in range(done, recipe.epochs):
        random = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        torch.manual_seed(recipe.seed * 1_000_033 + epoch)  # of dropout
        size = recipe.sizes[epoch * len(recipe.sizes) // recipe.epochs]
        order = torch.randperm(len(pictures), generator=random)
        net.train()
        summed = 0.0
        for step in range(a_pass):
            at = epoch * a_pass + step
            for group in optimiser.param_groups:
                group["lr"] = _rate(recipe, at, total)
            rows = order[step * recipe.batch : (step + 1) * recipe.batch]
            summed += (loss := _step(net, optimiser, recipe, inputs[rows], targets[rows], size, random))
            _follow(mean, net, min(recipe.average, (1 + at) / (10 + at)))
            if progress:
                progress(f"epoch {epoch + 1} of {recipe.epochs}", at + 1, total, loss)
        entry = {"epoch": epoch + 1, "loss": summed / a_pass}
        if epoch % recipe.watch == recipe.watch - 1 or epoch + 1 == recipe.epochs:
            entry["dev"] = float((logits_of(mean, dev[0]).argmax(1) == dev[1]).mean())
        history.append(entry)
        checkpoint.write(folder, _state(net, mean, optimiser), {"of": of, "epoch": epoch + 1, "history": history})
    return mean, history


def _rate(recipe: FaceRecipe, step: int, steps: int) -> float:
    begun = max(1, round(recipe.warm_up * steps))
    if step < begun:
        return recipe.rate * (step + 1) / begun
    return recipe.rate * (1 + math.cos(math.pi * (step - begun) / max(1, steps - begun))) / 2


def _step(
    net: Net,
    optimiser: torch.optim.Optimizer,
    recipe: FaceRecipe,
    pictures: Tensor,
    gold: Tensor,
    size: int,
    random: torch.Generator,
) -> float:
    seen = disturb(pictures, recipe.disturbance, size=size, random=random)
    share = 1.0
    if recipe.mix:
        # Mixup (Zhang et al. 2018): each picture with a little of another, and its loss with theirs.
        a, b = (torch._sample_dirichlet(torch.tensor([recipe.mix, recipe.mix]), generator=random)).tolist()
        share = max(a, b)
        seen = share * seen + (1 - share) * seen.flip(0)
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bfloat16"):
        logits = net(seen.contiguous(memory_format=torch.channels_last)).float()

    def loss_of(wanted: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, wanted, label_smoothing=recipe.smoothing)

    loss = share * loss_of(gold) + (1 - share) * loss_of(gold.flip(0))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def _follow(mean: Net, net: Net, keep: float) -> None:
    with torch.no_grad():
        for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - keep)


def logits_of(net: Net, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Answers in single precision, shape `(rows, labels)`, to pictures of shape `(rows, height, width)`."""
    net.eval()
    batches = torch.from_numpy(pictures)[:, None].split(_BATCH_OF_ANSWERS)
    with torch.no_grad():
        answers = [net(standard(batch).contiguous(memory_format=torch.channels_last)).numpy() for batch in batches]
    return np.concatenate(answers)


def _digest(recipe: FaceRecipe, pictures: NDArray[np.uint8], gold: NDArray[np.int64]) -> str:
    settings = msgspec.to_builtins(recipe)
    told = hashlib.sha256(json.dumps({k: v for k, v in settings.items() if k not in _UNTRAINED}).encode())
    told.update(pictures.tobytes())
    told.update(gold.tobytes())
    return told.hexdigest()


def _state(net: Net, mean: Net, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = {f"net.{k}": v for k, v in net.state_dict().items()}
    state |= {f"mean.{k}": v for k, v in mean.state_dict().items()}
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    return state | {f"adam.{n}.{k}": v for n, p in enumerate(parameters) for k, v in optimiser.state[p].items()}


def _restore(state: dict[str, Tensor], net: Net, mean: Net, optimiser: torch.optim.Optimizer) -> None:
    def part(name: str) -> dict[str, Any]:
        return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}

    net.load_state_dict(part("net"))
    mean.load_state_dict(part("mean"))
    for n, p in enumerate(p for group in optimiser.param_groups for p in group["params"]):
        optimiser.state[p] = part(f"adam.{n}")
