"""Causes of emotions by counting words: what two linear models look at, and how they add it up.

One model says whether a turn holds the cause of an emotion: by how far back it is, who says it, the emotion, and the
words of both turns. The other says how well a span of that turn fits: spans run from the beginning of a clause, or a
word that often opens one, to the end of a clause. Each thing that is seen is hashed to a place in a table of weights
(Weinberger et al. 2009), so that no vocabulary is kept.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.clip import Clip
from affekt.core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PLACES", "Weights", "places_of", "seen_of_pair", "seen_of_span", "spans_of"]

PLACES = 1 << 16
_LONGEST = 2_000  # characters of a turn that are read
_MOST_CLAUSES = 24  # of a turn; spans in what comes after are not tried

_WORD = re.compile(r"[^\W_]+|[?!.,]")
_COMMON = ". , ! ? a am and are be do for have i in is it me my of on s so t that the this to we what you your"
_STOP = frozenset(_COMMON.split())
_CLAUSE_END = re.compile(r"[.!?,;:]+(?:\s+[.!?,;:]+)*")
_OPENS = re.compile(
    r"\b(?:because|but|and|that|if|when|so|since|to|i|you|it|we|he|she|they|the|my|your|how|what)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Weights:
    """What the two models learned.

    Attributes:
        link: Weight of each place for a turn's holding a cause, shape (`PLACES`,).
        span: Likewise for a span's fitting.
        bias: Of both.
    """

    link: NDArray[np.float32]
    span: NDArray[np.float32]
    bias: tuple[float, float]

    def save(self, file: Path) -> None:
        """Write them as safe tensors."""
        from safetensors.numpy import save_file

        save_file({"link": self.link, "span": self.span, "bias": np.array(self.bias, np.float32)}, file)

    @classmethod
    def load(cls, file: Path) -> Weights:
        """Read them.

        Raises:
            ModelError: The file is missing or damaged, or its weights have another shape.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found = load_file(file)
            made = cls(found["link"], found["span"], (float(found["bias"][0]), float(found["bias"][1])))
        except (SafetensorError, OSError, LookupError) as err:
            raise ModelError(f"The model's weights cannot be read: {err}", where=str(file)) from err
        if made.link.shape != (PLACES,) or made.span.shape != (PLACES,):
            raise ModelError("The model's weights have another shape than is read", where=str(file))
        return made

    def link_logit(self, seen: Iterable[str]) -> float:
        """How likely what was seen of a pair makes it cause and effect, as a logit."""
        return _sum(self.link, seen) + self.bias[0]

    def span_logit(self, seen: Iterable[str]) -> float:
        """How well a span fits of which this was seen, as a logit."""
        return _sum(self.span, seen) + self.bias[1]


def places_of(seen: Iterable[str]) -> tuple[NDArray[np.int64], float]:
    """Where what was seen stands in the table, each place once, and the value that each has there.

    The more is seen, the less each thing counts, as long texts would else be judged by their length.
    """
    at = np.array(sorted({zlib.crc32(name.encode()) % PLACES for name in seen}), np.int64)
    return at, 5.0 / max(len(at), 1) ** 0.5


def _sum(table: NDArray[np.float32], seen: Iterable[str]) -> float:
    at, value = places_of(seen)
    return float(table[at].sum(dtype=np.float64)) * value


def _words(text: str | None) -> list[str]:
    return _WORD.findall((text or "")[:_LONGEST].lower())


