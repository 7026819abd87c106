"""What labelled examples bring: searched ones against drawn ones, and beside a model of the same turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.spaces import space
from affekt.catalog.studies import Study
from affekt.catalog.tasks import entry_and_corpus
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser, RecogniserSpec
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.classification import accuracy_statistic, macro_f1_statistic, weighted_f1_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.demonstrations import Demonstrations, Interpolated, NearestDemonstrations
from affekt.train.floors import hashed_linear, majority
from affekt.train.nearest import choose_nearest, choose_share, repository

__all__ = ["scores"]

_STRENGTHS = (0.1, 0.3, 1.0, 3.0)


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a turn is read.

    Attributes:
        model: What learned from the train split: nothing, shares of labels alone, hashed words, or a softmax on the
            vectors that the examples are searched by.
        examples: Whether labelled turns are searched, drawn at random, or not looked at. Beside a model they weigh as
            much as makes the dev split most probable.
    """

    model: Literal["", "majority", "words", "vectors"] = ""
    examples: Literal["", "searched", "drawn"] = ""


class _Softmax:
    """Multinomial logistic regression on vectors, its strength chosen on dev by likelihood."""

    def __init__(self, held: Demonstrations, dev: Sequence[tuple[Clip, Sequence[str]]], encoder: Any) -> None:
        linear = need("sklearn.linear_model", extra="train")
        self._space, self._encoder = held.facts.space, encoder
        labels = space(self._space).labels
        y = held.targets().argmax(1)
        x_dev = encoder.vectors([clip.text or "" for clip, _ in dev])
        y_dev = np.array([labels.index(given[0]) for _, given in dev])
        best: tuple[float, Any] = (-np.inf, None)
        for strength in _STRENGTHS:
            # Vectors of length 1 are brought to a spread of about 1 in each of their directions.
            fit = linear.LogisticRegression(C=strength, max_iter=200, tol=1e-3).fit(self._wide(held.vectors), y)
            p = self._spread(fit, x_dev)[np.arange(len(y_dev)), y_dev]
            best = max(best, (float(np.log(np.maximum(p, 1e-9)).mean()), fit), key=lambda pair: pair[0])
        self._fit = best[1]
        self.spec = RecogniserSpec(
            "vectors-linear", "1", self._space, (self._space,), (), held.facts.languages, held.facts.licence
        )

    @staticmethod
    def _wide(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return vectors * np.float32(np.sqrt(vectors.shape[1]))

    def _spread(self, fit: Any, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        out = np.zeros((len(vectors), len(space(self._space).labels)))
        out[:, fit.classes_] = fit.predict_proba(self._wide(vectors))
        return out

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        from affekt.catalog.spaces import space as look_up

        labels = look_up(self._space).labels
        table = self._spread(self._fit, self._encoder.vectors([clip.text or "" for clip in clips]))
        return [
            Prediction(clip.id, self._space, scores=(row := dict(zip(labels, values, strict=True))),
                       labels=(max(row, key=row.__getitem__),))
            for clip, values in zip(clips, table.tolist(), strict=True)
        ]  # fmt: skip


def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Score every variant with every seed on the test split of the study's task."""
    task, source = entry_and_corpus(entry.task)
    labels = space(task.space).labels
    if task.of_rows != "labels" or space(task.space).kind != "single":
        raise CatalogError(f"The task {entry.task} is not about one label of a turn")
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    where = Path(data) if data else None
    held = repository(source, data=data, limit=limit)
    dev, test = (
        [(clip, gold.labels) for clip, gold in read(source, split=split, data=data) if gold.labels and clip.text]
        for split in ("dev", task.split)
    )
    progress("all", "read", len(held), len(held), 0.0)
    nearest = choose_nearest(held, dev, score=task.headline)
    models: dict[str, Recogniser] = {}

    def model(name: str) -> Recogniser:
        if name not in models:
            made: dict[str, Callable[[], Recogniser]] = {
                "majority": lambda: majority(entry.task, data=where),
                "words": lambda: hashed_linear(entry.task, data=where),
                "vectors": lambda: _Softmax(held, dev, held.encoder),
            }
            models[name] = made[name]()
        return models[name]

    def reader(plan: _Plan, seed: int) -> Recogniser:
        shown = nearest
        if plan.examples == "drawn":
            shown = NearestDemonstrations(held, most=nearest.most, sharpness=nearest.sharpness, drawn=seed)
        if not plan.model:
            return shown
        base = model(plan.model)
        return Interpolated(base, shown, share=choose_share(base, shown, dev)) if plan.examples else base

    clips, truth = [clip for clip, _ in test], [labels.index(given[0]) for _, given in test]
    of: dict[str, dict[str, list[Statistic]]] = {"macro_f1": {}, "weighted_f1": {}, "accuracy": {}}
    dialogues = [clip.dialogue or clip.id for clip in clips]
    for k, (name_of, plan) in enumerate(plans.items()):
        for seed in entry.seeds if plan.examples == "drawn" else entry.seeds[:1]:
            given = reader(plan, seed).predict(clips, space=task.space)
            said = [labels.index(p.labels[0]) for p in given]
            both = {"truth": truth, "prediction": said}
            each = {
                "macro_f1": macro_f1_statistic(**both, labels=range(len(labels))),
                "weighted_f1": weighted_f1_statistic(**both, labels=range(len(labels))),
                "accuracy": accuracy_statistic(**both),
            }
            for name, statistic in each.items():
                of[name].setdefault(name_of, []).append(statistic.by(dialogues))
        progress(name_of, "scored", k + 1, len(entry.ways), 0.0)
    return [Scores(name, True, found) for name, found in of.items()]
