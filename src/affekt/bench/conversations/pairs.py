"""Pairs of emotion and cause in conversations: emotion first and then its causes, or both at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.bench.causes import token_span
from affekt.bench.conversations import plan_of
from affekt.bench.voices import Scores
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import CausePlan
from affekt.catalog.spaces import space
from affekt.catalog.studies import Study
from affekt.core.cause import Link
from affekt.core.works import implements
from affekt.corpora.causes import CausedDialogue, read_causes
from affekt.extras import need
from affekt.metrics.causes import pair_f1_statistic, pair_proportional_f1_statistic, pair_strict_f1_statistic
from affekt.metrics.statistic import Statistic
from affekt.models.cause_words import seen_of_pair, seen_of_span, spans_of
from affekt.models.vectors import SentenceVectors
from affekt.train.calibrate import sigmoid
from affekt.train.cause_words import Fitted, conversations, fit_words

__all__ = ["scores"]

_STRENGTHS = (0.01, 0.03)
# What the probability of no emotion is multiplied by; dev chooses.
_CALM = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15)
_CUTS = tuple(round(0.1 + 0.05 * n, 2) for n in range(13))
_QUIET = 3  # one in so many pairs of a turn without emotion is learned from, where pairs are told at once
_ANY = "emotion"  # stands for every emotion where the second stage is not told which


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How pairs are found.

    Attributes:
        corpus: View of causal spans.
        held_out: Where it has no dev split, one in so many conversations of train is taken for it.
        back: Turns before an emotion that may hold its cause.
        emotions: Who tells the emotion of a turn: a model, or the gold (the bound from above).
        told: Whether the stage of causes is told which emotion it is, in learning and in use.
        stages: 2, or 1 for a single classifier that tells of a pair of turns which emotion it is of, or none.
    """

    corpus: str = "ecf:causes"
    held_out: int = 0
    back: int = 10
    emotions: Literal["model", "gold"] = "model"
    told: bool = True
    stages: Literal[1, 2] = 2


class _Read:
    """Conversations of the three splits, with a vector of each turn."""

    def __init__(self, plan: _Plan, data: str | Path | None, limit: int | None) -> None:
        where = Path(data) if data else None
        chosen = CausePlan(corpus=plan.corpus, words=True, back=plan.back, held_out=plan.held_out)
        self.by_split = conversations(chosen, data=where, limit=limit)
        self.by_split["test"] = list(read_causes(plan.corpus, split="test", data=where))
        found = space(corpus(plan.corpus.partition(":")[0]).space)
        self.labels = found.labels
        self.emotions = tuple(label for label in self.labels if label != found.neutral)
        self.neutral = self.labels.index(str(found.neutral))
        encoder = SentenceVectors()
        self.vectors: dict[str, list[NDArray[np.float32]]] = {}
        for split, some in self.by_split.items():
            table = encoder.vectors([turn.text or "" for d in some for turn in d.dialogue])
            ends = np.cumsum([len(d.dialogue) for d in some])
            self.vectors[split] = np.split(table * np.float32(np.sqrt(table.shape[1])), ends[:-1])

    def turns(self, split: str) -> NDArray[np.float32]:
        """What an emotion is read from: vectors of the turn, of the one before, and of its speaker's last."""
        rows = []
        for d, own in zip(self.by_split[split], self.vectors[split], strict=True):
            last: dict[str | None, int] = {}
            before, mine = np.zeros_like(own), np.zeros_like(own)
            for i, turn in enumerate(d.dialogue):
                if i:
                    before[i] = own[i - 1]
                if turn.speaker in last:
                    mine[i] = own[last[turn.speaker]]
                last[turn.speaker] = i
            rows.append(np.concatenate([own, before / 2, mine / 2], 1))
        return np.concatenate(rows)

    def classes(self, split: str) -> NDArray[np.intp]:
        """The label of each turn, as its place in the space."""
        of = [self.neutral if x is None else self.labels.index(x) for d in self.by_split[split] for x in d.labels]
        return np.array(of, np.intp)


