"""Turns of one conversation read together.

A model in which no turn sees a later one says the same of a turn whether later ones are there or not. So the turns of
a conversation need not each be read with all that came before: where one row of tokens begins another, both are
answered from one reading of the longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from affekt.extras import need

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import Tensor
else:
    torch = need("torch", extra="train")

__all__ = ["read_together", "turns_of"]


def read_together(
    rows: Sequence[NDArray[np.int64]], separator: int
) -> tuple[list[NDArray[np.int64]], NDArray[np.int64], NDArray[np.int64]]:
    """The rows that begin no other row, and where each row is answered.

    Args:
        rows: Token rows, each of which ends with the separator.
        separator: Token after each turn.

    Returns:
        Rows to be read, in ascending order of their lengths; what is asked of them, as a row that is read and a turn
        of it, shape (answers, 2); and for each given row the place of its answer, shape (rows,).
    """
    # In the order of their bytes, whatever stands between a row and one that it begins is begun by it too.
    as_bytes = [np.ascontiguousarray(row).tobytes() for row in rows]
    order = sorted(range(len(rows)), key=as_bytes.__getitem__, reverse=True)
    readers: list[int] = []
    of = np.empty(len(rows), np.int64)
    for i in order:
        if not readers or not as_bytes[readers[-1]].startswith(as_bytes[i]):
            readers.append(i)
        of[i] = len(readers) - 1
    by_length = sorted(range(len(readers)), key=lambda k: len(rows[readers[k]]))
    place = np.empty(len(readers), np.int64)
    place[by_length] = np.arange(len(readers))
    turns = np.array([np.count_nonzero(row == separator) - 1 for row in rows], np.int64)
    asked, answers = np.unique(np.stack([place[of], turns], 1), axis=0, return_inverse=True)
    return [rows[readers[k]] for k in by_length], asked, answers.reshape(-1)


def turns_of(ids: Tensor, lengths: Tensor, separator: int) -> Tensor:
    """The turn of its text that each token of packed texts is of, counted from 0; shape (tokens,).

    The separator belongs to the turn that it ends, the opening token to the first.
    """
    ends = (ids == separator).long()
    before = ends.cumsum(0) - ends
    starts = lengths.cumsum(0) - lengths
    return before - torch.repeat_interleave(before[starts], lengths)
