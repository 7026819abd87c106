"""Captions of a voice, and the overlap by which they are scored."""

from __future__ import annotations

import math

import pytest

from affekt.features.captions import FACETS, captions, written
from affekt.metrics.overlap import rouge_l, rouge_l_statistic


def test_rouge_l_is_that_of_its_paper():
    # Lin 2004, section 3: the order counts, and what stands between does not.
    reference = "police killed the gunman"
    assert rouge_l(truth=[reference], prediction=["police kill the gunman"]) == pytest.approx(3 / 4)
    assert rouge_l(truth=[reference], prediction=["the gunman kill police"]) == pytest.approx(2 / 4)
    # Precision 2 of 2, recall 2 of 4.
    assert rouge_l(truth=[reference], prediction=["Police ... gunman!"]) == pytest.approx(2 * 1 * 0.5 / 1.5)
    assert rouge_l(truth=["声音很高", "a b"], prediction=["声音高", "c"]) == pytest.approx((6 / 7 + 0) / 2)
    assert rouge_l(truth=["", "a"], prediction=["...", "a"]) == 1.0
    assert math.isnan(rouge_l(truth=[""], prediction=["!"]))
    with pytest.raises(ValueError, match="compared"):
        rouge_l_statistic(truth=["a"], prediction=[])


def test_captions_say_what_was_measured():
    departures = {"pitch": 1.2, "loudness": -0.8, "rate": float("nan")}
    said = captions(pitch=210.0, departures=departures, emotion="fear")
    assert said.speaker == "A woman is speaking."
    assert said.style == "The voice is high, soft and of medium pace."
    assert said.emotion == "The speaker sounds afraid."
    assert said.overall == f"{said.speaker} {said.style} {said.emotion}"
    calm = captions(pitch=110.0, departures=dict.fromkeys(departures, 0.0), emotion="neutral")
    assert calm.speaker == "A man is speaking." and "no emotion" in calm.emotion
    with pytest.raises(KeyError):
        captions(pitch=110.0, departures={}, emotion="joy")
    stirred = written(woman=True, arousal=0.6, emotion="fear", way=(0, 0, 0))
    scores = {f: rouge_l(truth=[getattr(stirred, f)], prediction=[getattr(said, f)]) for f in FACETS}
    assert scores["speaker"] == scores["emotion"] == 1.0 > scores["style"] > 0
