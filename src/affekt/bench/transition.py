"""Which emotion a person shows next, from the last ones and from their personality.

After Wen et al. (2021): the person's last emotion stands as a point in valence, arousal and dominance; what the partner
shows moves it, and personality says how easily each of the three is moved. Here the emotions before are given as labels
and no words are read, so that what is measured is the transition alone. A twin that knows nothing of personality is
fitted beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import DataError
from affekt.core.works import implements
from affekt.corpora import read
from affekt.metrics import classification as cl
from affekt.metrics.bootstrap import Difference, Interval, bootstrap, paired_bootstrap

__all__ = ["ANCHORS", "Transition", "fit", "temperament", "transition"]

Array = NDArray[np.float64]

ANCHORS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "anger": (-0.51, 0.59, 0.25),
        "disgust": (-0.60, 0.35, 0.11),
        "fear": (-0.64, 0.60, -0.43),
        "joy": (0.76, 0.48, 0.35),
        "neutral": (0.0, 0.0, 0.0),
        "sadness": (-0.63, -0.27, -0.33),
        "surprise": (0.40, 0.67, -0.13),
    }
)
"""Emotion -> valence, arousal, dominance, -1..1: mean ratings of the words by Russell and Mehrabian (1977); neutral is
the origin."""

# Mehrabian (1996): temperament from openness, conscientiousness, extraversion, agreeableness, neuroticism.
_TEMPERAMENT = np.array(
    [
        [0.0, 0.0, 0.21, 0.59, 0.19],  # pleasure
        [0.15, 0.0, 0.0, 0.30, -0.57],  # arousability
        [0.25, 0.17, 0.60, -0.32, 0.0],  # dominance
    ]
)
_STRENGTHS = (1.0, 3.0, 10.0, 30.0)
_BALANCES = (0.0, 0.5, 1.0)


def temperament(big_five: Array) -> Array:
    """Pleasure, arousability and dominance of personalities, by the regression of Mehrabian (1996).

    Args:
        big_five: Openness, conscientiousness, extraversion, agreeableness, neuroticism, shape (people, 5).

    Returns:
        Shape (people, 3), in the unit of the traits.
    """
    out: Array = np.asarray(big_five, np.float64) @ _TEMPERAMENT.T
    return out


@dataclass(frozen=True, slots=True)
class Transition:
    """How well the next emotion is told.

    Attributes:
        rows: Rows of the test split.
        with_personality: Macro-F1 and weighted F1 with their intervals, by their report keys.
        without: Those of the twin.
        floors: Those of always the most frequent emotion, and of the person's last emotion again.
        difference: What personality adds, by report key, on the same resamples.
        chosen: What was chosen on the dev split, with and without personality: how far rare emotions count more (0 not
            at all, 1 until all emotions count alike), and the penalty.
    """

    rows: int
    with_personality: dict[str, Interval]
    without: dict[str, Interval]
    floors: dict[str, dict[str, float]]
    difference: dict[str, Difference]
    chosen: tuple[tuple[float, float], tuple[float, float]]


def fit(features: Array, weights: Array, *, strength: float) -> Array:
    """Multinomial logistic regression with a ridge penalty, by gradient steps with momentum (Nesterov 1983).

    Args:
        features: Shape (rows, features), standardised; the last column is the constant 1, which is not penalised.
        weights: How much each class counts at each row, shape (rows, classes); rows that are alike may be one.
        strength: Penalty on squared coefficients, in rows.

    Returns:
        Coefficients, shape (features, classes).
    """
    penalty = np.full((features.shape[1], 1), strength)
    penalty[-1] = 0.0
    whole = weights.sum(axis=1, keepdims=True)
    # The curvature of the loss is at most half the largest eigenvalue of the weighted second moments.
    step = 1.0 / (0.5 * float(np.linalg.eigvalsh(features.T @ (features * whole)).max()) + strength)
    beta: Array = np.zeros((features.shape[1], weights.shape[1]))
    ahead = beta
    for turn in range(1, 3000):
        logits = features @ ahead
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        new: Array = ahead - step * (features.T @ (shares * whole - weights) + penalty * ahead)
        if turn > 10 and float(np.abs(new - beta).max()) < 1e-5:
            return new
        ahead = new + (turn - 1) / (turn + 2) * (new - beta)
        beta = new
    return beta


@dataclass(frozen=True, slots=True)
class _Rows:
    own: NDArray[np.int64]
    partner: NDArray[np.int64]
    traits: Array
    truth: NDArray[np.int64]


def _rows(corpus: str, split: str, labels: Sequence[str], data: str | Path | None) -> _Rows:
    code = {label: i for i, label in enumerate(labels)}
    own, partner, traits, truth = [], [], [], []
    for clip, gold in read(corpus, split=split, data=data):
        try:
            before, between = (code[clip.facts[name]] for name in ("own_emotion", "partner_emotion"))
            five = [float(v) for v in json.loads(clip.facts["personality"])]
        except (KeyError, ValueError) as err:
            raise DataError("The row lacks the emotions before it, or a personality", where=clip.source) from err
        if gold.labels:
            own.append(before)
            partner.append(between)
            traits.append(five)
            truth.append(code[gold.labels[0]])
    return _Rows(np.array(own), np.array(partner), np.array(traits), np.array(truth))


def _features(rows: _Rows, anchors: Array, *, personality: bool) -> Array:
    """The point of the last emotion, what the partner shows, both as labels too; and what personality does to these."""
    k = len(anchors)
    own, partner = anchors[rows.own], anchors[rows.partner]
    parts = [np.eye(k)[rows.own], np.eye(k)[rows.partner], own, partner, partner - own, own * partner]
    if personality:
        moved = temperament(rows.traits)
        parts += [rows.traits, moved, moved * own, moved * partner, moved * (partner - own)]
    found: Array = np.concatenate(parts, axis=1)
    return found


@implements(works=["peld"])
def transition(
    corpus: str = "peld", *, data: str | Path | None = None, samples: int = 1000, seed: int = 0
) -> Transition:
    """Fit on train, choose on dev by macro-F1, score once on test, with and without personality.

    Intervals draw rows: the corpus names no dialogues, and its
    triples overlap, so they are somewhat too narrow.

    Args:
        corpus: A corpus whose rows have the facts `own_emotion`, `partner_emotion` and `personality`.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        samples: Bootstrap resamples.
        seed: Seed of these.

    Raises:
        DataError: The corpus is missing, or lacks these facts.
    """
    labels = tuple(ANCHORS)
    anchors = np.array(list(ANCHORS.values()))
    train, dev, test = (_rows(corpus, split, labels, data) for split in ("train", "dev", "test"))
    counts = np.bincount(train.truth, minlength=len(labels))
    said: dict[bool, NDArray[np.int64]] = {}
    chosen: dict[bool, tuple[float, float]] = {}
    for personality in (True, False):
        raw = [_features(rows, anchors, personality=personality) for rows in (train, dev, test)]
        mean, sd = raw[0].mean(axis=0), raw[0].std(axis=0)
        ready = [np.column_stack([(x - mean) / np.where(sd > 1e-9, sd, 1.0), np.ones(len(x))]) for x in raw]
        # Rows differ in few ways: two emotions and a person.
        kinds, of_kind = np.unique(ready[0], axis=0, return_inverse=True)
        best = -1.0
        for balance, strength in product(_BALANCES, _STRENGTHS):
            counted = np.zeros((len(kinds), len(labels)))
            np.add.at(
                counted,
                (of_kind.ravel(), train.truth),
                (counts.max() / np.maximum(counts, 1.0))[train.truth] ** balance,
            )
            beta = fit(kinds, counted * len(train.truth) / counted.sum(), strength=strength)
            on_dev = _one((ready[1] @ beta).argmax(axis=1), labels)
            score = cl.macro_f1(truth=_one(dev.truth, labels), prediction=on_dev)
            if score > best:
                best, chosen[personality] = score, (balance, strength)
                said[personality] = (ready[2] @ beta).argmax(axis=1)
    truth = _one(test.truth, labels)
    made = {"macro_f1": cl.macro_f1_statistic, "weighted_f1": cl.weighted_f1_statistic}

    def scored(prediction: NDArray[np.int64]) -> dict[str, Interval]:
        found = {key: of(truth=truth, prediction=_one(prediction, labels)) for key, of in made.items()}
        return bootstrap(found, samples=samples, seed=seed)

    difference = {
        key: paired_bootstrap(
            first=of(truth=truth, prediction=_one(said[True], labels)),
            second=of(truth=truth, prediction=_one(said[False], labels)),
            samples=samples,
            seed=seed,
        )
        for key, of in made.items()
    }
    floors = {
        name: {key: float(of(truth=truth, prediction=_one(guess, labels)).value) for key, of in made.items()}
        for name, guess in (
            ("most frequent", np.full(len(test.truth), int(counts.argmax()))),
            ("own last emotion", test.own),
        )
    }
    return Transition(
        len(test.truth), scored(said[True]), scored(said[False]), floors, difference, (chosen[True], chosen[False])
    )


def _one(codes: NDArray[np.int64], labels: Sequence[str]) -> NDArray[np.int64]:
    return np.eye(len(labels), dtype=np.int64)[codes]
