"""Learning to find causes of emotions by counting words: two logistic regressions, in seconds and without torch.

The first learns whether a pair of turns is cause and effect. The second learns how well each span of a causing turn
fits: as far as its words are those of the gold (the F1 of SQuAD, where one holds the other), and half of that where it
is not exactly the gold. How closely each follows its rows is chosen on dev.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import CausePlan, Recipe
from affekt.core.errors import CatalogError, DataError
from affekt.corpora.causes import CausedDialogue, questions_of, read_causes
from affekt.extras import need
from affekt.metrics.causes import span_f1_neg_statistic, span_f1_pos_statistic, token_f1
from affekt.models.cause_words import PLACES, Weights, places_of, seen_of_pair, seen_of_span, spans_of
from affekt.models.causes import CauseRecogniser
from affekt.train.calibrate import abstention, best_cut, cause_f1s, fit_platt, policy_point, sigmoid
from affekt.train.card import identity_of, write_card

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fitted", "conversations", "fit_words", "make_cause_words", "span_cut"]

_STRENGTHS = (0.01, 0.03, 0.1)
_SPAN_STRENGTHS = (0.01, 0.03)


def conversations(plan: CausePlan, *, data: Path | None, limit: int | None) -> dict[str, list[CausedDialogue]]:
    """Conversations to learn from (`train`), and those that choices are made on (`dev`).

    Raises:
        CatalogError: The corpus has no dev split, and the plan does not say how one is made.
        DataError: It is missing, or holds no conversations.
    """
    split = "dev" in corpus(plan.corpus).splits
    if not split and plan.held_out < 2:
        raise CatalogError(
            f"The corpus {plan.corpus} has no dev split", hint="Set held_out, to take conversations of train for it."
        )
    train = list(read_causes(plan.corpus, split="train", data=data))
    if split:
        dev = list(read_causes(plan.corpus, split="dev", data=data))
    else:
        dev, train = train[:: plan.held_out], [d for i, d in enumerate(train) if i % plan.held_out]
    if limit is not None:  # a trial run: as many turns with an emotion as rows of other corpora
        train, dev = (_first(some, limit) for some in (train, dev))
    if not train or not dev:
        raise DataError(f"The corpus {plan.corpus} holds no conversations with causes")
    return {"train": train, "dev": dev}


def _first(dialogues: Sequence[CausedDialogue], limit: int) -> list[CausedDialogue]:
    out, count = [], 0
    for d in dialogues:
        if count >= limit:
            break
        out.append(d)
        count += len(d.asked)
    return out


def _table(rows: Iterable[Sequence[str]]) -> Any:
    """What was seen in each row as a sparse table, shape (rows, `PLACES`)."""
    sparse = need("scipy.sparse", extra="train")
    found = [places_of(row) for row in rows]
    columns = np.concatenate([at for at, _ in found])
    values = np.repeat(np.array([v for _, v in found], np.float32), [len(at) for at, _ in found])
    begins = np.cumsum([0, *(len(at) for at, _ in found)])
    return sparse.csr_matrix((values, columns, begins), (len(found), PLACES))


def _pairs(dialogues: Sequence[CausedDialogue], back: int) -> tuple[Any, NDArray[np.float64], int]:
    """Candidate pairs, whether each is cause and effect, and how many causes lie outside of the window."""
    seen, truth, missed = [], [], 0
    for d in dialogues:
        for (turn, cause), holds in {(q.turn, q.cause): q.text is not None for q in questions_of(d)}.items():
            if turn - cause > back or cause > turn:
                missed += holds
                continue
            seen.append(seen_of_pair(d.dialogue.turns, turn, cause, str(d.labels[turn])))
            truth.append(float(holds))
    return _table(seen), np.array(truth), missed


def _spans(dialogues: Sequence[CausedDialogue], back: int) -> tuple[Any, NDArray[np.float64], NDArray[np.int64]]:
    """Spans of causing turns, how well each fits, and the gold span that it is tried for."""
    seen, fits, owner = [], [], []
    count = 0
    for d in dialogues:
        for link in d.links:
            if not 0 <= link.turn - link.cause <= back:
                continue
            text, gold = d.dialogue.turns[link.cause].text or "", (link.text or "").strip()
            for start, end in spans_of(text):
                said = text[start:end]
                overlap = token_f1(truth=gold, prediction=said) if said in gold or gold in said else 0.0
                fits.append(1.0 if said == gold else overlap / 2)
                seen.append(seen_of_span(text, start, end, back=link.turn - link.cause, emotion=str(link.label)))
                owner.append(count)
            count += 1
    return _table(seen), np.array(fits), np.array(owner)


def _fitted(table: Any, shares: NDArray[np.float64], strength: float) -> tuple[NDArray[np.float32], float]:
    """Weights and bias of a logistic regression to shares: each row counts for both classes."""
    linear = need("sklearn.linear_model", extra="train")
    model = linear.LogisticRegression(C=strength, solver="liblinear", max_iter=40, random_state=0)
    yes, no = np.flatnonzero(shares > 0), np.flatnonzero(shares < 1)
    rows = table[np.concatenate([yes, no])]
    classes = np.repeat([1, 0], [len(yes), len(no)])
    model.fit(rows, classes, sample_weight=np.concatenate([shares[yes], 1 - shares[no]]))
    return model.coef_[0].astype(np.float32), float(model.intercept_[0])


def _fit_of_best(fits: NDArray[np.float64], logits: NDArray[np.float64], owner: NDArray[np.int64]) -> float:
    """How well the span with the highest logit fits, mean over gold spans."""
    order = np.lexsort((-logits, owner))
    first = np.concatenate([[True], np.diff(owner[order]) > 0])
    return float(fits[order[first]].mean())


def span_cut(model: CauseRecogniser, dialogues: Sequence[CausedDialogue]) -> float:
    """Probability from which words are given, with the highest mean of `span_f1_pos` and `span_f1_neg`.

    Args:
        model: What finds causes.
        dialogues: Conversations of dev.
    """
    truth = [questions_of(d) for d in dialogues]
    found = [
        [
            x
            for links in model.links(d.dialogue.turns, {i: str(d.labels[i]) for i in d.asked}, least=0.0).values()
            for x in links
        ]
        for d in dialogues
    ]
    tried = {}
    for cut in np.linspace(0.1, 0.6, 51):
        given = [[x for x in links if (x.score or 0.0) >= cut] for links in found]
        both = (f(truth=truth, prediction=given).value for f in (span_f1_pos_statistic, span_f1_neg_statistic))
        tried[round(float(cut), 4)] = sum(both) / 2
    return max(tried, key=tried.__getitem__)


def _write(card: Mapping[str, Any], out: Path) -> None:
    (out / "affekt.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Fitted:
    """What was learned of conversations.

    Attributes:
        weights: Of both regressions.
        scale: Slope and offset that make probabilities of the logits of pairs, fitted on dev.
        threshold: Probability from which a pair is said to be cause and effect, with the best F1 on dev.
        tried: Strength -> mean F1 on dev of the regression of pairs.
        fits: Strength -> how well the best span fits on dev.
    """

    weights: Weights
    scale: tuple[float, float]
    threshold: float
    tried: Mapping[float, float]
    fits: Mapping[float, float]


def fit_words(read: Mapping[str, Sequence[CausedDialogue]], back: int) -> Fitted:
    """Fit both regressions on the conversations of `train`, and choose on those of `dev`.

    Args:
        read: Conversations of both.
        back: Turns before the one with the emotion that may hold its cause.
    """
    tables = {split: _pairs(some, back) for split, some in read.items()}
    table, truth, missed = tables["dev"]
    tried: dict[float, float] = {}
    links: dict[float, tuple[NDArray[np.float32], float]] = {}
    for strength in _STRENGTHS:
        links[strength] = _fitted(*tables["train"][:2], strength)
        scores = sigmoid(table @ links[strength][0] + links[strength][1])
        cut = best_cut(truth, scores, missed=missed)
        tried[strength] = float(np.mean(cause_f1s(truth, scores >= cut, missed=missed)))
    strength = max(tried, key=tried.__getitem__)
    spans = {split: _spans(some, back) for split, some in read.items()}
    fits: dict[float, float] = {}
    ends: dict[float, tuple[NDArray[np.float32], float]] = {}
    for s in _SPAN_STRENGTHS:
        ends[s] = _fitted(*spans["train"][:2], s)
        fits[s] = _fit_of_best(spans["dev"][1], spans["dev"][0] @ ends[s][0] + ends[s][1], spans["dev"][2])
    span_strength = max(fits, key=fits.__getitem__)
    logits = table @ links[strength][0] + links[strength][1]
    a, b = fit_platt(truth=truth, logits=logits)
    threshold = best_cut(truth, sigmoid(a * logits + b), missed=missed)
    weights = Weights(links[strength][0], ends[span_strength][0], (links[strength][1], ends[span_strength][1]))
    return Fitted(weights, (a, b), threshold, tried, fits)


def make_cause_words(
    recipe: Recipe, name: str, out: Path, *, data: Path | None = None, limit: int | None = None, coverage: float = 0.95
) -> dict[str, Any]:
    """Fit, calibrate on dev, and write the model folder; arguments are those of `make_model`.

    Args:
        recipe: What to do.
        name: Id of the model.
        out: Folder of the model.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        limit: Most turns with an emotion of each split; for a trial run.
        coverage: Share of dev pairs that the recommended policy answers.

    Returns:
        Figures on dev.

    Raises:
        CatalogError: The recipe does not hold together.
        DataError: The corpus is missing.
    """
    plan = recipe.causes
    if plan is None or recipe.heads or plan.ahead:
        raise CatalogError("Where words are counted there are no heads, and no turns after the emotion are read")
    read = conversations(plan, data=data, limit=limit)
    found = fit_words(read, plan.back)
    weights, (a, b), threshold = found.weights, found.scale, found.threshold
    table, truth, missed = _pairs(read["dev"], plan.back)
    scores = sigmoid(a * (table @ weights.link + weights.bias[0]) + b)
    out.mkdir(parents=True, exist_ok=True)
    weights.save(out / "weights.safetensors")
    sure = np.where(scores >= threshold, scores, 1 - scores)
    point = policy_point(right=(scores >= threshold) == (truth > 0), confidence=sure, coverage=coverage)
    yes, no = cause_f1s(truth, scores >= threshold, missed=missed)
    measured = {
        "link_strengths": {str(k): round(v, 4) for k, v in found.tried.items()},
        "span_strengths": {str(k): round(v, 4) for k, v in found.fits.items()},
        "dev_cause_f1": round(yes, 4),
        "dev_no_cause_f1": round(no, 4),
    }
    identity = identity_of(name, recipe, history=[], measured=measured)
    card: dict[str, Any] = {
        **identity,
        "main": corpus(plan.corpus.partition(":")[0]).space,
        "heads": {},
        "dimensions": None,
        "policy": msgspec.to_builtins(abstention(point, measured_on=f"{plan.corpus} dev")),
        "max_tokens": 0,
        "window_tokens": 0,
        "causes": {
            "back": plan.back,
            "ahead": 0,
            "scale": [round(a, 6), round(b, 6)],
            "threshold": round(threshold, 6),
            "words": True,
        },
        "files": {"weights.safetensors": hashlib.sha256((out / "weights.safetensors").read_bytes()).hexdigest()},
    }
    _write(card, out)
    measured["span_threshold"] = span_cut(CauseRecogniser(out), read["dev"])
    _write(card | {"causes": card["causes"] | {"span_threshold": measured["span_threshold"]}}, out)
    figures = {"causes": {"rows": len(truth), "dev_macro_f1": (yes + no) / 2, **measured}}
    (out / "README.md").write_text(write_card(identity, figures), encoding="utf-8")
    return figures
