"""From logits on the selection split to probabilities, thresholds, confidence and intervals.

Everything here is fitted on the selection (dev) split and on nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from affekt.models.card import Abstention, Head

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "abstention",
    "best_cut",
    "calibrated_softmax",
    "cause_f1s",
    "choose_thresholds",
    "fit_platt",
    "fit_temperature",
    "halves_score",
    "interval_width",
    "policy_point",
    "sigmoid",
]


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic function; large arguments saturate."""
    out: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(z, -60, 60)))
    return out


def fit_platt(*, truth: NDArray[np.float64], logits: NDArray[np.float64], strength: float = 3.0) -> tuple[float, float]:
    """Scale and offset of one label's logits by regularised logistic regression (Platt 1999).

    Args:
        truth: 0 or 1, shape (rows,).
        logits: Shape (rows,).
        strength: Weight of the pull towards scale 1 and offset 0, in units of rows: labels with few positives
            stay near what the model says.

    Returns:
        (scale, offset); the calibrated probability is `sigmoid(scale * logit + offset)`.
    """

    def loss(a: float, b: float) -> float:
        z = a * logits + b
        rows = float((np.logaddexp(0.0, z) - truth * z).sum())
        return rows + 0.5 * strength * ((a - 1) ** 2 + b**2)

    a, b = 1.0, 0.0
    for _ in range(50):  # Newton's method; two parameters
        p = sigmoid(a * logits + b)
        w = p * (1 - p)
        grad = np.array([((p - truth) * logits).sum() + strength * (a - 1), (p - truth).sum() + strength * b])
        hess = np.array([[(w * logits**2).sum(), (w * logits).sum()], [(w * logits).sum(), w.sum()]])
        step = np.linalg.solve(hess + strength * np.eye(2), grad)
        # Where the model is far too sure, a whole step goes beyond the lowest point, and the next one further.
        now = loss(a, b)
        while np.abs(step).max() >= 1e-9 and loss(a - float(step[0]), b - float(step[1])) > now:
            step /= 2
        a, b = a - float(step[0]), b - float(step[1])
        if np.abs(step).max() < 1e-9:
            break
    return a, b


