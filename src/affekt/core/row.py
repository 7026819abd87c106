"""The published output row: one JSON object for each clip.

The row is a contract: fields are only ever added, never renamed, within one `ROW_VERSION`. What is absent
is `null`, never invented. `affekt schema` prints its JSON Schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.shift import Change

__all__ = [
    "OWN",
    "ROW_VERSION",
    "CauseRow",
    "ChangeRow",
    "ChannelRow",
    "ConflictRow",
    "EvidenceRow",
    "FaceRow",
    "Row",
    "ShiftRow",
    "StatementRow",
    "WindowRow",
    "make_row",
    "value_of",
]

ROW_VERSION = "1.4"

# What has fields of its own; every other dimension goes into `dimensions`.
OWN = ("valence", "arousal", "dominance")


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """Evidence as it is written; `start`/`end` are characters in text, seconds in sound and video."""

    modality: str
    cue: str
    start: float
    end: float
    weight: float
    label: str | None
    # Since 1.3.
    name: str | None = None
    direction: str | None = None
    z: float | None = None


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A step of a long text's trajectory; `start`/`end` are characters."""

    start: int
    end: int
    scores: dict[str, float]
    valence: float | None
    arousal: float | None
    dominance: float | None
    # Since 1.2.
    dimensions: dict[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """From an earlier turn of a dialogue to this one; since 1.3."""

    turn: int
    label: str | None
    changed: bool | None
    valence: float | None
    arousal: float | None
    dominance: float | None
    dimensions: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class ShiftRow:
    """What changed since the same speaker's last turn and since another's; since 1.3."""

    own: ChangeRow | None
    other: ChangeRow | None


@dataclass(frozen=True, slots=True)
class CauseRow:
    """Words of a turn that caused the emotion of this one; since 1.3."""

    turn: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """What one channel says by itself, and its share in the reading; since 1.4."""

    scores: dict[str, float]
    weight: float


@dataclass(frozen=True, slots=True)
class ConflictRow:
    """How much the channels disagree; since 1.4."""

    score: float
    between: tuple[str, str]


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A sentence of the explanation and the places of its evidence in `evidence`; since 1.4."""

    sentence: str
    evidence: list[int]


@dataclass(frozen=True, slots=True)
class FaceRow:
    """Where the person's face stands at a time; pixels of the upright frame; since 1.4."""

    time: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """One clip as it is written. `start`/`end` are seconds in a recording; null for plain text."""

    id: str
    text: str | None
    source: str | None
    start: float | None
    end: float | None
    speaker: str | None
    time: str | None
    space: str
    scores: dict[str, float] | None
    labels: list[str]
    valence: float | None
    arousal: float | None
    dominance: float | None
    intervals: dict[str, tuple[float, float]] | None
    confidence: float | None
    abstained: str | None
    evidence: list[EvidenceRow]
    trajectory: list[WindowRow] | None
    model: str
    # Since 1.1: rows of 1.0 lack them.
    language: str | None = None
    language_probability: float | None = None
    # Since 1.2.
    dimensions: dict[str, float] | None = None
    # Since 1.3: what was measured in the sound, by name; then what a turn of a conversation has.
    measures: dict[str, float] | None = None
    dialogue: str | None = None
    turn: int | None = None
    shift: ShiftRow | None = None
    causes: list[CauseRow] | None = None
    # Since 1.4: what a clip of several channels has, and why it is read so.
    person: str | None = None
    faces: list[FaceRow] | None = None
    channels: dict[str, ChannelRow] | None = None
    conflict: ConflictRow | None = None
    explanation: list[StatementRow] | None = None


def value_of(row: Row, dimension: str) -> float | None:
    """The value of any dimension of a row, whichever field it stands in."""
    if dimension in OWN:
        found: float | None = getattr(row, dimension)
        return found
    return (row.dimensions or {}).get(dimension)


_DIGITS = 6


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _others(dimensions: Mapping[str, float]) -> dict[str, float] | None:
    return {k: round(v, _DIGITS) for k, v in dimensions.items() if k not in OWN} or None


def _change_row(change: Change | None) -> ChangeRow | None:
    if change is None:
        return None
    moved = change.dimensions
    return ChangeRow(
        change.turn,
        change.label,
        change.changed,
        _rounded(moved.get("valence")),
        _rounded(moved.get("arousal")),
        _rounded(moved.get("dominance")),
        _others(moved),
    )


def _scores(scores: Mapping[str, float]) -> dict[str, float]:
    return {k: round(v, _DIGITS) for k, v in scores.items()}


def make_row(clip: Clip, prediction: Prediction) -> Row:
    """Put a clip and its reading into the published row. Numbers are rounded to six decimals."""
    dims, shift, conflict = prediction.dimensions, prediction.shift, prediction.conflict
    return Row(
        id=clip.id,
        text=clip.text,
        source=clip.source,
        start=clip.start,
        end=clip.end,
        speaker=clip.speaker,
        time=clip.time,
        space=prediction.space,
        scores=_scores(prediction.scores) or None,
        labels=list(prediction.labels),
        valence=_rounded(dims.get("valence")),
        arousal=_rounded(dims.get("arousal")),
        dominance=_rounded(dims.get("dominance")),
        intervals={k: (round(a, _DIGITS), round(b, _DIGITS)) for k, (a, b) in prediction.intervals.items()} or None,
        confidence=_rounded(prediction.confidence),
        abstained=prediction.abstained,
        evidence=[
            EvidenceRow(
                *(e.modality, e.cue, e.start, e.end, round(e.weight, _DIGITS), e.label),
                *(e.name, e.direction, _rounded(e.z)),
            )
            for e in prediction.evidence
        ],
        trajectory=[
            WindowRow(
                w.start,
                w.end,
                _scores(w.scores),
                _rounded(w.dimensions.get("valence")),
                _rounded(w.dimensions.get("arousal")),
                _rounded(w.dimensions.get("dominance")),
                _others(w.dimensions),
            )
            for w in prediction.trajectory
        ]
        or None,
        model=prediction.model,
        language=prediction.language,
        language_probability=_rounded(prediction.language_probability),
        dimensions=_others(dims),
        measures={k: round(v, _DIGITS) for k, v in clip.measures.items() if v == v} or None,
        dialogue=clip.dialogue,
        turn=clip.turn,
        shift=None if shift is None else ShiftRow(_change_row(shift.own), _change_row(shift.other)),
        causes=None
        if prediction.causes is None
        else [CauseRow(c.turn, c.start, c.end, round(c.score, _DIGITS)) for c in prediction.causes],
        person=clip.person,
        faces=[FaceRow(round(f.time, 3), *(round(v, 1) for v in (f.x, f.y, f.width, f.height))) for f in clip.faces]
        or None,
        channels={k: ChannelRow(_scores(c.scores), round(c.weight, _DIGITS)) for k, c in prediction.channels.items()}
        or None,
        conflict=None if conflict is None else ConflictRow(round(conflict.score, _DIGITS), conflict.between),
        explanation=[StatementRow(s.sentence, list(s.evidence)) for s in prediction.explanation] or None,
    )
