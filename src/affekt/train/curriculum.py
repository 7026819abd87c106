"""From easy to hard conversations (curriculum learning, Bengio et al. 2009), by how often feelings shift in them.

After PRC-Emo, which counts shifts of one speaker and shifts from one speaker to another with weights of their own.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["difficulty", "easy_first"]


def difficulty(
    labels: Sequence[Hashable], speakers: Sequence[str | None], *, same: float = 1.0, other: float = 0.5
) -> float:
    """How often the emotion shifts in a conversation, for each step from one turn to the next.

    Args:
        labels: The emotion of each turn.
        speakers: Who said it; `None`, where nobody knows, counts as one speaker.
        same: Weight of a shift since the same speaker's last turn.
        other: Weight of a shift since the turn before, where somebody else said that.

    Returns:
        The weighted number of shifts over the number of turns but one; 0 for a single turn.

    Raises:
        ValueError: There are not as many speakers as labels.
    """
    if len(labels) != len(speakers):
        raise ValueError(f"{len(speakers)} speakers do not fit {len(labels)} turns")
    last: dict[str | None, Hashable] = {}
    total, before = 0.0, None
    for k, (label, speaker) in enumerate(zip(labels, speakers, strict=True)):
        if speaker in last:
            total += same * (last[speaker] != label)
        if k and speaker != before:
            total += other * (labels[k - 1] != label)
        last[speaker], before = label, speaker
    return total / (len(labels) - 1) if len(labels) > 1 else 0.0


def easy_first(difficulties: Sequence[float], buckets: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """An order of conversations: easy ones before hard ones, in random order within each of so many equal buckets."""
    shuffled = rng.permutation(len(difficulties))
    # Equal difficulties fall into buckets by chance, and not by their place in the corpus.
    by_difficulty = shuffled[np.argsort(np.asarray(difficulties)[shuffled], kind="stable")]
    parts = [rng.permutation(part) for part in np.array_split(by_difficulty, buckets)]
    out: NDArray[np.int64] = np.concatenate(parts)
    return out
