"""Character n-grams and their places in a table.

An n-gram is known by a number that is computed from its characters from left to right, as the graph of the model
computes it too. That number gives it a slot in the table and a mark; an n-gram that was not learned finds another
mark in its slot, or none, and counts for nothing. So a table of hashes behaves like a list of n-grams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.extras import need

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MARKS", "MARK_BY", "MODULUS", "SLOT_BY", "STEP", "Table", "choose", "grams"]

# A prime below 2**31: a product of two remainders fits into 64 bits. The factors are arbitrary numbers below it.
MODULUS = 2_147_483_647
STEP, SLOT_BY, MARK_BY = 1_103_515_245, 1_812_433_253, 69_621 * 9_973
MARKS = 65_535

# Texts whose n-grams are in memory at once.
_AT_ONCE = 2048


@dataclass(frozen=True)
class Table:
    """Which n-grams were learned.

    Attributes:
        longest: Most characters of an n-gram.
        alias: Token -> what it is read as, from 1 on: the opening and the end of a text are read as spaces.
        marks: Mark of the n-gram in each slot, 0 for an empty one; shape (slots,).
        rarity: Squared weight of each by its rarity, in steps of `rarity_step`; shape (slots,).
        rarity_step: The unit of these.
    """

    longest: int
    alias: NDArray[np.int64]
    marks: NDArray[np.uint16]
    rarity: NDArray[np.uint8]
    rarity_step: float

    def features(self, rows: Sequence[NDArray[np.int64]]) -> Any:
        """Sparse matrix (texts, slots): n-grams weighted by rarity, over the length of all that were found.

        An n-gram that stands k times in a text counts k times, and adds k squares to the squared length.
        """
        sparse = need("scipy.sparse", extra="train")
        slots = len(self.marks)
        weight = np.sqrt(self.rarity.astype(np.float64) * self.rarity_step)
        parts = []
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            number, owner = grams(some, self.alias, self.longest)
            slot = number * SLOT_BY % MODULUS % slots
            found = self.marks[slot] == number * MARK_BY % MODULUS % MARKS + 1
            slot, owner = slot[found], owner[found]
            key, count = np.unique(owner * slots + slot, return_counts=True)
            at, column = key // slots, key % slots
            squares = np.bincount(at, count * weight[column] ** 2, len(some))
            value = count * weight[column] / np.sqrt(np.maximum(squares, 1e-12))[at]
            ends = np.searchsorted(at, np.arange(len(some) + 1))
            parts.append(sparse.csr_matrix((value, column.astype(np.int32), ends), shape=(len(some), slots)))
        return sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, slots))


def grams(
    rows: Sequence[NDArray[np.int64]], alias: NDArray[np.int64], longest: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The n-grams of texts, repeated ones as often as they stand there.

    Args:
        rows: Tokens of each text.
        alias: Token -> what it is read as, from 1 on.
        longest: Most characters of an n-gram.

    Returns:
        The number of each n-gram, from 0 to `MODULUS` - 1, and the text that it is in; both of shape (n-grams,).
    """
    if not rows:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    signs = alias[np.concatenate(rows)]
    owner = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    number = signs
    numbers, owners = [number], [owner]
    for n in range(2, longest + 1):
        number = (number[:-1] * STEP + signs[n - 1 :]) % MODULUS
        whole = owner[: len(number)] == owner[n - 1 :]
        numbers.append(number[whole])
        owners.append(owner[: len(number)][whole])
    return np.concatenate(numbers), np.concatenate(owners)


def choose(
    rows: Sequence[NDArray[np.int64]],
    values: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]],
    *,
    alias: NDArray[np.int64],
    longest: int,
    least: int,
    slots: int,
) -> Table:
    """Choose the n-grams that are learned: of those in one slot, the one that tells most of any column.

    What it tells is measured by how far the mean of a column over the texts with the n-gram is from that over all, in
    standard errors of a sample drawn at random.

    Args:
        rows: Tokens of every training text.
        values: For each head the texts that have gold for it, as indices into `rows`, and their gold (texts,
            columns), NaN where nobody was asked.
        alias: As for `Table`.
        longest: Most characters of an n-gram.
        least: In how many texts an n-gram must stand.
        slots: Most slots; fewer, a power of two, where half as many are enough.
    """
    sparse = need("scipy.sparse", extra="train")
    seen = [number for number, _ in _each_once(rows, alias, longest)]
    number, count = np.unique(np.concatenate(seen), return_counts=True)
    kept, count = number[count >= least], count[count >= least]
    del seen, number
    while slots >= 4 * len(kept) and slots > 1024:
        slots //= 2
    column, ends = [], [0]
    for number, owner in _each_once(rows, alias, longest):
        place = np.searchsorted(kept, number).clip(max=max(len(kept) - 1, 0))
        there = kept[place] == number if len(kept) else np.zeros(len(number), bool)
        column.append(place[there].astype(np.int32))
        ends += (ends[-1] + np.cumsum(np.bincount(owner[there], minlength=owner[-1] + 1))).tolist()
    table = sparse.csr_matrix(
        (np.ones(ends[-1], np.float32), np.concatenate(column), ends), shape=(len(rows), len(kept))
    )
    telling = np.zeros(len(kept))
    for at, gold in values:
        some = table[at]
        for k in range(gold.shape[1]):
            known = np.flatnonzero(~np.isnan(gold[:, k]))
            mean, sd = gold[known, k].mean(), gold[known, k].std()
            with_it = some[known].T
            n = np.asarray(with_it.sum(1)).ravel()
            apart = with_it @ (gold[known, k] - mean)
            telling = np.maximum(telling, np.abs(apart) / np.maximum(sd * np.sqrt(n), 1e-12))
    order = np.lexsort((kept, -telling))
    kept, count = kept[order], count[order]
    slot, first = np.unique(kept * SLOT_BY % MODULUS % slots, return_index=True)
    marks = np.zeros(slots, np.uint16)
    marks[slot] = kept[first] * MARK_BY % MODULUS % MARKS + 1
    square = (np.log((1 + len(rows)) / (1 + count[first])) + 1) ** 2
    step = float(square.max(initial=1.0)) / 255
    rarity = np.zeros(slots, np.uint8)
    rarity[slot] = np.rint(square / step).clip(1, 255)
    return Table(longest, alias, marks, rarity, step)


def _each_once(
    rows: Sequence[NDArray[np.int64]], alias: NDArray[np.int64], longest: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """The different n-grams of some texts at a time, and the text of each among these; by text, then by number."""
    for start in range(0, len(rows), _AT_ONCE):
        number, owner = grams(rows[start : start + _AT_ONCE], alias, longest)
        key = np.unique(owner * MODULUS + number)
        yield key % MODULUS, key // MODULUS
