"""A head that reads moments of speech, and how well it says which emotion is expressed when.

It learns from joined recordings (`affekt.train.voice.joined`), whose places of change are known, and is measured on
speakers that it never heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.core.timeline import Segment, Timeline
from affekt.media.sound import Sound
from affekt.metrics.timeline import error_times
from affekt.models.changes import FRAME, best_path, pooled, runs, windows
from affekt.train.voice.fit import Fitted, Heard, fit_head
from affekt.train.voice.joined import Joined

__all__ = [
    "COSTS",
    "Followed",
    "Reader",
    "chosen_cost",
    "fit_moments",
    "follow",
    "said",
    "wrong_seconds",
]

_THINNED = 5

COSTS = (0.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0)
"""What is tried for the cost of a change."""


@dataclass(frozen=True)
class Followed:
    """Joined recordings as moments.

    Attributes:
        truth: What is expressed when, a timeline for each recording.
        speakers: Shape (recordings,).
        frames: What the encoder says of each, shape (frames, width) in half precision.
        moments: Shape (moments of all, 2 * width).
        labels: What is expressed at each moment, shape (moments of all,).
        at: First moment of each recording, and the end of the last one, shape (recordings + 1,).
        hop: Seconds from one moment to the next.
    """

    truth: tuple[Timeline, ...]
    speakers: NDArray[np.str_]
    frames: tuple[NDArray[np.float16], ...]
    moments: NDArray[np.float32]
    labels: NDArray[np.str_]
    at: NDArray[np.intp]
    hop: float

    def of(self, recording: int) -> slice:
        """The moments of a recording."""
        return slice(int(self.at[recording]), int(self.at[recording + 1]))

    def heard(self, recordings: NDArray[np.bool_]) -> Heard:
        """The moments of some recordings as rows to learn from."""
        count = np.diff(self.at)
        kept = np.repeat(recordings, count)
        ids = np.arange(len(self.labels)).astype(str)
        return Heard(ids, self.moments, self.labels, np.repeat(self.speakers, count))[kept]

    def part(self, recording: int, start: float, end: float) -> NDArray[np.float32]:
        """The vector of a part of a recording: mean and spread of its frames."""
        held = self.frames[recording]
        first = min(round(start / FRAME), len(held) - 1)
        return pooled(held[first : max(round(end / FRAME), first + 1)].astype(np.float32))

    def pieces(self, recordings: NDArray[np.bool_]) -> Heard:
        """The segments of some recordings, as they truly are, as rows to learn from."""
        rows = [
            (f"{r}-{k}", self.part(r, s.start, s.end), s.labels[0], self.speakers[r])
            for r in np.flatnonzero(recordings).tolist()
            for k, s in enumerate(self.truth[r])
        ]
        ids, vectors, labels, speakers = zip(*rows, strict=True)
        return Heard(np.array(ids), np.stack(vectors), np.array(labels), np.array(speakers))


def follow(
    recordings: Iterable[Joined],
    frames: Callable[[Sound], NDArray[np.float32]],
    *,
    window: float,
    hop: float,
) -> Followed:
    """Recordings as moments.

    Args:
        recordings: The recordings.
        frames: What gives the frames of a sound, shape (frames, width), one every 20 ms.
        window: Seconds around a moment that are read with it.
        hop: Seconds from one moment to the next.
    """
    truth, speakers, kept, moments = [], [], [], []
    labels: list[str] = []
    for one in recordings:
        held = frames(one.sound).astype(np.float16)
        found = windows(held.astype(np.float32), window=window, hop=hop)
        ends = np.array([s.end for s in one.segments])
        middles = (np.arange(len(found)) + 0.5) * hop
        there = np.minimum(np.searchsorted(ends, middles, side="right"), len(ends) - 1)
        truth.append(Timeline(one.segments, duration=one.sound.duration, source=one.id))
        speakers.append(one.speaker)
        kept.append(held)
        moments.append(found)
        labels.extend(one.segments[k].labels[0] for k in there)
    at = np.concatenate([[0], np.cumsum([len(m) for m in moments])])
    return Followed(tuple(truth), np.array(speakers), tuple(kept), np.concatenate(moments), np.array(labels), at, hop)


def fit_moments(followed: Followed, recordings: NDArray[np.bool_], order: Sequence[str], *, strength: float) -> Fitted:
    """A head of moments, from some of the recordings.

    Args:
        followed: All recordings.
        recordings: Which of them are learned from.
        order: The labels in the order of their space.
        strength: C of the logistic regression.
    """
    # Neighbours share most of what they are taken from.
    rows = followed.heard(recordings)
    return fit_head(rows[np.arange(len(rows.ids)) % _THINNED == 0], order, strengths=(strength,))


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-probabilities of logits, shape (rows, labels)."""
    apart = logits - logits.max(1, keepdims=True)
    out: NDArray[np.float64] = apart - np.log(np.exp(apart).sum(1, keepdims=True))
    return out


