"""Courses of emotion: which emotion a conversation goes through, turn by turn."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.dialogues import talk
from affekt.core.errors import UnknownNameError
from affekt.core.works import implements
from affekt.corpora.read import read

__all__ = ["counted", "course"]


@implements(works=["deepdialogue"])
def course(turns: int, rng: np.random.Generator, *, start: str | None = None) -> list[str]:
    """Emotions of so many turns, each drawn by how often it follows the one before in people's conversations.

    Args:
        turns: Number of turns.
        rng: What draws.
        start: Emotion of the first turn; default drawn alike from all.

    Raises:
        UnknownNameError: There is no such emotion.
    """
    labels = talk().course.labels
    if start is not None and start not in labels:
        raise UnknownNameError("emotion", start, labels)
    counts = np.array(talk().course.counts, np.float64)
    shares = counts / counts.sum(1, keepdims=True)
    at = labels.index(start) if start else int(rng.integers(len(labels)))
    out = [at]
    for _ in range(turns - 1):
        out.append(int(rng.choice(len(labels), p=shares[out[-1]])))
    return [labels[k] for k in out]


def counted(name: str, *, split: str = "train", data: str | Path | None = None) -> NDArray[np.int64]:
    """How often an emotion follows another from turn to turn of a corpus, shape (labels, labels) in the course's order.

    Args:
        name: Id of a corpus of dialogues with the course's labels, such as `meld`.
        split: Split that is counted.
        data: Folder of the corpora; default `AFFEKT_DATA`.

    Raises:
        DataError: The corpus is missing.
    """
    labels = talk().course.labels
    out = np.zeros((len(labels), len(labels)), np.int64)
    for (one, before), (other, after) in pairwise(read(name, split=split, data=data)):
        if one.dialogue == other.dialogue:
            out[labels.index(before.labels[0]), labels.index(after.labels[0])] += 1
    return out
