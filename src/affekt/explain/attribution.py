"""Which words moved a reading, by taking them out (occlusion).

The model is asked again about parts of the text, and a word's weight is the mean of two changes in the probability
of a label: what is lost when the word alone is taken out, and what the word adds where the text is built up word by
word, once from its beginning and once from its end (two opposite orders of a Shapley value, Strumbelj and Kononenko
2010). The first alone is blind where a text says a thing twice: without "thanks", "grateful" still stands. Nothing
about the model is assumed, so the weights hold for the int8 file that ships, not for a stand-in.

A negation is read together with what it negates: "not" and "happy" taken out one by one each leave a sentence
that says something else, and neither weight tells what "not happy" does. Where taking out both moves the label
otherwise than the two alone add up to, the pair is the evidence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from affekt.core.clip import Clip
from affekt.core.errors import ModelError
from affekt.core.prediction import Evidence, Prediction
from affekt.core.protocols import Recogniser
from affekt.models.target import Aim, AimedReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEGATOR", "Reader", "Unit", "Weighted", "explain", "units", "weigh", "without", "word_spans"]

_WORD = re.compile(r"[^\W_]+(?:[’'-][^\W_]+)*|[^\w\s]+|_+")
NEGATOR = re.compile(
    r"(?:not|no|never|none|nobody|nothing|neither|nor|hardly|barely|scarcely|without|\w+n[’']t|cannot)", re.I
)
# Words that stand between a negation and what it negates.
_BETWEEN = frozenset(
    (
        "a",
        "an",
        "the",
        "be",
        "been",
        "being",
        "am",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "i",
        "you",
        "he",
        "she",
        "it",
        "we",
        "they",
        "me",
        "my",
        "your",
        "so",
        "very",
        "really",
        "that",
        "this",
        "any",
        "to",
        "of",
        "in",
        "at",
        "all",
        "even",
        "quite",
        "too",
        "feel",
        "felt",
        "get",
        "got",
    )
)
_PUNCTUATION = re.compile(r"[^\w\s]+")
# Weights below this are noise of the reading, not evidence; and no more than so many a label are kept.
_LEAST, _MOST = 0.02, 8
# Texts asked at once; bounds the memory that explaining takes.
_AT_ONCE = 2048


class Reader(Protocol):
    """A recogniser that can say the probabilities of bare texts; the bundled ones can."""

    def read_bare(self, texts: Sequence[str], *, space: str | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of texts as they stand, shape (texts, labels)."""
        ...

    def windows(self, text: str) -> list[tuple[int, int]]:
        """The pieces in which a text is read."""
        ...


@dataclass(frozen=True, slots=True)
class Unit:
    """A word, or a negation with what it negates: the character ranges that are taken out together."""

    spans: tuple[tuple[int, int], ...]

    @property
    def start(self) -> int:
        """First character."""
        return self.spans[0][0]

    @property
    def end(self) -> int:
        """Character after the last."""
        return self.spans[-1][1]


@dataclass(frozen=True)
class Weighted:
    """The units of a text and what each is worth.

    Attributes:
        units: Words, then negations with what they negate.
        n_words: How many of the units are single words.
        weights: What each unit adds to the probability, shape (units, labels); see the module.
        full: Probabilities of the whole text, shape (labels,).
    """

    units: tuple[Unit, ...]
    n_words: int
    weights: NDArray[np.float64]
    full: NDArray[np.float64]


def _lettered(text: str) -> str:
    """The text with a letter in place of every mark and joiner that stands upon a letter.

    Vowel signs of Indic scripts, points of Hebrew and Arabic and accents that are written apart belong to the word,
    and a regular expression takes none of them for a letter.
    """
    if text.isascii():
        return text
    out: list[str] = []
    for c in text:
        joins = unicodedata.category(c)[0] == "M" or c in "\u200c\u200d"
        out.append("x" if joins and out and out[-1].isalpha() else c)
    return "".join(out)


def word_spans(text: str) -> list[tuple[int, int]]:
    """Character ranges of the words of a text, and of runs of punctuation between them."""
    return [m.span() for m in _WORD.finditer(_lettered(text))]


def units(text: str, start: int = 0, end: int | None = None) -> tuple[list[Unit], list[Unit]]:
    """Words of a text, and its negations joined with what they negate, by character ranges of the whole text."""
    found = list(_WORD.finditer(_lettered(text), start, len(text) if end is None else end))
    words = [Unit(((m.start(), m.end()),)) for m in found]
    joined = []
    for i, m in enumerate(found):
        if not NEGATOR.fullmatch(m.group()):
            continue
        for other in found[i + 1 : i + 6]:
            if _PUNCTUATION.fullmatch(other.group()) and other.group() not in ("'", "’", "-"):
                break
            if other.group().lower() not in _BETWEEN:
                joined.append(Unit(((m.start(), m.end()), (other.start(), other.end()))))
                break
    return words, joined


def without(text: str, spans: Iterable[tuple[int, int]], start: int = 0, end: int | None = None) -> str:
    """The part `start:end` of a text with ranges taken out, and the white space joined."""
    at, parts = start, []
    for a, b in sorted(spans):
        parts.append(text[at:a])
        at = max(at, b)
    parts.append(text[at : len(text) if end is None else end])
    return " ".join("".join(parts).split())


