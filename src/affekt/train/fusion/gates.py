"""Fitting how channels are weighed, and how their conflict is told, from clips of which it is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.fusion import Disagreement, Fusion, Gate, fusion
from affekt.catalog.spaces import space
from affekt.extras import need
from affekt.models.fusion import distances, mixture

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["fit_fusion"]

_STEPS = 300


def fit_fusion(
    tables: Mapping[str, NDArray[np.float64]],
    *,
    truth: NDArray[np.int64],
    alone: Mapping[str, NDArray[np.int64]],
    version: str = "0",
    note: str = "",
) -> Fusion:
    """Fit temperatures, gates and the probability of conflict.

    The temperature of a channel is that at which what it says alone is most probable; the gates are those at which
    the mixture is, with a small penalty on large ones; the probability of conflict is a logistic regression. All by
    likelihood, on rows that nothing else was trained on.

    Args:
        tables: Two channels -> shares of labels, shape (clips, labels).
        truth: Place of the label of each clip; -1 where channels carry different ones and neither is right.
        alone: Channel -> place of the label that it carries by itself, shape (clips,).
        version: Version of what comes out.
        note: What it was fitted on.
    """
    torch = need("torch", extra="train")
    linear = need("sklearn.linear_model", extra="train")
    plain = fusion()
    labels = space(plain.space)
    neutral = labels.labels.index(labels.neutral or "")
    logs = {name: torch.from_numpy(np.log(np.clip(t, 1e-6, None))) for name, t in tables.items()}
    warm = {name: torch.zeros((), dtype=torch.float64, requires_grad=True) for name in tables}
    gates = {name: torch.zeros(3, dtype=torch.float64, requires_grad=True) for name in tables}
    known = torch.from_numpy(truth >= 0)
    wanted = torch.from_numpy(np.maximum(truth, 0))[:, None]
    own = {name: torch.from_numpy(each)[:, None] for name, each in alone.items()}
    optimiser = torch.optim.Adam([*warm.values(), *gates.values()], lr=0.05)
    for _ in range(_STEPS):
        each, weights = [], []
        loss = torch.zeros((), dtype=torch.float64)
        for name, log in logs.items():
            calm = (log / warm[name].exp()).log_softmax(1)
            loss = loss - calm.gather(1, own[name]).mean()
            # The gate is not what a temperature is for.
            calm = calm.detach()
            sure = 1 + (calm.exp() * calm).sum(1) / np.log(calm.shape[1])
            weights.append((gates[name] * torch.stack([torch.ones_like(sure), sure, calm[:, neutral].exp()], 1)).sum(1))
            each.append(calm)
        share = torch.stack(weights, 1).log_softmax(1)
        mixed = (share[..., None] + torch.stack(each, 1)).logsumexp(1)
        loss = loss - mixed[known].gather(1, wanted[known]).mean() + 1e-3 * sum((g**2).sum() for g in gates.values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    fitted = {}
    for name in tables:
        temperature, *gate = (round(v, 4) for v in (float(warm[name].detach().exp()), *gates[name].detach().tolist()))
        fitted[name] = Gate(temperature=temperature, bias=gate[0], sure=gate[1], neutral=gate[2])
    channels = {**plain.channels, **fitted}
    half = Fusion(
        version=version, space=plain.space, places=plain.places, note=note, channels=channels,
        disagreement=plain.disagreement,
    )  # fmt: skip
    _, _, calm = mixture(tables, plan=half)
    one, other = (calm[name] for name in tables)
    first, second = alone.values()
    model = linear.LogisticRegression(C=10.0).fit(distances(one, other, neutral=neutral), first != second)
    numbers = [round(float(v), 4) for v in (model.intercept_[0], *model.coef_[0])]
    return Fusion(
        version=version, space=plain.space, places=plain.places, note=note, channels=channels,
        disagreement=Disagreement(**dict(zip(("bias", "divergence", "differs", "neutral"), numbers, strict=True))),
    )  # fmt: skip
