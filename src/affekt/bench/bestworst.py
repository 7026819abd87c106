"""Labelling by best-worst scaling: which of a few texts shows most of an emotion, and which least?

Instead of asking a chooser for the label of each text, texts are dealt into balanced tuples, the chooser picks the
most and the least of every emotion in each, counting makes a score of the picks, and a text gets the emotion on which
it scores highest. Duong et al. (2025), "CHEER-Ekman: Fine-grained Embodied Emotion Classification", ACL, with language
models as choosers. Here anything that gives a strength for each text and emotion can choose.

Scores by counting say where a text stands among the others, emotion by emotion. A chooser that is too generous with
one emotion is thereby put right, as far as the emotions are about equally frequent; where they are not, that is
a mistake of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from affekt.bench.answers import Answers, collect, facts_of
from affekt.bench.reach import route
from affekt.bench.runs import data_checksums, make_folder, predict_all, store
from affekt.bench.tasks import Task, task
from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.run import Run
from affekt.core.works import implements
from affekt.corpora.read import read
from affekt.metrics.bestworst import (
    BestWorst,
    BestWorstScores,
    SplitHalf,
    best_worst_labels,
    best_worst_scores,
    make_tuples,
    split_half,
)
from affekt.metrics.statistic import Array

__all__ = ["Plan", "Scaled", "choose", "scale", "scale_task", "strengths"]

DIRECT, SCALED = "direct", "best-worst"
_TIED = "two emotions share first place"


@dataclass(frozen=True, slots=True)
class Plan:
    """How texts are dealt and chosen from.

    Attributes:
        size: Texts in a tuple.
        per_item: Tuples that each text stands in.
        judges: How often each tuple is judged.
        noise: How unsteady a judge is: each looks at each text of a tuple anew, with normal noise of so many standard
            deviations of the strengths of all texts on that emotion.
        seed: Seed of the deal and of the noise.
    """

    size: int = 4
    per_item: int = 8
    judges: int = 1
    noise: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Scaled:
    """What the choices amount to.

    Attributes:
        scores: Emotion -> scores of the texts on it.
        reliability: Emotion -> how well two halves of its answers agree.
        labels: Id of a text -> its emotion; `None` where two share first place.
        tuples: Number of tuples for each emotion.
        answers: Number of choices for each emotion.
    """

    scores: dict[str, BestWorstScores]
    reliability: dict[str, SplitHalf]
    labels: dict[str, str | None]
    tuples: int
    answers: int


@implements(works=["cheer-ekman"])
def choose(
    tuples: Sequence[tuple[str, ...]], strength: dict[str, float], *, plan: Plan, rng: np.random.Generator
) -> list[BestWorst]:
    """Let a chooser pick the most and the least of one emotion in each tuple.

    Args:
        tuples: Ids of texts.
        strength: Id -> how much of the emotion the chooser sees in it.
        plan: Number of judges, and how unsteady they are.
        rng: Source of the noise.

    Returns:
        `plan.judges` answers for each tuple. Of equal texts the first is the most and the last the least.
    """
    spread = float(np.std(list(strength.values()))) * plan.noise
    out = []
    for items in tuples:
        values = np.array([strength[item] for item in items])
        for _ in range(plan.judges):
            seen = values + spread * rng.standard_normal(len(items)) if plan.noise else values
            worst = len(items) - 1 - int(seen[::-1].argmin())
            out.append(BestWorst(items, items[int(seen.argmax())], items[worst]))
    return out


@implements(works=["cheer-ekman"])
def scale(ids: Sequence[str], table: Array, emotions: Sequence[str], *, plan: Plan) -> Scaled:
    """Deal texts into tuples, choose, count, and label.

    Args:
        ids: Ids of the texts, each once.
        table: Strength of each emotion in each text, shape (texts, emotions); only its order within a column counts.
        emotions: Names of the emotions.
        plan: How.

    Raises:
        InputError: There are too few texts, an id stands twice, or a strength is missing.
    """
    if len(set(ids)) != len(ids):
        raise InputError("A text stands twice", hint="Give each text an id of its own.")
    if len(ids) < plan.size:
        raise InputError(f"{len(ids)} texts cannot be dealt into tuples of {plan.size}", hint="Take a smaller --size.")
    if np.isnan(table).any():
        raise InputError("The chooser has no strength for some texts", hint="Leave those texts out.")
    tuples = make_tuples(ids, size=plan.size, per_item=plan.per_item, seed=plan.seed)
    answers = {}
    for j, emotion in enumerate(emotions):
        rng = np.random.default_rng([plan.seed, j])
        strength = dict(zip(ids, table[:, j].tolist(), strict=True))
        answers[emotion] = choose(tuples, strength, plan=plan, rng=rng)
    scores = {emotion: best_worst_scores(found) for emotion, found in answers.items()}
    reliability = {emotion: split_half(found, repeats=50, seed=plan.seed) for emotion, found in answers.items()}
    return Scaled(scores, reliability, best_worst_labels(scores), len(tuples), len(tuples) * plan.judges)


def strengths(chooser: Recogniser, clips: Sequence[Clip], into: str) -> tuple[list[Prediction], Array]:
    """How much of each label of a space a recogniser sees in each text, over a map where it has other labels.

    Args:
        chooser: The recogniser.
        clips: The texts.
        into: Id of the space.

    Returns:
        Its answers in that space, and their log-odds, shape (texts, labels); NaN where it gave no answer.

    Raises:
        ModelError: No map leads from its labels to the space.
    """
    labels = space(into).labels
    asked, over = route(chooser.spec, into, labels)
    found = predict_all(chooser, clips, asked=asked)
    carried = found if over is None else [p.to(over) for p in found]
    shares = np.array([[p.scores.get(name, np.nan) for name in labels] for p in carried]).reshape(-1, len(labels))
    inside = np.clip(shares, 1e-9, 1 - 1e-9)
    return carried, np.log(inside / (1 - inside))


@implements(works=["cheer-ekman"])
def scale_task(
    name: str,
    chooser: Recogniser,
    *,
    out: str | Path,
    plan: Plan | None = None,
    data: str | Path | None = None,
    split: str | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[Scaled, dict[str, Run]]:
    """Label the texts of a task by best-worst scaling, and beside it directly, by the same chooser.

    Args:
        name: Id of a task with one label a row.
        chooser: What gives the strengths.
        out: Folder for the two runs, in `best-worst` and `direct`.
        plan: How texts are dealt and chosen from.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        split: Split to label; default the one that the task reports.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.

    Returns:
        What the choices amount to, and the two runs by name. A row that best-worst scaling leaves open, since two
        emotions share first place, has no answer there. Rows that the chooser does not answer are not dealt.

    Raises:
        UnknownNameError: There is no such task or split.
        InputError: The task does not ask for one label a row.
        DataError: The corpus is missing.
        OutputError: The runs cannot be written.
    """
    plan = plan or Plan()
    chosen = task(name)
    used = chosen.check_split(split)
    if chosen.entry.target != "labels" or chosen.space.kind != "single":
        raise InputError(
            f"{name} does not ask for one label a row", hint="Best-worst scaling gives each text one emotion."
        )
    examples = list(read(chosen.corpus, split=used, data=data))
    clips = [clip for clip, _ in examples]
    predictions, table = strengths(chooser, clips, chosen.space.id)
    given = [i for i, p in enumerate(predictions) if p.abstained is None and not np.isnan(table[i]).any()]
    labels = chosen.space.labels
    found = scale([clips[i].id for i in given], table[given], labels, plan=plan)
    direct = [replace(p, labels=(max(p.scores, key=p.scores.__getitem__),)) if p.scores else p for p in predictions]
    facts = facts_of(clips)

    def put(kind: str, answered: Sequence[Prediction], **more: object) -> Run:
        table_of: Answers = collect(
            [gold for _, gold in examples],
            answered,
            target="labels",
            label_names=labels,
            dimension_names=(),
            facts=facts,
        )
        return store(
            chosen,
            table_of,
            folder=make_folder(Path(out) / kind),
            model=f"{chooser.spec.name}, {kind}",
            split=used,
            spec={"mapped_from": _origin(chooser, chosen), **more},
            versions=data_checksums(chosen, used, data),
            samples=samples,
            seed=seed,
        )

    by_counts = {
        name: {emotion: float(v) for emotion, v in zip(labels, row, strict=True)}
        for name, row in zip(found.labels, _counts(found, labels), strict=True)
    }
    scaled = [_scaled(p, by_counts.get(p.clip_id), found.labels.get(p.clip_id)) for p in predictions]
    how = {
        "size": plan.size,
        "per_item": plan.per_item,
        "judges": plan.judges,
        "noise": plan.noise,
        "seed": plan.seed,
        "tuples": found.tuples,
        "split_half": {emotion: round(r.spearman, 6) for emotion, r in found.reliability.items()},
    }
    return found, {DIRECT: put(DIRECT, direct), SCALED: put(SCALED, scaled, best_worst=how)}


def _origin(chooser: Recogniser, chosen: Task) -> str | None:
    over = route(chooser.spec, chosen.space.id, chosen.space.labels)[1]
    return None if over is None else over.origin.id


def _counts(found: Scaled, labels: Sequence[str]) -> Array:
    """Scores by counting as numbers in 0..1, shape (texts, emotions), in the order of `found.labels`."""
    columns = [found.scores[emotion].as_mapping() for emotion in labels]
    return np.array([[(column[name] + 1) / 2 for column in columns] for name in found.labels])


def _scaled(p: Prediction, counts: dict[str, float] | None, label: str | None) -> Prediction:
    """The answer by counts. Counts are no probabilities: they are stored as labels' scores and say so in the run."""
    if counts is None:
        return p
    if label is None:
        return replace(p, scores={}, labels=(), abstained=_TIED, confidence=None)
    share = sum(counts.values()) or 1.0
    scores = {name: v / share for name, v in counts.items()}
    return replace(p, scores=scores, labels=(label,), abstained=None, confidence=max(scores.values()))
