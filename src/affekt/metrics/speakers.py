"""Who spoke when: the diarization error rate, purity and coverage, in exact intervals.

Names of speakers mean nothing here: those of the prediction are matched with those of the truth so that they agree for
as many seconds as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["SpeakerErrors", "Spoken", "coverage", "der", "purity", "speaker_errors"]

Spoken = tuple[float, float, str]
"""Start and end in seconds, and who speaks."""


@dataclass(frozen=True, slots=True)
class SpeakerErrors:
    """Seconds of each kind of error in one recording; where several speak, each counts.

    Attributes:
        missed: Somebody speaks and nobody is said to.
        false_alarm: Nobody speaks and somebody is said to.
        confusion: Somebody else is said to speak.
        speech: Seconds of speech in the truth, each speaker's.
    """

    missed: float
    false_alarm: float
    confusion: float
    speech: float

    @property
    def rate(self) -> float:
        """All errors over the speech: the diarization error rate; NaN where nobody speaks."""
        return (self.missed + self.false_alarm + self.confusion) / self.speech if self.speech > 0 else float("nan")


def _cells(truth: Iterable[Spoken], prediction: Iterable[Spoken], collar: float) -> tuple[NDArray[np.float64], ...]:
    """Seconds of each span in which nothing changes, shape (n,), and who speaks in it, shapes (n, speakers)."""
    sides = [[s for s in side if s[1] > s[0]] for side in (truth, prediction)]
    left_out = [(t - collar, t + collar) for start, end, _ in sides[0] for t in (start, end)] if collar else []
    edges = sorted({t for side in (*sides, left_out) for start, end, *_ in side for t in (start, end)})  # type: ignore[attr-defined]
    seconds = np.array([b - a for a, b in pairwise(edges)])
    middle = np.array([(a + b) / 2 for a, b in pairwise(edges)])
    for start, end in left_out:
        seconds[(middle > start) & (middle < end)] = 0.0
    tables = []
    for side in sides:
        names = sorted({who for _, _, who in side})
        table = np.zeros((len(seconds), len(names)), dtype=bool)
        for start, end, who in side:
            table[(middle > start) & (middle < end), names.index(who)] = True
        tables.append(table.astype(np.float64))
    return seconds, tables[0], tables[1]


def _matched(together: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of rows and columns with the largest sum, each in one pair at most (Kuhn 1955, by augmenting paths)."""
    if together.shape[0] > together.shape[1]:
        return [(row, column) for column, row in _matched(together.T)]
    rows, columns = together.shape
    cost = -together
    u, v = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.zeros(columns + 1, dtype=int)  # row of each column, counted from 1
    for row in range(1, rows + 1):
        owner[0], at = row, 0
        least = np.full(columns + 1, np.inf)
        came = np.zeros(columns + 1, dtype=int)
        done = np.zeros(columns + 1, dtype=bool)
        while owner[at]:
            done[at] = True
            free = np.flatnonzero(~done[1:]) + 1
            slack = cost[owner[at] - 1, free - 1] - u[owner[at]] - v[free]
            better = slack < least[free]
            least[free[better]], came[free[better]] = slack[better], at
            nearest = int(free[np.argmin(least[free])])
            step = least[nearest]
            u[owner[done]] += step
            v[done] -= step
            least[~done] -= step
            at = nearest
        while at:
            owner[at] = owner[came[at]]
            at = int(came[at])
    return [(int(owner[c]) - 1, c - 1) for c in range(1, columns + 1) if owner[c]]


def speaker_errors(*, truth: Iterable[Spoken], prediction: Iterable[Spoken], collar: float = 0.0) -> SpeakerErrors:
    """Errors of one recording after the best match of speakers.

    Args:
        truth: Who speaks when; turns may overlap.
        prediction: Who is said to.
        collar: Seconds on both sides of each edge of the truth that do not count.

    Example:
        >>> speaker_errors(truth=[(0, 6, "Ann"), (6, 10, "Ben")], prediction=[(0, 5, "x"), (5, 9, "y")])
        SpeakerErrors(missed=1.0, false_alarm=0.0, confusion=1.0, speech=10.0)
    """
    seconds, true, given = _cells(truth, prediction, collar)
    pairs = _matched(np.einsum("n,ni,nj->ij", seconds, true, given))
    right = np.zeros(len(seconds))
    for i, j in pairs:
        right += true[:, i] * given[:, j]
    here, said = true.sum(1), given.sum(1)
    return SpeakerErrors(
        missed=float(seconds @ np.maximum(here - said, 0)),
        false_alarm=float(seconds @ np.maximum(said - here, 0)),
        confusion=float(seconds @ (np.minimum(here, said) - right)),
        speech=float(seconds @ here),
    )


def der(*, truth: Sequence[Iterable[Spoken]], prediction: Sequence[Iterable[Spoken]], collar: float = 0.0) -> float:
    """Diarization error rate over recordings: errors of all, over the speech of all. 0 is best; it may pass 1.

    Fiscus et al., "The Rich Transcription 2006 Spring Meeting Recognition Evaluation" (2006).

    Args:
        truth: Of each recording, who speaks when.
        prediction: Of each recording, who is said to.
        collar: Seconds on both sides of each edge of the truth that do not count.

    Raises:
        ValueError: There are more recordings on one side.
    """
    each = [speaker_errors(truth=t, prediction=p, collar=collar) for t, p in zip(truth, prediction, strict=True)]
    speech = sum(e.speech for e in each)
    return sum(e.missed + e.false_alarm + e.confusion for e in each) / speech if speech > 0 else float("nan")


def purity(*, truth: Iterable[Spoken], prediction: Iterable[Spoken]) -> float:
    """Share of the time of the predicted speakers that is their main true speaker's; 0..1, NaN where none is given.

    Time in which nobody speaks counts as wrong, as in pyannote.metrics; two predicted speakers may have the same one.
    """
    seconds, true, given = _cells(truth, prediction, 0.0)
    whole = float(seconds @ given.sum(1)) if len(seconds) else 0.0
    if not whole:
        return float("nan")
    together = np.einsum("n,ni,nj->ij", seconds, true, given)
    return float(together.max(0, initial=0.0).sum() / whole)


def coverage(*, truth: Iterable[Spoken], prediction: Iterable[Spoken]) -> float:
    """Share of the time of the true speakers that is in one predicted speaker; 0..1: purity with the sides changed."""
    return purity(truth=prediction, prediction=truth)