def weigh(reader: Reader, texts: Sequence[str], *, space: str | None = None) -> list[Weighted]:
    """Weights of all words of texts. A text that is read in several windows is explained window by window.

    Args:
        reader: The recogniser.
        texts: The texts.
        space: The head that is explained; default the main one.
    """
    asked: list[str] = []
    plan: list[tuple[int, list[Unit], list[Unit], float]] = []
    for t, text in enumerate(texts):
        windows = reader.windows(text)
        characters = sum(b - a for a, b in windows)
        for a, b in windows:
            words, joined = units(text, a, b)
            plan.append((t, words, joined, (b - a) / characters))
            asked += [text[a:b], ""]
            asked += [without(text, u.spans, a, b) for u in words + joined]
            asked += [text[a : u.end] for u in words]
            asked += [text[u.start : b] for u in words]
    p = _ask(reader, asked, space)
    n_labels = p.shape[1]
    found: list[tuple[list[Unit], list[Unit], list[NDArray[np.float64]], list[NDArray[np.float64]]]]
    found = [([], [], [], []) for _ in texts]
    full = [np.zeros(n_labels) for _ in texts]
    at = 0
    for t, words, joined, share in plan:
        n, k = len(words), len(words) + len(joined)
        whole, nothing, gone = p[at], p[at + 1], p[at + 2 : at + 2 + k]
        heads, tails = p[at + 2 + k : at + 2 + k + n], p[at + 2 + k + n : at + 2 + k + 2 * n]
        at += 2 + k + 2 * n
        added = (np.diff(np.vstack([nothing, heads]), axis=0) - np.diff(np.vstack([tails, nothing]), axis=0)) / 2
        index = {u.spans[0]: i for i, u in enumerate(words)}
        together = [added[[index[span] for span in u.spans]].sum(0) for u in joined]
        built = np.vstack([added, *together]) if k else np.zeros((0, n_labels))
        weights = share * (whole - gone + built) / 2
        for store, part in zip(found[t], (words, joined, list(weights[:n]), list(weights[n:])), strict=True):
            store.extend(part)  # type: ignore[attr-defined]
        full[t] += share * whole
    return [
        Weighted(tuple(words + joined), len(words), np.array(alone + pairs).reshape(-1, n_labels), full[t])
        for t, (words, joined, alone, pairs) in enumerate(found)
    ]


def _ask(reader: Reader, texts: Sequence[str], space: str | None) -> NDArray[np.float64]:
    parts = [reader.read_bare(texts[k : k + _AT_ONCE], space=space) for k in range(0, len(texts), _AT_ONCE)]
    out: NDArray[np.float64] = np.concatenate(parts) if parts else np.zeros((0, 0))
    return out


def explain(recogniser: Recogniser, clips: Sequence[Clip], predictions: Sequence[Prediction]) -> list[Prediction]:
    """Add evidence to readings: the words that moved each label that was given, or else the top label.

    Args:
        recogniser: The recogniser that made the predictions.
        clips: What was read.
        predictions: Its readings, in one of its own spaces.

    Returns:
        The predictions with `evidence`, strongest first for each label. Weights are in units of calibrated
        probability; negative where a word spoke against the label.

    Raises:
        ModelError: The recogniser cannot be asked about changed texts.
    """
    if not all(callable(getattr(recogniser, name, None)) for name in ("read_bare", "windows")):
        raise ModelError(f"{recogniser.spec.name} cannot be explained: it does not read bare texts")
    reader: Reader = recogniser  # type: ignore[assignment]
    out = list(predictions)
    # A model of targets is asked about parts of a text with the target told apart as in the whole of it.
    aim: Aim = getattr(recogniser, "card", {}).get("target", "plain")
    alike: dict[tuple[str, str | None], list[int]] = {}
    for i, p in enumerate(predictions):
        if p.abstained is None and p.scores:
            alike.setdefault((p.space, None if aim == "plain" else clips[i].target), []).append(i)
    for (space, target), at in alike.items():
        labels = list(predictions[at[0]].scores)
        asked = reader if target is None else AimedReader(reader, target, aim)
        for i, weighted in zip(at, weigh(asked, [clips[i].text or "" for i in at], space=space), strict=True):
            p = predictions[i]
            named = p.labels or ((p.top,) if p.top else ())
            found: list[Evidence] = []
            for label in named:
                found += _evidence(clips[i].text or "", weighted, labels.index(label), label)
            out[i] = replace(p, evidence=tuple(found))
    return out


def _evidence(text: str, weighted: Weighted, column: int, label: str) -> list[Evidence]:
    weights = weighted.weights[:, column]
    alone = {u.spans[0]: weights[k] for k, u in enumerate(weighted.units[: weighted.n_words])}
    joined: list[tuple[Unit, float]] = []
    covered: set[tuple[int, int]] = set()
    for unit, weight in zip(weighted.units[weighted.n_words :], weights[weighted.n_words :], strict=True):
        apart = [alone[span] for span in unit.spans]
        # More than the parts add up to, or parts that pull in opposite directions.
        if abs(weight - sum(apart)) >= _LEAST or min(apart) < -_LEAST < _LEAST < max(apart):
            joined.append((unit, float(weight)))
            covered.update(unit.spans)
    single = [(u, float(weights[k])) for k, u in enumerate(weighted.units[: weighted.n_words])]
    every = joined + [(u, w) for u, w in single if u.spans[0] not in covered]
    strongest = sorted((e for e in every if abs(e[1]) >= _LEAST), key=lambda e: -abs(e[1]))[:_MOST]
    return [Evidence("text", text[u.start : u.end], u.start, u.end, w, label) for u, w in strongest]
