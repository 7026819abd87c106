"""Conversations as lines of text: `Name: words`, and the exports of WhatsApp.

    Anna: I got the job!            [31.12.23, 21:05:33] Anna: I got the job!
    Ben: No way!                    12/31/23, 9:05 PM - Ben: No way!

A line that begins no turn goes on with the turn before. WhatsApp writes dates in the order of the phone's country:
where no date of the file's beginning tells day from month, they stay as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import IO, Literal

from affekt.media.chats.turn import MEDIA, SYSTEM, Turn, seconds
from affekt.media.table import Lines, LineTooLongError

__all__ = ["Chat", "chat_in", "named_lines", "whatsapp"]

Chat = Literal["whatsapp", "names"]

_MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufeff"
_DATE = r"(?P<date>\d{1,4}[./-]\d{1,2}[./-]\d{1,4})\.?"
_CLOCK = r"(?P<clock>\d{1,2}[:.]\d{2}(?:[:.]\d{2})?)(?:\s*(?P<half>[AaPp])\.?\s?[Mm]\.?)?"
_STAMPED = re.compile(
    rf"[{_MARKS}]*(?:\[{_DATE},?\s+{_CLOCK}\]\s|{_DATE.replace('date', 'date2')},?\s+"
    rf"{_CLOCK.replace('clock', 'clock2').replace('half', 'half2')}\s+[-\u2013]\s)"
    r"(?P<rest>.*)",
    re.DOTALL,
)
_SAID = re.compile(rf"[{_MARKS}~\s]*(?P<name>[^:\n]{{1,80}}?):(?:[ \u00a0]|$)(?P<words>.*)", re.DOTALL)
# `<Media omitted>` in any language, and `IMG-1.jpg (file attached)`; what iOS says itself begins with a mark.
_OMITTED = re.compile(r"<[^<>\n]{3,80}>|[^\n/\\]{1,120}\.\w{2,5} \([^()\n]{3,40}\)")
_DELETED = re.compile(
    r"(?:This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|Ce message a été supprimé"
    r"|Se eliminó este mensaje|Questo messaggio è stato eliminato|null)\.?"
)

_NAME = re.compile(
    r"(?:[\[(]?(?P<at>(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?)[\])]?\s*(?:-\s*)?)?"
    r"(?P<name>[^\W_](?:[^:\n\[\]]{0,58}[^:\n\[\]\s])?|\[[^\[\]\n]{1,60}\])\s?(?::|\uff1a)(?:\s+(?P<words>.*)|(?P<none>))$",
    re.DOTALL,
)
_ROLES = frozenset(
    {"user", "assistant", "agent", "bot", "customer", "client", "therapist", "speaker", "interviewer", "caller"}
)
_WORDS_IN_A_NAME = 4


def chat_in(head: str, *, asked: bool = False) -> Chat | None:
    """Which chat the beginning of a text is, where that is unmistakable.

    WhatsApp: the first line that is not blank has its stamp, and another one or the only one a speaker. `Name: words`:
    two lines or more, at least nine in ten (of fewer than ten, all) begin with what can be a name, and no more than
    half as many names as lines, or two. Where a conversation is asked for, one line with a name is enough.
    """
    lines = [line.rstrip() for line in head.splitlines() if line.strip()]
    if not lines:
        return None
    if (first := _STAMPED.match(lines[0])) is not None:
        stamped = [m for line in lines if (m := _STAMPED.match(line)) is not None]
        return "whatsapp" if first and any(_SAID.match(m["rest"]) for m in stamped) else None
    names = [m["name"] for line in lines if (m := _NAME.match(line.strip())) is not None and _can_be_name(m["name"])]
    if asked and names:
        return "names"
    few = len(lines) < 10 and len(names) < len(lines)
    if few or len(names) < max(2, 0.9 * len(lines)) or len(set(names)) > max(2, len(names) // 2):
        return None
    return "names"


def _can_be_name(name: str) -> bool:
    words = name.split()
    first = name.lstrip("[")[:1]
    small = first.isalpha() and first.islower() and words[0].casefold() not in _ROLES
    return len(words) <= _WORDS_IN_A_NAME and not small and any(c.isalpha() for c in name)


def named_lines(stream: IO[str], limit: int) -> Iterator[Turn]:
    """Turns of lines `Name: words`, also after a time in the recording (`[00:12] Name: words`)."""

    def begun(line: str) -> Turn | None:
        found = _NAME.match(line.strip())
        if found is None:
            return None
        return Turn("", found["words"] or "", found["name"].strip("[] "), start=seconds(found["at"]))

    yield from _turns(stream, limit, begun)


def whatsapp(stream: IO[str], limit: int, head: str) -> Iterator[Turn]:
    """Turns of a chat that WhatsApp exported, from Android or iOS, with dates of any country."""
    order = _order(head)

    def begun(line: str) -> Turn | None:
        found = _STAMPED.match(line)
        if found is None:
            return None
        rest = found["rest"]
        when = _when(
            found["date"] or found["date2"],
            found["clock"] or found["clock2"],
            found["half"] or found["half2"],
            order,
        )
        said = _SAID.match(rest)
        if said is None:
            return Turn("", rest.strip(_MARKS + " "), time=when, aside=SYSTEM)
        return Turn("", said["words"], said["name"].strip(), time=when)

    for turn in _turns(stream, limit, begun):
        yield _without_omitted(turn)


def _without_omitted(turn: Turn) -> Turn:
    if not isinstance(turn.text, str) or turn.aside is not None:
        return turn
    words = turn.text.strip()
    own = words.startswith("\u200e")
    words = words.strip(_MARKS + " ")
    aside = turn.aside
    if _DELETED.fullmatch(words):
        aside = f"{MEDIA}: a deleted message"
    elif _OMITTED.fullmatch(words):
        aside = f"{MEDIA}: a file or picture that the export leaves out"
    elif own:
        aside = f"{MEDIA}: written by the app, as for pictures and calls"
    return replace(turn, text=words, aside=aside)


def _turns(stream: IO[str], limit: int, begun: Callable[[str], Turn | None]) -> Iterator[Turn]:
    """Lines put together to turns; `begun` gives the turn that a line begins."""
    lines = Lines(stream, limit)
    turn: Turn | None = None
    more: list[str] = []
    size = 0

    def whole() -> Iterator[Turn]:
        if turn is None:
            return
        if turn.problem is None and size > limit:
            problem = f"too long: {size:,} characters, the limit is {limit:,}"
            yield replace(turn, text=None, problem=problem)
        elif isinstance(turn.text, str):
            yield replace(turn, text="\n".join((turn.text, *more)).strip())
        else:
            yield turn

    while True:
        number = lines.begin()
        try:
            line = next(lines).rstrip("\r\n")
        except StopIteration:
            break
        except LineTooLongError as err:
            yield from whole()
            turn, more, size = Turn(str(number), problem=str(err)), [], 0
            continue
        found = begun(line)
        if found is not None:
            yield from whole()
            turn, more, size = replace(found, place=str(number)), [], len(line)
        elif turn is not None and turn.problem is None:
            if line.strip():
                size += len(line) + 1
                if size <= limit:
                    more.append(line.strip())
        elif line.strip():
            # Words before the first speaker, or after a line that was too long.
            yield from whole()
            turn, more, size = Turn(str(number), line.strip()), [], len(line)
    yield from whole()


_Order = Literal["dmy", "mdy"]


def _order(head: str) -> _Order | None:
    """Whether the day or the month comes first, where a date tells."""
    for line in head.splitlines():
        found = _STAMPED.match(line)
        if found is None:
            continue
        a, b, _ = (int(part) for part in re.split(r"[./-]", found["date"] or found["date2"]))
        if a > 31:
            return "dmy"  # begins with the year; the order of the others is not asked
        if a > 12:
            return "dmy"
        if b > 12:
            return "mdy"
    return None


def _when(date: str, clock: str, half: str | None, order: _Order | None) -> str:
    """The time in ISO 8601, or as it stands there where it cannot be told."""
    plain = f"{date} {clock}{f' {half.upper()}M' if half else ''}"
    parts = [int(part) for part in re.split(r"[./-]", date)]
    if parts[0] > 31:
        year, month, day = parts
    elif order is None:
        return plain
    else:
        year = parts[2]
        day, month = (parts[0], parts[1]) if order == "dmy" else (parts[1], parts[0])
    hour, minute, second = (*(int(part) for part in re.split(r"[:.]", clock)), 0)[:3]
    if half:
        hour = hour % 12 + (12 if half in "pP" else 0)
    try:
        return datetime(year + (2000 if year < 100 else 0), month, day, hour, minute, second).isoformat()
    except ValueError:
        return plain
