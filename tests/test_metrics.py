"""Metrics: stored references, what must hold for all inputs, and the bootstrap."""

from __future__ import annotations

import itertools
import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affekt import metrics as m
from affekt.core.cause import Link
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.timeline import Segment, Timeline
from affekt.metrics import classification as cl
from affekt.metrics import regression as rg
from affekt.metrics.bootstrap import resample_counts
from affekt.metrics.registry import AMBIGUOUS

REFERENCE = json.loads((Path(__file__).parent / "reference" / "metrics.json").read_text(encoding="utf-8"))
EXACT = {"rel": 1e-12, "abs": 1e-12}
NAN = float("nan")

# A busy machine must not fail a property for being slow.
often = settings(deadline=None, max_examples=40)

tables = st.tuples(st.integers(1, 30), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(*(hnp.arrays(np.int8, shape, elements=st.integers(0, 1)) for _ in range(2)))
)
probabilities = st.tuples(st.integers(1, 30), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.int8, shape, elements=st.integers(0, 1)),
        hnp.arrays(np.float64, shape, elements=st.floats(0, 1)),
    )
)
numbers = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))
series = st.integers(2, 40).flatmap(
    lambda n: st.tuples(*(hnp.arrays(np.float64, n, elements=numbers) for _ in range(2)))
)


def same(ours: object, reference: object) -> None:
    ours = np.asarray(ours, dtype=float)
    expected = np.array(
        [NAN if r is None else r for r in np.atleast_1d(np.asarray(reference, dtype=object))], dtype=float
    )
    assert np.atleast_1d(ours) == pytest.approx(expected, nan_ok=True, **EXACT)


# --- stored references


@pytest.mark.parametrize(
    ("key", "score"),
    [
        ("macro_f1", m.macro_f1),
        ("micro_f1", m.micro_f1),
        ("weighted_f1", m.weighted_f1),
        ("precision_per_label", m.precision_per_label),
        ("recall_per_label", m.recall_per_label),
        ("f1_per_label", m.f1_per_label),
        ("exact_match", m.exact_match),
    ],
)
def test_label_sets_agree_with_scikit_learn(key, score):
    case = REFERENCE["multi"]
    same(score(truth=case["truth"], prediction=case["prediction"]), case["expected"][key])


@pytest.mark.parametrize(
    ("key", "score"),
    [("brier", m.brier_score), ("ece", m.expected_calibration_error), ("ece_label", m.label_calibration_error)],
)
def test_probabilities_agree_with_scikit_learn(key, score):
    case = REFERENCE["multi"]
    same(score(truth=case["truth"], probability=case["probability"]), case["expected"][key])


@pytest.mark.parametrize(
    ("key", "score"),
    [
        ("macro_f1", m.macro_f1),
        ("weighted_f1", m.weighted_f1),
        ("accuracy", m.accuracy),
        ("uar", m.unweighted_average_recall),
        ("kappa", m.cohen_kappa),
    ],
)
def test_single_classes_agree_with_scikit_learn(key, score):
    case = REFERENCE["single"]
    same(score(truth=case["truth"], prediction=case["prediction"]), case["expected"][key])


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_weighted_kappa_agrees_with_scikit_learn(weights):
    case = REFERENCE["single"]
    ours = m.cohen_kappa(truth=case["truth"], prediction=case["prediction"], weights=weights)
    same(ours, case["expected"][f"kappa_{weights}"])


@pytest.mark.parametrize("case", ["dimension", "dimension_far"])
@pytest.mark.parametrize(
    ("key", "score"),
    [
        ("pcc", m.pearson_cc),
        ("ccc", m.concordance_cc),
        ("rmse", m.root_mean_square_error),
        ("mae", m.mean_absolute_error),
    ],
)
def test_dimensions_agree_with_scipy_and_exact_fractions(case, key, score):
    ours = score(truth=REFERENCE[case]["truth"], prediction=REFERENCE[case]["prediction"])
    # Far from 0 the inputs themselves carry 1e-12 of the mean, so the last digits of any result are theirs.
    assert ours == pytest.approx(REFERENCE[case]["expected"][key], rel=1e-12 if case == "dimension" else 1e-11)


