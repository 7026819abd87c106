"""Bending word vectors towards a lexicon: counter-fitting.

Mrksic et al. (2016), "Counter-fitting word vectors to linguistic constraints": pairs that belong together are drawn
to each other, pairs that do not are pushed apart, and what was near before stays as near as it was. For emotion, words
of one emotion belong together and words of opposite emotions do not (Seyeditabari et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counter_fit", "emotion_pairs", "objective"]


def emotion_pairs(
    words: Mapping[str, NDArray[np.int64]],
    opposites: Sequence[tuple[str, str]],
    *,
    each: int = 10,
    seed: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs to attract and pairs to repel, drawn from a lexicon.

    Args:
        words: Emotion -> its words.
        opposites: Pairs of emotions whose words are to be apart.
        each: Pairs of either kind drawn for a word.
        seed: Of the draws.

    Returns:
        Two arrays of shape (pairs, 2), the smaller id first, no pair twice.
    """
    rng = np.random.default_rng(seed)
    against: dict[str, list[str]] = {}
    for one, other in opposites:
        against.setdefault(one, []).append(other)
        against.setdefault(other, []).append(one)

    def drawn(mine: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
        if not len(mine) or not len(others):
            return np.zeros((0, 2), np.int64)
        return np.stack([np.repeat(mine, each), rng.choice(others, len(mine) * each)], 1)

    attract = [drawn(mine, mine) for mine in words.values()]
    repel = [drawn(mine, words[o]) for name, mine in words.items() for o in against.get(name, ())]
    return _distinct(attract), _distinct(repel)


def _distinct(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    pairs = np.sort(np.concatenate([np.zeros((0, 2), np.int64), *parts]), 1)
    out: NDArray[np.int64] = np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)
    return out


def objective(
    vectors: NDArray[np.float64],
    *,
    attract: NDArray[np.int64],
    repel: NDArray[np.int64],
    near: NDArray[np.int64],
    distance: NDArray[np.float64],
    margin: float = 1.0,
) -> tuple[float, NDArray[np.float64], NDArray[np.int64]]:
    """What counter-fitting lowers (equations 1 to 4 of the paper, each term with weight 1), and its gradient.

    Distances are 1 - cosine. An attracted pair costs its distance, a repelled one what it lacks of `margin`, and a
    pair that was near what it is farther apart now.

    Args:
        vectors: Shape (words, width); of any length but 0.
        attract: Pairs of rows, shape (n, 2).
        repel: Pairs of rows.
        near: Pairs of rows that were near each other, with
        distance: their distances then.
        margin: Distance from which a repelled pair costs nothing.

    Returns:
        The cost, its gradient, and how many pairs pull at each word.
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / length
    gradient, pulls, cost = np.zeros_like(vectors), np.zeros(len(vectors), np.int64), 0.0
    for pairs, sign, limit in ((attract, 1.0, 0.0), (repel, -1.0, margin), (near, 1.0, distance)):
        u, v = unit[pairs[:, 0]], unit[pairs[:, 1]]
        cosine = (u * v).sum(1)
        excess = sign * ((1 - cosine) - limit)
        active = excess > 0
        cost += float(excess[active].sum())
        i, j, c = pairs[active, 0], pairs[active, 1], cosine[active, None]
        np.add.at(gradient, i, -sign * (v[active] - c * u[active]) / length[i])
        np.add.at(gradient, j, -sign * (u[active] - c * v[active]) / length[j])
        np.add.at(pulls, pairs[active].ravel(), 1)
    return cost, gradient, pulls


def counter_fit(
    vectors: NDArray[np.float64],
    *,
    attract: NDArray[np.int64],
    repel: NDArray[np.int64],
    radius: float = 0.2,
    margin: float = 1.0,
    rate: float = 0.1,
    rounds: int = 20,
) -> NDArray[np.float64]:
    """Vectors of length 1, those of the pairs bent.

    As in the paper, but with all pairs in each step and the mean of the pulls on a word, so that the result hangs
    on no order of the pairs.

    Args:
        vectors: Shape (words, width).
        attract: Pairs of rows to bring together, shape (n, 2).
        repel: Pairs of rows to bring apart.
        radius: Pairs of the words in question that are nearer than this are to stay so.
        margin: Distance (1 - cosine) to which the repelled are brought.
        rate: Step, for vectors of length 1.
        rounds: Number of steps.
    """
    out: NDArray[np.float64] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    moved, pairs = np.unique(np.concatenate([attract, repel]), return_inverse=True)
    pairs = pairs.reshape(-1, 2)
    some = out[moved]
    between = 1 - some @ some.T
    near = np.argwhere(np.triu(between < radius, 1))
    kept = {
        "attract": pairs[: len(attract)],
        "repel": pairs[len(attract) :],
        "near": near,
        "distance": between[near[:, 0], near[:, 1]],
        "margin": margin,
    }
    for _ in range(rounds if len(moved) else 0):
        _, gradient, pulls = objective(some, **kept)
        some = some - rate * gradient / np.maximum(pulls, 1)[:, None]
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    out[moved] = some
    return out
