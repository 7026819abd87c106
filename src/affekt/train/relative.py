"""How far apart two tokens are, in buckets: near ones each alone, far ones together.

The scheme is that of T5 (Raffel et al. 2020), which MPNet (Song et al. 2020) uses with 32 buckets in both directions
and all beyond 128 tokens in the last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BUCKETS", "relative_buckets"]

BUCKETS = 32

_FAR = 128


def relative_buckets(length: int) -> NDArray[np.int64]:
    """Bucket of the way from each token (rows) to each other (columns), shape (length, length)."""
    way = np.arange(length)[None] - np.arange(length)[:, None]
    side = BUCKETS // 2
    exact = side // 2
    apart = np.abs(way)
    # In float32, as where the weights were learned: at a bucket's border the last digit decides.
    far = np.log(np.maximum(apart, 1).astype(np.float32) / exact) / np.float32(np.log(_FAR / exact))
    bucket = np.where(apart < exact, apart, exact + (far * (side - exact)).astype(np.int64))
    out: NDArray[np.int64] = np.minimum(bucket, side - 1) + side * (way > 0)
    return out
