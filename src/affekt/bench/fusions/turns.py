"""MELD's turns, read from vectors of their words by a small net while the encoder stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.catalog.recipes import TurnNet, TurnPart
from affekt.catalog.spaces import space
from affekt.metrics.classification import macro_f1_statistic, weighted_f1_statistic
from affekt.train.fusion.loop import parameters
from affekt.train.turns.fit import Standard, Turns, adjustment, log_shares, said, train_nets, turns_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.train.turns.net import TurnReader

__all__ = ["TurnNet", "turns_read"]

_MELD = TurnPart(corpus="meld")

# What is scored, on which split, how, and whether only turns count whose emotion is not that of the turn before.
_SCORES = (
    ("weighted_f1", "test", weighted_f1_statistic, False),
    ("macro_f1", "test", macro_f1_statistic, False),
    ("weighted_f1_shifts", "test", weighted_f1_statistic, True),
    ("weighted_f1_dev", "dev", weighted_f1_statistic, False),
)


def _splits(plan: TurnNet, ground: Ground) -> dict[str, Turns]:
    found: dict[str, Turns] = {}
    standard: Standard | None = None
    for split in ("train", "dev", "test"):
        most = None if found else ground.limit and ground.limit * 10
        found[split], standard = turns_of(
            plan, [_MELD], split=split, wanted="meld", standard=standard, data=ground.data, limit=most
        )
        ground.progress("all", f"read {split}", 0, 0, 0.0)
    return found


def turns_read(ground: Ground) -> Found:
    """MELD's dialogues; what is drawn for intervals is dialogues.

    Nothing is chosen on test: nets are those of the last epoch.
    """
    plans, found = ground.plans(TurnNet), Found()
    codes = np.arange(len(space("meld").labels))
    encoders = {(p.encoder, p.layers): p for p in plans.values()}
    read_as = {way: _splits(encoders[way], ground) for way in sorted(encoders)}
    shares: dict[tuple[TurnNet, int], float] = {}  # one net tells the share for several
    for name, plan, seed in ground.runs(plans):
        splits = read_as[plan.encoder, plan.layers]
        train = splits["train"]
        learned = train.dealt_out(seed)[0] if plan.dealt_out else train
        nets = train_nets(plan, learned, len(codes), seed)
        found.parameters[name] = sum(map(parameters, nets))
        one = msgspec.structs.replace(plan, members=1)
        if plan.adjusted and (one, seed) not in shares:
            shares[one, seed] = adjustment(plan, learned, len(codes), seed)
        lowered = shares.get((one, seed), 0.0) * log_shares(train, len(codes))
        answers = {split: (_said(plan, nets, splits[split], seed) - lowered).argmax(1) for split in ("test", "dev")}
        for key, split, of, shifts in _SCORES:
            asked = splits[split]
            rows = asked.shifts if shifts else slice(None)
            score = of(truth=asked.truth[rows], prediction=answers[split][rows], labels=codes)
            found.add(key, name, score.by(asked.whose[rows]))
    return found


def _said(plan: TurnNet, nets: list[TurnReader], turns: Turns, seed: int) -> NDArray[np.float64]:
    """What the nets say of turns in their order, whatever they stood among."""
    if not plan.dealt_out:
        return said(plan, nets, turns)
    dealt, order = turns.dealt_out(seed)
    out = np.empty((len(order), len(space("meld").labels)))
    out[order] = said(plan, nets, dealt)
    return out
