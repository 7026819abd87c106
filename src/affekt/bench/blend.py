"""Several recorded runs of one task made into one: votes, weighted means, or the best of them for each group.

Only stored answers are read, so that members may be of any kind and none is run again. Weights, thresholds and the
choice of a member for each group come from runs on the selection split, which are named beside the others.

The pool and the rules follow the system that won the EXALT shared task on cross-lingual emotion (works catalogue:
`xling-llm-ensemble`): several predictors trained on English alone, combined by votes or chosen by language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from affekt.bench.answers import Answers
from affekt.bench.compare import System, systems_of
from affekt.bench.runs import PREDICTIONS, make_folder, store
from affekt.bench.scoring import statistics
from affekt.bench.slices import MIN_ROWS
from affekt.bench.tasks import Task, task
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.run import Run
from affekt.core.works import implements
from affekt.corpora.files import checksum
from affekt.metrics.statistic import Array
from affekt.train.calibrate import choose_thresholds

__all__ = ["ROUNDS", "RULES", "Blend", "Rule", "blend", "combine", "forward_selection"]

Rule = Literal["vote", "mean", "select"]
RULES: tuple[Rule, ...] = get_args(Rule)

# Members drawn, with putting back, by forward selection: weights are multiples of a twentieth.
ROUNDS = 20


@dataclass(frozen=True, slots=True)
class _Plan:
    """How members are combined in the rows of a group.

    Attributes:
        weights: Weight of each member, adding up to 1.
        cuts: Threshold of each label for the mean of probabilities; `None` where none is needed.
    """

    weights: Array
    cuts: Array | None = None


@dataclass(frozen=True, slots=True)
class Blend:
    """What was made.

    Attributes:
        run: The record of the blended run, comparable with any other of the task.
        members: Names of the members, in their order.
        best: The member with the best headline score on the very rows that the blend is scored on: the hardest
            baseline, which nobody could have known beforehand.
        weights: Group -> member -> weight; the group "" is for rows of no group of its own.
    """

    run: Run
    members: tuple[str, ...]
    best: str
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@implements(works=["xling-llm-ensemble"])
def blend(
    runs: Sequence[str | Path],
    *,
    rule: Rule,
    out: str | Path,
    dev: Sequence[str | Path] = (),
    weights: Sequence[float] | None = None,
    by: str | None = None,
    key: str | None = None,
    name: str | None = None,
    min_rows: int = MIN_ROWS,
    samples: int = 1000,
    seed: int = 0,
) -> Blend:
    """Combine runs of one task on the same rows, and store the result as a run.

    Args:
        runs: Folders of the members' runs.
        rule: `vote`: a label is given where members with more than half of the weight give it; of one label a row,
            the one with most weight wins. `mean`: probabilities or values are averaged. `select`: the best member
            of each group answers its rows.
        out: Folder for the blended run.
        dev: Folders of the same members' runs on the selection split, in the same order. From these come weights
            (by forward selection, see there), thresholds, and the best member. Without them, all weights are equal.
        weights: Weights of the members, in place of those from `dev`.
        by: Column by whose values weights, thresholds and choices are made apart, such as `language`.
        key: Score to choose by; default the first of the task.
        name: What the run is called; default the rule and the members.
        min_rows: Groups with fewer rows in `dev` go by what is chosen on all rows.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.

    Raises:
        DataError: A folder holds no run.
        InputError: The runs do not fit together, or the rule needs what was not given.
        UnknownNameError: There is no such rule, column or score.
        OutputError: The record cannot be written.
    """
    if rule not in RULES:
        raise UnknownNameError("rule", rule, RULES)
    members = _members(runs)
    chosen = task(members[0].runs[0].task)
    if key is not None and key not in chosen.keys:
        raise UnknownNameError("score", key, chosen.keys)
    tables = [_aligned(chosen, m.answers[0], members[0].answers[0]) for m in members]
    trial = [_aligned(chosen, a, dev_first) for a, dev_first in _trial(members, dev)]
    _refuse(chosen, rule, len(members), trial=bool(trial), weights=weights, by=by)
    plans = _plans(chosen, rule, trial, weights, len(members), by=by, key=key, min_rows=min_rows)
    made = _by_group(chosen, rule, tables, plans, by)
    names = tuple(m.name for m in members)
    split = str(members[0].runs[0].spec["split"])
    shown = {group: dict(zip(names, plan.weights.round(6).tolist(), strict=True)) for group, plan in plans.items()}
    spec: dict[str, object] = {
        "mapped_from": None,
        "blend": {
            "rule": rule,
            "members": list(names),
            "weights": shown,
            "by": by,
            "chosen_on": _split_of(dev) if dev else None,
            "score": key or chosen.entry.headline,
        },
    }
    run = store(
        chosen,
        made,
        folder=make_folder(Path(out)),
        model=name or f"{rule} of {', '.join(n.partition('@')[0] for n in names)}",
        split=split,
        spec=spec,
        versions={f"sha256 {m.name}/{PREDICTIONS}": checksum(Path(m.folders[0]) / PREDICTIONS) for m in members},
        samples=samples,
        seed=seed,
    )
    return Blend(run, names, names[_best(chosen, tables, chosen.entry.headline)], shown)


def _members(runs: Sequence[str | Path]) -> tuple[System, ...]:
    members = systems_of(runs, {})
    if len(members) < 2:
        raise InputError("A blend needs two runs or more", hint="Name the folders of the members' runs.")
    return members


def _split_of(dev: Sequence[str | Path]) -> str:
    return str(systems_of(dev, {})[0].runs[0].spec["split"])


def _trial(members: Sequence[System], dev: Sequence[str | Path]) -> list[tuple[Answers, Answers]]:
    """The members' answers to the selection split, each with the first's, whose names the others are brought to."""
    if not dev:
        return []
    found = systems_of(dev, {})
    if len(found) != len(members):
        raise InputError(
            f"There are {len(members)} members and {len(found)} runs to choose by",
            where="--dev",
            hint="Name one run on the selection split for each member, in the same order.",
        )
    first, other = members[0].runs[0], found[0].runs[0]
    if first.task != other.task:
        raise InputError(f"The runs to choose by are of {other.task}, the members' of {first.task}", where="--dev")
    if first.spec["split"] == other.spec["split"]:
        raise InputError(
            f"The runs to choose by are of the split {other.spec['split']}, which is the one that is answered",
            where="--dev",
            hint="Run the members on the selection split: affekt bench run TASK --split dev.",
        )
    for member, trial in zip(members, found, strict=True):
        if member.runs[0].model != trial.runs[0].model:
            raise InputError(
                f"{member.folders[0]} is of {member.runs[0].model}, {trial.folders[0]} of {trial.runs[0].model}",
                where="--dev",
                hint="Name the runs to choose by in the order of the members.",
            )
    return [(system.answers[0], found[0].answers[0]) for system in found]


def _refuse(
    chosen: Task, rule: Rule, count: int, *, trial: bool, weights: Sequence[float] | None, by: str | None
) -> None:
    labels = chosen.entry.target == "labels"
    if rule == "vote" and not labels:
        raise InputError(f"{chosen.id} is about values, on which nobody votes", hint="Take the rule mean or select.")
    if rule == "select" and not trial:
        raise InputError("The best member can only be known from runs on the selection split", hint="Give --dev.")
    if rule == "mean" and labels and chosen.space.kind != "single" and not trial:
        raise InputError(
            "Which mean probability gives a label must be chosen on the selection split", hint="Give --dev."
        )
    if by is not None and not trial:
        raise InputError("Weights by group come from runs on the selection split", where="--by", hint="Give --dev.")
    if weights is not None:
        if rule == "select" or by is not None:
            raise InputError("Stated weights go with a vote or a mean over all rows", where="--weights")
        if len(weights) != count or min(weights) < 0 or sum(weights) <= 0:
            raise InputError(
                f"{list(weights)} are no weights of {count} members",
                where="--weights",
                hint="Write one number of 0 or more for each, not all 0.",
            )


def _aligned(chosen: Task, answers: Answers, first: Answers) -> Answers:
    """The answers with names in the order of the first member's, and nothing that only one member says."""
    if answers.target == "labels":
        at = [answers.label_names.index(name) for name in first.label_names]
        none = np.zeros((len(answers), 0))
        return replace(
            answers,
            label_names=first.label_names,
            truth=answers.truth[:, at],
            labels=answers.labels[:, at],
            scores=answers.scores[:, at],
            **_nothing(answers, dimension_names=(), dimensions=none),
        )
    names = chosen.names
    at = [answers.dimension_names.index(name) for name in names]
    return replace(
        answers,
        truth=answers.truth[:, at],
        label_names=(),
        labels=np.zeros((len(answers), 0)),
        scores=np.zeros((len(answers), 0)),
        **_nothing(answers, dimension_names=names, dimensions=answers.dimensions[:, at]),
    )


