"""Scores of causes are those of the official scripts on the same answers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from affekt import metrics as m
from affekt.bench.causes import token_span
from affekt.core.cause import Link
from affekt.metrics.causes import token_f1

HERE = Path(__file__).parent / "reference"
_spec = importlib.util.spec_from_file_location("make_causes", HERE / "make_causes.py")
assert _spec is not None and _spec.loader is not None
official = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(official)

STORED = json.loads((HERE / "causes.json").read_text(encoding="utf-8"))


def asked(seed: int) -> dict[str, list[list[Link]]]:
    """Questions and answers by conversation."""
    rows = official.questions(seed)
    names = dict.fromkeys(q["of"] for q in rows)
    sides: dict[str, dict[str, list[Link]]] = {side: {n: [] for n in names} for side in ("truth", "prediction")}
    for q in rows:
        sides["truth"][q["of"]].append(Link(q["turn"], q["cause"], text=q["right"], id=q["id"]))
        if q["said"]:
            sides["prediction"][q["of"]].append(Link(q["turn"], q["cause"], text=q["said"], id=q["id"]))
    return {side: list(found.values()) for side, found in sides.items()}


def paired(seed: int) -> dict[str, list[list[Link]]]:
    gold, given = official.conversations(seed)
    sides: dict[str, list[list[Link]]] = {"truth": [], "prediction": []}
    for g, p in zip(gold, given, strict=True):
        texts = [turn["text"] for turn in g["conversation"]]
        sides["truth"].append([])
        for a, b in g["emotion-cause_pairs"]:
            (turn, label), (cause, span) = a.split("_"), b.split("_")
            place = token_span(texts[int(cause) - 1], span)
            sides["truth"][-1].append(Link(int(turn) - 1, int(cause) - 1, label, *place, text=span))
        sides["prediction"].append([])
        for a, b in p["emotion-cause_pairs"]:
            (turn, label), (cause, start, end) = a.split("_"), b.split("_")
            sides["prediction"][-1].append(Link(int(turn) - 1, int(cause) - 1, label, int(start), int(end), ""))
    return sides


@pytest.mark.parametrize("seed", sorted(STORED["questions"]))
def test_entailment_and_spans_equal_the_official_scripts(seed):
    sides, stored = asked(int(seed)), STORED["questions"][seed]
    for key, value in (stored["entailment"] | stored["spans"]).items():
        assert m.metric(key).statistic(**sides).value == pytest.approx(value, abs=1e-9), key


def test_the_slip_of_the_released_script_touches_nothing_but_the_negative_questions():
    keys = ("span_em_pos", "span_f1_pos", "span_f1_all")
    differing = 0
    for stored in STORED["questions"].values():
        mended, released = stored["spans"], stored["spans as released"]
        assert {k: mended[k] for k in keys} == {k: released[k] for k in keys}
        assert released["span_f1_neg"] <= mended["span_f1_neg"]
        differing += released["span_f1_neg"] < mended["span_f1_neg"]
    assert 0 < differing < len(STORED["questions"])


@pytest.mark.parametrize("seed", sorted(STORED["conversations"]))
def test_pairs_equal_the_official_scorer(seed):
    sides = paired(int(seed))
    for key, value in STORED["conversations"][seed].items():
        found = m.metric(key).statistic(**sides, labels=official.EMOTIONS).value
        assert found == pytest.approx(value, abs=1e-9), key


def test_right_answers_score_1_and_none_score_0():
    truth = asked(0)["truth"]
    right = [[q for q in questions if q.text is not None] for questions in truth]
    for key in ("cause_f1", "no_cause_f1", "cause_macro_f1", "span_em_pos", "span_f1_pos", "span_f1_neg"):
        assert m.metric(key).statistic(truth=truth, prediction=right).value == 1.0
    for key in ("cause_f1", "span_em_pos", "span_f1_pos"):
        assert m.metric(key).statistic(truth=truth, prediction=[[]] * len(truth)).value == 0.0
    pairs = paired(0)["truth"]
    for key in ("pair_strict_f1", "pair_proportional_f1", "pair_f1"):
        value = m.metric(key).statistic(truth=pairs, prediction=pairs, labels=official.EMOTIONS).value
        assert value == pytest.approx(1.0, abs=1e-6)


def test_resamples_draw_whole_conversations():
    sides = asked(1)
    statistic = m.metric("cause_f1").statistic(**sides)
    assert statistic.n == 30
    counts = np.zeros(30)
    counts[[0, 0, 7]] = [2, 2, 1]
    twice = {side: [found[0], found[0], found[7]] for side, found in sides.items()}
    assert statistic.resampled(counts[None])[0] == pytest.approx(m.metric("cause_f1").statistic(**twice).value)


def test_sides_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="2 conversations of truth and 1 of predictions"):
        m.metric("cause_f1").statistic(truth=[[], []], prediction=[[]])


def test_words_count_without_articles_case_and_punctuation():
    assert token_f1(truth="The lost keys !", prediction="lost keys") == 1.0
    assert token_f1(truth="we won the match", prediction="the match was lost") == pytest.approx(2 / 6)
    assert token_f1(truth="!", prediction="?") == 1.0
    assert token_f1(truth="keys", prediction="the") == 0.0


def test_spans_in_tokens_lose_punctuation_at_their_ends():
    assert token_span("oh , we won the match !", "we won the match !") == (2, 6)
    assert token_span("oh , we won", ", oh") == (0, 1)
    assert token_span("oh , we won", "they lost") == (0, 0)
    assert token_span("oh , we won", "!") == (0, 0)
