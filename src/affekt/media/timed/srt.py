"""SRT (SubRip): one caption a segment, with speaker and labels in brackets before the text.

    3
    00:00:04,100 --> 00:00:06,250
    [Anna: joy (valence 4.120)] That is wonderful.

SRT has no place for anything but times and text, so brackets are all that a reader has to go by. Captions have
brackets for other things as well ("[music]"): they are read as labels only where the labels are said.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from affekt.core.errors import InputError
from affekt.core.timeline import Segment, Timeline
from affekt.media.timed.captions import NOTHING, clock, milliseconds, one_line, said, understood

__all__ = ["encode", "parse"]

_TIME = r"(\d{1,5}):([0-5]?\d):([0-5]?\d)[,.](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?$", re.ASCII)
_BRACKET = re.compile(r"^\[(?:(?P<speaker>[^\[\]]*): )?(?P<said>[^\[\]]*)\](?: |$)")
_MARKUP = re.compile(r"</?(?:b|i|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)


def encode(timeline: Timeline) -> str:
    """The segments as an SRT file. Square brackets in names become round ones."""
    return "\n".join(_caption(number, segment) for number, segment in enumerate(timeline, 1))


def _caption(number: int, segment: Segment) -> str:
    start, end = milliseconds(segment)
    about = _round(said(segment))
    if segment.speaker and segment.speaker.strip():
        about = f"{_round(one_line(segment.speaker))}: {about}"
    text = one_line(segment.text or "").replace("-->", "->")
    # Nothing is put before a plain text, unless its own bracket would then be taken for labels.
    line = text if about == NOTHING and text and not text.startswith("[") else f"[{about}] {text}".rstrip()
    return f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{line}\n"


def _round(text: str) -> str:
    return text.replace("[", "(").replace("]", ")")


def parse(text: str, *, labels: Collection[str] | None = None, where: str = "SRT") -> Timeline:
    """Read an SRT file.

    Args:
        text: The content.
        labels: Names that are labels where they stand in brackets before a text, as `encode` puts them. Without
            them, brackets are part of the text.
        where: The file's name, for messages.

    Raises:
        InputError: It is not SRT, or a caption has no readable times; the line is named.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [i for i, line in enumerate(lines) if "-->" in line]
    if not starts and any(line.strip() for line in lines):
        raise InputError("The file has no line with times", where=where, hint="It may be of another format.")
    segments = []
    for at, after in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        found = _TIMING.match(lines[at])
        if found is None:
            raise InputError("The times of a caption cannot be read", where=f"{where}:{at + 1}")
        start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        if end < start:
            raise InputError("A caption ends before it starts", where=f"{where}:{at + 1}")
        # The number of the next caption stands above its times.
        body = lines[at + 1 : after - 1] if after <= len(lines) else lines[at + 1 :]
        number = lines[at - 1].strip() if at else ""
        segments.append(_segment(start, end, number if number.isdecimal() else None, " ".join(body), labels))
    return Timeline(tuple(segments))


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds = (int(part) for part in parts[:3])
    return (hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + int(parts[3].ljust(3, "0"))) / 1000


def _segment(start: float, end: float, name: str | None, body: str, labels: Collection[str] | None) -> Segment:
    words = one_line(_MARKUP.sub("", body) if labels is None else body)
    found = _BRACKET.match(words) if labels is not None else None
    if found and labels is not None:
        given, dimensions = understood(found["said"])
        known = set(labels)
        if all(label in known for label in given) and (given or dimensions or found["said"] == NOTHING):
            text = words[found.end() :].strip() or None
            return Segment(start, end, given, found["speaker"] or None, text, dimensions=dimensions, id=name)
    # Our own sign that nothing is said of emotion is no part of a text.
    return Segment(start, end, text=words.removeprefix(f"[{NOTHING}]").strip() or None, id=name)
