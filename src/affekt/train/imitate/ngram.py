"""A generator that counts: words after the words before them, with discounting."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NGram"]


class NGram:
    """Interpolated absolute discounting (Ney, Essen and Kneser 1994).

    The next word follows the longest context that was seen: with probability `1 - discount * types / count` it is
    one of those that followed it, each in proportion to its count less the discount; else a context shorter by one
    word is asked.

    Args:
        texts: Texts to learn from, as words.
        order: Words that are counted together; 3 looks back at two.
        discount: What is taken off each count, above 0 and below 1.

    Raises:
        InputError: There is nothing to learn from, or a setting is out of its range.
    """

    def __init__(self, texts: Sequence[Sequence[str]], *, order: int = 3, discount: float = 0.75) -> None:
        if order < 1 or not 0 < discount < 1:
            raise InputError("An n-gram needs an order of 1 or more and a discount between 0 and 1")
        if not any(texts):
            raise InputError("There are no words to learn from")
        self.order, self.discount = order, discount
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for text in texts:
            for i, word in enumerate(text):
                for back in range(min(order - 1, i) + 1):
                    counts[tuple(text[i - back : i])][word] += 1
        self._after: dict[tuple[str, ...], tuple[list[str], np.ndarray]] = {}
        for context, found in counts.items():
            seen = sorted(found)
            self._after[context] = (seen, np.array([found[w] for w in seen], np.float64))

    def probability(self, context: Sequence[str], word: str) -> float:
        """Probability of a word after a context; that of all words sums to 1."""
        p = 0.0
        for back in range(min(self.order - 1, len(context)) + 1):
            key = tuple(context[len(context) - back :])
            if key not in self._after:
                break
            seen, counts = self._after[key]
            own = counts[seen.index(word)] if word in seen else 0.0
            off = self.discount if back else 0.0
            p = max(own - off, 0.0) / counts.sum() + off * len(seen) / counts.sum() * p
        return float(p)

    def write(self, rng: np.random.Generator) -> Iterator[str]:
        """Words without end, each drawn after those before it; the first as one after nothing."""
        before: list[str] = []
        while True:
            word = self._draw(before, rng)
            yield word
            before = [*before, word][1 - self.order :] if self.order > 1 else []

    def _draw(self, before: Sequence[str], rng: np.random.Generator) -> str:
        for back in range(min(self.order - 1, len(before)), 0, -1):
            key = tuple(before[len(before) - back :])
            if key not in self._after:
                continue
            seen, counts = self._after[key]
            if rng.random() >= self.discount * len(seen) / counts.sum():
                return self._pick(seen, counts - self.discount, rng)
        return self._pick(*self._after[()], rng)

    @staticmethod
    def _pick(seen: Sequence[str], weights: NDArray[np.float64], rng: np.random.Generator) -> str:
        return seen[int(rng.choice(len(seen), p=weights / weights.sum()))]