def _softmax(x: NDArray[np.float32], y: NDArray[np.intp], dev: tuple[Any, Any], columns: int) -> Callable[[Any], Any]:
    """Multinomial logistic regression, its strength chosen by likelihood on dev; gives (rows, columns)."""
    linear = need("sklearn.linear_model", extra="train")

    def spread(fit: Any, rows: Any) -> Any:
        out = np.full((len(rows), columns), 1e-9)
        out[:, fit.classes_] = fit.predict_proba(rows)
        return out

    best: tuple[float, Any] = (-np.inf, None)
    for strength in _STRENGTHS:
        fit = linear.LogisticRegression(C=strength / 10, max_iter=60, tol=1e-2).fit(x, y)
        likely = float(np.log(spread(fit, dev[0])[np.arange(len(dev[1])), dev[1]]).mean())
        best = max(best, (likely, fit), key=lambda pair: pair[0])
    return lambda rows: spread(best[1], rows)


def _hidden(d: CausedDialogue) -> CausedDialogue:
    """The same with every emotion under one name."""
    labels = tuple(None if label is None else _ANY for label in d.labels)
    return replace(d, labels=labels, links=tuple(replace(link, label=_ANY) for link in d.links))


def _spanned(found: Fitted, d: CausedDialogue, turn: int, cause: int, label: str, told: str) -> Link:
    """A pair with the span that fits best, in tokens."""
    text = d.dialogue.turns[cause].text or ""
    spans = spans_of(text) or [(0, 0)]
    fits = [found.weights.span_logit(seen_of_span(text, *s, back=turn - cause, emotion=told)) for s in spans]
    start, end = spans[int(np.argmax(fits))]
    first, last = token_span(text, text[start:end])
    return Link(turn, cause, label, first, last, text[start:end])


Candidates = list[list[tuple[int, int, str, float]]]
"""Of each conversation: turn, cause, emotion, and probability of the pair."""


@implements(works=["nus-emo"])
def scores(entry: Study, *, data: str | Path | None, limit: int | None, progress: Callable[..., None]) -> list[Scores]:
    """Find the pairs of the test split in every way, and score them as SemEval-2024 task 3 does."""
    plans = {v.name: plan_of(_Plan, entry, v.conversation) for v in entry.ways}
    read = _Read(next(iter(plans.values())), data, limit)
    progress("all", "read", 1, 1, 0.0)
    metrics = {
        "pair_f1": pair_f1_statistic,
        "pair_proportional_f1": pair_proportional_f1_statistic,
        "pair_strict_f1": pair_strict_f1_statistic,
    }
    truth = {split: [_gold(d) for d in read.by_split[split]] for split in ("dev", "test")}
    of_turn = _softmax(
        read.turns("train"), read.classes("train"), (read.turns("dev"), read.classes("dev")), len(read.labels)
    )
    told = {split: of_turn(read.turns(split)) for split in ("dev", "test")}
    fitted: dict[bool, Fitted] = {}
    of: dict[str, dict[str, list[Statistic]]] = {key: {} for key in metrics}
    for k, (name, plan) in enumerate(plans.items()):
        known = {s: some if plan.told else list(map(_hidden, some)) for s, some in read.by_split.items()}
        if plan.told not in fitted:
            fitted[plan.told] = fit_words({s: known[s] for s in ("train", "dev")}, plan.back)
        found = fitted[plan.told]
        if plan.stages == 1:
            ways: dict[float, dict[str, Candidates]] = _at_once(read, plan)
        else:
            ways = {
                calm: {s: _after_emotions(read, s, plan, found, _emotions(read, s, plan, told[s], calm)) for s in told}
                for calm in (_CALM if plan.emotions == "model" else _CALM[:1])
            }
        # How readily a turn has an emotion, and a pair is one, is chosen on dev by pairs of turns.
        tried = {
            (calm, cut): pair_f1_statistic(
                truth=truth["dev"], prediction=_above(by_split["dev"], cut), labels=read.emotions
            ).value
            for calm, by_split in ways.items()
            for cut in _CUTS
        }
        calm, cut = max(tried, key=tried.__getitem__)
        given = [
            [_spanned(found, d, x.turn, x.cause, str(x.label), str(x.label) if plan.told else _ANY) for x in links]
            for d, links in zip(read.by_split["test"], _above(ways[calm]["test"], cut), strict=True)
        ]
        for key, metric in metrics.items():
            of[key][name] = [metric(truth=truth["test"], prediction=given, labels=read.emotions)]
        progress(name, "scored", k + 1, len(plans), 0.0)
    return [Scores(key, True, found_of) for key, found_of in of.items()]


