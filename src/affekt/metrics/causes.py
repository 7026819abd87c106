"""Causes of emotions in conversations: entailment, spans, and pairs of emotion and cause.

Conversations are the rows: every score is a function of sums over them, and bootstrap intervals draw whole
conversations. Each side is a list of links (`affekt.core.cause.Link`) for each conversation.

Two tasks ask about pairs of turns one by one (RECCON, Poria et al. 2021). Their truth holds every pair that is asked
about, those that are no cause without a text, and the prediction those pairs that are said to be a cause. The third
wants the pairs found (ECF and SemEval-2024 task 3, Wang et al. 2024); both sides hold what is there, with spans in
tokens. All three give what the official scripts give on the same answers, but for two slips of RECCON's script that
are named where they matter.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from affekt.core.cause import Link
from affekt.metrics.statistic import Array, Statistic, divide

__all__ = [
    "cause_f1_statistic",
    "cause_macro_f1_statistic",
    "no_cause_f1_statistic",
    "pair_counts",
    "pair_f1_statistic",
    "pair_proportional_f1_statistic",
    "pair_strict_f1_statistic",
    "span_em_pos_statistic",
    "span_f1_all_statistic",
    "span_f1_neg_statistic",
    "span_f1_pos_statistic",
    "token_f1",
]

Links = Sequence[Sequence[Link]]

# What stands for the answer of a question without one in RECCON's files. Its script takes an answer that is a part of
# these words, such as a lone "I" or "answer", for no answer.
_NONE = "Impossible \u2260\u00e6\u2260\u00e6\u2260 answer"

# The official scorer of ECF adds this to every denominator.
_EPS = 1e-8

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _rows(truth: Links, prediction: Links, count: Callable[[Sequence[Link], Sequence[Link]], Sequence[float]]) -> Array:
    if len(truth) != len(prediction):
        raise ValueError(f"there are {len(truth)} conversations of truth and {len(prediction)} of predictions")
    rows = [count(t, p) for t, p in zip(truth, prediction, strict=True)]
    width = len(rows[0]) if rows else len(count((), ()))
    return np.ascontiguousarray(np.array(rows, np.float64).reshape(len(rows), width).T)


def _answers(prediction: Sequence[Link]) -> dict[object, str]:
    """What is answered, by question where the answer names one, or else by pair of turns."""
    return {p.id or (p.turn, p.cause): p.text or "" for p in prediction}


def _answer_to(question: Link, answers: dict[object, str]) -> str | None:
    return answers.get(question.id, answers.get((question.turn, question.cause)))


# --- entailment


def _decisions(truth: Sequence[Link], prediction: Sequence[Link]) -> list[float]:
    """Right, falsely given, missed, and rightly denied."""
    given = _answers(prediction)
    found = Counter((_answer_to(t, given) is not None, t.text is not None) for t in truth)
    return [found[True, True], found[True, False], found[False, True], found[False, False]]


def _f1_of_causes(s: Array) -> Array:
    return divide(2 * s[..., 0], 2 * s[..., 0] + s[..., 1] + s[..., 2])


def _f1_of_others(s: Array) -> Array:
    return divide(2 * s[..., 3], 2 * s[..., 3] + s[..., 1] + s[..., 2])


def cause_f1_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """F1 of the pairs that are cause and effect; 0 to 1, NaN where there are none on either side.

    Args:
        truth: For each conversation every pair that is asked about; one that is no cause has no `text`.
        prediction: For each conversation the pairs that are said to be cause and effect.

    Raises:
        ValueError: There are not as many conversations of one as of the other.
    """
    return Statistic(_rows(truth, prediction, _decisions), _f1_of_causes)


def no_cause_f1_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """F1 of the pairs that are not; arguments are those of `cause_f1_statistic`."""
    return Statistic(_rows(truth, prediction, _decisions), _f1_of_others)


def cause_macro_f1_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """Mean of both; arguments are those of `cause_f1_statistic`."""
    return Statistic(_rows(truth, prediction, _decisions), lambda s: (_f1_of_causes(s) + _f1_of_others(s)) / 2)


# --- spans


def _tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(*, truth: str, prediction: str) -> float:
    """Overlap of words of two spans as SQuAD counts it (Rajpurkar et al. 2016), without articles and punctuation.

    Returns:
        F1 of words, 0 to 1; where one of them has no words, 1 if the other has none either.
    """
    t, p = _tokens(truth), _tokens(prediction)
    if not t or not p:
        return float(t == p)
    same = sum((Counter(t) & Counter(p)).values())
    return 2 * same / (len(t) + len(p))


def _spans(truth: Sequence[Link], prediction: Sequence[Link]) -> list[float]:
    """Questions with a cause, right ones, sum of F1, those left empty; without one: rightly empty, and not."""
    given = _answers(prediction)
    causes = exact = overlap = empty = denied = wrong = 0.0
    for t in truth:
        said = (_answer_to(t, given) or "").strip()
        if t.text is None:
            denied += said in _NONE
            wrong += said not in _NONE
            continue
        span = t.text.strip()
        causes += 1
        exact += said == span
        empty += not said
        # Spans that merely overlap count as nothing in the official script; one must hold the other.
        if said and (said in span or span in said):
            overlap += 1.0 if said == span else token_f1(truth=span, prediction=said)
    return [causes, exact, overlap, empty, denied, wrong]


def span_em_pos_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """Share of the causal spans that are found exactly.

    Arguments are those of `cause_f1_statistic`; the prediction has the span as `text`.
    """
    return Statistic(_rows(truth, prediction, _spans), lambda s: divide(s[..., 1], s[..., 0]))


def span_f1_pos_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """Overlap of words of the causal spans with what is answered, mean over them.

    A question without an answer counts 0, and so does a span that neither holds the right one nor lies in it. Arguments
    are those of `span_em_pos_statistic`.
    """
    return Statistic(_rows(truth, prediction, _spans), lambda s: divide(s[..., 2], s[..., 0]))


def span_f1_neg_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """F1 of the questions to which there is no answer; arguments are those of `span_em_pos_statistic`.

    The official script looks at a variable of an earlier loop where an answer is wrong; where the last answer before
    that was empty, it counts every wrong answer as an empty one. What is meant is counted here.
    """
    return Statistic(
        _rows(truth, prediction, _spans), lambda s: divide(2 * s[..., 4], 2 * s[..., 4] + s[..., 5] + s[..., 3])
    )


def span_f1_all_statistic(*, truth: Links, prediction: Links) -> Statistic:
    """Overlap of words, mean over all questions, where no answer counts 1 if there is none.

    Arguments are those of `span_em_pos_statistic`.
    """
    return Statistic(
        _rows(truth, prediction, _spans), lambda s: divide(s[..., 2] + s[..., 4], s[..., 0] + s[..., 4] + s[..., 5])
    )


# --- pairs

Pair = tuple[int, int, int, int]


def _by_label(links: Sequence[Link], labels: Sequence[str]) -> list[list[Pair]]:
    """For each label its pairs, each once: turn, cause, start and end."""
    out: list[dict[Pair, None]] = [{} for _ in labels]
    for link in links:
        if link.label in labels:
            out[labels.index(link.label)][link.turn, link.cause, link.start or 0, link.end or 0] = None
    return [list(found) for found in out]


def _proportional(true: Sequence[Pair], given: Sequence[Pair]) -> tuple[float, float, float]:
    """Tokens that overlap, tokens of the truth that they are set against, and tokens that were given."""
    overlap = against = 0.0
    met: set[Pair] = set()
    for turn, cause, start, end in given:
        best = (0.0, 0)
        match: Pair | None = None
        for pair in true:
            shared = min(end, pair[3]) - max(start, pair[2])
            if pair[:2] == (turn, cause) and shared > 0 and (shared / (pair[3] - pair[2]), shared) > best:
                best, match = (shared / (pair[3] - pair[2]), shared), pair
        if match:
            overlap, against = overlap + best[1], against + match[3] - match[2]
            met.add(match)
    against += sum(pair[3] - pair[2] for pair in true if pair not in met)
    return overlap, against, float(sum(pair[3] - pair[2] for pair in given))


def pair_counts(
    truth: Sequence[Link], prediction: Sequence[Link], *, labels: Sequence[str], way: str
) -> list[tuple[float, float, float, float]]:
    """For each label what is right, what is there, what is given, and how many true pairs there are.

    Args:
        truth: Pairs of one conversation.
        prediction: Likewise.
        labels: The emotions.
        way: `strict` counts pairs with exactly the same span, `proportional` tokens that spans share, and `turns` pairs
            of turns whatever the span.
    """
    out = []
    for true, given in zip(_by_label(truth, labels), _by_label(prediction, labels), strict=True):
        if way == "proportional":
            right, there, said = _proportional(true, given)
        else:
            cut = 4 if way == "strict" else 2
            a, b = {pair[:cut] for pair in true}, {pair[:cut] for pair in given}
            right, there, said = float(len(a & b)), float(len(a)), float(len(b))
            true = list(a) if way == "turns" else true  # type: ignore[arg-type]
        out.append((right, there, said, float(len(true))))
    return out


def _weighted(truth: Links, prediction: Links, labels: Sequence[str], way: str) -> Statistic:
    k = len(labels)

    def count(t: Sequence[Link], p: Sequence[Link]) -> list[float]:
        return [x for row in zip(*pair_counts(t, p, labels=labels, way=way), strict=True) for x in row]

    def finish(s: Array) -> Array:
        right, there, said, true = (s[..., j * k : (j + 1) * k] for j in range(4))
        precision, recall = right / (said + _EPS), right / (there + _EPS)
        f1 = 2 * precision * recall / (precision + recall + _EPS)
        return divide((f1 * true).sum(-1), true.sum(-1))

    return Statistic(_rows(truth, prediction, count), finish)


def pair_strict_f1_statistic(*, truth: Links, prediction: Links, labels: Sequence[str]) -> Statistic:
    """F1 of pairs of emotion and cause with exactly the same span, mean over emotions weighted by their true pairs.

    Args:
        truth: For each conversation its pairs, with spans in tokens.
        prediction: Likewise.
        labels: The emotions, without the neutral one.

    Returns:
        A score of 0 to 1 (`weighted_strict_f1` of the official scorer, whose 1e-8 in each denominator is kept).
    """
    return _weighted(truth, prediction, labels, "strict")


def pair_proportional_f1_statistic(*, truth: Links, prediction: Links, labels: Sequence[str]) -> Statistic:
    """The same with the tokens that spans share (`weighted_Proportional_f1` of the official scorer).

    Arguments are those of `pair_strict_f1_statistic`.
    """
    return _weighted(truth, prediction, labels, "proportional")


def pair_f1_statistic(*, truth: Links, prediction: Links, labels: Sequence[str]) -> Statistic:
    """The same with pairs of turns, whatever the span (`weighted_f1` of the official scorer's second subtask).

    Arguments are those of `pair_strict_f1_statistic`.
    """
    return _weighted(truth, prediction, labels, "turns")
