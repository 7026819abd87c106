"""What happens when in a recording: segments in order, on lanes by speaker.

Times are seconds from the start of the recording. A segment holds any number of labels: none where nothing is said
about emotion (a turn of a transcript, a row without an answer), several where they hold at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from affekt.core.errors import InputError
from affekt.core.row import OWN, Row, value_of

__all__ = ["Segment", "Timeline", "clock", "timelines_of"]

# Ends that differ by less are the same moment: sums of steps such as 0.1 s are off by some 1e-16 for each.
_SAME = 1e-9


def clock(seconds: float) -> str:
    """Seconds as people write them: `0:07`, `12:30`, `1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording and what is said of it.

    Attributes:
        start: Start in seconds, at least 0.
        end: End in seconds, not before the start.
        labels: Labels that hold in it, most probable first; empty where nothing is said of emotion.
        speaker: Who speaks, where that is known.
        text: What is said, where that is known.
        scores: Label -> probability.
        dimensions: Dimension -> value on its native range.
        intervals: Dimension -> (low, high): where single annotators' ratings are expected to lie.
        id: Its name, where it has one.

    Raises:
        ValueError: The times are not finite, negative or in the wrong order, or `labels` is one text.
    """

    start: float
    end: float
    labels: tuple[str, ...] = ()
    speaker: str | None = None
    text: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)
    dimensions: Mapping[str, float] = field(default_factory=dict, hash=False)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    id: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end)):
            raise ValueError(f"a segment from {self.start} to {self.end} s has no finite times")
        if self.start < 0 or self.end < self.start:
            raise ValueError(f"a segment cannot go from {self.start} to {self.end} s")
        if isinstance(self.labels, str):
            raise ValueError(f"labels must be a tuple, such as ({self.labels!r},)")

    @property
    def label(self) -> str | None:
        """The first label; `None` where there is none."""
        return self.labels[0] if self.labels else None

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Timeline:
    """The segments of one recording, in the order of their starts.

    Segments may overlap (two people at once) and leave gaps. They are sorted when the timeline is made.

    Attributes:
        segments: The segments.
        duration: Length of the recording in seconds; default the end of the last segment.
        source: The recording, such as the path of its file.

    Raises:
        ValueError: The duration is not finite, or a segment ends after it.
    """

    segments: tuple[Segment, ...] = ()
    duration: float = -1.0
    source: str | None = None

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.segments, key=lambda s: (s.start, s.end)))
        object.__setattr__(self, "segments", ordered)
        last = max((s.end for s in ordered), default=0.0)
        if self.duration == -1.0:
            object.__setattr__(self, "duration", last)
        if not math.isfinite(self.duration) or self.duration < last - _SAME:
            raise ValueError(f"the recording ends at {self.duration} s, its last segment at {last} s")

    def __len__(self) -> int:
        return len(self.segments)

    def __iter__(self) -> Iterator[Segment]:
        return iter(self.segments)

    @property
    def speakers(self) -> tuple[str | None, ...]:
        """The speakers in the order of their first segment; `None` stands for segments without one."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order in which they come up."""
        return tuple(dict.fromkeys(label for s in self.segments for label in s.labels))

    def lane(self, speaker: str | None) -> Timeline:
        """The segments of one speaker."""
        return replace(self, segments=tuple(s for s in self.segments if s.speaker == speaker))

    def layers(self) -> tuple[Timeline, ...]:
        """Timelines without overlaps that together hold all segments, as few as there can be.

        Tiers of Praat and ELAN hold one thing at a time; what overlaps needs a further one.
        """
        out: list[list[Segment]] = []
        for segment in self.segments:
            layer = next((x for x in out if x[-1].end <= segment.start + _SAME), None)
            if layer is None:
                out.append([segment])
            else:
                layer.append(segment)
        return tuple(replace(self, segments=tuple(layer)) for layer in out)

    def between(self, start: float, end: float) -> Timeline:
        """What lies from `start` to `end` seconds, cut at both; times stay those of the recording.

        The duration stays too. A segment that only touches the stretch is not in it.

        Raises:
            ValueError: The end lies before the start.
        """
        if not end >= start:
            raise ValueError(f"there is nothing from {start} to {end} s")
        cut = (replace(s, start=max(s.start, start), end=min(s.end, end)) for s in self._within(start, end))
        return replace(self, segments=tuple(cut))

    def _within(self, start: float, end: float) -> Iterator[Segment]:
        for s in self.segments:
            if (s.start < end and s.end > start) or (s.start == s.end and start <= s.start < end):
                yield s

    def shifted(self, seconds: float) -> Timeline:
        """The same later, or earlier where `seconds` is negative.

        Raises:
            ValueError: Something would start before 0.
        """
        moved = tuple(replace(s, start=s.start + seconds, end=s.end + seconds) for s in self.segments)
        return replace(self, segments=moved, duration=self.duration + seconds)

    def merged(self, *, gap: float = 0.0) -> Timeline:
        """Join neighbours of one speaker that have the same labels and lie at most `gap` seconds apart.

        Scores, dimensions and their intervals become means weighted by time, of what every joined segment has; texts
        are joined by a space; the id is that of the first.

        Raises:
            ValueError: `gap` is negative.
        """
        if gap < 0:
            raise ValueError(f"gap must be at least 0, got {gap}")
        groups: list[list[Segment]] = []
        last: dict[str | None, list[Segment]] = {}
        for s in self.segments:
            group = last.get(s.speaker)
            if group and group[-1].labels == s.labels and s.start <= max(x.end for x in group) + gap + _SAME:
                group.append(s)
            else:
                last[s.speaker] = group = [s]
                groups.append(group)
        return replace(self, segments=tuple(_joined(group) for group in groups))

    def filled(self, label: str, *, speaker: str | None = None) -> Timeline:
        """The same with segments of `label` where there was none, from 0 to the end of the recording."""
        added: list[Segment] = []
        reached = 0.0
        for s in self.segments:
            if s.start > reached + _SAME:
                added.append(Segment(reached, s.start, (label,), speaker))
            reached = max(reached, s.end)
        if self.duration > reached + _SAME:
            added.append(Segment(reached, self.duration, (label,), speaker))
        return replace(self, segments=(*self.segments, *added))

    def mapped(self, change: Callable[[Segment], Segment]) -> Timeline:
        """The same with every segment changed, such as its labels carried to another space."""
        return replace(self, segments=tuple(change(s) for s in self.segments))

    def rows(self, *, space: str, model: str) -> list[Row]:
        """The segments as published rows.

        Args:
            space: Id of the label space of the labels and scores.
            model: Name and version of what said so.
        """
        return [_row(s, number, self.source, space, model) for number, s in enumerate(self.segments, 1)]


def timelines_of(rows: Iterable[Row], *, needed_by: str | None = None) -> list[Timeline]:
    """The recordings that rows come from, in the order of their first row.

    Rows of one `source` are one recording. Its length is the end of its last row. Of a row without an answer, times,
    speaker (else the person whose face is read) and text are kept; what was withheld stays withheld.

    Args:
        rows: Published rows.
        needed_by: What the times are needed by, for the message.

    Raises:
        InputError: A row has no start or end, or ends before it starts.
    """
    found: dict[str | None, list[Segment]] = {}
    for row in rows:
        if row.start is None or row.end is None:
            raise InputError(
                f"Row {row.id!r} has no start and end, which {needed_by or 'a timeline'} needs",
                where=row.source,
                hint="Rows of plain text have no times: write them as jsonl, csv, parquet, html or emotionml.",
            )
        try:
            segment = _segment(row)
        except ValueError as err:
            raise InputError(f"Row {row.id!r} has no place in time: {err}", where=row.source) from err
        found.setdefault(row.source, []).append(segment)
    return [Timeline(tuple(segments), source=source) for source, segments in found.items()]


def _segment(row: Row) -> Segment:
    assert row.start is not None and row.end is not None
    if row.abstained is not None:
        return Segment(row.start, row.end, speaker=row.speaker or row.person, text=row.text, id=row.id)
    own = {name: v for name in OWN if (v := value_of(row, name)) is not None}
    return Segment(
        start=row.start,
        end=row.end,
        labels=tuple(row.labels),
        speaker=row.speaker or row.person,
        text=row.text,
        scores=row.scores or {},
        dimensions={**own, **(row.dimensions or {})},
        intervals=row.intervals or {},
        id=row.id,
    )


def _row(s: Segment, number: int, source: str | None, space: str, model: str) -> Row:
    return Row(
        id=s.id or str(number),
        text=s.text,
        source=source,
        start=s.start,
        end=s.end,
        speaker=s.speaker,
        time=None,
        space=space,
        scores=dict(s.scores) or None,
        labels=list(s.labels),
        valence=s.dimensions.get("valence"),
        arousal=s.dimensions.get("arousal"),
        dominance=s.dimensions.get("dominance"),
        intervals=dict(s.intervals) or None,
        confidence=None,
        abstained=None if s.labels or s.scores or s.dimensions else "nothing is said of emotion",
        evidence=[],
        trajectory=None,
        model=model,
        dimensions={name: v for name, v in s.dimensions.items() if name not in OWN} or None,
    )


def _joined(group: Sequence[Segment]) -> Segment:
    if len(group) == 1:
        return group[0]
    weights = [s.duration for s in group]
    if sum(weights) <= 0:
        weights = [1.0] * len(group)
    texts = [s.text for s in group if s.text]
    lows = [{name: low for name, (low, _) in s.intervals.items()} for s in group]
    highs = [{name: high for name, (_, high) in s.intervals.items()} for s in group]
    low, high = _mean(lows, weights), _mean(highs, weights)
    return replace(
        group[0],
        end=max(s.end for s in group),
        text=" ".join(texts) if texts else None,
        scores=_mean([s.scores for s in group], weights),
        dimensions=_mean([s.dimensions for s in group], weights),
        intervals={name: (low[name], high[name]) for name in low},
    )


def _mean(values: Sequence[Mapping[str, float]], weights: Sequence[float]) -> dict[str, float]:
    """Weighted means of the names that all have."""
    total = math.fsum(weights)
    return {
        name: math.fsum(v[name] * w for v, w in zip(values, weights, strict=True)) / total
        for name in values[0]
        if all(name in v for v in values)
    }