def test_jensen_shannon_agrees_with_scipy():
    case = REFERENCE["distributions"]
    same(m.jensen_shannon(truth=case["truth"], prediction=case["prediction"]), case["expected"]["jsd"])


# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: 4 observers, 12 units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_agrees_with_the_published_example(level, published):
    assert m.krippendorff_alpha(ratings=KRIPPENDORFF, level=level) == pytest.approx(published, abs=5e-4)


def test_fleiss_kappa_agrees_with_a_published_example():
    # The table of ten subjects, fourteen raters and five categories that textbooks use; kappa = .210.
    counts = np.array(
        [
            [0, 0, 0, 0, 14],
            [0, 2, 6, 4, 2],
            [0, 0, 3, 5, 6],
            [0, 3, 9, 2, 0],
            [2, 2, 8, 1, 1],
            [7, 7, 0, 0, 0],
            [3, 2, 6, 3, 0],
            [2, 5, 3, 2, 2],
            [6, 5, 2, 1, 0],
            [0, 2, 2, 3, 7],
        ]
    )
    ratings = np.array([np.repeat(np.arange(5), row) for row in counts])
    assert m.fleiss_kappa(ratings=ratings) == pytest.approx(0.210, abs=5e-4)


# --- what must hold for all inputs


@often
@given(tables, st.randoms(use_true_random=False))
def test_label_scores_are_bounded_and_do_not_depend_on_the_order(pair, random):
    truth, prediction = pair
    rows = list(range(len(truth)))
    random.shuffle(rows)
    columns = list(range(truth.shape[1]))
    random.shuffle(columns)
    for score in (m.macro_f1, m.micro_f1, m.weighted_f1, m.exact_match, m.unweighted_average_recall):
        value = score(truth=truth, prediction=prediction)
        assert math.isnan(value) or 0 <= value <= 1
        moved = score(truth=truth[rows][:, columns], prediction=prediction[rows][:, columns])
        assert moved == pytest.approx(value, nan_ok=True)


@often
@given(tables)
def test_f1_is_symmetric_and_perfect_on_itself(pair):
    truth, prediction = pair
    there = m.f1_per_label(truth=truth, prediction=prediction)
    back = m.f1_per_label(truth=prediction, prediction=truth)
    np.testing.assert_array_equal(there, back)
    own = m.f1_per_label(truth=truth, prediction=truth)
    assert set(own[~np.isnan(own)].tolist()) <= {1.0}
    assert np.array_equal(np.isnan(own), truth.sum(0) == 0)


@often
@given(tables)
def test_precision_of_one_side_is_recall_of_the_other(pair):
    truth, prediction = pair
    np.testing.assert_array_equal(
        m.precision_per_label(truth=truth, prediction=prediction),
        m.recall_per_label(truth=prediction, prediction=truth),
    )


@often
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40))
def test_classes_and_their_table_give_the_same(rows):
    truth, prediction = (np.array(side) for side in zip(*rows, strict=True))
    order = np.array(list("abcd"))
    t, p = ((side[:, None] == order).astype(int) for side in (truth, prediction))
    for score in (m.macro_f1, m.micro_f1, m.weighted_f1, m.unweighted_average_recall):
        whole = score(truth=truth, prediction=prediction, labels=order)
        assert whole == pytest.approx(score(truth=t, prediction=p))
    assert m.micro_f1(truth=truth, prediction=prediction) == pytest.approx(
        m.accuracy(truth=truth, prediction=prediction)
    )


@often
@given(series)
def test_correlations_are_bounded_and_concordance_is_the_smaller(pair):
    truth, prediction = pair
    pcc, ccc = m.pearson_cc(truth=truth, prediction=prediction), m.concordance_cc(truth=truth, prediction=prediction)
    assert math.isnan(pcc) == (np.ptp(truth) == 0 or np.ptp(prediction) == 0)
    if not math.isnan(pcc):
        assert -1 <= pcc <= 1
        assert abs(ccc) <= abs(pcc) + 1e-9


