"""What every format is read into, and what all of them have to keep."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from affekt.core.errors import InputError

__all__ = ["Turn", "checked", "clock", "span"]

_CLOCK = re.compile(r"\s*(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?\s*")


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch of a transcript.

    Attributes:
        start: Seconds from the beginning of the recording.
        end: Seconds from the beginning of the recording.
        speaker: Who speaks; `None` where the transcript does not say.
        text: What is said; `None` where the transcript has no words.
    """

    start: float
    end: float
    speaker: str | None = None
    text: str | None = None


def clock(value: str, where: str) -> float:
    """Seconds of `[hours:]minutes:seconds[.fraction]`; a comma is a point."""
    found = _CLOCK.fullmatch(value)
    if found is None:
        raise InputError(f"{value.strip()[:40]!r} is no time", where=where, hint="Times look like 00:01:02.500.")
    hours, minutes, seconds, fraction = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def span(value: str, where: str) -> tuple[float, float]:
    """Start and end of `time --> time`; what follows the second time (settings of a cue) is left out."""
    start, arrow, rest = value.partition("-->")
    if not arrow or not rest.split():
        raise InputError("A line with '-->' between two times is missing", where=where)
    return clock(start, where), clock(rest.split()[0], where)


def checked(turn: Turn, where: str) -> Turn:
    """The turn, if its times can be true."""
    if not (math.isfinite(turn.start) and math.isfinite(turn.end)) or turn.start < 0:
        raise InputError(f"A turn from {turn.start} s to {turn.end} s is not possible", where=where)
    if turn.end < turn.start:
        raise InputError(
            f"A turn ends ({turn.end:g} s) before it starts ({turn.start:g} s)", where=where, hint="Mend its times."
        )
    return turn
