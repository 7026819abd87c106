"""From scores of short frames to segments: smoothing, and the least time that a label lasts."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from affekt.core.timeline import Segment, Timeline

__all__ = ["best_path", "from_frames", "median_filter", "without_short_runs"]

Scores = npt.NDArray[np.float64]
Path = npt.NDArray[np.intp]

_LEAST = 1e-12
_BLOCK = 4096


def median_filter(scores: npt.ArrayLike, *, width: int) -> Scores:
    """The median of each label's scores over `width` frames around each; the ends are repeated outwards.

    Args:
        scores: Shape (frames, labels).
        width: Number of frames, odd; 1 leaves the scores as they are.

    Returns:
        Shape (frames, labels). Rows need not sum to 1 any more.

    Raises:
        ValueError: The width is even or below 1, or the scores have another shape.
    """
    table = _table(scores)
    if width < 1 or width % 2 == 0:
        raise ValueError(f"width must be odd and at least 1, got {width}")
    if width == 1 or not len(table):
        return table
    half = width // 2
    padded = np.pad(table, ((half, half), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    out = np.empty_like(table)
    for start in range(0, len(table), _BLOCK):  # the median copies what it is given, width times the scores
        out[start : start + _BLOCK] = np.median(windows[start : start + _BLOCK], axis=-1)
    return out


def best_path(scores: npt.ArrayLike, *, cost: float) -> Path:
    """The labels that fit the scores best where every change of label costs something (Viterbi 1967).

    Of all paths y, the one with the highest sum of log scores[t, y[t]] less `cost` for each t with y[t] != y[t - 1].
    Of equally good ones, that which stays.

    Args:
        scores: Probabilities, shape (frames, labels); 0 counts as 1e-12.
        cost: What a change costs in nats, at least 0; 0 gives the most probable label of each frame.

    Returns:
        The label's column for each frame, shape (frames,).

    Raises:
        ValueError: The cost is negative, there are no labels, or the scores are negative or not finite.
    """
    table = _table(scores)
    if not cost >= 0:
        raise ValueError(f"cost must be at least 0, got {cost}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError("scores must be finite and at least 0")
    logs = np.log(np.maximum(table, _LEAST))
    frames, labels = logs.shape
    # Small numbers: an hour has some hundred thousand frames.
    came_from = np.zeros((frames, labels), dtype=np.min_scalar_type(labels))
    total = logs[0].copy() if frames else np.zeros(labels)
    own = np.arange(labels)
    for t in range(1, frames):
        best = int(total.argmax())
        switch = total[best] - cost > total
        came_from[t] = np.where(switch, best, own)
        total = np.where(switch, total[best] - cost, total) + logs[t]
    path = np.zeros(frames, dtype=np.intp)
    at = int(total.argmax())
    for t in range(frames - 1, -1, -1):
        path[t] = at
        at = int(came_from[t, at])
    return path


def without_short_runs(path: npt.ArrayLike, scores: npt.ArrayLike, *, least: int) -> Path:
    """Give runs of one label that are shorter than `least` frames to a neighbour.

    The shortest run goes first, the earlier of equally short ones; it goes to the neighbour whose label has the
    higher sum of log scores there. A path of one run stays as it is.

    Args:
        path: The label's column for each frame, shape (frames,).
        scores: Probabilities, shape (frames, labels).
        least: Frames that a label must last.

    Returns:
        Shape (frames,); every run has `least` frames or more, unless there is one run alone.

    Raises:
        ValueError: The shapes do not fit.
    """
    columns, table = np.array(path, dtype=np.intp), _table(scores)
    if columns.shape != table.shape[:1]:
        raise ValueError(f"path has shape {columns.shape}, the scores {table.shape}")
    worth = np.concatenate([np.zeros((1, table.shape[1])), np.log(np.maximum(table, _LEAST)).cumsum(axis=0)])
    # Runs by their first frame; the neighbours of a run are found by its ends.
    end_of: dict[int, int] = {}
    start_of: dict[int, int] = {}
    label_of: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for start, end in _runs(columns):
        end_of[start], start_of[end], label_of[start] = end, start, int(columns[start])
        heappush(waiting, (end - start, start))
    while waiting and waiting[0][0] < least and len(end_of) > 1:
        length, start = heappop(waiting)
        if start not in end_of or end_of[start] - start != length:
            continue  # has become part of another run since
        end = end_of[start]
        beside = [label_of[x] for x in (start_of.get(start), end if end in end_of else None) if x is not None]
        gain = worth[end] - worth[start]
        label = max(beside, key=lambda column: float(gain[column]))
        del label_of[start]
        low, high = start, end
        # The run and the neighbours that have the label become one.
        if start in start_of and label_of[start_of[start]] == label:
            low = start_of.pop(start)
        if end in end_of and label_of[end] == label:
            high = end_of.pop(end)
            del start_of[end], label_of[end]
        end_of.pop(start, None)
        end_of[low], start_of[high], label_of[low] = high, low, label
        heappush(waiting, (high - low, low))
    for start, end in end_of.items():
        columns[start:end] = label_of[start]
    return columns


def from_frames(
    scores: npt.ArrayLike,
    *,
    labels: Sequence[str],
    hop: float,
    start: float = 0.0,
    duration: float | None = None,
    median: int = 1,
    cost: float = 0.0,
    least: float = 0.0,
    speaker: str | None = None,
    source: str | None = None,
) -> Timeline:
    """Segments from the probabilities of frames: filtered, decided, and without what is too short.

    Frame i stands for the time from `start + i * hop` to the next one. A frame whose window is longer than the hop
    stands for its middle part, so give the start of that: of windows that begin at 0, half of window less hop.
    Neighbours with the same label are one segment; its scores are the means of its frames.

    Args:
        scores: Probabilities, shape (frames, labels).
        labels: Names of the columns.
        hop: Seconds from frame to frame.
        start: Seconds at which the first frame starts.
        duration: Seconds of the recording; the last segment ends there at the latest. Default the end of the frames.
        median: Frames of the median filter, odd; 1 for none.
        cost: What a change of label costs, in nats; 0 for none. See `best_path`.
        least: Seconds that a label must last. See `without_short_runs`.
        speaker: Who speaks.
        source: The recording.

    Raises:
        ValueError: The shapes do not fit, or a number is out of its range.
    """
    table = _table(scores)
    if table.shape[1] != len(labels):
        raise ValueError(f"the scores have {table.shape[1]} columns for {len(labels)} labels")
    if not hop > 0:
        raise ValueError(f"hop must be above 0, got {hop}")
    filtered = median_filter(table, width=median)
    path = best_path(filtered, cost=cost)
    if least > 0:
        path = without_short_runs(path, filtered, least=int(np.ceil(least / hop - 1e-9)))
    segments = []
    for first, last in _runs(path):
        begins, ends = start + first * hop, start + last * hop
        if duration is not None:
            ends = min(ends, duration)
        if ends <= begins:
            continue
        means = table[first:last].mean(axis=0)
        given = {label: float(p) for label, p in zip(labels, means, strict=True)}
        segments.append(Segment(begins, ends, (labels[int(path[first])],), speaker, scores=given))
    whole = start + len(table) * hop if duration is None else duration
    return Timeline(tuple(segments), duration=whole, source=source)


def _runs(path: Path) -> list[tuple[int, int]]:
    """First frame, and frame after the last, of each stretch of one label."""
    if not len(path):
        return []
    changes = (np.flatnonzero(np.diff(path)) + 1).tolist()
    return list(zip([0, *changes], [*changes, len(path)], strict=True))


def _table(scores: npt.ArrayLike) -> Scores:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or not table.shape[1]:
        raise ValueError(f"scores have shape {table.shape}, expected (frames, labels)")
    return table
