"""Honest floors: what one gets without reading, and with counting words.

A figure of a trained model says little until it stands beside these. Both are made from the train split in
seconds; strength and thresholds of the linear model are chosen on dev.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import HeadPlan
from affekt.catalog.spaces import space
from affekt.catalog.tasks import entry_and_corpus, task_entry
from affekt.core.cause import Link
from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.corpora.causes import Finder, questions_of, read_causes
from affekt.extras import need
from affekt.models.text import with_context
from affekt.train.calibrate import choose_thresholds
from affekt.train.targets import Rows, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BUCKETS", "Answer", "Floor", "hashed_counts", "hashed_linear", "majority", "nearest"]

BUCKETS = 1 << 18
_WORD = re.compile(r"\w+|[^\w\s]")
_STRENGTHS = (0.3, 1.0, 3.0, 10.0)
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass(frozen=True)
class Answer:
    """Scores of labels and which are given, or values of dimensions; each of shape (texts, columns)."""

    scores: NDArray[np.float64]
    given: NDArray[np.bool_]


class Floor:
    """A recogniser made of one function from texts to answers.

    Args:
        name: What it is called in the record of a run.
        plan: Space and kind of its answers.
        languages: Languages of the rows that it was made from.
        answer: Texts -> answers.
        fields: What of a row is read, where that is not its text alone.
    """

    def __init__(
        self, name: str, plan: HeadPlan, languages: tuple[str, ...], answer: Any, fields: tuple[str, ...] = ()
    ) -> None:
        self._plan, self._answer, self._fields = plan, answer, fields
        found = space(plan.space)
        dimensional = plan.of == "dimensions"
        self._columns = tuple(d.name for d in found.dimensions) if dimensional else found.labels
        self.spec = RecogniserSpec(
            id=name,
            version="1",
            space=plan.space,
            spaces=(plan.space,),
            dimensions=self._columns if dimensional else (),
            languages=languages,
            licence="Apache-2.0",
        )

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`."""
        found: Answer = self._answer([with_context(clip, 0, self._fields) for clip in clips])
        out = []
        for clip, scores, given in zip(clips, found.scores.tolist(), found.given, strict=True):
            each = dict(zip(self._columns, scores, strict=True))
            if self._plan.of == "dimensions":
                out.append(Prediction(clip.id, self._plan.space, dimensions=each, model=self.spec.name))
                continue
            labels = sorted((c for c, g in zip(self._columns, given, strict=True) if g), key=lambda c: -each[c])
            out.append(Prediction(clip.id, self._plan.space, scores=each, labels=tuple(labels), model=self.spec.name))
        return out


def _splits(task: str, data: Path | None, fields: tuple[str, ...] = ()) -> tuple[HeadPlan, tuple[str, ...], Rows, Rows]:
    entry, source = entry_and_corpus(task)
    plan = HeadPlan(space=entry.space, of=entry.of_rows)
    rows, dev = (rows_of(source, plan, split=split, data=data, fields=fields) for split in ("train", "dev"))
    return plan, corpus(source).languages, rows, dev


def _is_single(plan: HeadPlan) -> bool:
    return plan.of == "labels" and space(plan.space).kind == "single"


def majority(task: str, *, data: Path | None = None) -> Floor:
    """The same answer to every text: the shares of the labels in training, or the mean of the values.

    Given are the most frequent label, where one is asked for, and else those that more than half of the rows have
    (the most frequent where none has). A label that nobody was asked about is never given.
    """
    plan, languages, rows, _ = _splits(task, data)
    top = (space(plan.space).intensity or 1.0) if plan.of == "intensities" else 1.0
    asked = (~np.isnan(rows.values)).sum(0)
    scores = np.nansum(rows.values, 0) / np.maximum(asked, 1) / top
    given = scores > 0.5
    if _is_single(plan) or not given.any():
        given = np.arange(len(scores)) == scores.argmax()

    def answer(texts: Sequence[str]) -> Answer:
        return Answer(np.tile(scores, (len(texts), 1)), np.tile(given, (len(texts), 1)))

    return Floor("majority", plan, languages, answer)