def said(
    followed: Followed, logits: NDArray[np.float64], recording: int, order: Sequence[str], *, cost: float
) -> Timeline:
    """What is said of a recording.

    Args:
        followed: All recordings.
        logits: Of the moments of all, shape (moments, labels).
        recording: Which one.
        order: The labels.
        cost: What a change costs; 0 takes each moment by itself.
    """
    truth = followed.truth[recording]
    path = best_path(_log_softmax(logits[followed.of(recording)]), cost=cost)
    segments = runs(path, hop=followed.hop, end=truth.duration)
    return Timeline(tuple(Segment(a, b, (order[k],)) for a, b, k in segments), duration=truth.duration)


def wrong_seconds(truth: Timeline, prediction: Timeline, neutral: str | None) -> tuple[float, float]:
    """Seconds that are wrong, and seconds in all: EDER is their ratio."""
    found = error_times(truth=truth, prediction=prediction, neutral=neutral)
    return found.wrong, found.duration


def chosen_cost(
    followed: Followed,
    logits: NDArray[np.float64],
    recordings: NDArray[np.bool_],
    order: Sequence[str],
    neutral: str | None,
    *,
    costs: Iterable[float] = COSTS,
) -> float:
    """The cost of a change with the fewest wrong seconds on recordings that the head did not learn from."""
    tried = {}
    for cost in costs:
        rows = np.flatnonzero(recordings)
        answers = [said(followed, logits, int(r), order, cost=cost) for r in rows]
        tried[cost] = sum(wrong_seconds(followed.truth[r], a, neutral)[0] for r, a in zip(rows, answers, strict=True))
    return min(tried, key=tried.__getitem__)


@dataclass(frozen=True)
class Reader:
    """Heads that were learned on some speakers, and what a change costs, chosen on others.

    Attributes:
        followed: The recordings.
        order: The labels.
        neutral: The label that means no emotion.
        logits: Of the head of moments, shape (moments, labels); NaN for those that it learned from.
        whole: The head of stretches of one expression.
        cost: What a change costs.
    """

    followed: Followed
    order: Sequence[str]
    neutral: str
    logits: NDArray[np.float64]
    whole: Fitted
    cost: float

    @classmethod
    def fit(
        cls,
        followed: Followed,
        *,
        learned: NDArray[np.bool_],
        chosen: NDArray[np.bool_],
        order: Sequence[str],
        neutral: str,
        strength: float,
    ) -> Reader:
        """Learn both heads from some recordings, and choose the cost of a change on others."""
        head = fit_moments(followed, learned, order, strength=strength)
        whole = fit_head(followed.pieces(learned), order, strengths=(strength,))
        asked = np.repeat(~learned, np.diff(followed.at))
        logits = np.full((len(followed.labels), len(order)), np.nan)
        logits[asked] = head.logits(followed.moments[asked])
        cost = chosen_cost(followed, logits, chosen, order, neutral)
        return cls(followed, order, neutral, logits, whole, cost)

    def nothing(self, recording: int) -> Timeline:
        """All is neutral."""
        end = self.followed.truth[recording].duration
        return Timeline((Segment(0.0, end, (self.neutral,)),), duration=end)

    def one_label(self, recording: int) -> Timeline:
        """One label for the whole of it."""
        return self._judged(recording, [(0.0, self.followed.truth[recording].duration)])

    def moments(self, recording: int) -> Timeline:
        """Each moment by itself."""
        return said(self.followed, self.logits, recording, self.order, cost=0.0)

    def smoothed(self, recording: int) -> Timeline:
        """The best path through the moments."""
        return said(self.followed, self.logits, recording, self.order, cost=self.cost)

    def parts(self, recording: int) -> Timeline:
        """Cut where that path changes, and each part judged as a whole."""
        return self._judged(recording, [(s.start, s.end) for s in self.smoothed(recording)])

    def _judged(self, recording: int, cuts: Sequence[tuple[float, float]]) -> Timeline:
        vectors = np.stack([self.followed.part(recording, a, b) for a, b in cuts])
        best = self.whole.logits(vectors).argmax(1)
        segments = tuple(Segment(a, b, (self.order[j],)) for (a, b), j in zip(cuts, best, strict=True))
        return Timeline(segments, duration=self.followed.truth[recording].duration)