def _nothing(answers: Answers, *, dimension_names: tuple[str, ...], dimensions: Array) -> dict[str, Any]:
    """Fields of answers without intervals and single ratings."""
    return {
        "dimension_names": dimension_names,
        "dimensions": dimensions,
        "low": np.full_like(dimensions, np.nan),
        "high": np.full_like(dimensions, np.nan),
        "rating_rows": np.zeros(0, dtype=np.intp),
        "ratings": np.zeros((0, len(dimension_names))),
    }


def _best(chosen: Task, tables: Sequence[Answers], key: str) -> int:
    """The member with the best score; the first of equals."""
    up = chosen.keys[key].higher_is_better
    return max(range(len(tables)), key=lambda i: _worth(chosen, tables[i], key, up))


def _worth(chosen: Task, answers: Answers, key: str, up: bool) -> float:
    """A score, such that more is better; undefined is worst."""
    found = statistics(chosen, answers).get(key)
    value = float("nan") if found is None else found.value
    return -np.inf if np.isnan(value) else value if up else -value


def forward_selection(worth: Callable[[Array], float], count: int, *, rounds: int = ROUNDS) -> Array:
    """Weights of members by forward selection with putting back.

    In each round the member joins (again) with which the whole is best; the weights are how often each was taken up
    to the best round. Caruana, Niculescu-Mizil, Crew, Ksikes (2004), "Ensemble Selection from Libraries of Models",
    ICML. It cannot be worse on these rows than the best single member.

    Args:
        worth: Weights of shape (members,), adding up to 1 -> how good the whole is; more is better.
        count: Number of members.
        rounds: Rounds.

    Returns:
        Weights of shape (members,), adding up to 1.
    """
    taken = np.zeros(count)
    best: tuple[float, Array] = (-np.inf, np.full(count, 1 / count))
    for step in range(1, rounds + 1):
        tried = [(taken + np.eye(count)[i]) / step for i in range(count)]
        values = [worth(weights) for weights in tried]
        i = int(np.argmax(values))
        taken[i] += 1
        if values[i] > best[0] + 1e-12:
            best = (values[i], tried[i])
    return best[1]


