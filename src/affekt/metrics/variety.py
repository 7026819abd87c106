"""How differently the same is said: among renditions of one condition, beside the distance between conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from affekt.core.works import implements

__all__ = ["Variety", "variety"]


@dataclass(frozen=True, slots=True)
class Variety:
    """Distances in standard deviations of the values, root mean square over them.

    Attributes:
        within: Mean distance of two renditions of one condition by the same group; NaN where none has two.
        between: Mean distance of two renditions of different conditions by the same group; NaN where none has two.
        pairs: How many pairs within and between conditions these are means of.
    """

    within: float
    between: float
    pairs: tuple[int, int]


@implements(works=["att-hack"])
def variety(values: ArrayLike, *, groups: Sequence[str], conditions: Sequence[str]) -> Variety:
    """Variety of renditions, within and between conditions.

    Copies of one rendition have a variety of 0 within their condition; renditions that differ as much as those of
    different conditions do have the same within and between. After the design of Att-HACK, which repeats each sentence
    within each attitude on purpose (Le Moine and Obin, "Att-HACK: An Expressive Speech Database with Social Attitudes",
    Speech Prosody 2020); the measure is ours.

    Args:
        values: Of each rendition what was measured, such as functionals of its prosody; shape (renditions, values). A
            value that is NaN counts in no pair, one that never changes in none at all.
        groups: Of each rendition, what is to be the same in a pair: speaker and sentence.
        conditions: Of each rendition, what it expresses: an attitude, an emotion.

    Raises:
        ValueError: The lengths differ, or `values` has another shape.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not len(table) == len(groups) == len(conditions):
        raise ValueError("values have the shape (renditions, values), with a group and a condition for each rendition")
    known = np.isfinite(table)
    counts = np.maximum(known.sum(0), 1)
    mean = np.where(known, table, 0).sum(0) / counts
    sd = np.sqrt((np.where(known, table - mean, 0) ** 2).sum(0) / counts)
    kept = sd > 0
    standard = np.where(known, table, np.nan)[:, kept] / sd[kept]
    group, condition = np.asarray(groups), np.asarray(conditions)
    found: dict[bool, list[float]] = {True: [], False: []}
    for name in dict.fromkeys(groups):
        rows = np.flatnonzero(group == name)
        for at, i in enumerate(rows):
            for j in rows[at + 1 :]:
                apart = (standard[i] - standard[j]) ** 2
                if np.isfinite(apart).any():
                    found[bool(condition[i] == condition[j])].append(float(np.sqrt(np.nanmean(apart))))
    within, between = (float(np.mean(some)) if some else float("nan") for some in (found[True], found[False]))
    return Variety(within, between, (len(found[True]), len(found[False])))
