"""Tables of values, significance, curves, label noise and growth against independent implementations."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn import metrics as skl

from affekt import metrics as m
from affekt.metrics.curves import reliability, selective_risk
from affekt.metrics.growth import fit_power_law
from affekt.metrics.noise import confident_joint, confident_thresholds, likely_mislabelled
from affekt.metrics.significance import draws_of_systems, gap_interval, holm, summarise

seeds = st.integers(0, 10_000)


def levels(seed: int, rows: int = 120, names: int = 4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, (rows, names)).astype(float)
    return truth, np.clip(truth + rng.normal(0, 1.2, truth.shape), 0, 3)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_means_over_names_are_the_means_of_other_libraries(seed):
    truth, answer = levels(seed)
    each = [pearsonr(truth[:, j], answer[:, j]).statistic for j in range(4)]
    assert m.mean_pearson(truth=truth, prediction=answer) == pytest.approx(np.mean(each), abs=1e-9)
    whole = np.floor(answer + 0.5).astype(int)
    kappas = [skl.cohen_kappa_score(truth[:, j], whole[:, j], weights="quadratic", labels=range(4)) for j in range(4)]
    assert m.mean_kappa(truth=truth, prediction=answer) == pytest.approx(np.mean(kappas), abs=1e-9)
    assert m.quadratic_kappa(truth=truth[:, 0], prediction=answer[:, 0]) == pytest.approx(kappas[0], abs=1e-9)
    assert m.mean_error(truth=truth, prediction=answer) == pytest.approx(np.abs(truth - answer).mean(), abs=1e-9)
    rows = [pearsonr(t, p).statistic for t, p in zip(truth, answer, strict=True) if np.ptp(t) and np.ptp(p)]
    assert m.row_pearson(truth=truth, prediction=answer) == pytest.approx(np.mean(rows), abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_jaccard_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    truth, answer = (rng.random((60, 5)) < 0.25).astype(int), (rng.random((60, 5)) < 0.25).astype(int)
    theirs = skl.jaccard_score(truth, answer, average="samples", zero_division=1)
    assert m.jaccard(truth=truth, prediction=answer) == pytest.approx(theirs, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seeds, st.integers(1, 6))
def test_cross_entropy_is_the_likelihood_of_single_votes(seed, judges):
    """Shares of votes weigh like the votes, each a row of its own; the share itself is the best answer."""
    rng = np.random.default_rng(seed)
    votes = rng.random((judges, 40, 3)) < 0.4
    share, answer = votes.mean(0), rng.uniform(0.01, 0.99, (40, 3))
    theirs = skl.log_loss(votes.ravel().astype(int), np.tile(answer.ravel(), judges), labels=[0, 1])
    assert m.cross_entropy(truth=share, prediction=answer) == pytest.approx(theirs, abs=1e-9)
    assert m.cross_entropy(truth=share, prediction=share) <= theirs + 1e-9
    assert np.isfinite(m.cross_entropy(truth=[[1.0]], prediction=[[0.0]]))
    with pytest.raises(ValueError, match=r"0\.\.1"):
        m.cross_entropy(truth=share * 100, prediction=answer)


def test_a_name_without_spread_leaves_the_mean_undefined():
    truth, answer = levels(1)
    answer[:, 2] = 0.0
    assert np.isnan(m.mean_pearson(truth=truth, prediction=answer))
    assert np.isnan(m.mean_pearson(truth=np.zeros((5, 0)), prediction=np.zeros((5, 0))))
    assert m.mean_concordance(truth=truth, prediction=truth) == pytest.approx(1.0)


# --- significance


def closed_testing(p: list[float]) -> list[float]:
    """Holm by its definition: a hypothesis falls when every group that it is in falls by Bonferroni."""
    groups = [g for size in range(1, len(p) + 1) for g in combinations(range(len(p)), size)]
    return [max(min(1.0, len(g) * min(p[j] for j in g)) for g in groups if i in g) for i in range(len(p))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_closed_testing_by_bonferroni(p):
    assert holm(p).tolist() == pytest.approx(closed_testing(p), abs=1e-12)


def test_holm_leaves_out_what_is_undefined():
    assert holm([0.01, np.nan, 0.04]).tolist() == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        holm([1.2])


def seeds_of(spread: float, count: int, rows: int = 400):
    """Runs of one system: each seed shifts its quality by a normal draw."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, (rows, 1))
    out = []
    for _ in range(count):
        right = rng.random((rows, 1)) < 0.75 + rng.normal(0, spread)
        out.append(m.METRICS["exact_match"].statistic(truth=truth, prediction=np.where(right, truth, 1 - truth)))
    return out


