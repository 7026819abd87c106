"""RTTM (NIST Rich Transcription): who speaks when, and which emotion when, of any number of recordings.

A line has ten fields: type, recording, channel, start, duration, spelling, subtype, name, confidence, lookahead;
`<NA>` where there is nothing. Two ways are in use to say an emotion, and both are read:

- Where no speaker of the recording is known, the label stands where a speaker would (`SPEAKER talk 1 0.500 1.250
  <NA> <NA> joy <NA> <NA>`), so that programs which score who speaks when can score which emotion when.
- Where speakers are known, a `SPEAKER` line names the speaker, and a line of the type `EMOTION` with the same times
  has the label as its subtype, the speaker as its name and the probability as its confidence. Programs that know
  the type not pass over it.

Names are one word in RTTM: blanks become `_`. Texts and dimensions have no place in it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import PurePath

from affekt.core.errors import InputError
from affekt.core.timeline import Segment, Timeline
from affekt.media.timed.captions import LATEST

__all__ = ["encode", "parse", "recording"]

_NONE = "<NA>"
_FIELDS = 9


def recording(source: str | None) -> str:
    """What a recording is called in RTTM: its file's name without the ending, in one word."""
    return _word(PurePath(source or "").stem or "recording")


def _word(text: str) -> str:
    return "_".join(text.split()) or "_"


def encode(timelines: Iterable[Timeline]) -> str:
    """The recordings as RTTM, one after the other.

    Raises:
        InputError: Two recordings would have the same name.
    """
    lines: list[str] = []
    taken: dict[str, str | None] = {}
    for timeline in timelines:
        name = recording(timeline.source)
        if name in taken:
            raise InputError(
                f"Two recordings would both be called {name!r} in RTTM",
                where=str(timeline.source),
                hint="Rename one of them, or write each to a file of its own.",
            )
        taken[name] = timeline.source
        lone = timeline.speakers in ((), (None,))
        for s in timeline:
            lines += _lines(name, s, lone=lone)
    return "".join(f"{line}\n" for line in lines)


def _lines(name: str, s: Segment, *, lone: bool) -> list[str]:
    start = round(s.start * 1000)
    length = max(round(s.end * 1000) - start, 1)
    place = f"{name} 1 {start / 1000:.3f} {length / 1000:.3f} {_NONE}"
    if lone:
        return [f"SPEAKER {place} {_NONE} {_word(label)} {_sure(s, label)} {_NONE}" for label in s.labels]
    who = _NONE if s.speaker is None else _word(s.speaker)
    said = [f"EMOTION {place} {_word(label)} {who} {_sure(s, label)} {_NONE}" for label in s.labels]
    return said if s.speaker is None else [f"SPEAKER {place} {_NONE} {who} {_NONE} {_NONE}", *said]


def _sure(s: Segment, label: str) -> str:
    return f"{s.scores[label]:.6f}" if label in s.scores else _NONE


def parse(text: str, *, labels: Collection[str] | None = None, where: str = "RTTM") -> list[Timeline]:
    """Read an RTTM file, its own or that of others.

    Lines of other types than `SPEAKER` and `EMOTION` and empty ones are not read, nor are comments (`;;`). Lines of
    one time and one speaker are one segment.

    Args:
        text: The content.
        labels: Names that are labels, not speakers, where they stand as the name of a `SPEAKER` line.
        where: The file's name, for messages.

    Returns:
        A timeline for each recording, in the order of their first lines; `source` is the recording's name.

    Raises:
        InputError: A line has too few fields, or its times are none; the line is named.
    """
    known = {_word(label): label for label in labels or ()}
    found: dict[str, dict[tuple[float, float, str | None], Segment]] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith(";;") or fields[0] not in ("SPEAKER", "EMOTION"):
            continue
        if len(fields) < _FIELDS:
            raise InputError(
                f"A line has {len(fields)} fields",
                where=f"{where}:{number}",
                hint="Ten are expected: type recording channel start duration <NA> subtype name confidence <NA>.",
            )
        kind, name, _, begins, lasts, _, subtype, who, confidence = fields[:_FIELDS]
        start, length = _number(begins), _number(lasts)
        if not (start >= 0 and length >= 0):
            raise InputError("Start and duration are not two numbers from 0 on", where=f"{where}:{number}")
        label = known.get(subtype, subtype) if kind == "EMOTION" else known.get(who)
        speaker = None if who == _NONE or (kind == "SPEAKER" and label is not None) else who
        end = round(start + length, 6)
        here = found.setdefault(name, {})
        segment = here.get((start, end, speaker)) or Segment(start, end, speaker=speaker)
        if label is not None and label not in segment.labels:
            sure = _number(confidence)
            scores = segment.scores if math.isnan(sure) else {**segment.scores, label: sure}
            segment = replace(segment, labels=(*segment.labels, label), scores=scores)
        here[start, end, speaker] = segment
    return [Timeline(tuple(segments.values()), source=name) for name, segments in found.items()]


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if abs(value) <= LATEST else math.nan