def _gold(d: CausedDialogue) -> list[Link]:
    out = []
    for link in d.links:
        start, end = token_span(d.dialogue.turns[link.cause].text or "", link.text or "")
        out.append(replace(link, start=start, end=end))
    return out


def _above(candidates: Candidates, cut: float) -> list[list[Link]]:
    return [[Link(turn, cause, label) for turn, cause, label, p in some if p >= cut] for some in candidates]


def _emotions(read: _Read, split: str, plan: _Plan, told: NDArray[np.float64], calm: float) -> list[Mapping[int, str]]:
    """Turn -> its emotion, of each conversation."""
    some = read.by_split[split]
    if plan.emotions == "gold":
        return [{i: str(d.labels[i]) for i in d.asked} for d in some]
    p = told.copy()
    p[:, read.neutral] *= calm
    named = [read.labels[i] for i in p.argmax(1)]
    out: list[Mapping[int, str]] = []
    at = 0
    for d in some:
        here = named[at : at + len(d.dialogue)]
        out.append({i: label for i, label in enumerate(here) if label in read.emotions})
        at += len(d.dialogue)
    return out


def _after_emotions(
    read: _Read, split: str, plan: _Plan, found: Fitted, emotions: Sequence[Mapping[int, str]]
) -> Candidates:
    """The second stage: causes of emotions that are known."""
    a, b = found.scale
    out: Candidates = []
    for d, own in zip(read.by_split[split], emotions, strict=True):
        here = []
        for turn, label in own.items():
            for cause in range(max(0, turn - plan.back), turn + 1):
                seen = seen_of_pair(d.dialogue.turns, turn, cause, label if plan.told else _ANY)
                p = float(sigmoid(np.array(a * found.weights.link_logit(seen) + b)))
                if p >= _CUTS[0]:
                    here.append((turn, cause, label, p))
        out.append(here)
    return out


def _at_once(read: _Read, plan: _Plan) -> dict[float, dict[str, Candidates]]:
    """One classifier of pairs of turns: the emotion that one has because of the other, or none."""
    columns = len(read.labels)
    rng = np.random.default_rng(1)

    def table(split: str, *, thinned: bool) -> tuple[Any, Any, list[list[tuple[int, int]]]]:
        x, y, places = [], [], []
        for d, own in zip(read.by_split[split], read.vectors[split], strict=True):
            held = {(link.turn, link.cause): str(link.label) for link in d.links}
            here = []
            for turn in range(len(d.dialogue)):
                for cause in range(max(0, turn - plan.back), turn + 1):
                    label = held.get((turn, cause))
                    if thinned and d.labels[turn] is None and rng.integers(_QUIET):
                        continue
                    same = d.dialogue.turns[turn].speaker == d.dialogue.turns[cause].speaker
                    place = np.zeros(2 * (plan.back + 1), np.float32)
                    place[2 * (turn - cause) + same] = 3.0
                    x.append(np.concatenate([own[turn], own[cause], place]))
                    y.append(read.neutral if label is None else read.labels.index(label))
                    here.append((turn, cause))
            places.append(here)
        return np.stack(x), np.array(y, np.intp), places

    x, y, _ = table("train", thinned=True)
    dev, test = table("dev", thinned=False), table("test", thinned=False)
    tell = _softmax(x, y, dev[:2], columns)
    out: dict[str, Candidates] = {}
    for split, (rows, _, places) in (("dev", dev), ("test", test)):
        p = tell(rows)
        p[:, read.neutral] = 0.0
        # Pairs were thinned where there is no emotion; the cut, which dev chooses, makes up for that.
        best, sure = p.argmax(1), p.sum(1)
        at, found = 0, []
        for here in places:
            ends = at + len(here)
            found.append(
                [
                    (t, c, read.labels[j], float(s))
                    for (t, c), j, s in zip(here, best[at:ends], sure[at:ends], strict=True)
                ]
            )
            at = ends
        out[split] = found
    return {1.0: out}
