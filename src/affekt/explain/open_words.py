"""Emotions in any words: those that a free text names, and those that a reading amounts to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from affekt.catalog.emotion_words import form_of, known_words, wheel_words
from affekt.core.prediction import Prediction
from affekt.core.works import implements
from affekt.explain.attribution import NEGATOR, word_spans

__all__ = ["Mention", "mentions", "named", "words_of"]

# So many words before an emotion word a negation may stand, and what ends its reach.
_REACH = 3
_STOPS = frozenset(("but", "only", "just", "merely", "because", "however", "although", "though", "yet"))


@dataclass(frozen=True, slots=True)
class Mention:
    """An emotion word in a text.

    Attributes:
        word: The word, as the catalogue has it (`happy` for `happily`).
        start: Its first character.
        end: The character after its last.
        negated: Whether it is denied: "not happy", "without a trace of anger".
    """

    word: str
    start: int
    end: int
    negated: bool


@cache
def _vocabulary() -> tuple[frozenset[str], int]:
    """Spellings that a text is searched for, and the most words of one.

    Those of words that stand on a wheel themselves: among synonyms there are `question` and `power`, which say nothing
    of an emotion in a running text.
    """
    found = frozenset(spelling for spelling in known_words() if form_of(spelling) in wheel_words())
    return found, max(len(spelling.split()) for spelling in found)


@implements(works=["ov-mer", "affectgpt"])
def mentions(text: str, *, vocabulary: Iterable[str] | None = None) -> list[Mention]:
    """Emotion words of a text in their order, the longest match at each place.

    Args:
        text: A text in English: a description, an answer of a language model.
        vocabulary: Spellings to look for, in lower case; default those of the words of all wheels.

    Example:
        >>> [(m.word, m.negated) for m in mentions("She is not angry, rather sad and worried.")]
        [('angry', True), ('sad', False), ('worried', False)]
    """
    known, longest = _vocabulary() if vocabulary is None else (frozenset(vocabulary), 4)
    spans = word_spans(text)
    said = [text[a:b].lower() for a, b in spans]
    found: list[Mention] = []
    at = 0
    while at < len(said):
        for size in range(min(longest, len(said) - at), 0, -1):
            spelling = " ".join(said[at : at + size])
            if spelling in known and not any(NEGATOR.fullmatch(w) for w in said[at : at + size]):
                negated = _denied(said[max(0, at - _REACH) : at])
                found.append(Mention(form_of(spelling) or spelling, spans[at][0], spans[at + size - 1][1], negated))
                at += size - 1
                break
        at += 1
    return found


def _denied(before: list[str]) -> bool:
    for word in reversed(before):
        if word in _STOPS or not word[0].isalnum():
            return False
        if NEGATOR.fullmatch(word):
            return True
    return False


def named(text: str) -> tuple[str, ...]:
    """Emotion words that a text says of somebody, each once, without those that it denies."""
    return tuple(dict.fromkeys(m.word for m in mentions(text) if not m.negated))


def words_of(prediction: Prediction) -> tuple[str, ...]:
    """The emotion words that a reading amounts to: its labels, most probable first.

    Labels are words already, or several (`beauty / joy`). Without a label there is no word: nothing was sure enough.
    """
    words = (part.strip().replace("_", " ") for label in prediction.labels for part in label.split("/"))
    return tuple(dict.fromkeys(words))
