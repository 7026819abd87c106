"""Sentences as words and back, and passages of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

from affekt.core.clip import Clip

__all__ = ["END", "joined", "passages", "words"]

END = "\n"
"""What stands after each sentence where a generator reads or writes it."""

_WORD = re.compile(r"\w+(?:[’'-]\w+)*|[^\w\s]")


def words(sentence: str) -> list[str]:
    """Words and punctuation of a sentence."""
    return _WORD.findall(sentence)


def joined(tokens: Iterable[str]) -> str:
    """Words with a space between any two, sentences with one after another.

    Texts by people and by machines are both written so: how the spaces stand must not tell them apart.
    """
    return " ".join(t for t in tokens if t != END)


def passages(clips: Iterable[Clip], sentences: int) -> list[list[str]]:
    """Consecutive texts of one document, so many at a time, as words with `END` after each; a rest is left out.

    Args:
        clips: Texts in their order; those of one `dialogue` belong together, and where there is none each text is
            cut off from the others only by the size of a passage.
        sentences: Texts in a passage.
    """
    out = []
    for _, of_document in groupby(clips, key=lambda clip: clip.dialogue):
        said: Sequence[list[str]] = [found for clip in of_document if (found := words(clip.text or ""))]
        for k in range(0, len(said) - sentences + 1, sentences):
            out.append([token for one in said[k : k + sentences] for token in (*one, END)])
    return out
