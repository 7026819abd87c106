"""What each of two partners feels, with and without the other's last turn, on dialogues that are held out as wholes.

The survey of emotion recognition among couples (Boateng et al. 2022) asks for folds that leave whole couples out. A
random split of turns stands beside them, and shows what it flatters.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.studies import Study
from affekt.core.works import implements
from affekt.corpora.read import read
from affekt.extras import need
from affekt.metrics.classification import macro_f1_statistic, unweighted_average_recall_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.vectors import SentenceVectors

__all__ = ["scores"]

_FOLDS = 5
_STRENGTH = 0.003


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How affect is told.

    Attributes:
        corpus: Conversations of two.
        split: Which of them.
        positive: Labels of good feelings; a turn with any other emotion is negative, one without is left out.
        left_out: Labels that are neither.
        reads: What is read beside the turn itself: nothing, the speaker's own last turn (`own`), or that and the
            partner's last one (`partner`); or nothing at all (`majority`).
        folds: Whether whole dialogues are held out, or turns at random.
    """

    corpus: str = "reccon"
    split: str = "train"
    positive: tuple[str, ...] = ("happiness",)
    left_out: tuple[str, ...] = ("no emotion", "surprise")
    reads: Literal["majority", "turn", "own", "partner"] = "turn"
    folds: Literal["dialogues", "turns"] = "dialogues"


@implements(works=["couples-er-survey"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Tell good from bad feelings of every turn that has one, in five folds, drawn anew with each seed."""
    linear = need("sklearn.linear_model", extra="train")
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    plan = next(iter(plans.values()))
    rows = [(clip, gold.labels) for clip, gold in read(plan.corpus, split=plan.split, data=data)][:limit]
    encoder = SentenceVectors()
    vectors = encoder.vectors([clip.text or "" for clip, _ in rows])
    vectors *= np.float32(np.sqrt(vectors.shape[1]))
    own, partner = _earlier(rows)
    nothing = np.zeros((1, vectors.shape[1]), np.float32)
    padded = np.concatenate([vectors, nothing])  # -1 is the last: no such turn
    beside: list[NDArray[Any]] = [vectors, padded[own] / 2, padded[partner] / 2]
    read_with = {"turn": 1, "own": 2, "partner": 3}
    labels = [given[0] if given else plan.left_out[0] for _, given in rows]
    asked = np.flatnonzero([label not in plan.left_out for label in labels])
    y = np.array([label in plan.positive for label in labels])[asked].astype(int)
    dialogues = np.array([clip.dialogue or clip.id for clip, _ in rows])[asked]
    found: dict[str, dict[str, list[Statistic]]] = {"macro_f1": {}, "uar": {}}
    for k, (name, way) in enumerate(plans.items()):
        for seed in entry.seeds:
            said = np.full(len(asked), int(y.mean() >= 0.5))
            if way.reads != "majority":
                x = np.concatenate(beside[: read_with[way.reads]], 1)[asked]
                said = _held_out(linear, x, y, _folds(way.folds, dialogues, seed))
            both: dict[str, Any] = {"truth": y, "prediction": said, "labels": (0, 1)}
            found["macro_f1"].setdefault(name, []).append(macro_f1_statistic(**both).by(dialogues))
            found["uar"].setdefault(name, []).append(unweighted_average_recall_statistic(**both).by(dialogues))
        progress(name, "scored", k + 1, len(plans), 0.0)
    return [Scores(key, True, each) for key, each in found.items()]


def _earlier(rows: list[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The place of each speaker's own last turn in the dialogue, and of the partner's; -1 where there is none."""
    own, partner = np.full(len(rows), -1, np.intp), np.full(len(rows), -1, np.intp)
    last: dict[str | None, int] = {}
    dialogue: str | None = None
    for i, (clip, _) in enumerate(rows):
        if clip.dialogue != dialogue:
            last, dialogue = {}, clip.dialogue
        own[i] = last.get(clip.speaker, -1)
        partner[i] = max((at for who, at in last.items() if who != clip.speaker), default=-1)
        last[clip.speaker] = i
    return own, partner


def _folds(kind: str, dialogues: NDArray[np.str_], seed: int) -> NDArray[np.intp]:
    rng = np.random.default_rng(seed)
    names, place = np.unique(dialogues, return_inverse=True)
    units = len(names) if kind == "dialogues" else len(dialogues)
    dealt = rng.permutation(units) % _FOLDS
    out: NDArray[np.intp] = dealt[place] if kind == "dialogues" else dealt
    return out


def _held_out(linear: Any, x: NDArray[np.float32], y: NDArray[np.intp], folds: NDArray[np.intp]) -> NDArray[np.intp]:
    out = np.zeros(len(y), np.intp)
    for k in range(_FOLDS):
        asked = folds == k
        fit = linear.LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=100, tol=1e-3)
        out[asked] = fit.fit(x[~asked], y[~asked]).predict(x[asked])
    return out
