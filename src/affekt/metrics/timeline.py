"""Which emotion when: error rates and agreement over time, in exact intervals.

At each moment a timeline has a set of emotions: the labels of its segments there, without the neutral one. So
silence between segments and segments labelled neutral are the same thing, an empty set. Recordings are the rows:
every score is a function of sums over recordings, and bootstrap intervals draw whole recordings.

Speakers play no part. To score one of several, score `timeline.lane(speaker)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from affekt.core.timeline import Timeline
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "ErrorTimes",
    "boundary_f1",
    "boundary_f1_statistic",
    "eder",
    "eder_mean_statistic",
    "eder_statistic",
    "error_times",
    "f1_per_label_in_time_statistic",
    "label_seconds",
    "sampled",
    "uar_in_time",
    "uar_in_time_statistic",
]

Timelines = Sequence[Timeline]

# Cells of less time are what is left of rounding: ends such as 0.1 + 0.2 and 0.3 are one moment.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class ErrorTimes:
    """Seconds of each kind of error in one recording; each moment counts once at most.

    Attributes:
        false_alarm: An emotion is given where there is none.
        missed: None is given where there is one.
        confusion: Only others are given than there are.
        overlap: A right one is given, but not exactly those that there are.
        unanswered: Nothing is said, not even neutral; counted where that is asked for.
        duration: Length of the recording.
    """

    false_alarm: float
    missed: float
    confusion: float
    overlap: float
    unanswered: float
    duration: float

    @property
    def wrong(self) -> float:
        """All errors in seconds."""
        return self.false_alarm + self.missed + self.confusion + self.overlap + self.unanswered


@dataclass(frozen=True, slots=True)
class _Cells:
    """Two timelines of one recording, cut where anything changes.

    `truth` and `prediction` say which of `labels` is there, shape (labels, cells); `said` whether the prediction has
    any segment there, neutral ones included.
    """

    labels: tuple[str, ...]
    cuts: Array
    widths: Array
    truth: npt.NDArray[np.bool_]
    prediction: npt.NDArray[np.bool_]
    said: npt.NDArray[np.bool_]


def _cells(truth: Timeline, prediction: Timeline, neutral: str | None) -> _Cells:
    end = truth.duration
    labels = tuple(label for label in dict.fromkeys((*truth.labels, *prediction.labels)) if label != neutral)
    ends = [t for side in (truth, prediction) for s in side for t in (s.start, s.end)]
    cuts = np.unique(np.clip(np.array([0.0, end, *ends]), 0.0, end))

    def covered(side: Timeline, label: str | None) -> npt.NDArray[np.bool_]:
        chosen = [s for s in side if (label in s.labels if label is not None else True)]
        steps = np.zeros(len(cuts), dtype=np.intp)
        for times, step in (([s.start for s in chosen], 1), ([s.end for s in chosen], -1)):
            np.add.at(steps, np.searchsorted(cuts, np.clip(np.array(times, dtype=np.float64), 0.0, end)), step)
        return np.asarray(np.cumsum(steps)[:-1] > 0, dtype=np.bool_)

    shape = (len(labels), max(len(cuts) - 1, 0))
    sides = [
        np.array([covered(side, label) for label in labels], dtype=np.bool_).reshape(shape)
        for side in (truth, prediction)
    ]
    return _Cells(labels, cuts, np.diff(cuts), sides[0], sides[1], covered(prediction, None))


def error_times(
    *, truth: Timeline, prediction: Timeline, neutral: str | None = "neutral", silence_is_wrong: bool = False
) -> ErrorTimes:
    """Seconds of each kind of error that a timeline makes.

    Args:
        truth: What is there; its duration is that of the recording, and what is predicted after it does not count.
        prediction: What is said to be there.
        neutral: The label that means no emotion; `None` where every label is an emotion.
        silence_is_wrong: Whether moments without any predicted segment are errors even where there is no emotion.
            SpeechBrain counts so what is left after the last frame.
    """
    c = _cells(truth, prediction, neutral)
    there, given = np.any(c.truth, axis=0), np.any(c.prediction, axis=0)
    same, shared = np.all(c.truth == c.prediction, axis=0), np.any(c.truth & c.prediction, axis=0)
    open_ = ~c.said if silence_is_wrong else np.zeros(len(c.widths), dtype=bool)

    def seconds(where: npt.NDArray[np.bool_]) -> float:
        return float(c.widths[where & ~open_].sum())

    return ErrorTimes(
        false_alarm=seconds(given & ~there),
        missed=seconds(there & ~given),
        confusion=seconds(there & given & ~shared),
        overlap=seconds(shared & ~same),
        unanswered=float(c.widths[open_].sum()),
        duration=float(truth.duration),
    )


def eder(
    *, truth: Timeline, prediction: Timeline, neutral: str | None = "neutral", silence_is_wrong: bool = False
) -> float:
    """Emotion diarization error rate of one recording.

    EDER = (false alarm + missed + confusion + overlap) / duration, all in seconds (Wang, Ravanelli, Yacoubi 2023,
    equation 1). With `silence_is_wrong`, the value is that of `speechbrain.utils.EDER`.

    Args:
        truth: What is there.
        prediction: What is said to be there.
        neutral: The label that means no emotion.
        silence_is_wrong: As for `error_times`.

    Returns:
        0 to 1; NaN where the recording has no length.
    """
    times = error_times(truth=truth, prediction=prediction, neutral=neutral, silence_is_wrong=silence_is_wrong)
    return min(times.wrong / times.duration, 1.0) if times.duration > 0 else float("nan")


def _pairs(truth: Timelines, prediction: Timelines) -> list[tuple[Timeline, Timeline]]:
    if len(truth) != len(prediction):
        raise ValueError(f"there are {len(truth)} timelines of truth and {len(prediction)} of predictions")
    return list(zip(truth, prediction, strict=True))


def _table(rows: Sequence[Sequence[float]], width: int) -> Array:
    return np.ascontiguousarray(np.array(rows, dtype=np.float64).reshape(len(rows), width).T)


def eder_statistic(
    *, truth: Timelines, prediction: Timelines, neutral: str | None = "neutral", silence_is_wrong: bool = False
) -> Statistic:
    """EDER of several recordings: all errors over the whole time, so that long recordings count more.

    Args:
        truth: A timeline for each recording.
        prediction: Likewise, in the same order.
        neutral: The label that means no emotion.
        silence_is_wrong: As for `error_times`.

    Raises:
        ValueError: There are not as many of one as of the other.
    """
    found = [
        error_times(truth=t, prediction=p, neutral=neutral, silence_is_wrong=silence_is_wrong)
        for t, p in _pairs(truth, prediction)
    ]
    columns = _table([(e.wrong, e.duration) for e in found], 2)
    return Statistic(columns, lambda sums: np.minimum(divide(sums[..., 0], sums[..., 1]), 1.0))


def eder_mean_statistic(
    *, truth: Timelines, prediction: Timelines, neutral: str | None = "neutral", silence_is_wrong: bool = False
) -> Statistic:
    """Mean of the EDER of each recording, as SpeechBrain's recipe for ZED reports it; empty recordings are left out.

    Arguments are those of `eder_statistic`.
    """
    rates = [
        eder(truth=t, prediction=p, neutral=neutral, silence_is_wrong=silence_is_wrong)
        for t, p in _pairs(truth, prediction)
    ]
    columns = _table([(0.0 if np.isnan(rate) else rate, float(not np.isnan(rate))) for rate in rates], 2)
    return Statistic(columns, lambda sums: divide(sums[..., 0], sums[..., 1]))


def label_seconds(
    *, truth: Timelines, prediction: Timelines, labels: Sequence[str], neutral: str | None = "neutral"
) -> tuple[Array, Array, Array]:
    """How long each label is there, is given, and is given rightly.

    Moments without an emotion are of the neutral label, where that is among the labels.

    Args:
        truth: A timeline for each recording.
        prediction: Likewise, in the same order.
        labels: The labels, in the order of the columns.
        neutral: The label that means no emotion.

    Returns:
        Seconds that are right, there, and given, each of shape (recordings, labels).
    """
    pairs = _pairs(truth, prediction)
    right, there, given = (np.zeros((len(pairs), len(labels))) for _ in range(3))
    for i, (t, p) in enumerate(pairs):
        c = _cells(t, p, neutral)
        for j, label in enumerate(labels):
            if label == neutral:
                a, b = ~c.truth.any(0), ~c.prediction.any(0)
            elif label in c.labels:
                k = c.labels.index(label)
                a, b = c.truth[k], c.prediction[k]
            else:
                continue
            right[i, j], there[i, j], given[i, j] = (c.widths[where].sum() for where in (a & b, a, b))
    return right, there, given


def _labels_of(truth: Timelines, prediction: Timelines, neutral: str | None) -> tuple[str, ...]:
    known = dict.fromkeys(label for side in (truth, prediction) for t in side for label in t.labels)
    return tuple(dict.fromkeys((*known, *(() if neutral is None else (neutral,)))))


def _per_label(
    truth: Timelines,
    prediction: Timelines,
    labels: Sequence[str] | None,
    neutral: str | None,
    finish: Callable[[Array, Array, Array], Array],
) -> Statistic:
    names = _labels_of(truth, prediction, neutral) if labels is None else tuple(labels)
    sums = label_seconds(truth=truth, prediction=prediction, labels=names, neutral=neutral)
    n = len(names)
    columns = np.ascontiguousarray(np.concatenate(sums, axis=1).T)
    return Statistic(columns, lambda s: finish(s[..., :n], s[..., n : 2 * n], s[..., 2 * n :]))


def uar_in_time_statistic(
    *,
    truth: Timelines,
    prediction: Timelines,
    labels: Sequence[str] | None = None,
    neutral: str | None = "neutral",
) -> Statistic:
    """Recall in seconds, mean over the labels that are there for any time.

    Args:
        truth: A timeline for each recording.
        prediction: Likewise, in the same order.
        labels: The labels; default all that occur, and the neutral one.
        neutral: The label that means no emotion; time without a segment is its.
    """

    def finish(right: Array, there: Array, given: Array) -> Array:
        recalls = np.minimum(divide(right, there), 1.0)
        known = ~np.isnan(recalls)
        return divide(np.where(known, recalls, 0.0).sum(-1), known.sum(-1).astype(np.float64))

    return _per_label(truth, prediction, labels, neutral, finish)


def uar_in_time(
    *, truth: Timeline, prediction: Timeline, labels: Sequence[str] | None = None, neutral: str | None = "neutral"
) -> float:
    """Recall in seconds, mean over labels, of one recording: 0 to 1; NaN where it has no length."""
    return uar_in_time_statistic(truth=[truth], prediction=[prediction], labels=labels, neutral=neutral).value


def f1_per_label_in_time_statistic(
    *, truth: Timelines, prediction: Timelines, labels: Sequence[str], neutral: str | None = "neutral"
) -> Statistic:
    """F1 of each label with seconds in place of counts; NaN for a label that is neither there nor given.

    Arguments are those of `uar_in_time_statistic`.
    """
    return _per_label(
        truth,
        prediction,
        labels,
        neutral,
        lambda right, there, given: np.minimum(divide(2 * right, there + given), 1.0),
    )


def _boundaries(timeline: Timeline, neutral: str | None) -> list[float]:
    """Moments within the recording at which the set of emotions changes."""
    c = _cells(timeline, Timeline(duration=timeline.duration), neutral)
    cells = [
        (start, column) for start, width, column in zip(c.cuts, c.widths, c.truth.T, strict=False) if width > _NOTHING
    ]
    return [float(b[0]) for a, b in pairwise(cells) if not np.array_equal(a[1], b[1])]


def boundary_f1_statistic(
    *, truth: Timelines, prediction: Timelines, tolerance: float = 0.5, neutral: str | None = "neutral"
) -> Statistic:
    """F1 of the moments at which an emotion begins or ends, pooled over recordings.

    A predicted moment is right where it lies at most `tolerance` from a true one; each is matched with one other at
    most, so that as many as possible are. Start and end of a recording are no boundaries, nor is a cut between
    segments of the same labels.

    Args:
        truth: A timeline for each recording.
        prediction: Likewise, in the same order.
        tolerance: Seconds.
        neutral: The label that means no emotion.

    Returns:
        A score of 0 to 1; NaN where neither side has a boundary.

    Raises:
        ValueError: The tolerance is negative, or there are not as many of one as of the other.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be at least 0, got {tolerance}")
    rows = []
    for t, p in _pairs(truth, prediction):
        inside = Timeline(tuple(p.between(0.0, t.duration)), duration=t.duration)
        true, given = _boundaries(t, neutral), _boundaries(inside, neutral)
        rows.append((_matched(true, given, tolerance), len(true), len(given)))
    return Statistic(_table(rows, 3), lambda sums: divide(2 * sums[..., 0], sums[..., 1] + sums[..., 2]))


