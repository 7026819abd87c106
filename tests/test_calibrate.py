"""What is fitted on the selection split: calibration, thresholds, intervals, the abstention policy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.metrics import expected_calibration_error
from affekt.train.calibrate import choose_thresholds, fit_platt, halves_score, interval_width, policy_point, sigmoid
from affekt.train.vocabulary import add_emoji, is_emoji


def drawn(n=4000, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(-1, 2, n)
    return z, (rng.random(n) < sigmoid(0.5 * z + 0.7)).astype(float)


def test_platt_finds_the_scale_and_offset_that_made_the_data():
    z, truth = drawn()
    scale, offset = fit_platt(truth=truth, logits=z)
    assert scale == pytest.approx(0.5, abs=0.06) and offset == pytest.approx(0.7, abs=0.12)


def test_platt_lowers_the_calibration_error_on_fresh_rows():
    z, truth = drawn()
    scale, offset = fit_platt(truth=truth, logits=z)
    fresh, fresh_truth = drawn(seed=1)
    before = expected_calibration_error(truth=fresh_truth[:, None], probability=sigmoid(fresh)[:, None])
    after = expected_calibration_error(truth=fresh_truth[:, None], probability=sigmoid(scale * fresh + offset)[:, None])
    assert after < before / 3


@pytest.mark.parametrize("truth", [np.zeros(50), np.ones(50)])
def test_platt_of_a_label_that_never_or_always_holds_stays_finite(truth):
    scale, offset = fit_platt(truth=truth, logits=np.linspace(-3, 3, 50))
    assert np.isfinite([scale, offset]).all()


def test_thresholds_of_plenty_are_near_the_best_cut():
    rng = np.random.default_rng(0)
    truth = (rng.random((6000, 2)) < 0.3).astype(float)
    scores = np.clip(truth * 0.4 + rng.normal(0.3, 0.12, truth.shape), 0, 1)
    cuts = choose_thresholds(truth=truth, scores=scores, samples=20)
    grid = np.linspace(0.3, 0.8, 101)
    for j in range(2):
        f1 = [
            2 * (truth[:, j] * (scores[:, j] >= t)).sum() / (truth[:, j].sum() + (scores[:, j] >= t).sum())
            for t in grid
        ]
        at = 2 * (truth[:, j] * (scores[:, j] >= cuts[j])).sum() / (truth[:, j].sum() + (scores[:, j] >= cuts[j]).sum())
        assert at > max(f1) - 0.005


def test_a_rare_label_is_drawn_to_the_common_threshold():
    rng = np.random.default_rng(1)
    truth = np.zeros((2000, 2))
    truth[:600, 0] = 1
    truth[:3, 1] = 1
    scores = np.clip(truth * 0.3 + rng.normal(0.25, 0.1, truth.shape), 0, 1)
    scores[:3, 1] = 0.95  # alone, the best cut would lie far above the common one
    alone = choose_thresholds(truth=truth, scores=scores, samples=0, prior=0.0)[1]
    drawn_in = choose_thresholds(truth=truth, scores=scores, samples=0, prior=50.0)[1]
    common = choose_thresholds(truth=truth, scores=scores, samples=0, prior=0.0)[0]
    assert common < drawn_in < alone


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_thresholds_lie_between_0_and_1(seed):
    rng = np.random.default_rng(seed)
    truth = (rng.random((60, 3)) < 0.2).astype(float)
    cuts = choose_thresholds(truth=truth, scores=rng.random((60, 3)), samples=3)
    assert ((cuts > 0) & (cuts < 1)).all()


def test_halves_judge_a_way_on_rows_it_has_not_seen():
    rng = np.random.default_rng(0)
    truth = (rng.random((400, 4)) < 0.05).astype(float)
    assert halves_score(truth=truth, scores=rng.random((400, 4)), samples=0, prior=0.0, rounds=3) < 0.3


def test_interval_width_holds_the_asked_share():
    rng = np.random.default_rng(0)
    centre, sigma = rng.normal(3, 0.3, (500, 1)), np.full((500, 1), 0.5)
    ratings = [c + rng.normal(0, 0.8, (5, 1)) for c in centre]
    (width,) = interval_width(centre=centre, sigma=sigma, ratings=ratings, level=0.8)
    inside = np.concatenate([np.abs(r - c) <= width * 0.5 for r, c in zip(ratings, centre, strict=True)])
    assert inside.mean() == pytest.approx(0.8, abs=0.001)


def test_policy_answers_the_asked_share_and_lowers_the_risk():
    rng = np.random.default_rng(0)
    confidence = rng.random(5000)
    right = rng.random(5000) < confidence
    least, coverage, risk_all, risk = policy_point(right=right, confidence=confidence, coverage=0.8)
    assert coverage == pytest.approx(0.8, abs=0.001) and least == pytest.approx(0.2, abs=0.02)
    assert risk < risk_all - 0.05


def test_emoji_take_unused_places(tmp_path):
    words = ["[PAD]", "[unused1]", "[unused2]", "[unused3]", "face", "love"]
    source = tmp_path / "in.json"
    source.write_text(json.dumps({"model": {"vocab": {w: i for i, w in enumerate(words)}}, "added_tokens": []}))
    given_ids = add_emoji(source, ["love 🦀", "🦀 and 😂"], tmp_path / "out.json")
    written = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(given_ids.items())[:2] == [("🦀", 1), ("😂", 2)] and len(given_ids) == 3
    assert not any(w.startswith("[unused") for w in written["model"]["vocab"])
    assert {t["content"]: t["id"] for t in written["added_tokens"]} == given_ids


@pytest.mark.parametrize(
    ("character", "answer"), [("😂", True), ("❤", True), ("a", False), ("é", False), ("한", False), ("!", False)]
)
def test_is_emoji(character, answer):
    assert is_emoji(character) is answer