@often
@given(series, st.floats(0.01, 100), st.floats(-100, 100))
def test_concordance_is_unchanged_when_both_are_rescaled_alike(pair, factor, shift):
    truth, prediction = pair
    before = m.concordance_cc(truth=truth, prediction=prediction)
    after = m.concordance_cc(truth=truth * factor + shift, prediction=prediction * factor + shift)
    assert after == pytest.approx(before, abs=1e-6, nan_ok=True)


@often
@given(series, st.floats(0.01, 100), st.floats(-100, 100))
def test_pearson_is_unchanged_when_one_side_is_rescaled(pair, factor, shift):
    truth, prediction = pair
    before = m.pearson_cc(truth=truth, prediction=prediction)
    after = m.pearson_cc(truth=truth, prediction=prediction * factor + shift)
    assert after == pytest.approx(before, abs=1e-6, nan_ok=True)


@often
@given(series)
def test_errors_of_a_series_with_itself_are_zero(pair):
    truth, prediction = pair
    assert m.mean_absolute_error(truth=truth, prediction=truth) == 0
    rmse, mae = (f(truth=truth, prediction=prediction) for f in (m.root_mean_square_error, m.mean_absolute_error))
    assert rmse >= mae * (1 - 1e-12)


@often
@given(probabilities)
def test_calibration_errors_are_bounded_and_labels_can_only_add(pair):
    truth, probability = pair
    ece = m.expected_calibration_error(truth=truth, probability=probability)
    by_label = m.label_calibration_error(truth=truth, probability=probability)
    assert 0 <= ece <= 1
    # Errors of opposite sign cancel between labels but not within them.
    assert by_label >= ece - 1e-12
    assert m.brier_score(truth=truth, probability=probability) <= 1
    assert m.expected_calibration_error(truth=truth, probability=truth) == 0
    assert m.expected_calibration_error(truth=truth, probability=1.0 - truth) == 1


@often
@given(probabilities)
def test_calibration_error_with_one_bin_is_the_gap_of_the_means(pair):
    truth, probability = pair
    ece = m.expected_calibration_error(truth=truth, probability=probability, bins=1)
    assert ece == pytest.approx(abs(truth.mean() - probability.mean()), abs=1e-12)


@often
@given(
    hnp.arrays(np.float64, (7, 4), elements=st.floats(0.0, 1.0)),
    hnp.arrays(np.float64, (7, 4), elements=st.floats(0, 1)),
)
def test_jensen_shannon_is_bounded_and_symmetric(a, b):
    a, b = ((x + 1e-6) / (x + 1e-6).sum(1, keepdims=True) for x in (a, b))
    there = m.jensen_shannon(truth=a, prediction=b)
    assert 0 <= there <= 1
    assert m.jensen_shannon(truth=b, prediction=a) == pytest.approx(there)
    assert m.jensen_shannon(truth=a, prediction=a) == pytest.approx(0, abs=1e-12)


def test_jensen_shannon_of_disjoint_distributions_is_one_bit():
    assert m.jensen_shannon(truth=[[1, 0]], prediction=[[0, 1]]) == pytest.approx(1)


@often
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=5))
def test_risk_coverage_is_the_mean_over_all_orders_of_ties(rows):
    correct = np.array([c for c, _ in rows], dtype=float)
    confidence = np.array([s for _, s in rows], dtype=float)
    curves = []
    for order in itertools.permutations(range(len(rows))):
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order)):
            curves.append(np.cumsum(1 - correct[list(order)]) / np.arange(1, len(rows) + 1))
    found = m.risk_coverage(correct=correct, confidence=confidence)
    assert found.risk == pytest.approx(np.mean(curves, axis=0))
    assert found.aurc == pytest.approx(np.mean(curves))
    assert found.at(1.0) == pytest.approx(1 - correct.mean())


