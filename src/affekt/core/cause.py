"""What caused an emotion in a conversation: which turn, and which words of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cause", "Link"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Words that caused the emotion of a turn.

    Attributes:
        turn: The turn that they stand in, counted from 0; often the turn itself.
        start: Their first character in the text of that turn.
        end: The character after their last one.
        score: Probability that the turn holds a cause.
    """

    turn: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Link:
    """A pair of turns, and what is known or said of whether the second caused the emotion of the first.

    Attributes:
        turn: The turn with the emotion, counted from 0.
        cause: The turn that may hold the cause, counted from 0.
        label: The emotion.
        start: Where the span that is the cause starts in that turn: at this character, or at this token where a task
            counts in tokens.
        end: Where it ends; the character, or token, after it.
        text: The span; `None` where the pair is known to be no cause and effect.
        score: Probability that it is one, where there is one.
        id: Name of the question, where the task asks about pairs one by one.
    """

    turn: int
    cause: int
    label: str | None = None
    start: int | None = None
    end: int | None = None
    text: str | None = None
    score: float | None = None
    id: str | None = None