def test_seeds_that_differ_widen_the_interval():
    widths = {}
    for spread in (0.0, 0.15):
        runs = seeds_of(spread, 5)
        drawn = draws_of_systems({"a": runs}, samples=800, seed=1)["a"]
        found = summarise(runs, drawn)
        assert found.seeds == 5 and found.low < found.value < found.high
        assert found.sd == pytest.approx(np.std([r.value for r in runs], ddof=1))
        widths[spread] = found.high - found.low
    assert widths[0.15] > 1.5 * widths[0.0]


def test_one_seed_is_the_plain_bootstrap():
    run = seeds_of(0.0, 1)
    drawn = draws_of_systems({"a": run}, samples=500, seed=3)["a"]
    plain = m.bootstrap({"a": run[0]}, samples=500, seed=3)["a"]
    found = summarise(run, drawn)
    assert (found.low, found.high) == (pytest.approx(float(plain.low)), pytest.approx(float(plain.high)))
    assert np.isnan(found.sd)


def test_a_system_against_itself_never_differs():
    runs = seeds_of(0.05, 1)
    drawn = draws_of_systems({"a": runs, "b": runs}, samples=50, seed=0)
    assert (drawn["a"] - drawn["b"] == 0).all()
    with pytest.raises(ValueError, match="same rows"):
        draws_of_systems({"a": runs, "b": seeds_of(0.0, 1, rows=10)}, samples=5, seed=0)


def test_a_gap_is_the_distance_of_the_ends():
    draws = [np.full(50, 0.2), np.full(50, 0.5), np.full(50, 0.4)]
    assert gap_interval(draws) == pytest.approx((0.3, 0.3))


# --- curves


def graded(seed: int, rows: int = 600):
    rng = np.random.default_rng(seed)
    p = rng.random((rows, 3))
    return (rng.random(p.shape) < p).astype(float), p


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_the_reliability_table_adds_up_to_the_calibration_error(seed):
    truth, p = graded(seed, 200)
    table = reliability(truth=truth, probability=p, samples=20)
    assert sum(b.decisions for b in table) == truth.size
    gaps = sum(b.decisions * abs(b.observed - b.promised) for b in table if b.decisions)
    assert gaps / truth.size == pytest.approx(m.expected_calibration_error(truth=truth, probability=p), abs=1e-9)
    for b in table:
        assert b.low <= b.promised <= b.high
        assert b.observed_low <= b.observed <= b.observed_high


def test_intervals_of_the_table_hold_the_diagonal_where_probabilities_are_honest():
    truth, p = graded(3, 4000)
    inside = [b.observed_low <= b.promised <= b.observed_high for b in reliability(truth=truth, probability=p)]
    assert np.mean(inside) >= 0.8


def test_risk_has_the_values_of_the_plain_curve_and_intervals_around_them():
    rng = np.random.default_rng(2)
    sure = rng.random(700).round(2)  # with ties
    right = rng.random(700) < 0.4 + 0.6 * sure
    found = selective_risk(correct=right, confidence=sure, coverages=(0.1, 0.5, 1.0), samples=300)
    plain = m.risk_coverage(correct=right, confidence=sure)
    assert [p.risk for p in found.points] == pytest.approx([plain.at(c) for c in (0.1, 0.5, 1.0)])
    assert all(p.low <= p.risk <= p.high for p in found.points)
    assert found.aurc == plain.aurc and found.aurc_low <= found.aurc <= found.aurc_high
    assert found.points[-1].high - found.points[-1].low < 0.1


