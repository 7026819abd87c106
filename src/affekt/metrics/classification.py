"""Scores for labels: precision, recall, F1 and its averages, accuracy, unweighted average recall.

All take `truth` and `prediction` as class names or codes of shape (rows,), or as 0/1 of shape (rows, labels)
where a row may have any number of labels.

**Zero division.** For one label, precision is undefined when it was never predicted, recall when it never
occurs, F1 when neither happens: the per-label functions then give NaN. The averages need a number for every
label; there an undefined value counts as 0, as in scikit-learn with `zero_division=0`. A label that occurs but
is never predicted (or the reverse) has F1 = 0 everywhere, as F1 = 2 TP / (predicted + actual) is then defined.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from affekt.metrics.statistic import Array, Statistic, divide, encode

__all__ = [
    "accuracy",
    "accuracy_statistic",
    "exact_match",
    "exact_match_statistic",
    "f1_per_label",
    "f1_per_label_statistic",
    "jaccard",
    "jaccard_statistic",
    "macro_f1",
    "macro_f1_statistic",
    "micro_f1",
    "micro_f1_statistic",
    "precision_per_label",
    "recall_per_label",
    "unweighted_average_recall",
    "unweighted_average_recall_statistic",
    "weighted_f1",
    "weighted_f1_statistic",
]


def _counts(truth: Any, prediction: Any, labels: Any) -> Array:
    """Summands (3 * labels, rows): true positives, predicted, actual."""
    t, p = encode(truth, prediction, labels)
    return np.ascontiguousarray(np.concatenate([t * p, p, t], axis=1).T)


def _split(sums: Array) -> tuple[Array, Array, Array]:
    hits, predicted, actual = np.split(sums, 3, axis=-1)
    return hits, predicted, actual


def _f1(sums: Array, undefined: float) -> Array:
    hits, predicted, actual = _split(sums)
    return divide(2.0 * hits, predicted + actual, undefined=undefined)


def _macro(sums: Array) -> Array:
    scores = _f1(sums, 0.0)
    return scores.mean(-1) if scores.shape[-1] else np.full(scores.shape[:-1], np.nan)


def _micro(sums: Array) -> Array:
    hits, predicted, actual = _split(sums)
    return divide(2.0 * hits.sum(-1), predicted.sum(-1) + actual.sum(-1))


def _weighted(sums: Array) -> Array:
    actual = _split(sums)[2]
    return divide((_f1(sums, 0.0) * actual).sum(-1), actual.sum(-1))


def _recall_mean(sums: Array) -> Array:
    hits, _, actual = _split(sums)
    return divide(divide(hits, actual, undefined=0.0).sum(-1), (actual > 0).sum(-1).astype(np.float64))


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def _hits(hit: Array) -> Statistic:
    return Statistic(np.stack([hit, np.ones_like(hit)]), _mean)


def precision_per_label(*, truth: Any, prediction: Any, labels: Any = None) -> Array:
    """Share of the rows given a label that have it: TP / predicted.

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        Shape (labels,), each in 0..1; NaN for a label that was never predicted.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.
    """
    hits, predicted, _ = _split(_counts(truth, prediction, labels).sum(1))
    return divide(hits, predicted)


def recall_per_label(*, truth: Any, prediction: Any, labels: Any = None) -> Array:
    """Share of the rows with a label that were given it: TP / actual.

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        Shape (labels,), each in 0..1; NaN for a label that does not occur.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.
    """
    hits, _, actual = _split(_counts(truth, prediction, labels).sum(1))
    return divide(hits, actual)


def f1_per_label_statistic(*, truth: Any, prediction: Any, labels: Any = None) -> Statistic:
    """`f1_per_label` as sums over rows."""
    return Statistic(_counts(truth, prediction, labels), lambda sums: _f1(sums, float("nan")))


def f1_per_label(*, truth: Any, prediction: Any, labels: Any = None) -> Array:
    """Harmonic mean of precision and recall: 2 TP / (predicted + actual).

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        Shape (labels,), each in 0..1; NaN for a label that neither occurs nor was predicted.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.

    Example:
        >>> f1_per_label(truth=[[1, 0], [1, 0]], prediction=[[1, 0], [0, 0]]).round(3).tolist()
        [0.667, nan]
    """
    return f1_per_label_statistic(truth=truth, prediction=prediction, labels=labels).values


def macro_f1_statistic(*, truth: Any, prediction: Any, labels: Any = None) -> Statistic:
    """`macro_f1` as sums over rows."""
    return Statistic(_counts(truth, prediction, labels), _macro)


def macro_f1(*, truth: Any, prediction: Any, labels: Any = None) -> float:
    """Mean of the labels' F1, every label alike; an undefined F1 counts as 0.

    Equals `sklearn.metrics.f1_score(average="macro", zero_division=0)`.

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        0..1; NaN where there is no label at all.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.

    Example:
        >>> round(macro_f1(truth=["joy", "fear", "joy"], prediction=["joy", "joy", "joy"]), 3)
        0.4
    """
    return macro_f1_statistic(truth=truth, prediction=prediction, labels=labels).value


def micro_f1_statistic(*, truth: Any, prediction: Any, labels: Any = None) -> Statistic:
    """`micro_f1` as sums over rows."""
    return Statistic(_counts(truth, prediction, labels), _micro)


def micro_f1(*, truth: Any, prediction: Any, labels: Any = None) -> float:
    """F1 of all decisions pooled: 2 sum TP / (sum predicted + sum actual).

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        0..1; NaN where no label occurs or is predicted.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.
    """
    return micro_f1_statistic(truth=truth, prediction=prediction, labels=labels).value


def weighted_f1_statistic(*, truth: Any, prediction: Any, labels: Any = None) -> Statistic:
    """`weighted_f1` as sums over rows."""
    return Statistic(_counts(truth, prediction, labels), _weighted)


def weighted_f1(*, truth: Any, prediction: Any, labels: Any = None) -> float:
    """Mean of the labels' F1, weighted by how often each occurs in the truth.

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        0..1; NaN where no label occurs in the truth.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.
    """
    return weighted_f1_statistic(truth=truth, prediction=prediction, labels=labels).value


def unweighted_average_recall_statistic(*, truth: Any, prediction: Any, labels: Any = None) -> Statistic:
    """`unweighted_average_recall` as sums over rows."""
    return Statistic(_counts(truth, prediction, labels), _recall_mean)


def unweighted_average_recall(*, truth: Any, prediction: Any, labels: Any = None) -> float:
    """Mean recall over the labels that occur in the truth, every such label alike.

    For one class a row it equals `sklearn.metrics.balanced_accuracy_score`.

    Args:
        truth: Classes of shape (rows,), or 0/1 of shape (rows, labels).
        prediction: As `truth`.
        labels: Order of the classes where rows hold one class each; default all that occur, sorted.

    Returns:
        0..1; NaN where no label occurs in the truth.

    Raises:
        ValueError: The shapes differ, or a value is neither a known class nor 0/1.
    """
    return unweighted_average_recall_statistic(truth=truth, prediction=prediction, labels=labels).value


def accuracy_statistic(*, truth: Any, prediction: Any) -> Statistic:
    """`accuracy` as sums over rows."""
    t, p = np.asarray(truth), np.asarray(prediction)
    if t.ndim != 1 or t.shape != p.shape:
        raise ValueError(
            f"accuracy needs one class a row in both; got shapes {t.shape} and {p.shape}. "
            "For sets of labels use exact_match, or name an F1"
        )
    return _hits((t == p).astype(np.float64))


def accuracy(*, truth: Any, prediction: Any) -> float:
    """Share of rows whose one class is right.

    Args:
        truth: Classes of shape (rows,).
        prediction: As `truth`.

    Returns:
        0..1; NaN without rows.

    Raises:
        ValueError: Rows hold sets of labels, where "accuracy" would be ambiguous, or the shapes differ.
    """
    return accuracy_statistic(truth=truth, prediction=prediction).value


def exact_match_statistic(*, truth: Any, prediction: Any) -> Statistic:
    """`exact_match` as sums over rows."""
    t, p = encode(truth, prediction)
    return _hits((t == p).all(1).astype(np.float64))


def exact_match(*, truth: Any, prediction: Any) -> float:
    """Share of rows whose whole set of labels is right (also called subset accuracy).

    Args:
        truth: 0/1 of shape (rows, labels).
        prediction: As `truth`.

    Returns:
        0..1; NaN without rows.

    Raises:
        ValueError: The shapes differ, or a value is not 0/1.
    """
    return exact_match_statistic(truth=truth, prediction=prediction).value


def jaccard_statistic(*, truth: Any, prediction: Any) -> Statistic:
    """`jaccard` as sums over rows."""
    t, p = encode(truth, prediction)
    return _hits(divide((t * p).sum(1), np.maximum(t, p).sum(1), undefined=1.0))


def jaccard(*, truth: Any, prediction: Any) -> float:
    """Mean over rows of |both| / |either| of the label sets; two empty sets agree and count 1.

    The multi-label accuracy of SemEval-2018 Task 1 E-c (Mohammad et al. 2018), and
    `sklearn.metrics.jaccard_score(average="samples", zero_division=1)`.

    Args:
        truth: 0/1 of shape (rows, labels).
        prediction: As `truth`.

    Returns:
        0..1; NaN without rows.

    Raises:
        ValueError: The shapes differ, or a value is not 0/1.
    """
    return jaccard_statistic(truth=truth, prediction=prediction).value
