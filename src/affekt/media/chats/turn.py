"""One turn as it stands in a file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

__all__ = ["LARGEST", "MEDIA", "SYSTEM", "Turn", "said", "seconds"]

SYSTEM = "system message"
MEDIA = "no words"
LARGEST = 256 << 20
"""Most bytes of a JSON file, which is read whole; JSON Lines have no such limit."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of a conversation, before anything is checked.

    Attributes:
        place: Where it stands in the file, such as `12` (a line) or `turns[3]`.
        text: What was said; anything but a string is reported as such.
        speaker: Who said it.
        dialogue: Name of the conversation; `None` where the file holds one.
        id: Its name there.
        start: Start in seconds, where the file has seconds.
        end: End in seconds.
        time: When it was written: ISO 8601 where that can be told, else as it stands there.
        aside: What it is where it is nobody's words: `kind` or `kind: details`.
        problem: Why it cannot be read.
    """

    place: str
    text: object = None
    speaker: str | None = None
    dialogue: str | None = None
    id: str | None = None
    start: float | None = None
    end: float | None = None
    time: str | None = None
    aside: str | None = None
    problem: str | None = None


def seconds(value: object) -> float | None:
    """A time within a recording as seconds: a number, or `[hours:]minutes:seconds` with a point or a comma.

    `None` for anything else, and for what is negative or not finite.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        total = 0.0
        try:
            for part in value.strip().replace(",", ".").split(":"):
                total = total * 60 + float(part)
        except ValueError:
            return None
    elif isinstance(value, int | float):
        total = float(value)
    else:
        return None
    return total if math.isfinite(total) and total >= 0 else None


def said(err: json.JSONDecodeError) -> str:
    """What is wrong with a JSON text, without the place."""
    return f"{err.msg[0].lower()}{err.msg[1:]}".removesuffix(" at")
