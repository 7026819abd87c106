"""Scores by group: by language, domain, or whatever else the corpus says of its rows, and the gaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from affekt.bench.answers import Answers
from affekt.bench.scoring import statistics
from affekt.bench.tasks import Task
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.works import implements
from affekt.metrics.bootstrap import percentiles, resample_counts, two_sided
from affekt.metrics.significance import gap_interval, holm
from affekt.metrics.statistic import Array, Statistic

__all__ = ["MIN_ROWS", "Gap", "Group", "Slices", "Within", "document", "slices"]

# Below this a group's score says more about chance than about the group.
MIN_ROWS = 50


@dataclass(frozen=True, slots=True)
class Group:
    """One group of rows.

    Attributes:
        name: Value of the column; `(not stated)` where the corpus does not say.
        rows: Number of rows.
        small: Whether these are too few to be compared; no score is then given.
        value: The score; NaN where the group is small.
        low: Lower end of its interval.
        high: Upper end.
        rest: Score of all other rows that are not in a small group.
        apart: Group minus rest.
        apart_low: Lower end of its interval.
        apart_high: Upper end.
        p: P-value of `apart`, corrected by Holm over the groups.
    """

    name: str
    rows: int
    small: bool
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    rest: float = float("nan")
    apart: float = float("nan")
    apart_low: float = float("nan")
    apart_high: float = float("nan")
    p: float = float("nan")


@dataclass(frozen=True, slots=True)
class Gap:
    """How far the groups lie apart.

    Attributes:
        best: Group with the best score.
        worst: Group with the worst score.
        value: Distance of their scores.
        low: Lower end of its bootstrap interval; groups are never less apart than 0, so it cannot reach below.
        high: Upper end.
        p: Share of 500 random regroupings of the same rows, into groups of the same sizes, that lie at least as far
            apart. Where rows have clusters, such as speakers, each within one group, these are regrouped whole: what
            parts two speakers by chance is then no gap between groups. Where groups cut across clusters, rows change
            places within their cluster.
    """

    best: str
    worst: str
    value: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Within:
    """How far the clusters within groups lie apart, such as speakers of one sex: the measure for a gap of groups.

    Attributes:
        of: What they are: `speaker`, `dialogue`.
        number: How many there are.
        low: Lowest score of one.
        high: Highest score of one.
        sd: Standard deviation of their scores around the mean of their group.
    """

    of: str
    number: int
    low: float
    high: float
    sd: float


@dataclass(frozen=True, slots=True)
class Slices:
    """A score by group.

    Attributes:
        by: The column.
        key: Report key of the score.
        groups: The groups, largest first.
        mean: Mean of the groups' scores, each group alike; small ones are left out.
        gap: Distance of the best and the worst; `None` with fewer than two groups.
        within: How far the clusters of the task lie apart within the groups; `None` where it has none, or where groups
            are clusters themselves or cut across them.
    """

    by: str
    key: str
    groups: tuple[Group, ...]
    mean: float
    gap: Gap | None
    within: Within | None = None


_REGROUPINGS = 500


@implements(works=["w2v2-dawn"])
def slices(
    chosen: Task,
    answers: Answers,
    *,
    by: str,
    key: str | None = None,
    min_rows: int = MIN_ROWS,
    samples: int = 1000,
    seed: int = 0,
) -> Slices:
    """A score for every group of rows, with the gaps between groups.

    Groups are resampled each by itself, so their sizes stay; where the task has clusters, these are drawn whole, unless
    they are the groups. A label that is not rated in a group (SemEval's
    English rows have no disgust) is left out of that group's score.

    Args:
        chosen: The task.
        answers: The answers of a run.
        by: Column to compare by: one of the run's `facts`.
        key: Report key of the score; default the task's headline.
        min_rows: Groups with fewer rows are shown as too small.
        samples: Number of bootstrap resamples.
        seed: Seed of the bootstrap.

    Raises:
        UnknownNameError: The run has no such column, or the task no such score.
        InputError: The run stores nothing to compare by.
    """
    key = key or chosen.entry.headline
    if key not in chosen.keys:
        raise UnknownNameError("score", key, chosen.keys)
    if not answers.facts:
        raise InputError(
            "The run stores nothing to compare by",
            hint="Its corpus states no language and no facts, or an older version made the run.",
        )
    if by not in answers.facts:
        raise UnknownNameError("column", by, answers.facts)
    members: dict[str, list[int]] = {}
    for i, value in enumerate(answers.facts[by]):
        members.setdefault(value if value else "(not stated)", []).append(i)
    members = dict(sorted(members.items(), key=lambda item: (-len(item[1]), item[0])))
    large = {name: np.array(rows) for name, rows in members.items() if len(rows) >= min_rows}

    def statistic(rows: np.ndarray) -> Statistic | None:
        found = statistics(chosen, answers.take(np.sort(rows))).get(key)
        return found if found is None or by != chosen.entry.clusters else replace(found, clusters=None)

    found = {name: s for name, rows in large.items() if (s := statistic(rows)) is not None}
    draws = {name: _draws(s, samples, [seed, k]) for k, (name, s) in enumerate(found.items())}
    groups = {name: Group(name, len(rows), small=name not in found) for name, rows in members.items()}
    if len(found) > 1:
        for k, name in enumerate(found):
            others = statistic(np.concatenate([large[other] for other in found if other != name]))
            assert others is not None
            apart = draws[name] - _draws(others, samples, [seed, len(found) + k])
            groups[name] = _group(name, len(members[name]), found[name], draws[name], others.value, apart)
        corrected = holm([groups[name].p for name in found])
        for name, p in zip(found, corrected, strict=True):
            groups[name] = replace(groups[name], p=float(p))
    else:
        nan = float("nan")
        for name in found:
            groups[name] = _group(name, len(members[name]), found[name], draws[name], nan, np.full(samples, nan))
    values = np.array([groups[name].value for name in found])
    gap = None
    if len(found) > 1 and not np.isnan(values).any():
        up = chosen.keys[key].higher_is_better
        ordered = sorted(found, key=lambda name: groups[name].value, reverse=up)
        low, high = gap_interval([draws[name] for name in found])
        distance = float(values.max() - values.min())
        whole = statistic(np.concatenate([large[name] for name in found]))
        assert whole is not None
        p = _regrouped(whole, _dealt(whole, found, large), distance, seed)
        gap = Gap(ordered[0], ordered[-1], distance, low, high, p)
    mean = float(values.mean()) if values.size else float("nan")
    return Slices(by, key, tuple(groups.values()), mean, gap, _within(chosen.entry.clusters, list(found.values())))


def _dealt(
    whole: Statistic, found: Mapping[str, Statistic], members: Mapping[str, np.ndarray]
) -> npt.NDArray[np.intp] | None:
    """The group of each row of `whole`, shape (rows,); `None` where rows cannot change places."""
    if whole.n != sum(s.n for s in found.values()):  # some rows count in their group alone
        return None
    if whole.clusters is None:  # which row is whose does not matter, only how many there are
        return np.repeat(np.arange(len(found)), [s.n for s in found.values()])
    rows = np.concatenate([members[name] for name in found])
    groups = np.repeat(np.arange(len(found)), [len(members[name]) for name in found])
    return groups[np.argsort(rows)] if whole.n == len(rows) else None


def _within(of: str, groups: Sequence[Statistic]) -> Within | None:
    scores = [np.asarray(g.finish(g.summands.T)) for g in groups if g.clusters is not None]
    if not scores or max(map(len, scores)) < 2 or len(scores) < len(groups):
        return None
    apart = np.concatenate([each - np.nanmean(each) for each in scores])
    every = np.concatenate(scores)
    free = len(every) - len(scores)
    return Within(
        of, len(every), float(np.nanmin(every)), float(np.nanmax(every)), float(np.sqrt(np.nansum(apart**2) / free))
    )


def _draws(statistic: Statistic, samples: int, seed: Sequence[int]) -> Array:
    whole = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    if not statistic.n:
        return np.full(samples, np.nan)
    return np.concatenate(
        [statistic.resampled(c) for c in resample_counts(rows=statistic.units, samples=samples, seed=whole)]
    )


def _group(name: str, rows: int, own: Statistic, drawn: Array, rest: float, apart: Array) -> Group:
    low, high = percentiles(drawn, 0.95)
    apart_low, apart_high = percentiles(apart, 0.95)
    return Group(
        name=name,
        rows=rows,
        small=False,
        value=own.value,
        low=float(low),
        high=float(high),
        rest=rest,
        apart=own.value - rest,
        apart_low=float(apart_low),
        apart_high=float(apart_high),
        p=two_sided(apart),
    )


def _regrouped(whole: Statistic, groups: npt.NDArray[np.intp] | None, distance: float, seed: int) -> float:
    """Share of random regroupings of the same rows, shape (rows,), that lie at least `distance` apart."""
    if groups is None:
        return float("nan")
    rng = np.random.default_rng([seed, 2])
    clusters = np.zeros(whole.n, np.intp) if whole.clusters is None else whole.clusters
    first = np.zeros(clusters.max(initial=-1) + 1, np.intp)
    first[clusters] = groups
    nested = whole.clusters is not None and bool((first[clusters] == groups).all())
    table, units, blocks = whole.columns, groups, [np.flatnonzero(clusters == c) for c in range(len(first))]
    if nested:
        table, units, blocks = whole.summands, first, [np.arange(len(first))]
    wider = 0
    for _ in range(_REGROUPINGS):
        dealt = units.copy()
        for block in blocks:
            dealt[block] = units[rng.permutation(block)]
        scores = np.array([float(whole.finish(table[:, dealt == g].sum(1))) for g in range(units.max() + 1)])
        wider += bool(scores.max() - scores.min() >= distance - 1e-12)
    return (wider + 1) / (_REGROUPINGS + 1)


def document(found: Slices) -> dict[str, Any]:
    """Slices as plain data: what `--json` prints and the page shows."""
    return {
        "by": found.by,
        "key": found.key,
        "mean": found.mean,
        "gap": {k: getattr(found.gap, k) for k in Gap.__slots__} if found.gap is not None else None,
        "within": {k: getattr(found.within, k) for k in Within.__slots__} if found.within is not None else None,
        "groups": [{k: getattr(g, k) for k in Group.__slots__} for g in found.groups],
    }
