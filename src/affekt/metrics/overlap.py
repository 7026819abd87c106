"""How much of a sentence another one has, in its order: ROUGE-L."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from affekt.metrics.statistic import Array, Statistic, divide

__all__ = ["rouge_l", "rouge_l_statistic"]

# Signs of Chinese and Japanese are words by themselves.
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.lower())


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        before = 0
        for j, found in enumerate(other, 1):
            before, row[j] = row[j], before + 1 if word == found else max(row[j], row[j - 1])
    return row[-1]


def _score(truth: str, prediction: str) -> float:
    wanted, given = _tokens(truth), _tokens(prediction)
    total = len(wanted) + len(given)
    return 2 * _common(wanted, given) / total if total else float("nan")


def _mean(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def rouge_l_statistic(*, truth: Sequence[str], prediction: Sequence[str]) -> Statistic:
    """`rouge_l` as sums over rows; rows in which neither has words do not count."""
    if len(truth) != len(prediction):
        raise ValueError(f"{len(truth)} sentences are compared with {len(prediction)}")
    scores = np.array([_score(t, p) for t, p in zip(truth, prediction, strict=True)], np.float64)
    known = ~np.isnan(scores)
    return Statistic(np.stack([np.where(known, scores, 0.0), known.astype(np.float64)]), _mean)


def rouge_l(*, truth: Sequence[str], prediction: Sequence[str]) -> float:
    """Mean over rows of the F1 of the longest common subsequence of words: 2 LCS / (words of both).

    Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3, with precision and recall alike.
    Words are compared in lower case, without punctuation; signs of Chinese and Japanese are words.

    Args:
        truth: One sentence a row.
        prediction: As `truth`.

    Returns:
        0..1; NaN where no row has words.

    Raises:
        ValueError: There are not as many of the one as of the other.

    Example:
        >>> rouge_l(truth=["Police killed the gunman."], prediction=["Police kill the gunman."])
        0.75
    """
    return rouge_l_statistic(truth=truth, prediction=prediction).value
