"""Clips in which one thing happens at once: which frames are taken, and which regions of them are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from affekt.bench.fusions.base import Found, Ground
from affekt.corpora.drawn_events import FEELINGS, DrawnEvent, drawn_events
from affekt.extras import need
from affekt.features.scene import around_events, evenly, movements, telling_tubes
from affekt.metrics.classification import accuracy_statistic
from affekt.metrics.statistic import Statistic, divide
from affekt.train.fusion.loop import fit, parameters
from affekt.train.fusion.watching import CELL, TubeReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["Plan", "clips_with_an_event"]

_REACH = 8.0  # pixels from the middle of a figure to its border


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a clip is read.

    Attributes:
        frames: Taken `evenly`, or around `events`.
        reads: `all` regions of the frames, those that are `telling`, or as many that are `drawn`.
        budget: Frames of a clip.
        share: Share of the regions that is kept, where not all are read.
        rows: Clips that are drawn to train on.
        tested: Clips that are drawn to score.
        epochs: Passes over them.
    """

    frames: Literal["evenly", "events"] = "evenly"
    reads: Literal["all", "telling", "drawn"] = "all"
    budget: int = 6
    share: float = 0.1
    rows: int = 200
    tested: int = 200
    epochs: int = 20


class _Seen:
    """The frames that are taken of clips both ways, and where the event is in them."""

    def __init__(self, clips: Iterable[DrawnEvent], plan: Plan) -> None:
        self.pixels: dict[str, list[NDArray[np.uint8]]] = {"evenly": [], "events": []}
        self.kept: dict[str, list[NDArray[np.bool_]]] = {"evenly": [], "events": []}
        self.event: dict[str, list[NDArray[np.bool_]]] = {"evenly": [], "events": []}
        self.kinds: list[int] = []
        for clip in clips:
            self.kinds.append(clip.kind)
            times = np.array([frame.time for frame in clip.frames])
            ways = {
                "evenly": evenly(clip.seconds, plan.budget),
                "events": around_events(movements(clip.frames), seconds=clip.seconds, budget=plan.budget),
            }
            for way, taken in ways.items():
                at = np.abs(times - np.array(taken)[:, None]).argmin(1)
                pixels, before = (
                    np.stack([clip.frames[k].pixels for k in some]) for some in (at, np.maximum(at - 1, 0))
                )
                self.pixels[way].append(pixels)
                self.kept[way].append(telling_tubes(pixels, before, cell=CELL, share=plan.share))
                self.event[way].append(_regions(clip.places[at], self.kept[way][-1].shape))


def _regions(places: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The regions whose middle is on the figure, shape (frames, rows, columns)."""
    rows, columns = (CELL * (np.arange(n) + 0.5) for n in shape[1:])
    across = np.abs(columns - places[:, :1]) < _REACH
    down = np.abs(rows - places[:, 1:]) < _REACH
    return down[:, :, None] & across[:, None]


def clips_with_an_event(ground: Ground) -> Found:
    """Clips whose emotion is that of the figure which darts across, among figures of all kinds that swim."""
    plans, found = ground.plans(Plan), Found()
    drawn: dict[tuple[object, ...], tuple[_Seen, _Seen]] = {}
    for name, plan, seed in ground.runs(plans):
        key = (plan.budget, plan.share, plan.rows, plan.tested)
        if key not in drawn:
            rows = min(plan.rows, ground.limit or plan.rows)
            drawn[key] = _Seen(drawn_events(rows, seed=1), plan), _Seen(drawn_events(plan.tested, seed=3), plan)
        train, test = drawn[key]
        chance = np.random.default_rng(seed)

        def given(some: _Seen, plan: Plan = plan, chance: np.random.Generator = chance) -> tuple[Tensor, Tensor]:
            kept = np.stack(some.kept[plan.frames])
            if plan.reads == "all":
                kept = np.ones_like(kept)
            elif plan.reads == "drawn":
                kept = chance.permuted(kept.reshape(len(kept), -1), axis=1).reshape(kept.shape)
            return torch.from_numpy(np.stack(some.pixels[plan.frames]) / np.float32(255)), torch.from_numpy(kept)

        pixels, kept = given(train)
        wanted = torch.tensor(train.kinds)

        def make() -> TubeReader:
            return TubeReader(len(FEELINGS))

        def loss(
            net: TubeReader, at: Tensor, pixels: Tensor = pixels, kept: Tensor = kept, wanted: Tensor = wanted
        ) -> Tensor:
            out: Tensor = torch.nn.functional.cross_entropy(net(pixels[at], kept[at]), wanted[at])
            return out

        net = fit(make, loss, rows=len(wanted), seed=seed, epochs=plan.epochs, batch=20, rate=4e-3)
        found.parameters[name] = parameters(net)
        pixels, kept = given(test)
        with torch.no_grad():
            said = torch.cat([net(*part).argmax(1) for part in zip(pixels.split(50), kept.split(50), strict=True)])
        found.add("accuracy", name, accuracy_statistic(truth=np.array(test.kinds), prediction=said.numpy()))
        event = np.stack(test.event[plan.frames])
        held = event.any((1, 2, 3)).astype(np.float64)
        found.add("event_held", name, Statistic(np.stack([held, np.ones_like(held)]), _share))
        if plan.reads != "all":
            both = np.stack([(event & kept.numpy()).sum((1, 2, 3)), event.sum((1, 2, 3))]).astype(np.float64)
            found.add("event_kept", name, Statistic(both, _share))
    return found


def _share(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return divide(sums[..., 0], sums[..., 1])
