"""The unit of prediction and its ordered form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from affekt.core.channel import FaceBox

__all__ = ["Clip", "Dialogue"]


@dataclass(frozen=True, slots=True)
class Clip:
    """One thing to be read: a post, a review, an utterance, a turn.

    Attributes:
        id: Name that is unique in its run.
        text: What was written or said; `None` where there are no words.
        start: Start in seconds within a recording, where there is one.
        end: End in seconds within a recording, where there is one.
        speaker: Who wrote or said it, where that is known.
        language: Language by its ISO 639-1 code (639-3 where it has none), where it is known beforehand.
        source: File and row that it came from, for messages and reports.
        time: Value of the table's time column, as it stood there.
        context: Texts of the turns before it, oldest first; empty where there are none or they are not known.
        context_speakers: Who said each of `context`, `None` where that is not known; empty where no speaker is known.
        fields: Further texts of the same thing, by name: a caption, a description.
        dialogue: Name of the conversation, story or poem that it is part of.
        turn: Its place there, counted from 0.
        target: Name of what the reading is to be about, as the text has it: a company, a person, an aspect.
        facts: What is known beside the text and can be compared by: domain, the speaker's gender, a year. Never
            the gold.
        measures: What was measured in it beside the reading, by name: `snr_db`, `syllable_rate`.
        person: Whose face is read, by a name that is unique in its video; `None` where no face is.
        faces: Where that face stands over time, in order; empty where none is read.
    """

    id: str
    text: str | None = None
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    language: str | None = None
    source: str | None = None
    time: str | None = None
    context: tuple[str, ...] = ()
    context_speakers: tuple[str | None, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    dialogue: str | None = None
    turn: int | None = None
    target: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)
    measures: Mapping[str, float] = field(default_factory=dict, hash=False)
    person: str | None = None
    faces: tuple[FaceBox, ...] = ()

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"clip {self.id!r} ends ({self.end}) before it starts ({self.start})")
        if self.context_speakers and len(self.context_speakers) != len(self.context):
            said, by = len(self.context), len(self.context_speakers)
            raise ValueError(f"clip {self.id!r} has {by} speakers for the {said} turns before it")


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Turns in the order in which they were said.

    Attributes:
        id: Name of the conversation.
        turns: The turns; each names its speaker where that is known.
    """

    id: str
    turns: tuple[Clip, ...]

    def __len__(self) -> int:
        return len(self.turns)

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.turns)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers, each once, in the order of their first turn."""
        return tuple(dict.fromkeys(t.speaker for t in self.turns if t.speaker is not None))
