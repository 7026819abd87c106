"""Judges: how far things that are said in words of their own mean the same.

A judge takes what is true and what was said, both lists of clues or triggers, and gives a table of similarities. The
offline one goes by the encoder of a bundled model; one that asks a language model, or a person, needs `name`,
`at_least` and `compare` alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from affekt.core.works import implements

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.models.vectors import SentenceVectors

__all__ = ["EncoderJudge", "Judge", "WordJudge", "YesNoJudge", "clues_of", "listed_triggers"]

_SENTENCE = re.compile(r"(?<=[.!?…。！？])(?:\s+|(?=[A-Z\u4e00-\u9fff]))")
_NUMBERED = re.compile(r"(?:^|\n)\s*\d+[.)]\s*")
_WORD = re.compile(r"\w+")


class Judge(Protocol):
    """What compares.

    Attributes:
        name: What it is called in records.
        at_least: Similarity from which it takes two things for the same.
    """

    name: str
    at_least: float

    def compare(self, truth: Sequence[str], said: Sequence[str]) -> NDArray[np.float64]:
        """Similarities in 0..1, shape (truth, said)."""
        ...


class EncoderJudge:
    """Cosine of vectors of the encoder of a text model, less than 0 as 0.

    Its threshold separates two descriptions of one scene from those of two scenes (EMER, versions 1 and 2: 39 scenes
    are in both, which `benchmarks/clues.py` leaves out of what it reports).

    Args:
        vectors: The encoder; default that of `text-en`.
        at_least: Similarity from which two things are the same.
    """

    def __init__(self, vectors: SentenceVectors | None = None, *, at_least: float = 0.75) -> None:
        from affekt.models.vectors import SentenceVectors

        self._vectors = vectors or SentenceVectors()
        self._known: dict[str, NDArray[np.float32]] = {}
        self.name, self.at_least = "encoder", at_least

    def _of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= dict(zip(new, self._vectors.vectors(new), strict=True))
        return np.stack([self._known[text] for text in texts])

    def compare(self, truth: Sequence[str], said: Sequence[str]) -> NDArray[np.float64]:
        """Cosines, shape (truth, said)."""
        if not truth or not said:
            return np.zeros((len(truth), len(said)))
        table: NDArray[np.float64] = np.clip(self._of(truth) @ self._of(said).T, 0.0, 1.0).astype(np.float64)
        return table


class WordJudge:
    """Share of words that two things have in common: the floor that a judge of meaning must beat."""

    def __init__(self, *, at_least: float = 0.5) -> None:
        self.name, self.at_least = "words", at_least

    def compare(self, truth: Sequence[str], said: Sequence[str]) -> NDArray[np.float64]:
        """Words of both over words of either, shape (truth, said)."""
        a, b = ([set(_WORD.findall(text.lower())) for text in side] for side in (truth, said))
        return np.array([[len(x & y) / max(1, len(x | y)) for y in b] for x in a]).reshape(len(a), len(b))


class YesNoJudge:
    """Asks somebody of each pair whether both say the same: a language model, or a person.

    Args:
        ask: From a question to an answer; what begins with yes is yes.
        name: What it is called in records.
    """

    def __init__(self, ask: Callable[[str], str], *, name: str = "asked") -> None:
        self._ask, self.name, self.at_least = ask, name, 0.5

    def compare(self, truth: Sequence[str], said: Sequence[str]) -> NDArray[np.float64]:
        """1 where the answer is yes, else 0, shape (truth, said)."""
        found = [[self._same(a, b) for b in said] for a in truth]
        return np.array(found, dtype=np.float64).reshape(len(truth), len(said))

    def _same(self, one: str, other: str) -> float:
        answer = self._ask(f"Do these two say the same? Answer yes or no.\n1. {one}\n2. {other}")
        return float(answer.strip().casefold().startswith("yes"))


@implements(works=["emer"])
def clues_of(description: str) -> list[str]:
    """The clues of a description: its sentences.

    Example:
        >>> clues_of("His brows are drawn together. The voice is low.In the text, he thanks her.")
        ['His brows are drawn together.', 'The voice is low.', 'In the text, he thanks her.']
    """
    return [part for piece in _SENTENCE.split(description) if (part := piece.strip())]


@implements(works=["eibench"])
def listed_triggers(answer: str) -> list[str]:
    r"""The items of a numbered list, each once; of an answer without numbers, its lines.

    Example:
        >>> listed_triggers("1. A broken window.\n2. Nobody helps")
        ['A broken window.', 'Nobody helps']
    """
    parts = _NUMBERED.split(answer) if _NUMBERED.search(answer) else answer.splitlines()
    return list(dict.fromkeys(part for piece in parts if (part := " ".join(piece.split()))))
