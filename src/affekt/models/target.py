"""Reading what a text says of one named target: its mentions marked, or hidden.

Who knows a name also knows, or believes to know, how people speak of it. A model that may read the name of a
company guesses from what it remembers of the company; with the name hidden it must read the sentence
(TGT-Masking; Son et al. 2023, "Removing Non-Stationary Knowledge From Pre-Trained Language Models for Entity-Level
Sentiment Classification in Finance").
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from affekt.core.clip import Clip

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CLOSE", "HIDDEN", "OPEN", "Aim", "Aimed", "AimedReader", "aimed", "mentions", "renamed"]

Aim = Literal["plain", "marked", "masked"]
"""How a target is read: not told apart, between two markers, or with the mask token in place of its name."""

HIDDEN, OPEN, CLOSE = "[MASK]", "[TGT]", "[/TGT]"


@dataclass(frozen=True, slots=True)
class Aimed:
    """A clip as it is read with a target.

    Attributes:
        clip: The clip with its mentions marked or hidden.
        steps: Where pieces of the new text begin: (new, old) places, in ascending order.
    """

    clip: Clip
    steps: tuple[tuple[int, int], ...] = ((0, 0),)

    def origin(self, place: int) -> int:
        """The character of the text as it was that a character of the new text comes from."""
        k = bisect_right(self.steps, place, key=lambda step: step[0]) - 1
        new, old = self.steps[k]
        most = self.steps[k + 1][1] if k + 1 < len(self.steps) else old + place - new
        return min(old + place - new, most)


def mentions(text: str, target: str) -> list[tuple[int, int]]:
    """The (start, end) characters where a text names a target, whatever its case.

    Whole words; only where there are none, parts of words too, since in Korean or Turkish a name takes endings.
    """
    name = re.escape(target.strip())
    if not name:
        return []
    name = re.sub(r"(?:\\\s)+", r"\\s+", name)
    whole = [m.span() for m in re.finditer(rf"(?<!\w){name}(?!\w)", text, re.IGNORECASE)]
    return whole or [m.span() for m in re.finditer(name, text, re.IGNORECASE)]


def aimed(clip: Clip, aim: Aim) -> Aimed:
    """A clip as a model reads it that was trained for targets.

    A clip without a target stays as it is. A target that the text does not name is put before a marked text, and
    leaves a masked one as it is.
    """
    text = clip.text or ""
    if aim == "plain" or not clip.target or not text.strip():
        return Aimed(clip)
    found = mentions(text, clip.target)
    if not found and aim == "marked":
        front = f"{OPEN} {clip.target.strip()} {CLOSE} "
        return Aimed(replace(clip, text=front + text), ((0, 0), (len(front), 0)))
    out, steps, at, length = [], [(0, 0)], 0, 0
    for start, end in found:
        pieces: Sequence[tuple[str, int]]
        if aim == "masked":
            pieces = ((text[at:start], at), (HIDDEN, start))
        else:
            pieces = ((text[at:start], at), (f"{OPEN} ", start), (text[start:end], start), (f" {CLOSE}", end))
        for piece, origin in pieces:
            steps.append((length, origin))
            out.append(piece)
            length += len(piece)
        at = end
    steps.append((length, at))
    return Aimed(replace(clip, text="".join([*out, text[at:]])), tuple(dict(steps).items()))


class _Reader(Protocol):
    def read_bare(self, texts: Sequence[str], *, space: str | None = None) -> NDArray[np.float64]: ...

    def windows(self, text: str) -> list[tuple[int, int]]: ...


class AimedReader:
    """A model of targets as one that reads bare texts, with one target in all of them.

    Args:
        reader: The model.
        target: The target.
        aim: How the model reads it.
    """

    def __init__(self, reader: _Reader, target: str, aim: Aim) -> None:
        self._reader, self._target, self._aim = reader, target, aim

    def _aimed(self, text: str) -> Aimed:
        return aimed(Clip("", text, target=self._target), self._aim)

    def read_bare(self, texts: Sequence[str], *, space: str | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of texts about the target, shape (texts, labels)."""
        return self._reader.read_bare([self._aimed(text).clip.text or "" for text in texts], space=space)

    def windows(self, text: str) -> list[tuple[int, int]]:
        """The pieces in which a text is read, by its own characters."""
        found = self._aimed(text)
        return [(found.origin(a), found.origin(b)) for a, b in self._reader.windows(found.clip.text or "")]


def renamed(clip: Clip, name: str) -> Clip | None:
    """The clip with another name for its target, wherever the text names it; `None` where it does not."""
    text = clip.text or ""
    found = mentions(text, clip.target or "")
    if not found:
        return None
    for start, end in reversed(found):
        text = text[:start] + name + text[end:]
    return replace(clip, text=text, target=name)
