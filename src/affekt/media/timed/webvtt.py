"""WebVTT (W3C): one cue a segment, the speaker as its voice, labels as a span of the class `emotion`.

    anna-3
    00:00:04.100 --> 00:00:06.250
    <v Anna><c.emotion>[joy (valence 4.120)]</c> That is wonderful.

Scores and intervals have no place in it. A player shows the cues as captions; a style sheet can show or hide
`::cue(.emotion)`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from affekt.core.errors import InputError
from affekt.core.timeline import Segment, Timeline
from affekt.media.timed.captions import NOTHING, clock, milliseconds, one_line, said, understood

__all__ = ["encode", "parse"]

_TIME = r"(?:(\d{2,5}):)?([0-5]\d):([0-5]\d)\.(\d{3})"
_TIMING = re.compile(rf"^\s*{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?$", re.ASCII)
_TAG = re.compile(r"<(/?)([^<>\s.]*)((?:\.[^<>\s.]*)*)(?:[ \t\n]+([^<>]*))?>")
_BLOCKS = ("NOTE", "STYLE", "REGION")


def encode(timeline: Timeline) -> str:
    """The segments as a WebVTT file."""
    taken: set[str] = set()
    blocks = ["WEBVTT\n"]
    for number, segment in enumerate(timeline, 1):
        start, end = milliseconds(segment)
        voice = f"<v {_escaped(segment.speaker)}>" if segment.speaker else ""
        about, text = said(segment), _escaped(segment.text or "")
        emotion = f"<c.emotion>[{_escaped(about)}]</c>" if about != NOTHING or not text else ""
        name = _cue_id(segment.id, number, taken)
        line = f"{voice}{f'{emotion} {text}'.strip()}"
        blocks.append(f"{name}\n{clock(start, '.')} --> {clock(end, '.')}\n{line}\n")
    return "\n".join(blocks)


def _escaped(text: str) -> str:
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cue_id(wanted: str | None, number: int, taken: set[str]) -> str:
    """A name that no other cue has and that is not taken for a time."""
    name = one_line(wanted or "").replace("-->", "->") or str(number)
    if name.split(" ")[0] in _BLOCKS:
        name = f"cue {name}"
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def parse(text: str, *, where: str = "WebVTT") -> Timeline:
    """Read a WebVTT file, its own or that of others.

    A cue in which several voices speak gives one segment for each. Styles, regions, positions and comments are not
    read. Only a span of the class `emotion` gives labels.

    Args:
        text: The content.
        where: The file's name, for messages.

    Raises:
        InputError: It is not WebVTT, or a cue has no readable times; the line is named.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if re.fullmatch(r"WEBVTT(?:[ \t].*)?", lines[0]) is None:
        raise InputError("The file does not begin with WEBVTT", where=where, hint="It may be of another format.")
    segments: list[Segment] = []
    for number, block in _blocks(lines):
        at = next((i for i, line in enumerate(block[:2]) if "-->" in line), None)
        if at is None:
            if number == 1 or block[0].split(" ")[0].split("\t")[0] in _BLOCKS:
                continue
            raise InputError(
                "A cue has no times", where=f"{where}:{number}", hint="Write START --> END above its text."
            )
        found = _TIMING.match(block[at])
        if found is None:
            raise InputError("The times of a cue cannot be read", where=f"{where}:{number + at}")
        start, end = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        if end < start:
            raise InputError("A cue ends before it starts", where=f"{where}:{number + at}")
        segments += _cue(start, end, block[0] if at else None, "\n".join(block[at + 1 :]))
    return Timeline(tuple(segments))


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Lines between empty lines, with the number of the first."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line:
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, thousandths = (int(part or 0) for part in parts)
    return (hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + thousandths) / 1000


def _cue(start: float, end: float, name: str | None, payload: str) -> Iterator[Segment]:
    """One segment for each voice of a cue."""
    speaker: str | None = None
    inside = False
    emotion, words = "", ""
    done = False
    at = 0
    for tag in [*_TAG.finditer(payload), None]:
        piece = html.unescape(payload[at : tag.start() if tag else len(payload)])
        if inside:
            emotion += piece
        else:
            words += piece
        if tag is None:
            break
        at = tag.end()
        closing, kind, classes, annotation = tag.groups()
        if kind == "c":
            inside = not closing and "emotion" in (classes or "").split(".")
        elif kind == "v" and not closing:
            if words.strip() or emotion:
                yield _segment(start, end, name, speaker, words, emotion)
                done, words, emotion = True, "", ""
            speaker = one_line(html.unescape(annotation or "")) or None
    if words.strip() or emotion or not done:
        yield _segment(start, end, name, speaker, words, emotion)


def _segment(start: float, end: float, name: str | None, speaker: str | None, words: str, emotion: str) -> Segment:
    labels, dimensions = understood(emotion.strip().removeprefix("[").removesuffix("]"))
    text = one_line(words) or None
    return Segment(start, end, labels, speaker, text, dimensions=dimensions, id=name)