def hashed_counts(text: str) -> dict[int, float]:
    """Hashed n-grams of a text: words and pairs of words, and 2 to 5 characters within words; place -> log count.

    Works in every script: where words are not set apart, the characters still are.
    """
    counts: dict[int, int] = {}
    words = _WORD.findall(text.lower())
    grams = [f"w{w}" for w in words] + [f"p{a} {b}" for a, b in pairwise(words)]
    for word in words:
        bounded = f"<{word[:60]}>"
        grams += [bounded[i : i + n] for n in range(2, 6) for i in range(len(bounded) - n + 1)]
    for gram in grams:
        place = zlib.crc32(gram.encode()) % BUCKETS
        counts[place] = counts.get(place, 0) + 1
    return {place: 1.0 + float(np.log(count)) for place, count in counts.items()}


def hashed_linear(task: str, *, data: Path | None = None, fields: tuple[str, ...] = ()) -> Floor:
    """Logistic or ridge regression on hashed n-grams, weighted by rarity (tf-idf), each text of length 1.

    The strength of the regularisation is the one with the best likelihood, or least error, on dev; so are the
    thresholds of labels side by side. Needs scikit-learn, of the `train` extra.

    Args:
        task: Id of the task.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        fields: What of a row is read, where that is not its text alone; see `Recipe.fields`.
    """
    plan, languages, rows, dev = _splits(task, data, fields)
    sparse = need("scipy.sparse", extra="train")
    linear = need("sklearn.linear_model", extra="train")

    def table(texts: Sequence[str]) -> Any:
        found = [hashed_counts(text) for text in texts]
        ends = np.cumsum([0, *(len(f) for f in found)])
        places = np.fromiter((p for f in found for p in f), np.int32, ends[-1])
        values = np.fromiter((v for f in found for v in f.values()), np.float64, ends[-1])
        return sparse.csr_matrix((values, places, ends), shape=(len(texts), BUCKETS))

    raw = table(rows.texts)
    seen = np.bincount(raw.indices, minlength=BUCKETS)
    held = np.flatnonzero(seen)  # a place that no training text has would keep a coefficient of 0
    rarity = np.log((1 + len(rows.texts)) / (1 + seen[held])) + 1

    def features(found: Any) -> Any:
        weighted = found[:, held] @ sparse.diags(rarity)
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
        return sparse.diags(1 / np.maximum(length, 1e-12)) @ weighted

    x, x_dev = features(raw), features(table(dev.texts))
    top = (space(plan.space).intensity or 1.0) if plan.of == "intensities" else 1.0
    y, y_dev = rows.values / top, dev.values / top
    if plan.of != "labels":
        fits = [_ridge(linear, x, y, x_dev, y_dev, j) for j in range(y.shape[1])]
    elif _is_single(plan):
        fits = [_softmax(linear, x, y, x_dev, y_dev)]
    else:
        fits = [_logistic(linear, x, y, x_dev, y_dev, j) for j in range(y.shape[1])]
    cuts = np.full(y.shape[1], 0.5)

    def scores_of(found: Any) -> NDArray[np.float64]:
        out: NDArray[np.float64] = np.concatenate([fit(found) for fit in fits], 1)
        return out if plan.of == "dimensions" else np.clip(out, 0.0, 1.0)

    if plan.of != "dimensions" and not _is_single(plan):
        cuts = choose_thresholds(truth=(np.nan_to_num(y_dev) > 0).astype(float), scores=scores_of(x_dev))

    def answer(texts: Sequence[str]) -> Answer:
        scores = scores_of(features(table(texts)))
        if _is_single(plan):
            return Answer(scores, scores == scores.max(1, keepdims=True))
        return Answer(scores, scores >= cuts)

    return Floor("hashed-linear", plan, languages, answer, fields)


