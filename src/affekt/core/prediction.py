"""What a recogniser says about a clip, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from affekt.core.cause import Cause
from affekt.core.channel import Channel, Conflict, Statement
from affekt.core.shift import Shift
from affekt.core.space import SpaceMap, find_map

__all__ = ["Evidence", "Prediction", "Window", "kind_of", "read_by"]

Modality = Literal["text", "voice", "face", "scene", "music"]
Direction = Literal["above", "below"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Something seen or heard that moved a prediction, or in which a voice or a face departs from what is usual for it.

    Attributes:
        modality: The channel that it was found in.
        cue: What was seen or heard: a word, or a description such as "pitch 2.8 SD above this speaker's median".
        start: Where it starts: characters in text, seconds in sound and video.
        end: Where it ends (exclusive for characters).
        weight: How much it moved the probability of `label`; negative where it spoke against it, 0 where it is only
            said how a voice or a face departs from what is usual, which is a claim about no label.
        label: The label that it speaks for or against.
        name: The property in which a voice or a face departs, such as `pitch`; `None` for all else.
        direction: The side to which it departs; `None` for all else.
        z: How far it departs, in standard deviations from the person's median (of a face with few frames, from that of
            neutral faces); `None` for all else.
    """

    modality: Modality
    cue: str
    start: float
    end: float
    weight: float
    label: str | None = None
    name: str | None = None
    direction: Direction | None = None
    z: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One step of the trajectory through a long text.

    Attributes:
        start: First character of the window in the text.
        end: Character after its last one.
        scores: Label -> probability.
        dimensions: Dimension -> value on its native range.
    """

    start: int
    end: int
    scores: Mapping[str, float]
    dimensions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A reading of one clip.

    Attributes:
        clip_id: The clip that was read.
        space: Id of the label space of `scores`.
        scores: Label -> calibrated probability, in the order of the space; empty where nothing was read.
        labels: Labels at or above their thresholds, most probable first.
        dimensions: Dimension -> value on its native range.
        intervals: Dimension -> (low, high): where single annotators' ratings are expected to lie; of a voice, how far
            apart the labels lie that its scores leave open.
        confidence: Estimated probability that the top label is among those annotators would give.
        abstained: Why no answer is given; `None` where one is.
        evidence: What moved the reading.
        trajectory: Windows of a long text, in order; empty for a text that was read in one piece.
        model: Name and version of the recogniser.
        language: Language that the text was taken to be in; `None` where that was not asked or cannot be told.
        language_probability: What the detector gives that language; `None` where it was said beforehand, or told by
            the script or by common words.
        shift: What changed since earlier turns; `None` for what is no turn of a dialogue.
        causes: Words of the dialogue that caused the emotion, the most probable first, by the places of their turns
            there; `None` where that was not asked.
        channels: Channel -> what it says by itself and how much it counts; empty for clips that have one alone.
        conflict: How much the channels disagree; `None` where fewer than two were read.
        explanation: Sentences that say why, each with the evidence that it rests on; empty where that was not asked.
    """

    clip_id: str
    space: str
    scores: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    dimensions: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    confidence: float | None = None
    abstained: str | None = None
    evidence: tuple[Evidence, ...] = ()
    trajectory: tuple[Window, ...] = ()
    model: str = ""
    language: str | None = None
    language_probability: float | None = None
    shift: Shift | None = None
    causes: tuple[Cause, ...] | None = None
    channels: Mapping[str, Channel] = field(default_factory=dict)
    conflict: Conflict | None = None
    explanation: tuple[Statement, ...] = ()

    @property
    def top(self) -> str | None:
        """The most probable label; `None` where there are no scores."""
        return max(self.scores, key=self.scores.__getitem__) if self.scores else None

    def abstain(self, reason: str) -> Prediction:
        """The same reading with its labels withheld for `reason`; the scores stay for inspection."""
        return replace(self, labels=(), abstained=reason)

    def to(self, target: str | SpaceMap) -> Prediction:
        """Carry this reading to another label space.

        Scores go over the map (`SpaceMap.apply`). Labels are the targets of the present labels, so the
        thresholds that were tuned in the origin space decide; where nothing had reached its threshold,
        there is no label in the target either. Evidence keeps its origin label where that has no target.

        Args:
            target: Id of a space, or a map that starts at this prediction's space.

        Raises:
            UnknownNameError: There is no such space, or no map to it.
            ValueError: The given map starts at another space.
        """
        if isinstance(target, str):
            if target == self.space:
                return self
            target = find_map(self.space, target)
        if target.origin.id != self.space:
            raise ValueError(f"map {target.id!r} starts at {target.origin.id!r}, not at {self.space!r}")
        scores = target.apply(self.scores) if self.scores else {}
        reached = {max(row, key=row.__getitem__) for label in self.labels if (row := target.weights.get(label))}
        if target.target.kind == "single" and reached:
            reached = {max(reached, key=scores.__getitem__)}

        def carry(label: str | None) -> str | None:
            row = target.weights.get(label or "")
            return max(row, key=row.__getitem__) if row else label

        return replace(
            self,
            space=target.target.id,
            scores=scores,
            labels=tuple(sorted(reached, key=lambda label: -scores[label])),
            evidence=tuple(replace(e, label=carry(e.label)) for e in self.evidence),
            trajectory=tuple(replace(w, scores=target.apply(w.scores)) for w in self.trajectory),
            channels={k: replace(c, scores=target.apply(c.scores)) for k, c in self.channels.items()},
        )


def kind_of(reason: str) -> str:
    """The kind of a reason for abstaining, without its details: what stands before a colon or a bracket."""
    return reason.partition(":")[0].partition(" (")[0]


def read_by(model: str) -> list[str]:
    """The models that a reading comes from, by `Prediction.model`; of several channels, those of each."""
    return model.rpartition(" of ")[2].split(", ")