def test_risk_at_a_coverage_answers_at_least_that_share():
    curve = m.risk_coverage(correct=[1, 1, 0, 0, 0, 0, 0, 0, 0, 0], confidence=np.arange(10, 0, -1))
    assert curve.at(0.2) == 0
    assert curve.at(0.3) == pytest.approx(1 / 3)
    assert curve.at(0.25) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="coverage"):
        curve.at(0.0)


@often
@given(st.lists(st.sampled_from(["joy", "fear", "anger"]), min_size=2, max_size=30))
def test_kappas_of_identical_annotators_are_one(classes):
    if len(set(classes)) == 1:
        assert math.isnan(m.cohen_kappa(truth=classes, prediction=classes))
        return
    assert m.cohen_kappa(truth=classes, prediction=classes) == 1
    ratings = [[c, c, c] for c in classes]
    assert m.fleiss_kappa(ratings=ratings) == pytest.approx(1)
    assert m.krippendorff_alpha(ratings=ratings, level="nominal") == pytest.approx(1)


def alpha_by_pairs(ratings: np.ndarray, level: str) -> float:
    """Krippendorff's alpha as it is defined: over all pairs within items, against all pairs of ratings."""
    units = [row[~np.isnan(row)] for row in ratings]
    units = [u for u in units if len(u) >= 2]
    pool = np.concatenate(units) if units else np.zeros(0)

    def apart(a: float, b: float) -> float:
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = ((pool >= low) & (pool <= high)).sum()
        return (between - ((pool == a).sum() + (pool == b).sum()) / 2) ** 2

    def total(values: np.ndarray) -> float:
        return sum(apart(a, b) for a, b in itertools.permutations(values, 2))

    if not len(pool) or not total(pool):
        return NAN
    observed = sum(total(u) / (len(u) - 1) for u in units) / len(pool)
    return 1 - observed / (total(pool) / (len(pool) * (len(pool) - 1)))


@often
@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.sampled_from([1, 2, 4, 5, NAN])
    ),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_is_what_its_definition_says(ratings, level):
    assert m.krippendorff_alpha(ratings=ratings, level=level) == pytest.approx(
        alpha_by_pairs(ratings, level), nan_ok=True
    )


@often
@given(hnp.arrays(np.int64, st.tuples(st.integers(2, 8), st.integers(2, 5)), elements=st.integers(0, 3)))
def test_fleiss_kappa_is_what_its_definition_says(ratings):
    pairs = [np.mean([a == b for a, b in itertools.permutations(row, 2)]) for row in ratings]
    chance = sum((ratings == v).mean() ** 2 for v in range(4))
    expected = NAN if chance == 1 else (np.mean(pairs) - chance) / (1 - chance)
    assert m.fleiss_kappa(ratings=ratings) == pytest.approx(expected, nan_ok=True)


def test_alpha_reads_names_and_gaps():
    by_name = [["joy", "joy", None], ["fear", "joy", "fear"], ["joy", None, None]]
    by_code = [[1, 1, NAN], [2, 1, 2], [1, NAN, NAN]]
    there = m.krippendorff_alpha(ratings=by_name, level="nominal")
    assert there == pytest.approx(m.krippendorff_alpha(ratings=by_code, level="nominal"))
    with pytest.raises(ValueError, match="needs numbers"):
        m.krippendorff_alpha(ratings=by_name, level="ordinal")


# --- what is undefined, and what is refused


def test_undefined_is_nan_and_averages_count_it_as_zero():
    truth, prediction = [[1, 0, 0], [1, 1, 0]], [[1, 0, 0], [1, 0, 0]]
    assert m.precision_per_label(truth=truth, prediction=prediction).tolist()[0] == 1
    assert np.isnan(m.precision_per_label(truth=truth, prediction=prediction)).tolist() == [False, True, True]
    assert np.isnan(m.recall_per_label(truth=truth, prediction=prediction)).tolist() == [False, False, True]
    f1 = m.f1_per_label(truth=truth, prediction=prediction)
    assert f1[:2].tolist() == [1, 0]
    assert math.isnan(f1[2])
    assert m.macro_f1(truth=truth, prediction=prediction) == pytest.approx(1 / 3)


