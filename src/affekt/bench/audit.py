"""Which rows of a corpus are probably mislabelled, with the evidence that a person needs to decide.

Confident learning on the probabilities of a run (`affekt.metrics.noise`): for a task with one label a row over all
classes, for one with several over each label by itself. The run must be of rows that the model was not trained on.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affekt.bench.answers import Answers
from affekt.bench.runs import read_run
from affekt.bench.scoring import rated
from affekt.bench.tasks import Task, task
from affekt.core.errors import DataError, InputError
from affekt.corpora.read import ratings, read
from affekt.metrics.noise import Suspects, likely_mislabelled
from affekt.metrics.statistic import Array

__all__ = ["Audit", "Neighbour", "Suspect", "audit", "document", "suspects_of"]

# Row, label to remove, label to add, threshold, margin.
Finding = tuple[int, str | None, str | None, float, float]

_GRAMS = (3, 4)
_NEIGHBOURS = 3


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row with a similar text.

    Attributes:
        id: Its id.
        similarity: Cosine of the two texts' weighted character n-grams, 0..1.
        labels: Its labels.
    """

    id: str
    similarity: float
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row whose label is probably wrong, and why it is thought so.

    Attributes:
        id: The row.
        given: Its labels.
        remove: The label that probably does not apply; `None` where one is missing.
        add: The label that probably applies and is not given; `None` where one is too many.
        probability_removed: Probability that the model gives to `remove`.
        probability_added: Probability that it gives to `add`.
        threshold: Mean probability among rows that are given the suggested answer: what the model is usually
            sure of when the answer is right.
        margin: Probability of the suggested answer minus that of the given one; below 0 where the model is rarely
            sure of a label at all.
        neighbours: Rows with the most similar texts among those that have the suggested answer.
        votes: Share of the annotators who gave each label that is in question; empty where votes are not known.
    """

    id: str
    given: tuple[str, ...]
    remove: str | None
    add: str | None
    probability_removed: float | None
    probability_added: float | None
    threshold: float
    margin: float
    neighbours: tuple[Neighbour, ...] = ()
    votes: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit finds.

    Attributes:
        task: The task.
        split: The split.
        model: Whose probabilities were used.
        rows: Number of rows with probabilities.
        noise: Estimated share of wrong labels: for each label the share of rows where the given answer is not the
            true one.
        suspects: The rows, most suspicious first.
        warning: Why the audit is to be doubted; empty where nothing speaks against it.
    """

    task: Task
    split: str
    model: str
    rows: int
    noise: Mapping[str, float]
    suspects: tuple[Suspect, ...]
    warning: str


def suspects_of(
    *, truth: Array, probability: Array, names: Sequence[str], single: bool
) -> tuple[list[Finding], dict[str, float]]:
    """Confident learning on a table of labels.

    Args:
        truth: 0/1 of shape (rows, names).
        probability: Out-of-sample probabilities, shape (rows, names).
        names: The labels.
        single: Whether exactly one label applies to a row; probabilities are then made to sum to 1.

    Returns:
        (row, label to remove, label to add, threshold, margin) by falling margin, and the estimated share of wrong
        answers of each label.
    """
    if not truth.size:
        return [], {}
    if single:
        total = probability.sum(1, keepdims=True)
        p = np.divide(probability, total, out=np.full_like(probability, 1.0 / len(names)), where=total > 0)
        given = truth.argmax(1)
        found = likely_mislabelled(given=given, probability=p)
        rows: list[Finding] = [
            (int(i), names[given[i]], names[int(j)], float(found.thresholds[j]), float(m))
            for i, j, m in zip(found.rows, found.suggested, found.margin, strict=True)
        ]
        return rows, {name: _share_wrong(found, k) for k, name in enumerate(names)}
    out: list[Finding] = []
    noise: dict[str, float] = {}
    for k, name in enumerate(names):
        given = truth[:, k].astype(np.intp)
        if given.min() == given.max():
            noise[name] = math.nan  # without rows on both sides nothing can be told apart
            continue
        p = np.stack([1.0 - probability[:, k], probability[:, k]], axis=1)
        found = likely_mislabelled(given=given, probability=p)
        for i, j, m in zip(found.rows, found.suggested, found.margin, strict=True):
            sides = (None, name) if j == 1 else (name, None)
            out.append((int(i), *sides, float(found.thresholds[j]), float(m)))
        noise[name] = float(found.joint[0, 1] + found.joint[1, 0])
    out.sort(key=lambda row: -row[4])
    return out, noise


def _share_wrong(found: Suspects, k: int) -> float:
    """Share of the rows that are given class k, or truly are of it, where the two differ."""
    joint = found.joint
    either = joint[k].sum() + joint[:, k].sum() - joint[k, k]
    return float((either - joint[k, k]) / either) if either > 0 else math.nan


