"""Which pictures show the same photograph: to the byte, or cut, scaled and compressed a little differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["groups", "learnable"]

_CELL = 4  # pixels a side that are averaged before pictures are compared with each other
_COARSE = 0.95
_BLOCK = 2048


def groups(pictures: NDArray[np.uint8], *, alike: float) -> NDArray[np.int64]:
    """Groups of pictures of one photograph.

    Two pictures belong together where their pixels correlate above `alike`; whatever is linked by such pairs is one
    group. Candidates are found on pictures four times as coarse. A picture of one even colour resembles nothing.

    Args:
        pictures: Grey values, shape `(rows, height, width)`; sides are multiples of 4.
        alike: Least correlation, from 0 to 1.

    Returns:
        For each picture the number of the first of its group, shape `(rows,)`.
    """
    rows, height, width = pictures.shape
    coarse = _standard(pictures.reshape(rows, height // _CELL, _CELL, width // _CELL, _CELL).mean((2, 4)))
    first = np.arange(rows)
    for start in range(0, rows, _BLOCK):
        one, other = np.nonzero(coarse[start : start + _BLOCK] @ coarse[start:].T > _COARSE)
        ahead = other > one
        pairs = np.stack([one[ahead], other[ahead]], axis=1) + start
        fine = [_standard(pictures[pairs[:, side]]) for side in (0, 1)]
        for a, b in pairs[np.einsum("ij,ij->i", *fine) > alike]:
            roots = _root(first, a), _root(first, b)
            first[max(roots)] = min(roots)
    return np.array([_root(first, row) for row in range(rows)])


def _standard(pictures: NDArray[np.generic]) -> NDArray[np.float32]:
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return flat


def _root(first: NDArray[np.int64], row: int) -> int:
    while first[row] != row:
        row = int(first[row])
    return row


def learnable(
    pictures: NDArray[np.uint8], labels: NDArray[np.int64], kept_out: NDArray[np.uint8], *, alike: float
) -> NDArray[np.int64]:
    """Rows to learn from: one of each photograph, with one label, that is not among those kept out.

    Args:
        pictures: Grey values, shape `(rows, height, width)`.
        labels: One for each.
        kept_out: The pictures of the other splits.
        alike: As for `groups`.

    Returns:
        Row numbers, rising.
    """
    of = groups(np.concatenate([kept_out, pictures]), alike=alike)[len(kept_out) :]
    seen: dict[int, set[int]] = {}
    for group, label in zip(of.tolist(), labels.tolist(), strict=True):
        seen.setdefault(group, set()).add(label)
    rows = np.arange(len(pictures))
    firsts = np.unique(of, return_index=True)[1]
    lone = np.array([len(seen[group]) == 1 for group in of.tolist()])
    even = pictures.reshape(len(pictures), -1).std(1) < 2
    kept: NDArray[np.int64] = rows[np.isin(rows, firsts) & lone & (of >= len(kept_out)) & ~even]
    return kept