def _matched(true: list[float], given: list[float], tolerance: float) -> int:
    """How many pairs can be made; both are in order, so the earliest that fit go together."""
    i = j = found = 0
    while i < len(true) and j < len(given):
        if abs(true[i] - given[j]) <= tolerance + _NOTHING:
            found, i, j = found + 1, i + 1, j + 1
        elif true[i] < given[j]:
            i += 1
        else:
            j += 1
    return found


def boundary_f1(
    *, truth: Timeline, prediction: Timeline, tolerance: float = 0.5, neutral: str | None = "neutral"
) -> float:
    """F1 of the boundaries of one recording; see `boundary_f1_statistic`."""
    return boundary_f1_statistic(truth=[truth], prediction=[prediction], tolerance=tolerance, neutral=neutral).value


def sampled(timeline: Timeline, *, hop: float, neutral: str | None = "neutral") -> tuple[str | None, ...]:
    """The label at the middle of each frame, for measures of frames such as `accuracy` and `uar`.

    Where segments overlap, the one that began last counts, and of its labels the first; where there is none, the
    neutral label.

    Args:
        timeline: The timeline.
        hop: Seconds of a frame. The last frame is left out where its middle lies after the end.
        neutral: The label that means no emotion.

    Raises:
        ValueError: The hop is not above 0.
    """
    if not hop > 0:
        raise ValueError(f"hop must be above 0, got {hop}")
    middles = (np.arange(int(timeline.duration / hop + 0.5)) + 0.5) * hop
    middles = middles[middles < timeline.duration]
    out: list[str | None] = [neutral] * len(middles)
    for s in timeline:
        first, last = np.searchsorted(middles, [s.start, s.end])
        if s.labels:
            out[first:last] = [s.labels[0]] * int(last - first)
    return tuple(out)
