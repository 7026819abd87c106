"""Reading by labelled examples: a repository of a task's train split, with what is free in it chosen on dev."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.catalog.tasks import entry_and_corpus
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.protocols import Recogniser
from affekt.core.works import implements
from affekt.corpora import read
from affekt.metrics.classification import accuracy, macro_f1, weighted_f1
from affekt.models.demonstrations import Demonstrations, Facts, NearestDemonstrations, vote
from affekt.models.vectors import SentenceVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["choose_nearest", "choose_share", "nearest_demonstrations", "repository"]

_COUNTS, _SHARPNESS = (10, 30, 100), (10.0, 30.0)
_SHARES = tuple(round(0.05 * n, 2) for n in range(21))
_SCORES: dict[str, Callable[..., float]] = {"macro_f1": macro_f1, "weighted_f1": weighted_f1}

Labelled = Sequence[tuple[Clip, Sequence[str]]]


@implements(works=["prc-emo"])
def repository(
    source: str,
    *,
    split: str = "train",
    data: str | Path | None = None,
    encoder: str | None = None,
    context: float = 0.0,
    limit: int | None = None,
    jobs: int | None = None,
) -> Demonstrations:
    """A repository of the labelled turns of a corpus.

    Args:
        source: Id of the corpus.
        split: Its split. What is measured on the others must not be shown from them.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        encoder: Model that makes the vectors; default `text-en`.
        context: Weight of the turn before beside a turn's own words.
        limit: Most turns; for a trial.
        jobs: Threads; default all cores.

    Raises:
        InputError: The corpus has no labels.
        DataError: It is missing.
    """
    found = corpus(source)
    if not space(found.space).labels:
        raise InputError(f"{source} has no labels to show", hint="Name a corpus whose space has some.")
    vectors = SentenceVectors(encoder, jobs=jobs)
    facts = Facts(
        space=found.space,
        source=f"{source} {split}",
        licence=found.licence,
        languages=found.languages,
        encoder=encoder or vectors.spec.name,
        context=context,
    )
    turns = ((clip, gold.labels) for clip, gold in islice(read(source, split=split, data=data), limit))
    return Demonstrations.build(turns, facts=facts, encoder=vectors)


def choose_nearest(held: Demonstrations, dev: Labelled, *, score: str = "macro_f1") -> NearestDemonstrations:
    """A reader by what lies nearest, with how many count and how sharply chosen on labelled turns.

    Args:
        held: The repository.
        dev: Turns with their labels, none of which is in the repository.
        score: `macro_f1`, `weighted_f1`, or else accuracy is what decides.
    """
    labels = space(held.facts.space).labels
    clips, truth = [clip for clip, _ in dev], _tops(labels, [given for _, given in dev])
    targets = held.targets()
    most = min(max(_COUNTS), len(held))
    found = list(held.nearest(clips, most=most))
    at, near = np.concatenate([a for a, _ in found]), np.concatenate([n for _, n in found])
    best: tuple[float, int, float] = (-1.0, _COUNTS[0], _SHARPNESS[0])
    for count in _COUNTS:
        for sharpness in _SHARPNESS:
            said = vote(targets, at[:, :count], near[:, :count], sharpness).argmax(1)
            value = _value(score, truth, said, len(labels))
            best = max(best, (value, count, sharpness), key=lambda each: each[0])
    return NearestDemonstrations(held, most=best[1], sharpness=best[2])


def choose_share(model: Recogniser, nearest: NearestDemonstrations, dev: Labelled) -> float:
    """The share of what lies nearest that makes labelled turns most probable beside a model's own answers.

    Args:
        model: Answers in the repository's space.
        nearest: What is mixed in.
        dev: Turns with their labels.
    """
    own = nearest.held.facts.space
    labels = space(own).labels
    clips, truth = [clip for clip, _ in dev], _tops(labels, [given for _, given in dev])
    given = [p.scores for p in model.predict(clips, space=own)]
    table = np.array([[scores.get(label, 0.0) for label in labels] for scores in given])
    near, rows = nearest.shares(clips), np.arange(len(clips))
    likely = [np.log(np.clip((s * near + (1 - s) * table)[rows, truth], 1e-6, 1)).mean() for s in _SHARES]
    return _SHARES[int(np.argmax(likely))]


def nearest_demonstrations(
    task: str, *, data: Path | None = None, encoder: str | None = None, drawn: int | None = None
) -> NearestDemonstrations:
    """The floor of a task that reads by its train split's nearest turns, chosen on dev by the task's first score.

    Args:
        task: Id of a task about single labels.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        encoder: Model that makes the vectors; default `text-en`.
        drawn: Seed by which turns are drawn instead of searched; the control.

    Raises:
        InputError: The task asks for something else than one label.
    """
    entry, source = entry_and_corpus(task)
    if entry.of_rows != "labels" or space(entry.space).kind != "single" or corpus(source).space != entry.space:
        raise InputError(f"The nearest demonstrations name one label of a turn, and {task!r} asks for something else")
    held = repository(source, data=data, encoder=encoder)
    dev = [(clip, gold.labels) for clip, gold in read(source, split="dev", data=data)]
    chosen = choose_nearest(held, [row for row in dev if row[1]], score=entry.headline)
    if drawn is None:
        return chosen
    return NearestDemonstrations(held, most=chosen.most, sharpness=chosen.sharpness, drawn=drawn)


def _tops(labels: Sequence[str], given: Sequence[Sequence[str]]) -> NDArray[np.intp]:
    return np.array([labels.index(row[0]) for row in given], np.intp)


def _value(score: str, truth: NDArray[np.intp], said: NDArray[np.intp], labels: int) -> float:
    if score not in _SCORES:
        return accuracy(truth=truth, prediction=said)
    return _SCORES[score](truth=truth, prediction=said, labels=range(labels))
