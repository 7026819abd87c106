"""SubRip (`.srt`) and WebVTT (`.vtt`).

WebVTT (https://www.w3.org/TR/webvtt1/) names the speaker in a voice tag: `<v Anna>Hello`. SubRip has no such thing; two
usages are read: `[SPEAKER_00]: Hello`, as recognisers write it, and `ANNA: Hello` in capitals, as captions have it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from affekt.core.errors import InputError
from affekt.media.transcripts.turn import Turn, checked, span

__all__ = ["srt", "vtt"]

_TAG = re.compile(r"</?[A-Za-z0-9:][^<>]*>|\{\\[^{}]*\}")
_SAID_BY = re.compile(r"\s*(?:\[([^\[\]]{1,60})\]|(?=[^:]*[^\W\d_])([^\Wa-z][^\Wa-z]+(?:[ .'-]+[^\Wa-z]+){0,3})):\s+")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>", re.IGNORECASE)
_ASIDE = re.compile(r"(?:NOTE|STYLE|REGION)(?:[ \t]|$)")


def _paragraphs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and lines of what stands between empty lines."""
    gathered: list[str] = []
    first = 1
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        if line.strip():
            if not gathered:
                first = number
            gathered.append(line)
        elif gathered:
            yield first, gathered
            gathered = []


def _cue(lines: list[str], where: str) -> tuple[float, float, list[str]]:
    """Start, end and lines of text of a cue; its number or name may stand before the times."""
    at = 0 if "-->" in lines[0] else 1
    if at >= len(lines) or "-->" not in lines[at]:
        raise InputError("A line with '-->' between two times is missing", where=where)
    start, end = span(lines[at], where)
    return start, end, lines[at + 1 :]


def _plain(marked: str) -> str:
    return " ".join(html.unescape(_TAG.sub("", marked)).split())


def _named(marked: str) -> tuple[str | None, str]:
    """Speaker and text of a line that may begin with a name."""
    text = _plain(marked)
    found = _SAID_BY.match(text + " ")
    if found is None:
        return None, text
    return (found[1] or found[2]).strip(), text[found.end() :].strip()


def srt(text: str, where: str) -> list[Turn]:
    """Turns of a SubRip file; a cue without words is none."""
    turns = []
    for number, lines in _paragraphs(text):
        place = f"{where}:{number}"
        start, end, said = _cue(lines, place)
        speaker, words = _named(" ".join(said))
        if words:
            turns.append(checked(Turn(start, end, speaker, words), place))
    return turns


def vtt(text: str, where: str) -> list[Turn]:
    """Turns of a WebVTT file: one for each voice of a cue; a cue without words is none."""
    paragraphs = _paragraphs(text)
    head = next(paragraphs, (1, [""]))[1][0]
    if not re.match(r"WEBVTT(?:[ \t]|$)", head):
        raise InputError("It does not begin with 'WEBVTT'", where=where, hint="A file with numbered cues is an .srt.")
    turns = []
    for number, lines in paragraphs:
        if _ASIDE.match(lines[0]) and "-->" not in lines[0]:
            continue
        place = f"{where}:{number}"
        start, end, said = _cue(lines, place)
        # What stands before the first voice tag belongs to nobody, or to a name in it.
        before, *voices = _VOICE.split(" ".join(said))
        speakers = [
            _named(before),
            *((_plain(n) or None, _plain(t)) for n, t in zip(voices[::2], voices[1::2], strict=True)),
        ]
        turns += [checked(Turn(start, end, speaker, words), place) for speaker, words in speakers if words]
    return turns
