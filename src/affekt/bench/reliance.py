"""How much a model goes by the name of its target, and not by what the text says of it.

Two tests (Son et al. 2023, korfinasc). *Name only*: the model is shown nothing but the name; what it still gets right
it takes from what it remembers of names. *Name swapped*: each target gets the name of another, and nothing else
changes; a model that reads the sentence gives the same label as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affekt.bench.reach import reach
from affekt.bench.tasks import task
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.corpora.read import read
from affekt.metrics.bootstrap import Interval, bootstrap
from affekt.metrics.statistic import Statistic, divide
from affekt.models.target import renamed

__all__ = ["Reliance", "reliance"]


@dataclass(frozen=True, slots=True)
class Reliance:
    """What a model owes to the names of targets; shares of rows with 95 % intervals, NaN where no row counts.

    Attributes:
        rows: Rows with a target and a gold label.
        right: Share of them whose label is right with the text as it is; a row without an answer is wrong.
        name_only: Share that is right with the name alone, of those that are answered then.
        name_only_answered: Share that is answered with the name alone.
        chance: Share that is right for whoever always gives the most frequent gold label.
        swapped: Rows whose target stands in the text, so that it can be renamed.
        flipped: Share of these whose label changes with the name.
    """

    rows: int
    right: Interval
    name_only: Interval
    name_only_answered: float
    chance: float
    swapped: int
    flipped: Interval

    def as_json(self) -> dict[str, Any]:
        """As it is stored; intervals as value, low end, high end, with `null` for NaN."""

        def three(i: Interval) -> list[float | None]:
            return [None if np.isnan(v) else round(float(v), 6) for v in (i.value, i.low, i.high)]

        return {
            "rows": self.rows,
            "right": three(self.right),
            "name_only": three(self.name_only),
            "name_only_answered": self.name_only_answered,
            "chance": self.chance,
            "swapped": self.swapped,
            "flipped": three(self.flipped),
        }


def reliance(
    name: str,
    recogniser: Recogniser,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Reliance:
    """Run both tests on a task whose corpus names targets.

    Args:
        name: Id of the task.
        recogniser: What is tested.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split; default the one that the task reports.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the other names and of the bootstrap.

    Raises:
        UnknownNameError: There is no such task or split.
        DataError: The corpus is missing.
        InputError: The corpus names no targets, or the task is not about labels.
        ModelError: The recogniser lacks what the task asks for.
    """
    chosen = task(name)
    if chosen.entry.target != "labels" or not chosen.corpus.columns.target:
        raise InputError(
            f"The task {name} does not ask for labels of a target",
            hint="Reliance on names is measured on corpora with a target column, such as entity-prior.",
        )
    way = reach(chosen, recogniser)

    def labels(clips: Sequence[Clip]) -> list[tuple[str, ...] | None]:
        return [_labels(p) for p in way.carry(recogniser.predict(clips, space=way.asked))] if clips else []

    examples = [
        (clip, gold.labels)
        for clip, gold in read(chosen.corpus, split=chosen.check_split(split), data=data)
        if clip.target and gold.labels and (clip.text or "").strip()
    ]
    clips, truth = [clip for clip, _ in examples], [set(gold) for _, gold in examples]
    before = labels(clips)
    alone = labels([replace(clip, text=clip.target, context=(), context_speakers=()) for clip in clips])
    other = _other_names(clips, seed)
    moved = [(i, new) for i, clip in enumerate(clips) if (new := renamed(clip, other[i]))]
    after = labels([new for _, new in moved])

    right = np.array([said is not None and set(said) == gold for said, gold in zip(before, truth, strict=True)])
    answered = np.array([said is not None for said in alone], bool)
    knew = np.array([said is not None and set(said) == gold for said, gold in zip(alone, truth, strict=True)])
    flips = np.array([before[i] != said for (i, _), said in zip(moved, after, strict=True)])
    found = bootstrap(
        {"right": _share(right), "name_only": _share(knew, answered), "flipped": _share(flips)},
        samples=samples,
        seed=seed,
    )
    most = max((sum(gold == kind for gold in truth) for kind in truth), default=0)
    return Reliance(
        rows=len(clips),
        right=found["right"],
        name_only=found["name_only"],
        name_only_answered=float(answered.mean()) if len(clips) else float("nan"),
        chance=most / len(clips) if clips else float("nan"),
        swapped=len(moved),
        flipped=found["flipped"],
    )


def _labels(prediction: Prediction) -> tuple[str, ...] | None:
    return None if prediction.abstained is not None else tuple(sorted(prediction.labels))


def _other_names(clips: Sequence[Clip], seed: int) -> list[str]:
    """For each row a target of the other rows that is not its own, drawn evenly from all names."""
    names = sorted({clip.target or "" for clip in clips})
    rng = np.random.default_rng(seed)
    out = []
    for clip in clips:
        # Not one that the text speaks of anyway: the swap would make one of two.
        free = [n for n in names if n != clip.target and n.casefold() not in (clip.text or "").casefold()]
        out.append(str(rng.choice(free)) if free else str(clip.target))
    return out


def _share(hits: Any, of: Any = None) -> Statistic:
    """Share of rows that hit, among those that count."""
    counted = np.ones(len(hits)) if of is None else np.asarray(of, np.float64)
    columns = np.stack([np.asarray(hits, np.float64) * counted, counted])
    return Statistic(columns, lambda sums: divide(sums[..., 0], sums[..., 1]))
