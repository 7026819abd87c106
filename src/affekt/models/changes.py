"""Where in a stretch of speech the expression changes, from the frames of a speech encoder.

Around each tenth of a second the mean and the spread of the frames are read by a head of their own. Its answers are
smoothed by the best path through them (Viterbi), in which each change costs as much as so many doubts: what is said of
a moment follows from what is around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME", "best_path", "levelled", "pooled", "runs", "windows"]

FRAME = 0.02
"""Seconds from one frame to the next."""

Frames = NDArray[np.float32]

_LEVEL = 0.05  # root mean square, -26 dB of full scale


def levelled(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples at the one level at which changes are learned and heard; how loud a stretch is says nothing there."""
    level = float(np.sqrt(np.mean(np.square(samples))))
    out: NDArray[np.float32] = (samples * np.float32(_LEVEL / max(level, 1e-6))).astype(np.float32)
    return out


def pooled(frames: Frames) -> NDArray[np.float32]:
    """Mean and standard deviation over time of frames of shape (frames, width): shape (2 * width,)."""
    out: NDArray[np.float32] = np.concatenate([frames.mean(0), frames.std(0)]).astype(np.float32)
    return out


def windows(frames: Frames, *, window: float, hop: float) -> NDArray[np.float32]:
    """Mean and standard deviation around each moment.

    Args:
        frames: Shape (frames, width), at least one.
        window: Seconds that are taken together, half of them on each side; less at the ends.
        hop: Seconds from one moment to the next; the first is half of it after the beginning.

    Returns:
        Shape (moments, 2 * width); at least one moment.
    """
    step, half = max(round(hop / FRAME), 1), max(round(window / FRAME) // 2, 1)
    middles = np.minimum(np.arange(step // 2, max(len(frames), step // 2 + 1), step), len(frames))
    first, last = np.maximum(middles - half, 0), np.minimum(middles + half, len(frames))
    # Sums in float64 about the mean of all: what is subtracted below is then small.
    middle = frames.mean(0, dtype=np.float64)
    apart = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum(frames - middle, 0, dtype=np.float64)])
    square = np.concatenate([np.zeros((1, frames.shape[1])), np.cumsum((frames - middle) ** 2, 0, dtype=np.float64)])
    count = (last - first)[:, None]
    mean = (apart[last] - apart[first]) / count
    spread = np.sqrt(np.maximum((square[last] - square[first]) / count - mean**2, 0.0))
    return np.concatenate([mean + middle, spread], 1).astype(np.float32)


def best_path(scores: NDArray[np.float64], *, cost: float) -> NDArray[np.intp]:
    """The most probable label of each moment, where each change from one to another costs something.

    Args:
        scores: Log-probabilities, shape (moments, labels).
        cost: What a change takes off; 0 gives the highest score of each moment.

    Returns:
        Shape (moments,).
    """
    total, came = scores[0].copy(), np.zeros(scores.shape, np.intp)
    for t in range(1, len(scores)):
        best = int(total.argmax())
        changed = total[best] - cost > total
        came[t] = np.where(changed, best, np.arange(scores.shape[1]))
        total = np.where(changed, total[best] - cost, total) + scores[t]
    out = np.empty(len(scores), np.intp)
    out[-1] = total.argmax()
    for t in range(len(scores) - 1, 0, -1):
        out[t - 1] = came[t, out[t]]
    return out


def runs(path: Sequence[int] | NDArray[np.intp], *, hop: float, end: float) -> list[tuple[float, float, int]]:
    """Moments of one label in a row as (start, end, label), in seconds.

    Args:
        path: The label of each moment.
        hop: Seconds from one to the next.
        end: Where the last one ends.
    """
    path = np.asarray(path)
    cuts = [0, *(int(t) for t in np.flatnonzero(np.diff(path)) + 1), len(path)]
    return [(a * hop, end if b == len(path) else b * hop, int(path[a])) for a, b in pairwise(cuts)]