def test_scores_without_rows_are_nan():
    empty = np.zeros((0, 3))
    assert math.isnan(m.micro_f1(truth=empty, prediction=empty))
    assert math.isnan(m.weighted_f1(truth=empty, prediction=empty))
    assert math.isnan(m.exact_match(truth=empty, prediction=empty))
    assert math.isnan(m.expected_calibration_error(truth=empty, probability=empty))
    assert math.isnan(m.label_calibration_error(truth=empty, probability=empty))
    assert math.isnan(m.brier_score(truth=empty, probability=empty))
    for score in (m.pearson_cc, m.concordance_cc, m.root_mean_square_error, m.mean_absolute_error):
        assert math.isnan(score(truth=[], prediction=[]))
    assert math.isnan(m.risk_coverage(correct=[], confidence=[]).aurc)
    assert math.isnan(m.interval_coverage(ratings=[], low=[], high=[]).coverage)
    assert math.isnan(m.fleiss_kappa(ratings=np.zeros((0, 3))))
    assert math.isnan(m.krippendorff_alpha(ratings=[[1.0, NAN]], level="interval"))


def test_constant_series():
    assert math.isnan(m.pearson_cc(truth=[0.1, 0.1, 0.1], prediction=[1, 2, 3]))
    assert m.concordance_cc(truth=[0.1, 0.1, 0.1], prediction=[1, 2, 3]) == 0
    assert math.isnan(m.concordance_cc(truth=[0.1, 0.1, 0.1], prediction=[0.1, 0.1, 0.1]))
    assert math.isnan(m.concordance_cc(truth=[1.0], prediction=[2.0]))


def test_nan_among_ratings_is_refused_or_left_out_on_request():
    with pytest.raises(ValueError, match="NaN in 1 rows"):
        m.pearson_cc(truth=[1, 2, NAN], prediction=[1, 3, 2])
    some = m.concordance_cc(truth=[1, 2, NAN, 4], prediction=[1, 3, 2, 3], ignore_nan=True)
    assert some == m.concordance_cc(truth=[1, 2, 4], prediction=[1, 3, 3])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: m.macro_f1(truth=[[1, 0]], prediction=[[0.9, 0.1]]), "0 and 1 only"),
        (lambda: m.macro_f1(truth=[[1, 0]], prediction=[[1, 0, 0]]), "must be the same"),
        (lambda: m.macro_f1(truth=["a"], prediction=["b"], labels=["a"]), "not in labels"),
        (lambda: m.accuracy(truth=[[1, 0]], prediction=[[1, 0]]), "exact_match"),
        (lambda: m.brier_score(truth=[[1, 0]], probability=[[1.2, 0]]), "0..1"),
        (lambda: m.brier_score(truth=[[1, 0]], probability=[[NAN, 0]]), "NaN in 1 rows"),
        (lambda: m.jensen_shannon(truth=[[0.5, 0.2]], prediction=[[0.5, 0.5]]), "distribution"),
        (lambda: m.interval_coverage(ratings=[1], low=[2], high=[1]), "low end above"),
        (lambda: m.fleiss_kappa(ratings=[[1.0, NAN]]), "krippendorff_alpha"),
        (lambda: m.krippendorff_alpha(ratings=[[1, 2]], level="rational"), "not known"),
        (lambda: m.bootstrap({}, samples=0), "samples"),
        (lambda: m.bootstrap({}, level=95), "level"),
    ],
)
def test_what_cannot_be_scored_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_truth_and_prediction_cannot_be_swapped_by_position():
    with pytest.raises(TypeError):
        m.macro_f1([[1]], [[0]])


def test_interval_coverage_counts_ends_as_inside():
    found = m.interval_coverage(ratings=[1, 2, 3, 5], low=[1, 1, 1, 1], high=[2, 2, 3, 4])
    assert found == (0.75, 1.75, 4)


# --- names


