"""A timeline as tiers, as Praat and ELAN have it: one thing at a time on each, and every thing with its value.

For each speaker there is a tier of labels (`emotion: Anna`), one of texts (`text: Anna`), and one for each dimension
(`valence: Anna`); where a speaker's segments overlap, further ones (`emotion: Anna #2`). Without speakers, the tiers
have the bare names. What a dimension's interval is stands behind its value: `4.120 [3.400, 4.840]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from affekt.core.timeline import Segment, Timeline
from affekt.media.timed.captions import one_line

__all__ = ["EMOTION", "TEXT", "Tier", "tier_of_name", "tiers_of", "timeline_of"]

EMOTION = "emotion"
TEXT = "text"

_NUMBER = r"-?\d+(?:\.\d+)?"
_VALUE = re.compile(rf"({_NUMBER})(?: \[({_NUMBER}), ({_NUMBER})\])?")
_NAME = re.compile(r"(?P<kind>[^:]+?)(?:: (?P<speaker>.+?))?(?: #(?P<layer>[1-9]\d{0,3}))?")


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier.

    Attributes:
        kind: `emotion`, `text`, or the name of a dimension.
        speaker: Who it is about.
        layer: 1, or a higher number for what overlaps with a lower one.
        entries: Start and end in milliseconds, and the value; in order, without overlaps, each at least 1 ms long.
    """

    kind: str
    speaker: str | None
    layer: int
    entries: tuple[tuple[int, int, str], ...]

    @property
    def name(self) -> str:
        """What it is called, which no other tier of the timeline is."""
        about = f": {one_line(self.speaker)}" if self.speaker else ""
        return f"{self.kind}{about}{f' #{self.layer}' if self.layer > 1 else ''}"


def tier_of_name(name: str, entries: Sequence[tuple[int, int, str]]) -> Tier:
    """The tier that a name stands for; of a name that is not made here, a speaker's text.

    A name is one of ours where it begins with `emotion` or `text`, or where all its values are numbers, which makes
    it a dimension.
    """
    found = _NAME.fullmatch(name)
    numbers = bool(entries) and all(_VALUE.fullmatch(value) for _, _, value in entries)
    if found is None or not (found["kind"] in (EMOTION, TEXT) or numbers):
        return Tier(TEXT, name or None, 1, tuple(entries))
    return Tier(found["kind"], found["speaker"], int(found["layer"] or 1), tuple(entries))


def tiers_of(timeline: Timeline) -> list[Tier]:
    """All tiers of a timeline, those of one speaker together. A tier of labels is there for every speaker."""
    out: list[Tier] = []
    for speaker in timeline.speakers:
        for layer, lane in enumerate(timeline.lane(speaker).layers(), 1):
            places = _places(lane)
            dimensions = dict.fromkeys(name for s in lane for name in s.dimensions)
            out.append(Tier(EMOTION, speaker, layer, _entries(places, [_labels(s) for s in lane])))
            if any(s.text for s in lane):
                out.append(Tier(TEXT, speaker, layer, _entries(places, [one_line(s.text or "") for s in lane])))
            for name in dimensions:
                kind = re.sub(r"\s*:\s*", "-", one_line(name))
                out.append(Tier(kind, speaker, layer, _entries(places, [_value(s, name) for s in lane])))
    return out


def _places(lane: Iterable[Segment]) -> list[tuple[int, int]]:
    """Whole milliseconds that do not overlap; what is shorter than one lasts one."""
    out: list[tuple[int, int]] = []
    reached = 0
    for s in lane:
        start = max(round(s.start * 1000), reached)
        reached = max(round(s.end * 1000), start + 1)
        out.append((start, reached))
    return out


def _entries(places: Iterable[tuple[int, int]], values: Iterable[str]) -> tuple[tuple[int, int, str], ...]:
    return tuple((*place, value) for place, value in zip(places, values, strict=True) if value)


def _labels(s: Segment) -> str:
    return "; ".join(one_line(label.replace(";", ",")) for label in s.labels)


def _value(s: Segment, dimension: str) -> str:
    if dimension not in s.dimensions:
        return ""
    interval = s.intervals.get(dimension)
    return f"{s.dimensions[dimension]:.6f}" + (f" [{interval[0]:.6f}, {interval[1]:.6f}]" if interval else "")


def timeline_of(tiers: Iterable[Tier], *, duration: int = 0) -> Timeline:
    """The timeline that tiers hold: what stands at one time on the tiers of one speaker is one segment.

    Args:
        tiers: The tiers.
        duration: Length of the recording in milliseconds; default the end of the last entry.
    """
    found: dict[tuple[str | None, int, int, int], Segment] = {}
    last = duration
    for tier in tiers:
        for start, end, value in tier.entries:
            key = (tier.speaker, tier.layer, start, end)
            s = found.get(key) or Segment(start / 1000, end / 1000, speaker=tier.speaker)
            found[key] = _with(s, tier.kind, value)
            last = max(last, end)
    return Timeline(tuple(found.values()), duration=last / 1000)


def _with(s: Segment, kind: str, value: str) -> Segment:
    if kind == EMOTION:
        return replace(s, labels=tuple(label for part in value.split(";") if (label := part.strip())))
    if kind == TEXT:
        return replace(s, text=value)
    number = _VALUE.fullmatch(value)
    assert number is not None
    intervals = {**s.intervals, kind: (float(number[2]), float(number[3]))} if number[2] is not None else s.intervals
    return replace(s, dimensions={**s.dimensions, kind: float(number[1])}, intervals=intervals)