# --- confident learning


def noisy(seed: int, rows: int = 3000, flipped: float = 0.1):
    """Three classes in a plane, probabilities of the generating model, and labels of which a part is wrong."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [2.6, 0], [1.3, 2.3]])
    true = rng.integers(0, 3, rows)
    x = centres[true] + rng.normal(0, 0.6, (rows, 2))
    logits = -((x[:, None] - centres) ** 2).sum(2) / (2 * 0.6**2)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    wrong = rng.random(rows) < flipped
    given_ = np.where(wrong, (true + rng.integers(1, 3, rows)) % 3, true)
    return given_, true, p, wrong


@pytest.mark.parametrize("seed", range(4))
def test_planted_wrong_labels_are_found(seed):
    given_, true, p, wrong = noisy(seed)
    found = likely_mislabelled(given=given_, probability=p)
    hit = wrong[found.rows]
    assert hit.mean() > 0.7  # precision; by chance it would be 0.1
    assert hit.sum() / wrong.sum() > 0.7  # recall
    assert (found.suggested[hit] == true[found.rows][hit]).mean() > 0.9
    assert (np.diff(found.margin) <= 0).all()
    assert (p[found.rows, found.suggested] >= found.thresholds[found.suggested]).all()
    # What is most suspicious is nearly always wrong.
    assert wrong[found.rows[:100]].mean() > 0.95


def test_the_joint_distribution_is_near_the_planted_one():
    given_, true, p, _ = noisy(9, rows=20_000)
    planted = np.zeros((3, 3))
    np.add.at(planted, (given_, true), 1 / given_.size)
    joint = confident_joint(given=given_, probability=p)
    assert joint.sum() == pytest.approx(1.0)
    assert np.abs(joint - planted).max() < 0.03
    assert joint.sum(1) == pytest.approx(np.bincount(given_, minlength=3) / given_.size)


def test_few_rows_are_blamed_where_no_label_is_wrong():
    given_, true, p, _ = noisy(4, flipped=0.0)
    assert (given_ == true).all()
    found = likely_mislabelled(given=given_, probability=p)
    assert found.rows.size < 0.08 * given_.size


def test_thresholds_are_the_mean_probability_of_each_class():
    p = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    assert confident_thresholds(given=[0, 0, 1], probability=p).tolist() == pytest.approx([0.8, 0.8])
    assert np.isnan(confident_thresholds(given=[0, 0, 0], probability=p)[1])
    with pytest.raises(ValueError, match="class codes"):
        confident_thresholds(given=[0, 0, 2], probability=p)


# --- growth


@settings(max_examples=20, deadline=None)
@given(st.floats(0.15, 1.2), st.floats(0.0, 0.3), st.floats(0.5, 3.0))
def test_a_planted_power_law_is_found_again(b, c, a):
    sizes = np.array([100, 200, 400, 800, 1600, 3200])
    scores = 1 - (a * sizes**-b + c)
    law = fit_power_law(sizes=sizes, scores=scores)
    assert law.at(6400) == pytest.approx(1 - (a * 6400**-b + c), abs=0.003)


def test_three_sizes_and_flat_scores():
    law = fit_power_law(sizes=[100, 200, 400], scores=[0.5, 0.6, 0.68])
    assert law.c == 0 and law.at(800) > 0.68
    flat = fit_power_law(sizes=[100, 200, 400, 800], scores=[0.5, 0.5, 0.5, 0.5])
    assert flat.at(1600) == pytest.approx(0.5)
    falling = fit_power_law(sizes=[100, 200, 400, 800], scores=[0.5, 0.4, 0.3, 0.2])
    assert falling.at(1600) <= 0.5
    with pytest.raises(ValueError, match="three different sizes"):
        fit_power_law(sizes=[100, 200, 200], scores=[0.1, 0.2, 0.3])