@pytest.mark.parametrize("key", sorted(AMBIGUOUS))
def test_names_that_mean_several_things_are_refused_with_the_choices(key):
    with pytest.raises(InputError) as caught:
        m.metric(key.upper())
    assert "ambiguous" in str(caught.value)
    assert all(choice in str(caught.value) for choice in AMBIGUOUS[key])


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownNameError, match="macro_f1"):
        m.metric("makro_f1")


def random_timeline(rng) -> Timeline:
    """Three emotions that follow one another in four seconds, with breaks between them."""
    ends = np.sort(rng.uniform(0, 4, 6)).tolist()
    names = rng.permutation(["joy", "anger", "neutral"]).tolist()
    return Timeline(tuple(Segment(*ends[2 * i : 2 * i + 2], (names[i],)) for i in range(3)), duration=4.0)


def random_links(rng) -> list[Link]:
    ends = rng.integers(0, 3, (4, 2)) + np.array([0, 3])
    texts = rng.permutation(["we won", "won", None, "the match"]).tolist()
    return [Link(3, i, ["joy", "anger"][i % 2], *map(int, ends[i]), text=texts[i]) for i in range(4)]


@pytest.mark.parametrize("key", sorted(m.METRICS))
def test_every_registered_metric_scores_within_its_bounds(key):
    found = m.metric(key)
    rng = np.random.default_rng(3)
    truth = np.eye(3)[rng.integers(0, 3, 50)]
    given_ = {
        "labels": lambda: {"truth": truth, "prediction": np.eye(3)[rng.integers(0, 3, 50)]},
        "probabilities": lambda: {"truth": truth, "probability": rng.random((50, 3))},
        "distributions": lambda: {"truth": truth, "prediction": rng.dirichlet([1, 1, 1], 50)},
        "dimension": lambda: {"truth": rng.normal(size=50), "prediction": rng.normal(size=50)},
        "classes": lambda: {"truth": truth.argmax(1), "prediction": rng.integers(-1, 3, 50)},
        "table": lambda: {"truth": rng.random((50, 4)), "prediction": rng.random((50, 4))},
        "timelines": lambda: {side: [random_timeline(rng) for _ in range(50)] for side in ("truth", "prediction")},
        "cause-questions": lambda: {side: [random_links(rng) for _ in range(50)] for side in ("truth", "prediction")},
        "cause-pairs": lambda: (
            {side: [random_links(rng) for _ in range(50)] for side in ("truth", "prediction")}
            | {"labels": ["joy", "anger"]}
        ),
        "words": lambda: (
            {
                side: [rng.choice(["glad", "happy", "cross", "low"], rng.integers(1, 3)).tolist() for _ in range(50)]
                for side in ("truth", "prediction")
            }
            | {"groupings": [{"glad": "joy", "happy": "joy", "cross": "anger", "low": "sadness"}]}
        ),
        "conflicts": lambda: (
            {"truth": truth, "probability": rng.random((50, 3))}
            if key.startswith("conflict")
            else {"truth": truth, "prediction": np.eye(3)[rng.integers(0, 3, 50)]}
        ),
    }[found.takes]()
    statistic = found.statistic(**given_)
    assert statistic.n == 50
    assert found.low <= statistic.value <= found.high
    drawn = statistic.resampled(np.ones((2, 50)))
    assert drawn == pytest.approx(statistic.value)


# --- bootstrap


@pytest.mark.parametrize("kind", ["macro_f1", "pcc", "ccc", "ece_label"])
def test_resampling_by_counts_equals_resampling_rows(kind):
    rng = np.random.default_rng(1)
    if kind in ("pcc", "ccc"):
        first, second = rng.normal(size=(2, 40)) + 5
        sides = ("truth", "prediction")
    else:
        first = (rng.random((40, 4)) < 0.3).astype(float)
        second = rng.random((40, 4)) if kind == "ece_label" else (rng.random((40, 4)) < 0.3).astype(float)
        sides = ("truth", "probability" if kind == "ece_label" else "prediction")
    make = m.metric(kind).statistic
    statistic = make(**dict(zip(sides, (first, second), strict=True)))
    for counts in resample_counts(rows=40, samples=25, seed=9):
        quick = statistic.resampled(counts)
        for value, drawn in zip(quick, counts, strict=True):
            rows = np.repeat(np.arange(40), drawn.astype(int))
            slow = make(**dict(zip(sides, (first[rows], second[rows]), strict=True))).value
            assert value == pytest.approx(slow, abs=1e-10)


