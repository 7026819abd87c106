"""Clips of several channels: how they meet, experts of each, and attention moved from one to the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.extras import need
from affekt.metrics.classification import accuracy, accuracy_statistic
from affekt.metrics.statistic import Statistic, divide
from affekt.train.fusion.attention import ClipReader, Joins
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.made import Clips, clips, moments, subtle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "clips_in_conflict", "clips_of_moments", "clips_of_small_movements"]

_SHIFTS = tuple(k / 10 for k in range(16))
_COST = 0.01  # of accuracy on consistent development clips that moving attention may take


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How clips are read.

    Attributes:
        joins: How channels meet.
        channels: Channels that are read; default all.
        experts: Whether each channel has low-rank experts, and
        even: weight of the term that has them used evenly.
        reallocate: Whether attention is moved to the face after training, by as much as makes the two kinds of
            conflicts most alike on development clips without costing more than a hundredth on consistent ones.
        hidden: Numbers of a token within.
        epochs: Passes over the clips.
        rows: Clips that are made to train on.
    """

    joins: Joins = "late"
    channels: tuple[str, ...] = ()
    experts: bool = False
    even: float = 0.0
    reallocate: bool = False
    hidden: int = 32
    epochs: int = 20
    rows: int = 1200


def _tensors(some: Clips) -> dict[str, Tensor]:
    return {name: torch.from_numpy(x) for name, x in some.channels.items()}


def _trained(plan: Plan, train: Clips, dev: Clips, *, seed: int) -> ClipReader:
    channels, wanted = _tensors(train), torch.from_numpy(train.labels)

    def make() -> ClipReader:
        widths = {name: x.shape[2] for name, x in channels.items()}
        return ClipReader(widths, 4, joins=plan.joins, experts=plan.experts, hidden=plan.hidden)

    def loss(net: ClipReader, at: Tensor) -> Tensor:
        logits, _, uneven = net({name: x[at] for name, x in channels.items()})
        total: Tensor = torch.nn.functional.cross_entropy(logits, wanted[at]) + plan.even * uneven
        return total

    def score(net: ClipReader) -> float:
        return accuracy(truth=dev.labels, prediction=_said(net, dev))

    return fit(make, loss, rows=len(wanted), seed=seed, epochs=plan.epochs, batch=64, rate=4e-3, score=score)


def _said(net: ClipReader, some: Clips, *, shift: Mapping[str, float] | None = None) -> NDArray[np.int64]:
    with torch.no_grad():
        found: NDArray[np.int64] = net(_tensors(some), shift=shift)[0].argmax(1).numpy()
    return found


def clips_of_moments(ground: Ground) -> Found:
    """Clips whose emotion lies in what two channels do at the same moment."""
    return _accuracies(ground, moments)


def clips_of_small_movements(ground: Ground) -> Found:
    """Clips whose emotion is faint in the frames and clear in the face that is cut out of them."""
    return _accuracies(ground, subtle)


def _accuracies(ground: Ground, make: Callable[..., Clips]) -> Found:
    plans, found = ground.plans(Plan), Found()

    def made(plan: Plan, count: int, seed: int) -> Clips:
        whole = make(count, seed=seed)
        kept = {c: x for c, x in whole.channels.items() if not plan.channels or c in plan.channels}
        return replace(whole, channels=kept)

    for name, plan, seed in ground.runs(plans):
        train, dev, test = (
            made(plan, min(plan.rows, ground.limit or plan.rows), 1),
            made(plan, 300, 2),
            made(plan, 1500, 3),
        )
        net = _trained(plan, train, dev, seed=seed)
        found.parameters[name] = parameters(net)
        found.add("accuracy", name, accuracy_statistic(truth=test.labels, prediction=_said(net, test)))
    return found


def _gap(right: NDArray[np.bool_], subset: NDArray[np.str_]) -> Statistic:
    """How far apart the accuracies of the two kinds of conflicts are."""
    kinds = [subset == "voice", subset == "face"]
    columns = np.stack([np.asarray(c, np.float64) for kind in kinds for c in (kind & right, kind)])
    return Statistic(columns, lambda s: np.abs(divide(s[..., 0], s[..., 1]) - divide(s[..., 2], s[..., 3])))


def _shifted(net: ClipReader, dev: Clips) -> dict[str, float]:
    """The shift of attention that development clips ask for."""
    plain = dev.subset == "consistent"
    kept: list[tuple[float, float]] = []
    least = None
    for amount in _SHIFTS:
        right = _said(net, dev, shift={"face": amount}) == dev.labels
        least = float(right[plain].mean()) - _COST if least is None else least
        if right[plain].mean() >= least:
            kept.append((float(_gap(right, dev.subset).value), amount))
    return {"face": min(kept)[1]}


def clips_in_conflict(ground: Ground) -> Found:
    """Clips of which some show two emotions: accuracy by which channel carries it, and the gap between these."""
    plans, found = ground.plans(Plan), Found()
    dev, test = clips(900, seed=2, conflicts=0.6), clips(3000, seed=3, conflicts=0.6)
    for name, plan, seed in ground.runs(plans):
        train = clips(min(plan.rows, ground.limit or plan.rows), seed=1, conflicts=0.0)
        net = _trained(plan, train, dev, seed=seed)
        shift = _shifted(net, dev) if plan.reallocate else None
        right = _said(net, test, shift=shift) == test.labels
        found.parameters[name] = parameters(net)
        found.add("conflict_gap", name, _gap(right, test.subset), higher_is_better=False)
        for kind in ("consistent", "voice", "face"):
            own = np.asarray(test.subset == kind, np.float64)
            part = Statistic(np.stack([own * right, own]), lambda s: divide(s[..., 0], s[..., 1]))
            found.add(f"accuracy_{kind}", name, part)
    return found
