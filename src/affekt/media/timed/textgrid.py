"""Praat's TextGrid: written in the long form, read in the long and the short one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from affekt.core.errors import InputError
from affekt.core.timeline import Timeline
from affekt.media.timed.captions import LATEST
from affekt.media.timed.tiers import Tier, tier_of_name, tiers_of, timeline_of

__all__ = ["encode", "parse"]

# Praat reads texts in quotation marks, numbers that stand free and flags, and skips everything else.
_TOKEN = re.compile(
    r'"(?P<text>[^"]*+(?:""[^"]*+)*+)"|(?<!\S)<(?P<flag>\w+)>|(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)'
    r"|(?P<comment>![^\n]*)"
)


def encode(timeline: Timeline) -> str:
    """The tiers of a timeline as a TextGrid: interval tiers without gaps or overlaps, all from 0 to the end."""
    tiers = tiers_of(timeline) or [Tier("emotion", None, 1, ())]
    last = max([round(timeline.duration * 1000), 1, *(end for tier in tiers for _, end, _ in tier.entries)])
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {_seconds(last)}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, tier in enumerate(tiers, 1):
        whole = list(_without_gaps(tier, last))
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f"        name = {_quoted(tier.name)}",
            "        xmin = 0",
            f"        xmax = {_seconds(last)}",
            f"        intervals: size = {len(whole)}",
        ]
        for place, (start, end, value) in enumerate(whole, 1):
            lines += [
                f"        intervals [{place}]:",
                f"            xmin = {_seconds(start)}",
                f"            xmax = {_seconds(end)}",
                f"            text = {_quoted(value)}",
            ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _seconds(milliseconds: int) -> str:
    whole, rest = divmod(milliseconds, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def _without_gaps(tier: Tier, last: int) -> Iterator[tuple[int, int, str]]:
    reached = 0
    for start, end, value in tier.entries:
        if start > reached:
            yield reached, start, ""
        yield start, end, value
        reached = end
    if reached < last:
        yield reached, last, ""


def parse(text: str, *, where: str = "TextGrid") -> Timeline:
    """Read a TextGrid, its own or that of others.

    Empty intervals are gaps. A tier that is not named as ours is a speaker's: its name is the speaker, its marks are
    texts. Points have no length.

    Args:
        text: The content.
        where: The file's name, for messages.

    Raises:
        InputError: It is not a TextGrid of text form, or breaks off.
    """
    if "\0" in text[:16] or text.startswith("ooBinaryFile"):
        raise InputError("The TextGrid is binary", where=where, hint="Save it as a text file in Praat.")
    tokens = _Tokens(text.removeprefix("\ufeff"), where)
    if not tokens.text().startswith("ooTextFile") or tokens.text() != "TextGrid":
        raise InputError("The file is not a TextGrid", where=where, hint="It may be another object of Praat.")
    tokens.number()
    end = tokens.number()
    if tokens.flag() != "exists":
        return Timeline(duration=max(end, 0.0))
    tiers = [_tier(tokens, where) for _ in range(tokens.count())]
    return timeline_of(tiers, duration=max(round(end * 1000), 0))


def _tier(tokens: _Tokens, where: str) -> Tier:
    kind, name = tokens.text(), tokens.text()
    if kind not in ("IntervalTier", "TextTier"):
        raise InputError(f"A tier is of the class {kind!r}", where=where, hint="IntervalTier and TextTier are read.")
    tokens.number()
    tokens.number()
    entries = []
    for _ in range(tokens.count()):
        start = tokens.number()
        end = tokens.number() if kind == "IntervalTier" else start
        value = " ".join(tokens.text().split())
        if not 0 <= start <= end:
            raise InputError(f"An interval goes from {start:g} to {end:g} s", where=f"{where}, tier {name!r}")
        if value:
            entries.append((round(start * 1000), round(end * 1000), value))
    return tier_of_name(name, entries)


class _Tokens:
    """The texts, numbers and flags of a file, one after the other."""

    def __init__(self, text: str, where: str) -> None:
        self._found = (match for match in _TOKEN.finditer(text) if match["comment"] is None)
        self._where = where

    def _next(self, kind: str, what: str) -> str:
        match = next(self._found, None)
        if match is None:
            raise InputError(f"The file breaks off where {what} should stand", where=self._where)
        if match[kind] is None:
            line = match.string.count("\n", 0, match.start()) + 1
            raise InputError(f"Here {what} should stand", where=f"{self._where}:{line}")
        return str(match[kind])

    def text(self) -> str:
        return self._next("text", "a text in quotation marks").replace('""', '"')

    def number(self) -> float:
        value = float(self._next("number", "a number"))
        if abs(value) > LATEST:
            raise InputError(f"{value:g} is no time or count", where=self._where)
        return value

    def count(self) -> int:
        return int(self.number())

    def flag(self) -> str:
        return self._next("flag", "a flag such as <exists>")