def fit_temperature(*, truth: NDArray[np.float64], logits: NDArray[np.float64]) -> float:
    """The temperature of a softmax that makes the truth most likely (Guo et al. 2017, temperature scaling).

    Args:
        truth: 0/1 or shares, shape (rows, labels); rows without any are passed over.
        logits: Same shape.

    Returns:
        What logits are to be divided by, between 1/8 and 8.
    """
    total = truth.sum(1)
    share, z = truth[total > 0] / total[total > 0, None], logits[total > 0]

    def loss(log_t: float) -> float:
        scaled = z / np.exp(log_t)
        scaled = scaled - scaled.max(1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(1)) - (share * scaled).sum(1)).mean())

    low, high = -np.log(8.0), np.log(8.0)  # golden section: the loss has one minimum in the temperature
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def _f1_curve(
    truth: NDArray[np.float64], scores: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """F1 of every cut of the rows in the order of their scores; `weight` (samples, rows) resamples the rows."""
    order = np.argsort(-scores, kind="stable")
    w = weight[:, order]
    hits = np.cumsum(w * truth[order], axis=1)
    chosen = np.cumsum(w, axis=1)
    out: NDArray[np.float64] = 2 * hits / np.maximum(chosen + hits[:, -1:], 1e-12)
    return out


def choose_thresholds(
    *,
    truth: NDArray[np.float64],
    scores: NDArray[np.float64],
    samples: int = 100,
    prior: float = 10.0,
    seed: int = 0,
    towards: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """A threshold for each label that is good for F1 and not only on these very rows.

    F1 as a function of the cut is averaged over bootstrap resamples, which smooths away peaks that hang on
    single rows. The best cut is then drawn towards the cut that is best for all labels together, or towards
    thresholds that are known already, the more so the fewer positives a label has.

    Args:
        truth: 0 or 1, shape (rows, labels).
        scores: Probabilities, same shape.
        samples: Bootstrap resamples; 0 takes the plain best cut.
        prior: How many positives the common cut counts for.
        seed: Seed of the resampling.
        towards: Thresholds to draw towards, shape (labels,); default one cut that is good for all labels together.

    Returns:
        Thresholds, shape (labels,).
    """
    rng = np.random.default_rng(seed)
    n, k = truth.shape
    grid = np.linspace(0.02, 0.9, 89)
    if towards is None:
        towards = np.full(k, max(grid, key=lambda t: _macro_f1(truth, scores >= t)))
    out = np.empty(k)
    plain = np.ones((1, n))
    weight = np.concatenate([plain, rng.multinomial(n, np.full(n, 1 / n), samples).astype(float)]) if samples else plain
    for j in range(k):
        order = np.argsort(-scores[:, j], kind="stable")
        curve = _f1_curve(truth[:, j], scores[:, j], weight).mean(0)
        i = int(curve.argmax())
        s = scores[order, j]
        cut = (s[i] + s[min(i + 1, n - 1)]) / 2
        share = truth[:, j].sum() / (truth[:, j].sum() + prior) if prior else 1.0
        z = share * _logit(cut) + (1 - share) * _logit(towards[j])
        out[j] = 1 / (1 + np.exp(-z))
    return out


def halves_score(
    *, truth: NDArray[np.float64], scores: NDArray[np.float64], rounds: int = 10, samples: int, prior: float
) -> float:
    """Macro-F1 of thresholds that are chosen on one random half and used on the other, averaged over rounds."""
    rng = np.random.default_rng(0)
    n = len(truth)
    found = []
    for _ in range(rounds):
        mix = rng.permutation(n)
        for a, b in ((mix[: n // 2], mix[n // 2 :]), (mix[n // 2 :], mix[: n // 2])):
            t = choose_thresholds(truth=truth[a], scores=scores[a], samples=samples, prior=prior)
            found.append(_macro_f1(truth[b], scores[b] >= t))
    return float(np.mean(found))


def _macro_f1(truth: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    both = (truth * chosen).sum(0)
    return float(np.mean(2 * both / np.maximum(truth.sum(0) + chosen.sum(0), 1e-12)))


def _logit(p: float) -> float:
    p = min(max(float(p), 1e-6), 1 - 1e-6)
    return float(np.log(p / (1 - p)))


def interval_width(
    *, centre: NDArray[np.float64], sigma: NDArray[np.float64], ratings: list[NDArray[np.float64]], level: float
) -> NDArray[np.float64]:
    """How many sigmas around the centre hold a share `level` of single annotators' ratings (split conformal).

    Args:
        centre: Predicted means, shape (rows, dimensions).
        sigma: Predicted spreads, same shape.
        ratings: For each row the single ratings, shape (annotators, dimensions); rows may have none.
        level: Share to be held, such as .8.

    Returns:
        Width for each dimension, shape (dimensions,).
    """
    residual = [np.abs(r - centre[i]) / sigma[i] for i, r in enumerate(ratings) if len(r)]
    out: NDArray[np.float64] = np.quantile(np.concatenate(residual), level, axis=0)
    return out


def policy_point(
    *, right: NDArray[np.bool_], confidence: NDArray[np.float64], coverage: float
) -> tuple[float, float, float, float]:
    """The least confidence at which a share `coverage` of rows is answered, and the risk with and without it.

    Returns:
        (least confidence, coverage, risk over all rows, risk over the answered rows). Risk is the share of
        rows whose top label no annotator agreement supports.
    """
    least = float(np.quantile(confidence, 1 - coverage))
    kept = confidence >= least
    return least, float(kept.mean()), float(1 - right.mean()), float(1 - right[kept].mean())


def abstention(point: Sequence[float], *, measured_on: str) -> Abstention:
    """What `policy_point` came to, as a card holds it.

    Args:
        point: Least confidence, coverage, risk over all rows, and over the answered ones.
        measured_on: Corpus and split.
    """
    least, coverage, risk_all, risk_answered = (round(float(value), 4) for value in point)
    return Abstention(
        min_confidence=least,
        coverage=coverage,
        risk_all=risk_all,
        risk_answered=risk_answered,
        measured_on=measured_on,
    )


def cause_f1s(truth: NDArray[np.float64], said: NDArray[np.bool_], *, missed: int) -> tuple[float, float]:
    """F1 of the pairs that are cause and effect, and of those that are not.

    Args:
        truth: 0 or 1, shape (pairs,).
        said: What is said of each, same shape.
        missed: Causes that are not among the pairs.
    """
    yes, no = (truth * said).sum(), ((1 - truth) * ~said).sum()
    wrong = (truth != said).sum() + missed
    return float(2 * yes / max(2 * yes + wrong, 1)), float(2 * no / max(2 * no + wrong, 1))


def best_cut(truth: NDArray[np.float64], scores: NDArray[np.float64], *, missed: int) -> float:
    """The cut with the highest mean of both F1s, smoothed over neighbours so that it hangs on no single pair.

    Args:
        truth: 0 or 1, shape (pairs,).
        scores: Probabilities, same shape.
        missed: Causes that are not among the pairs.
    """
    grid = np.linspace(0.1, 0.9, 81)
    curve = np.array([np.mean(cause_f1s(truth, scores >= t, missed=missed)) for t in grid])
    smooth = np.convolve(np.pad(curve, 4, mode="edge"), np.ones(9) / 9, "valid")
    return float(grid[int(smooth.argmax())])


def calibrated_softmax(
    head: Head, *, scores: NDArray[np.float64], gold: NDArray[np.int64], coverage: float
) -> tuple[Head, tuple[float, ...]]:
    """A head of one label with its temperature, its confidence, and what it costs to be sure.

    Args:
        head: How the outputs were read.
        scores: What came of it, shape (rows, labels).
        gold: Number of the right label, shape (rows,).
        coverage: As for `policy_point`.

    Returns:
        The head, and what `policy_point` says.
    """
    truth = np.eye(scores.shape[1])[gold]
    logits = np.log(np.maximum(scores, 1e-12))  # up to a constant in each row, which a softmax does not see
    factor = 1 / fit_temperature(truth=truth, logits=logits)
    warm = np.exp(factor * (logits - logits.max(1, keepdims=True)))
    shares = warm / warm.sum(1, keepdims=True)
    best = np.clip(shares.max(1), 1e-6, 1 - 1e-6)
    right = truth[np.arange(len(truth)), shares.argmax(1)]
    a, b = fit_platt(truth=right, logits=np.log(best / (1 - best)))
    head = msgspec.structs.replace(
        head,
        scale=tuple(round(v * factor, 6) for v in head.scale),
        offset=tuple(round(v * factor, 6) for v in head.offset),
        confidence=(round(a, 6), round(b, 6)),
    )
    return head, policy_point(right=right > 0, confidence=head.sure(shares), coverage=coverage)
