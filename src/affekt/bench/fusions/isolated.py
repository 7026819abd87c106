"""Ratings of one channel by itself beside few ratings of both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.extras import need
from affekt.metrics.regression import concordance_cc_statistic
from affekt.train.fusion.isolated import PairedRegressor
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.made import rated

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "rated_apart"]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is learned from.

    Attributes:
        isolated: Clips whose music alone and whose pictures alone were rated; 0 for none.
        shuffled: Whether those ratings are dealt out anew: the control.
        both: Clips of which both together were rated.
        epochs: Passes over the latter; as many steps are taken on the former before.
    """

    isolated: int = 0
    shuffled: bool = False
    both: int = 60
    epochs: int = 60


def rated_apart(ground: Ground) -> Found:
    """Made music videos: valence is in both channels, arousal for the most part in the music."""
    plans, found = ground.plans(Plan), Found()
    test = rated(1000, seed=3)
    for name, plan, seed in ground.runs(plans):
        few, many = rated(plan.both, seed=1), rated(max(plan.isolated, 1), seed=4)
        x = {c: torch.from_numpy(v) for c, v in few.channels.items()}
        wanted = torch.from_numpy(few.both)
        net: PairedRegressor | None = None

        def make(x: dict[str, Tensor] = x) -> PairedRegressor:
            return PairedRegressor({c: v.shape[1] for c, v in x.items()})

        if plan.isolated:
            order = np.random.default_rng(seed).permutation(plan.isolated) if plan.shuffled else slice(None)
            y = {c: torch.from_numpy(v) for c, v in many.channels.items()}
            apart = {c: torch.from_numpy(v[order]) for c, v in many.alone.items()}

            def first(
                net: PairedRegressor, at: Tensor, y: dict[str, Tensor] = y, apart: dict[str, Tensor] = apart
            ) -> Tensor:
                return torch.stack([((net.of(c, y[c][at]) - apart[c][at]) ** 2).mean() for c in y]).sum()

            steps = plan.epochs * -(-plan.both // 20)
            net = fit(
                make, first, rows=plan.isolated, seed=seed, epochs=max(1, round(steps * 50 / plan.isolated)), batch=50
            )

        def loss(net: PairedRegressor, at: Tensor, x: dict[str, Tensor] = x, wanted: Tensor = wanted) -> Tensor:
            return ((net({c: v[at] for c, v in x.items()}) - wanted[at]) ** 2).mean()

        begin = make if net is None else (lambda net=net: net)
        net = fit(begin, loss, rows=plan.both, seed=seed, epochs=plan.epochs, batch=20)
        found.parameters[name] = parameters(net)
        with torch.no_grad():
            said = net({c: torch.from_numpy(v) for c, v in test.channels.items()}).numpy()
        for k, dimension in enumerate(("valence", "arousal")):
            found.add(f"ccc_{dimension}", name, concordance_cc_statistic(truth=test.both[:, k], prediction=said[:, k]))
    return found