def seen_of_pair(turns: Sequence[Clip], index: int, cause: int, emotion: str) -> list[str]:
    """What is looked at to say whether a turn holds the cause of another's emotion.

    Of the place of the emotion in the conversation it is seen whether it is one of the first ten turns, and which; all
    later ones look alike, so that a part of a long conversation is read as the whole is.

    Args:
        turns: The conversation.
        index: The turn with the emotion.
        cause: The turn that may hold the cause, not after it.
        emotion: Name of the emotion.
    """
    back = min(index - cause, 9)
    who, own = turns[cause].speaker, turns[index].speaker
    same = "unknown" if who is None or own is None else str(who == own)
    theirs, its = _words(turns[cause].text), _words(turns[index].text)
    zone = ("self", "near")[back] if back < 2 else "far"
    size, own_size = min(len(theirs) // 4, 8), min(len(its) // 4, 8)
    shared = min(len((set(theirs) & set(its)) - _STOP), 4)
    out = [f"back {back}", f"back {back} same {same}", f"back {back} of {emotion}", f"of {emotion}"]
    out += [f"back {back} at {min(index, 10)}", f"{zone} shared {shared}"]
    out += [f"own {own_size} {zone}", f"size {size} {zone}", f"size {size}", f"sizes {own_size} {size} {zone}"]
    out += [f"{zone} has {w} {w in theirs}" for w in "?!"] + [f"{zone} own has {w} {w in its}" for w in "?!"]
    for words, name in ((theirs, zone), (its, f"{zone} own")):
        out += [f"{name} {w}" for w in words]
        out += [f"{name} {a} {b}" for a, b in pairwise(words)]
    out += [f"{zone} {emotion} {w}" for w in theirs]
    return out


def spans_of(text: str) -> list[tuple[int, int]]:
    """Spans of a turn that may be a cause, in characters; the whole turn is the first.

    A span starts at a clause or a word that often opens one, and ends with a clause, with or without its punctuation.
    """
    text = text[:_LONGEST]
    begin, end = len(text) - len(text.lstrip()), len(text.rstrip())
    if begin >= end:
        return []
    starts, ends = {begin}, {end}
    for found in list(_CLAUSE_END.finditer(text))[:_MOST_CLAUSES]:
        ends |= {found.end(), len(text[: found.start()].rstrip())}
        starts.add(found.end() + len(text[found.end() :]) - len(text[found.end() :].lstrip()))
    starts |= {found.start() for found in list(_OPENS.finditer(text))[: 2 * _MOST_CLAUSES]}
    every = {(a, b) for a in starts for b in ends if begin <= a < b <= end}
    return [(begin, end), *sorted(every - {(begin, end)})]


def seen_of_span(text: str, start: int, end: int, *, back: int, emotion: str) -> list[str]:
    """What is looked at to say how well a span of a turn fits.

    Args:
        text: The turn.
        start: First character of the span.
        end: The character after its last one.
        back: How many turns before the one with the emotion.
        emotion: Name of the emotion.
    """
    text = text[:_LONGEST]
    inside, before, after = _words(text[start:end]), _words(text[:start]), _words(text[end:])
    left, right = [w for w in before if w.isalnum()], [w for w in after if w.isalnum()]
    words = [w for w in inside if w.isalnum()]
    zone = ("self", "near")[back] if back < 2 else "far"
    total = len(words) + len(left) + len(right)
    whole = f"{not left} {not right}"
    share = int(5 * len(words) / max(total, 1))
    size = min(len(words), 20)
    closed = bool(inside) and not inside[-1].isalnum()
    out = [f"whole {whole}{more}" for more in ("", f" {zone}", f" {emotion}", f" of {min(total // 3, 8)}")]
    out += [f"share {share}", f"share {share} of {min(total // 4, 6)}", f"size {size}", f"size {size} {zone}"]
    out += [f"left {min(len(left), 12)}", f"right {min(len(right), 12)}", f"closed {closed}"]
    out += [f"first {words[0] if words else ''}", f"second {' '.join(words[:2])}", f"last {words[-1] if words else ''}"]
    out += [f"before {before[-1] if before else ''} first {inside[0] if inside else ''}"]
    out += [f"before {before[-1] if before else ''}", f"ends {inside[-1] if inside else ''}"]
    out += [f"next {after[0] if after else ''}"]
    out += [f"in {w}" for w in words] + [f"out {w}" for w in (*left, *right)] + [f"in {emotion} {w}" for w in words]
    return out
