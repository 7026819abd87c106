"""Cutting long texts at sentence ends, with the place of every piece kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["pieces"]

# A sentence ends at closing punctuation, with quotes or brackets behind it, before white space; or at a line end.
_END = re.compile(r"(?:[.!?…。！？]+[\"'”’)\]]*(?=\s))|\n+")
# Not an end: an initial or a common abbreviation before the full stop.
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|approx|No)|\b[A-Z])\.$")


def pieces(text: str, *, longest: int = 600) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the sentences of a text, in order, without white space around them.

    A sentence of more than `longest` characters is cut at white space, or within a word where it has none, so
    that memory and time stay bounded for text without punctuation. No character but white space is left out.
    """
    start = 0
    for match in _END.finditer(text):
        if match.group()[0] == "." and _ABBREVIATION.search(text, max(0, match.start() - 8), match.start() + 1):
            continue
        yield from _cut(text, start, match.end(), longest)
        start = match.end()
    yield from _cut(text, start, len(text), longest)


def _cut(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > longest:
        cut = next((i for i in range(start + longest, start + longest // 2, -1) if text[i].isspace()), start + longest)
        yield start, cut
        start = cut
        while text[start].isspace():
            start += 1
    if start < end:
        yield start, end
