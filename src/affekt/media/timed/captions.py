"""What WebVTT and SRT have in common: clock times, and how a segment is said in a line of a caption."""

from __future__ import annotations

import re

from affekt.core.timeline import Segment

__all__ = ["LATEST", "NOTHING", "clock", "milliseconds", "one_line", "said", "understood"]

NOTHING = "-"
"""Stands where a segment has neither labels nor dimensions."""

LATEST = 1e9
"""Seconds that no recording is longer than, some thirty years; what is beyond is no time."""

_DIMENSIONS = re.compile(r"^(?P<labels>.*?) ?\((?P<values>[^()\s]+ -?\d+\.\d{3}(?:, [^()\s]+ -?\d+\.\d{3})*)\)$")


def milliseconds(segment: Segment) -> tuple[int, int]:
    """Start and end in whole milliseconds; what is shorter than one lasts one, since no caption may last none."""
    start = round(segment.start * 1000)
    return start, max(round(segment.end * 1000), start + 1)


def clock(milliseconds: int, separator: str) -> str:
    """`00:01:02.345`, with the sign that stands before the milliseconds."""
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{rest:03}"


def one_line(text: str) -> str:
    """Text without line ends, which would end a caption, and with single blanks."""
    return " ".join(text.replace("\0", "\ufffd").split())


def said(segment: Segment) -> str:
    """Labels and dimensions of a segment, such as `joy; surprise (valence 3.210, arousal 2.800)`; `-` for nothing.

    Names lose blanks at their ends and semicolons, and those of dimensions their blanks.
    """
    labels = "; ".join(one_line(label.replace(";", ",")) for label in segment.labels)
    values = ", ".join(f"{_name(name)} {value:.3f}" for name, value in segment.dimensions.items())
    return f"{labels or NOTHING} ({values})" if values else labels or NOTHING


def _name(dimension: str) -> str:
    return re.sub(r"[()\s]+", "_", dimension)


def understood(words: str) -> tuple[tuple[str, ...], dict[str, float]]:
    """Labels and dimensions from what `said` made."""
    found = _DIMENSIONS.match(words.strip())
    labels = found["labels"] if found else words
    names = tuple(label for part in labels.split(";") if (label := part.strip()) and label != NOTHING)
    values: dict[str, float] = {}
    for pair in found["values"].split(", ") if found else ():
        name, _, value = pair.rpartition(" ")
        values[name] = float(value)
    return names, values