def _plans(
    chosen: Task,
    rule: Rule,
    trial: Sequence[Answers],
    weights: Sequence[float] | None,
    count: int,
    *,
    by: str | None,
    key: str | None,
    min_rows: int,
) -> dict[str, _Plan]:
    """The plan for all rows, under "", and those of groups."""
    if not trial:
        given = np.array(weights if weights is not None else [1.0] * count, dtype=np.float64)
        return {"": _Plan(given / given.sum())}
    plans = {"": _plan(chosen, rule, trial, weights, key)}
    if by is not None:
        for group, rows in _groups(trial[0], by).items():
            if len(rows) >= min_rows:
                plans[group] = _plan(chosen, rule, [a.take(rows) for a in trial], weights, key)
    return plans


def _groups(answers: Answers, by: str) -> dict[str, np.ndarray]:
    if by not in answers.facts:
        raise UnknownNameError("column", by, answers.facts, where="--by")
    column = np.array([value or "" for value in answers.facts[by]])
    return {str(value): np.flatnonzero(column == value) for value in np.unique(column) if value}


def _plan(
    chosen: Task, rule: Rule, trial: Sequence[Answers], weights: Sequence[float] | None, key: str | None
) -> _Plan:
    wanted = key or chosen.entry.headline
    count = len(trial)
    side_by_side = chosen.entry.target == "labels" and chosen.space.kind != "single"
    if rule == "select":
        return _Plan(np.eye(count)[_best(chosen, trial, wanted)])
    if weights is not None:
        found = np.array(weights, dtype=np.float64) / sum(weights)
    elif rule == "mean" and side_by_side:
        # Thresholds follow from the mean, so its weights go by a score that needs none.
        truth = trial[0].truth
        found = forward_selection(
            lambda w: -float(np.nanmean((_mean([a.scores for a in trial], w) - truth) ** 2)), count
        )
    else:
        up = chosen.keys[wanted].higher_is_better
        found = forward_selection(lambda w: _worth(chosen, combine(chosen, rule, trial, weights=w), wanted, up), count)
    if rule != "mean" or not side_by_side:
        return _Plan(found)
    scores = _mean([a.scores for a in trial], found)
    rows = ~np.isnan(scores).any(1)
    return _Plan(found, choose_thresholds(truth=np.nan_to_num(trial[0].truth[rows]), scores=scores[rows]))