def test_every_resample_draws_as_many_rows_as_there_are():
    blocks = list(resample_counts(rows=300_000, samples=8, seed=0))
    assert len(blocks) > 1
    assert sum(len(b) for b in blocks) == 8
    assert all((b.sum(1) == 300_000).all() for b in blocks)


def test_the_interval_of_a_share_is_the_textbook_one():
    hit = np.arange(2000) < 1400
    found = m.bootstrap({"x": cl.accuracy_statistic(truth=np.ones(2000), prediction=hit.astype(float))}, samples=4000)[
        "x"
    ]
    half = 1.96 * math.sqrt(0.7 * 0.3 / 2000)
    assert float(found.value) == pytest.approx(0.7)
    assert float(found.low) == pytest.approx(0.7 - half, abs=0.002)
    assert float(found.high) == pytest.approx(0.7 + half, abs=0.002)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    rng = np.random.default_rng(2)
    statistic = rg.pearson_cc_statistic(truth=rng.normal(size=60), prediction=rng.normal(size=60))
    one, again, other = (m.bootstrap({"x": statistic}, samples=200, seed=s)["x"] for s in (4, 4, 5))
    assert (one.low, one.high) == (again.low, again.high)
    assert one.low != other.low


def test_undefined_resamples_are_left_out_and_counted():
    statistic = rg.pearson_cc_statistic(truth=[0.0, 1.0], prediction=[0.0, 1.0])
    found = m.bootstrap({"x": statistic}, samples=400)["x"]
    assert found.undefined == pytest.approx(0.5, abs=0.1)  # half of the resamples draw one row twice
    assert (float(found.low), float(found.high)) == (1, 1)
    nothing = m.bootstrap({"x": rg.pearson_cc_statistic(truth=[], prediction=[])})["x"]
    assert math.isnan(float(nothing.low))
    assert nothing.undefined == 1


def test_scores_with_different_numbers_of_rows_keep_their_order():
    parts = {
        "a": rg.mean_absolute_error_statistic(truth=[1.0, 2.0], prediction=[1.0, 3.0]),
        "b": rg.mean_absolute_error_statistic(truth=[1.0], prediction=[2.0]),
        "c": rg.root_mean_square_error_statistic(truth=[1.0, 2.0], prediction=[1.0, 3.0]),
    }
    found = m.bootstrap(parts, samples=50)
    assert list(found) == ["a", "b", "c"]
    assert [i.n for i in found.values()] == [2, 1, 2]


def test_a_paired_difference_is_narrower_than_two_intervals_and_changes_its_sign():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=400)
    near, far = truth + rng.normal(size=400) * 0.5, truth + rng.normal(size=400) * 0.9
    a, b = (rg.mean_absolute_error_statistic(truth=truth, prediction=p) for p in (near, far))
    there, back = m.paired_bootstrap(first=a, second=b), m.paired_bootstrap(first=b, second=a)
    assert there.value == pytest.approx(a.value - b.value)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    assert there.high < 0
    assert there.p < 0.01
    same_ = m.paired_bootstrap(first=a, second=a)
    assert (same_.value, same_.low, same_.high, same_.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="same rows"):
        m.paired_bootstrap(first=a, second=rg.mean_absolute_error_statistic(truth=[1.0], prediction=[1.0]))


@pytest.mark.slow
def test_a_thousand_resamples_of_macro_f1_are_one_product_of_tables():
    rng = np.random.default_rng(0)
    truth, prediction = (rng.random((2, 5427, 28)) < 0.05).astype(float)
    statistic = cl.macro_f1_statistic(truth=truth, prediction=prediction)
    started = time.process_time()
    m.bootstrap({"macro_f1": statistic}, samples=1000)
    assert time.process_time() - started < 20  # drawing rows again for each would take minutes