def _ridge(linear: Any, x: Any, y: Any, x_dev: Any, y_dev: Any, column: int) -> Any:
    known, known_dev = ~np.isnan(y[:, column]), ~np.isnan(y_dev[:, column])
    best: tuple[float, Any] = (np.inf, None)
    for strength in _RIDGES:
        fit = linear.Ridge(alpha=strength, solver="sparse_cg").fit(x[known], y[known, column])
        error = float(((fit.predict(x_dev[known_dev]) - y_dev[known_dev, column]) ** 2).mean())
        best = min(best, (error, fit), key=lambda pair: pair[0])
    return lambda found: best[1].predict(found)[:, None]


def _softmax(linear: Any, x: Any, y: Any, x_dev: Any, y_dev: Any) -> Any:
    has, has_dev = np.nansum(y, 1) > 0, np.nansum(y_dev, 1) > 0
    label, label_dev = np.nan_to_num(y[has]).argmax(1), np.nan_to_num(y_dev[has_dev]).argmax(1)

    def spread(fit: Any, found: Any) -> NDArray[np.float64]:
        out = np.zeros((found.shape[0], y.shape[1]))
        out[:, fit.classes_] = fit.predict_proba(found)
        return out

    best: tuple[float, Any] = (np.inf, None)
    for strength in _STRENGTHS:
        fit = linear.LogisticRegression(C=strength, max_iter=100, tol=1e-3).fit(x[has], label)
        p = spread(fit, x_dev[has_dev])[np.arange(len(label_dev)), label_dev]
        best = min(best, (float(-np.log(np.maximum(p, 1e-9)).mean()), fit), key=lambda pair: pair[0])
    return lambda found: spread(best[1], found)


def _logistic(linear: Any, x: Any, y: Any, x_dev: Any, y_dev: Any, column: int) -> Any:
    known, known_dev = ~np.isnan(y[:, column]), ~np.isnan(y_dev[:, column])
    label, label_dev = y[known, column] > 0, y_dev[known_dev, column] > 0
    if label.all() or not label.any():  # nothing to tell apart
        share = float(label.mean()) if label.size else 0.0  # nobody was asked
        return lambda found: np.full((found.shape[0], 1), share)
    best: tuple[float, Any] = (np.inf, None)
    for strength in _STRENGTHS:
        fit = linear.LogisticRegression(C=strength, solver="liblinear").fit(x[known], label)
        p = fit.predict_proba(x_dev[known_dev])[:, 1].clip(1e-9, 1 - 1e-9)
        loss = float(-np.where(label_dev, np.log(p), np.log(1 - p)).mean())
        best = min(best, (loss, fit), key=lambda pair: pair[0])
    return lambda found: best[1].predict_proba(found)[:, 1:]


def nearest(task: str, *, data: Path | None = None) -> tuple[str, Finder]:
    """Of tasks about causes: every turn at most so many turns back is a cause, and all of its words.

    How many is chosen by macro F1 of turns on the dev split of the task, and on its train split where it has none.

    Returns:
        What it is called, and what finds.
    """
    entry = task_entry(task)
    chosen_on = "train" if entry.selection == "folds" else entry.selection
    dialogues = list(read_causes(entry.corpus, split=chosen_on, data=data))
    tried = {}
    for most in range(-1, 8):
        table = np.zeros((2, 2))
        for d in dialogues:
            for q in questions_of(d):
                table[int(q.text is not None), int(q.turn - q.cause <= most)] += 1
        tried[most] = float(np.mean([2 * table[k, k] / max(table[k].sum() + table[:, k].sum(), 1) for k in (0, 1)]))
    best = max(tried, key=tried.__getitem__)

    def find(turns: Sequence[Clip], emotions: Mapping[int, str]) -> dict[int, list[Link]]:
        return {
            i: [Link(i, j, emotion, 0, len(turns[j].text or "")) for j in range(max(0, i - best), i + 1)]
            for i, emotion in emotions.items()
        }

    return f"nearest@{best}", find
