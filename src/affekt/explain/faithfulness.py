"""Whether an explanation is true of the model: take out what it names and see.

Comprehensiveness and sufficiency of DeYoung et al. 2020 (ERASER, ACL), averaged over shares of the words as there:
comprehensiveness is the fall of the probability when the named words go (high is good), sufficiency the fall when
only they stay (low is good). Both mean little alone, so words in random order and in the reverse order of their
weights are measured beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from affekt.explain.attribution import Reader, Weighted, weigh, without

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHARES", "Faithfulness", "check"]

# Shares of a text's words that are taken out or kept, as in ERASER.
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
ORDERS = ("explained", "random", "reverse")


@dataclass(frozen=True)
class Faithfulness:
    """Result of the check.

    Attributes:
        comprehensiveness: Order -> (mean, low, high) with a 95 % bootstrap interval over texts.
        sufficiency: Order -> the same.
        gain: (mean, low, high) of comprehensiveness explained minus random, paired by text.
        rows: Texts that were measured: those with at least two words and an answer.
    """

    comprehensiveness: dict[str, tuple[float, float, float]]
    sufficiency: dict[str, tuple[float, float, float]]
    gain: tuple[float, float, float]
    rows: int


def check(
    reader: Reader,
    texts: Sequence[str],
    *,
    space: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Faithfulness:
    """Measure how faithful the word weights are for the top label of each text.

    Args:
        reader: The recogniser.
        texts: Texts; those of fewer than two words are passed over.
        space: The head; default the main one.
        seed: Seed of the random order and of the bootstrap.
        progress: Called with (texts done, texts in all).
    """
    rng = np.random.default_rng(seed)
    comprehensive: dict[str, list[float]] = {order: [] for order in ORDERS}
    sufficient: dict[str, list[float]] = {order: [] for order in ORDERS}
    block = 32
    for at in range(0, len(texts), block):
        some = [t for t in texts[at : at + block] if len(reader.windows(t)) == 1]
        asked: list[str] = []
        plan: list[tuple[int, str, bool, float, int]] = []
        kept: list[Weighted] = []
        for text, weighted in zip(some, weigh(reader, some, space=space), strict=True):
            n = weighted.n_words
            if n < 2:
                continue
            top = int(weighted.full.argmax())
            down = np.argsort(-weighted.weights[:n, top], kind="stable")
            spans = [u.spans[0] for u in weighted.units[:n]]
            for name, order in (("explained", down), ("random", rng.permutation(n)), ("reverse", down[::-1])):
                for share in SHARES:
                    chosen = set(order[: max(1, round(share * n))].tolist())
                    for gone, keep in ((chosen, False), (set(range(n)) - chosen, True)):
                        plan.append((len(kept), name, keep, float(weighted.full[top]), top))
                        asked.append(without(text, [spans[i] for i in gone]))
            kept.append(weighted)
        if asked:
            p = reader.read_bare(asked, space=space)
            sums: dict[tuple[int, str, bool], list[float]] = {}
            for (row, name, keep, full, top), values in zip(plan, p, strict=True):
                sums.setdefault((row, name, keep), []).append(full - float(values[top]))
            for (_, name, keep), falls in sums.items():
                (sufficient if keep else comprehensive)[name].append(float(np.mean(falls)))
        if progress:
            progress(min(at + block, len(texts)), len(texts))
    measured = {k: np.array(v) for k, v in comprehensive.items()}
    difference = measured["explained"] - measured["random"]
    return Faithfulness(
        comprehensiveness={k: _interval(v, seed) for k, v in measured.items()},
        sufficiency={k: _interval(np.array(v), seed) for k, v in sufficient.items()},
        gain=_interval(difference, seed),
        rows=len(difference),
    )


def _interval(values: NDArray[np.float64], seed: int) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    means = rng.choice(values, (1000, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)