def _by_group(
    chosen: Task, rule: Rule, tables: Sequence[Answers], plans: Mapping[str, _Plan], by: str | None
) -> Answers:
    whole = combine(chosen, rule, tables, weights=plans[""].weights, cuts=plans[""].cuts)
    if by is None:
        return whole
    names = ("labels", "scores", "dimensions", "confidence")
    columns = {name: getattr(whole, name).copy() for name in names}
    reasons = list(whole.abstained)
    for group, rows in _groups(tables[0], by).items():
        if group not in plans:
            continue
        plan = plans[group]
        part = combine(chosen, rule, [a.take(rows) for a in tables], weights=plan.weights, cuts=plan.cuts)
        for name in names:
            columns[name][rows] = getattr(part, name)
        for row, reason in zip(rows.tolist(), part.abstained, strict=True):
            reasons[row] = reason
    return replace(whole, abstained=tuple(reasons), **columns)


def combine(
    chosen: Task, rule: Rule, tables: Sequence[Answers], *, weights: Array, cuts: Array | None = None
) -> Answers:
    """The members' answers as one.

    A member that gave no answer to a row does not count there; a row that none of weight answered has no answer.

    Args:
        chosen: The task.
        rule: As for `blend`; `select` takes the member with the greatest weight.
        tables: The members' answers to the same rows, with names in the same order.
        weights: Weight of each member, shape (members,).
        cuts: Threshold of each label for the mean of probabilities of labels side by side, shape (labels,).

    Returns:
        Answers whose probabilities are, after a vote, the shares of the weight that gave each label.
    """
    first = tables[0]
    if rule == "select":
        return replace(tables[int(weights.argmax())], facts=first.facts)
    answered = np.array([a.answered for a in tables]) & (weights > 0)[:, None]
    reasons = tuple(
        None if answered[:, i].any() else next((a.abstained[i] for a in tables if a.abstained[i]), "no member answered")
        for i in range(len(first))
    )
    if chosen.entry.target != "labels":
        values = _mean([np.where(a.answered[:, None], a.dimensions, np.nan) for a in tables], weights)
        return replace(first, dimensions=values, abstained=reasons, confidence=np.full(len(first), np.nan))
    if rule == "vote":
        given = [np.where(a.answered[:, None], a.labels, np.nan) for a in tables]
        scores = _mean(given, weights)
        labels = _voted(chosen, given, scores, weights)
    else:
        scores = _mean([a.scores for a in tables], weights)
        safe = np.nan_to_num(scores, nan=-1.0)
        labels = (
            _top(safe) if chosen.space.kind == "single" else (safe >= (0.5 if cuts is None else cuts)).astype(float)
        )
    labels = np.where([[r is None] for r in reasons], labels, 0.0)
    sure = np.where(np.isnan(scores).all(1), np.nan, np.nan_to_num(scores).max(1))
    return replace(first, labels=labels, scores=scores, abstained=reasons, confidence=sure)


def _mean(tables: Sequence[Array], weights: Array) -> Array:
    """Weighted mean over members, leaving out what a member does not say; NaN where none says anything."""
    stacked = np.stack(tables)
    heavy = np.where(np.isnan(stacked), 0.0, weights[:, None, None])
    total = heavy.sum(0)
    out = np.full(total.shape, np.nan)
    np.divide((heavy * np.nan_to_num(stacked)).sum(0), total, out=out, where=total > 0)
    return out


def _top(scores: Array) -> Array:
    out: Array = (np.arange(scores.shape[1]) == scores.argmax(1)[:, None]).astype(np.float64)
    return out


def _voted(chosen: Task, given: Sequence[Array], shares: Array, weights: Array) -> Array:
    """Labels by shares of the votes; where these are equal, the heaviest member that answered decides."""
    votes = np.nan_to_num(shares)
    order = sorted(range(len(given)), key=lambda i: -weights[i])
    decisive = np.full(shares.shape, np.nan)
    for i in reversed(order):
        decisive = np.where(np.isnan(given[i]), decisive, given[i])
    decisive = np.nan_to_num(decisive)
    if chosen.space.kind == "single":
        tied = votes >= votes.max(1, keepdims=True) - 1e-9
        return _top(tied + (tied & (decisive > 0)))
    given_by_more: Array = (votes > 0.5 + 1e-9) | ((np.abs(votes - 0.5) <= 1e-9) & (decisive > 0))
    return given_by_more.astype(np.float64)