def audit(folder: str | Path, *, data: str | Path | None = None, limit: int | None = 200) -> Audit:
    """Find the rows of a run whose labels are probably wrong.

    Args:
        folder: Folder of a run with probabilities, of rows that its model was not trained on.
        data: Folder that holds the corpora, for similar texts and votes; default `AFFEKT_DATA`.
        limit: Most suspects to return, all where `None`.

    Raises:
        DataError: The folder holds no run, or the corpus cannot be read.
        InputError: The run is not about labels, or has no probabilities.
    """
    run, answers = read_run(folder)
    chosen = task(run.task)
    if answers.target != "labels":
        raise InputError(f"{run.task!r} is about {answers.target}; an audit needs labels", where=str(folder))
    names = rated(chosen, answers)
    columns = [answers.label_names.index(name) for name in names]
    truth, scores = answers.truth[:, columns], answers.scores[:, columns]
    rows = np.flatnonzero(~np.isnan(scores).any(1) & ~np.isnan(truth).any(1))
    single = chosen.space.kind == "single"
    if single:
        rows = rows[truth[rows].sum(1) == 1]
    if not rows.size:
        raise InputError(
            "The run has no probabilities", where=str(folder), hint="An audit needs them; labels alone do not do."
        )
    found, noise = suspects_of(truth=truth[rows], probability=scores[rows], names=names, single=single)
    kept = found[:limit] if limit is not None else found
    split = str(run.spec["split"])
    texts = {clip.id: clip.text or "" for clip, _ in read(chosen.corpus, split=split, data=data)}
    votes = _votes(chosen, names, data)
    given = [tuple(names[j] for j in np.flatnonzero(truth[i] == 1)) for i in range(len(answers))]
    similar = _Similar([texts.get(name, "") for name in answers.ids])
    out = []
    for position, remove, add, threshold, margin in kept:
        i = int(rows[position])
        out.append(
            Suspect(
                id=answers.ids[i],
                given=given[i],
                remove=remove,
                add=add,
                probability_removed=None if remove is None else float(scores[i, names.index(remove)]),
                probability_added=None if add is None else float(scores[i, names.index(add)]),
                threshold=threshold,
                margin=margin,
                neighbours=_neighbours(i, remove, add, given, answers, similar),
                votes={n: v for n, v in votes[answers.ids[i]].items() if n in (remove, add)}
                if answers.ids[i] in votes
                else None,
            )
        )
    seen = split == "train" or split == chosen.entry.selection
    warning = (
        f"The run is of the split {split!r}: a model that was trained or tuned on these rows repeats their labels, "
        "wrong ones included. Use a split that it has not seen, or predictions from cross-validation."
        if seen
        else ""
    )
    return Audit(chosen, split, run.model, int(rows.size), noise, tuple(out), warning)


def _votes(chosen: Task, names: Sequence[str], data: str | Path | None) -> dict[str, dict[str, float]]:
    """Id -> label -> share of the annotators who gave it."""
    if not chosen.corpus.ratings:
        return {}
    try:
        found = ratings(chosen.corpus, data=data)
    except DataError:
        return {}
    columns = {name: found.channels.index(name) for name in names if name in found.channels}
    sums: dict[int, list[float]] = defaultdict(lambda: [0.0] * len(columns))
    counts: Counter[int] = Counter()
    for item, row in zip(found.item.tolist(), found.values, strict=True):
        given = [row[j] for j in columns.values()]
        if not any(math.isnan(v) for v in given):
            counts[item] += 1
            sums[item] = [s + (v > 0) for s, v in zip(sums[item], given, strict=True)]
    return {found.items[i]: {n: s / counts[i] for n, s in zip(columns, sums[i], strict=True)} for i in counts}


def _neighbours(
    i: int, remove: str | None, add: str | None, given: Sequence[tuple[str, ...]], answers: Answers, similar: _Similar
) -> tuple[Neighbour, ...]:
    """The most similar rows that are labelled as the suggestion says."""
    out = []
    for j, likeness in similar.to(i):
        fits = (add in given[j]) if add is not None else (remove not in given[j])
        if fits:
            out.append(Neighbour(answers.ids[j], round(likeness, 4), given[j]))
            if len(out) == _NEIGHBOURS:
                break
    return tuple(out)


class _Similar:
    """Texts by the cosine of their character n-grams, weighted by how rare these are."""

    def __init__(self, texts: Sequence[str]) -> None:
        bags = [Counter(_grams(text)) for text in texts]
        seen = Counter(gram for bag in bags for gram in bag)
        n = len(texts)
        self._bags: list[dict[str, float]] = []
        self._holders: dict[str, list[int]] = defaultdict(list)
        for i, bag in enumerate(bags):
            weights = {g: (1 + math.log(c)) * math.log((1 + n) / seen[g]) for g, c in bag.items()}
            size = math.sqrt(sum(w * w for w in weights.values())) or 1.0
            self._bags.append({g: w / size for g, w in weights.items()})
            for gram in weights:
                self._holders[gram].append(i)
        # What stands in every tenth text tells nothing apart, and takes the most time.
        self._common = {gram for gram, count in seen.items() if n > 100 and count > n / 10}

    def to(self, i: int) -> list[tuple[int, float]]:
        """(other text, cosine) by falling cosine, above 0."""
        likeness: dict[int, float] = defaultdict(float)
        for gram, weight in self._bags[i].items():
            if gram not in self._common:
                for j in self._holders[gram]:
                    likeness[j] += weight * self._bags[j][gram]
        likeness.pop(i, None)
        return sorted(likeness.items(), key=lambda item: (-item[1], item[0]))


def _grams(text: str) -> list[str]:
    clean = f" {' '.join(text.casefold().split())} "
    return [clean[k : k + size] for size in _GRAMS for k in range(len(clean) - size + 1)]


def document(found: Audit) -> dict[str, Any]:
    """An audit as plain data, without texts."""
    return {
        "task": found.task.id,
        "split": found.split,
        "model": found.model,
        "rows": found.rows,
        "warning": found.warning,
        "noise": dict(found.noise),
        "suspects": [
            {
                **{k: getattr(s, k) for k in Suspect.__slots__ if k != "neighbours"},
                "neighbours": [{k: getattr(n, k) for k in Neighbour.__slots__} for n in s.neighbours],
            }
            for s in found.suspects
        ],
    }
