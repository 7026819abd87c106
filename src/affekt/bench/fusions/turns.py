"""MELD's turns, read from vectors of their words by a small net while the encoder stays as it is."""

from __future__ import annotations

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.recipes import TurnNet
from affekt.catalog.spaces import space
from affekt.metrics.classification import macro_f1_statistic, weighted_f1_statistic
from affekt.train.fusion.loop import parameters
from affekt.train.turns.fit import Turns, adjustment, log_shares, said, train_nets, turns_of

__all__ = ["TurnNet", "turns_read"]


def _splits(encoder: TurnNet, ground: Ground) -> dict[str, Turns]:
    found, _ = turns_of(
        encoder,
        "meld",
        ("train", "dev", "test"),
        labels=space("meld").labels,
        data=ground.data,
        limit=ground.limit and ground.limit * 10,
        progress=lambda split: ground.progress("all", f"read {split}", 0, 0, 0.0),
    )
    return found


def turns_read(ground: Ground) -> Found:
    """MELD's dialogues; what is drawn for intervals is dialogues.

    Nothing is chosen on test: nets are those of the last epoch.
    """
    plans, found = ground.plans(TurnNet), Found()
    codes = np.arange(len(space("meld").labels))
    encoders = {(p.encoder, p.layers): TurnNet(encoder=p.encoder, layers=p.layers) for p in plans.values()}
    read_as = {way: _splits(encoder, ground) for way, encoder in sorted(encoders.items())}
    shares: dict[tuple[TurnNet, int], float] = {}  # one net tells the share for several
    for name, plan, seed in ground.runs(plans):
        splits = read_as[plan.encoder, plan.layers]
        train = splits["train"]
        nets = train_nets(plan, train, len(codes), seed)
        found.parameters[name] = sum(map(parameters, nets))
        one = msgspec.structs.replace(plan, members=1)
        if plan.adjusted and (one, seed) not in shares:
            shares[one, seed] = adjustment(plan, train, len(codes), seed)
        lowered = shares.get((one, seed), 0.0) * log_shares(train, len(codes))
        for key, split, of in (
            ("weighted_f1", "test", weighted_f1_statistic),
            ("macro_f1", "test", macro_f1_statistic),
            ("weighted_f1_dev", "dev", weighted_f1_statistic),
        ):
            asked = splits[split]
            answers = (said(plan, nets, asked) - lowered).argmax(1)
            score = of(truth=asked.truth, prediction=answers, labels=codes)
            found.add(key, name, score.by(asked.whose))
    return found
