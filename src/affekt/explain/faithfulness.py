"""Whether an explanation is true of the model: take out what it names and see.

Comprehensiveness and sufficiency of DeYoung et al. 2020 (ERASER, ACL), averaged over shares of the words as there:
comprehensiveness is the fall of the probability when the named words go (high is good), sufficiency the fall when
only they stay (low is good). Both mean little alone, so words in random order and in the reverse order of their
weights are measured beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from affekt.core.clip import Clip
from affekt.explain.attribution import Reader, Weighted, explain, weigh, without, word_spans
from affekt.explain.rationale import explain_channels, valid_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from affekt.core.prediction import Prediction
    from affekt.core.protocols import Recogniser

__all__ = ["SHARES", "WAYS", "Faithfulness", "Named", "check", "check_named"]

# Shares of a text's words that are taken out or kept, as in ERASER.
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
ORDERS = ("explained", "random", "reverse")

# Ways in which a clue goes: with the gap closed, as its weight was found, and with a mark in its place.
WAYS = ("taken out", "masked")
_MARK = "\u2026"


@dataclass(frozen=True)
class Faithfulness:
    """Result of the check.

    Attributes:
        comprehensiveness: Order -> (mean, low, high) with a 95 % bootstrap interval over texts.
        sufficiency: Order -> the same.
        gain: (mean, low, high) of comprehensiveness explained minus random, paired by text.
        rows: Texts that were measured: those with at least two words and an answer.
    """

    comprehensiveness: dict[str, tuple[float, float, float]]
    sufficiency: dict[str, tuple[float, float, float]]
    gain: tuple[float, float, float]
    rows: int


def check(
    reader: Reader,
    texts: Sequence[str],
    *,
    space: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Faithfulness:
    """Measure how faithful the word weights are for the top label of each text.

    Args:
        reader: The recogniser.
        texts: Texts; those of fewer than two words are passed over.
        space: The head; default the main one.
        seed: Seed of the random order and of the bootstrap.
        progress: Called with (texts done, texts in all).
    """
    rng = np.random.default_rng(seed)
    comprehensive: dict[str, list[float]] = {order: [] for order in ORDERS}
    sufficient: dict[str, list[float]] = {order: [] for order in ORDERS}
    block = 32
    for at in range(0, len(texts), block):
        some = [t for t in texts[at : at + block] if len(reader.windows(t)) == 1]
        asked: list[str] = []
        plan: list[tuple[int, str, bool, float, int]] = []
        kept: list[Weighted] = []
        for text, weighted in zip(some, weigh(reader, some, space=space), strict=True):
            n = weighted.n_words
            if n < 2:
                continue
            top = int(weighted.full.argmax())
            down = np.argsort(-weighted.weights[:n, top], kind="stable")
            spans = [u.spans[0] for u in weighted.units[:n]]
            for name, order in (("explained", down), ("random", rng.permutation(n)), ("reverse", down[::-1])):
                for share in SHARES:
                    chosen = set(order[: max(1, round(share * n))].tolist())
                    for gone, keep in ((chosen, False), (set(range(n)) - chosen, True)):
                        plan.append((len(kept), name, keep, float(weighted.full[top]), top))
                        asked.append(without(text, [spans[i] for i in gone]))
            kept.append(weighted)
        if asked:
            p = reader.read_bare(asked, space=space)
            sums: dict[tuple[int, str, bool], list[float]] = {}
            for (row, name, keep, full, top), values in zip(plan, p, strict=True):
                sums.setdefault((row, name, keep), []).append(full - float(values[top]))
            for (_, name, keep), falls in sums.items():
                (sufficient if keep else comprehensive)[name].append(float(np.mean(falls)))
        if progress:
            progress(min(at + block, len(texts)), len(texts))
    measured = {k: np.array(v) for k, v in comprehensive.items()}
    difference = measured["explained"] - measured["random"]
    return Faithfulness(
        comprehensiveness={k: _interval(v, seed) for k, v in measured.items()},
        sufficiency={k: _interval(np.array(v), seed) for k, v in sufficient.items()},
        gain=_interval(difference, seed),
        rows=len(difference),
    )


@dataclass(frozen=True)
class Named:
    """Whether what the sentences of explanations name is what moved the reading.

    Attributes:
        falls: Way -> `named` or `random` -> (mean, low, high) of the fall of the probability of the top label.
        gains: Way -> (mean, low, high) of named minus random, paired by text.
        rows: Texts of which a sentence names words for the top label, and that have other words.
        statements: All sentences of these explanations.
        valid: Share of them whose evidence is there and bears them.
    """

    falls: dict[str, dict[str, tuple[float, float, float]]]
    gains: dict[str, tuple[float, float, float]]
    rows: int
    statements: int
    valid: float


def check_named(recogniser: Recogniser, texts: Sequence[str], *, space: str | None = None, seed: int = 0) -> Named:
    """Take out the words that a sentence names for the top label, and as many others drawn at random.

    A word's weight was found by taking it out, so that doing so again must lower the label; a mark in its place is
    another change, which was not looked at before.

    Args:
        recogniser: What made the readings, and can be asked about changed texts.
        texts: Texts; those without an answer, or without such a sentence, are passed over.
        space: The head; default the main one.
        seed: Seed of the random words and of the bootstrap.

    Raises:
        ModelError: The recogniser cannot be asked about changed texts.
    """
    rng = np.random.default_rng(seed)
    asked: list[str] = []
    tops: list[tuple[float, str]] = []
    explained = []
    block = 64
    for at in range(0, len(texts), block):
        clips = [Clip(str(at + i), text) for i, text in enumerate(texts[at : at + block])]
        readings = explain(recogniser, clips, recogniser.predict(clips, space=space))
        for clip, p in zip(clips, readings, strict=True):
            told = replace(p, explanation=explain_channels(p))
            chosen = _named_for_top(told)
            others = [span for span in word_spans(clip.text or "") if all(_apart(span, own) for own in chosen)]
            if not chosen or len(others) < len(chosen):
                continue
            explained.append(told)
            drawn = [others[i] for i in rng.choice(len(others), len(chosen), replace=False)]
            tops.append((p.scores[p.top or ""], p.top or ""))
            asked += [gone(clip.text or "", spans) for gone in (without, _masked) for spans in (chosen, drawn)]
    reader: Reader = recogniser  # type: ignore[assignment]
    labels = list(explained[0].scores) if explained else []
    left = [row for k in range(0, len(asked), 512) for row in reader.read_bare(asked[k : k + 512], space=space)]
    falls = np.array(
        [[top - left[4 * i + k][labels.index(label)] for k in range(4)] for i, (top, label) in enumerate(tops)]
    ).reshape(-1, 4)
    return Named(
        falls={
            way: {name: _interval(falls[:, 2 * w + k], seed) for k, name in enumerate(("named", "random"))}
            for w, way in enumerate(WAYS)
        },
        gains={way: _interval(falls[:, 2 * w] - falls[:, 2 * w + 1], seed) for w, way in enumerate(WAYS)},
        rows=len(explained),
        statements=sum(len(p.explanation) for p in explained),
        valid=valid_share(explained),
    )


def _named_for_top(p: Prediction) -> list[tuple[int, int]]:
    """The words that the sentences for the top label name, those against it left out."""
    named = {i for s in p.explanation for i in s.evidence}
    return [
        (int(e.start), int(e.end))
        for i, e in enumerate(p.evidence)
        if i in named and e.modality == "text" and e.label == p.top and e.weight > 0
    ]


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with a mark in place of each range."""
    for a, b in sorted(spans, reverse=True):
        text = text[:a] + _MARK + text[b:]
    return text


def _interval(values: NDArray[np.float64], seed: int) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    rng = np.random.default_rng(seed)
    means = rng.choice(values, (1000, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(values.mean()), float(low), float(high)
