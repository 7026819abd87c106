"""Agreement and analyses of annotators: stored references, properties, planted structure that must be found."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from affekt import metrics as m
from affekt.core.ratings import Ratings
from affekt.core.space import Dimension, LabelSpace
from affekt.metrics import agreement as ag
from affekt.metrics import annotators as an
from affekt.metrics import bestworst as bw
from affekt.metrics import intraclass as ic
from affekt.metrics import perspectives as pe
from affekt.metrics import preserved as pr
from affekt.metrics import variance as va

REFERENCE = json.loads((Path(__file__).parent / "reference" / "agreement.json").read_text(encoding="utf-8"))
NAN = float("nan")
SINGLE = LabelSpace("three", "Three", "single", labels=("anger", "joy", "sadness"))
MULTI = LabelSpace("many", "Many", "multi", labels=("anger", "joy", "sadness"))
VALENCE = LabelSpace("valence", "Valence", "dimensional", dimensions=(Dimension("valence", -50, 50),))
INTENSITY = LabelSpace("strengths", "Strengths", "intensity", labels=("anger", "joy"), intensity=3)

often = settings(deadline=None, max_examples=40)
shapes = st.tuples(st.integers(2, 10), st.integers(2, 5))
classes = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0, 2.0, NAN]))
whole = hnp.arrays(np.float64, shapes, elements=st.integers(-20, 20).map(float))
sets = shapes.flatmap(
    lambda shape: hnp.arrays(
        object, shape, elements=st.none() | st.sets(st.sampled_from("abc")).map(frozenset), fill=st.nothing()
    )
)


def table(case: str) -> np.ndarray:
    return np.array(REFERENCE[case]["ratings"], dtype=float)


# ---- against other libraries


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_agrees_with_the_krippendorff_package(level):
    ours = ag.krippendorff_alpha(ratings=table("alpha"), level=level)
    assert ours == pytest.approx(REFERENCE["alpha"]["expected"][level], rel=1e-12)
    assert ag.krippendorff_alpha_statistic(ratings=table("alpha"), level=level).value == pytest.approx(ours, rel=1e-12)


def set_table(rows) -> np.ndarray:
    out = np.full((len(rows), len(rows[0])), None, dtype=object)
    for i, row in enumerate(rows):
        for k, cell in enumerate(row):
            out[i, k] = None if cell is None else frozenset(cell)
    return out


def test_masi_alpha_agrees_with_nltk():
    ours = ag.masi_alpha(ratings=set_table(REFERENCE["masi"]["ratings"]))
    assert ours == pytest.approx(REFERENCE["masi"]["expected"], rel=1e-12)
    assert ours == pytest.approx(REFERENCE["masi"]["expected_of_nltk"], abs=2e-3)  # its thirds are .67 and .33


def test_kappas_agree_with_statsmodels():
    ratings, expected = np.array(REFERENCE["kappas"]["ratings"]), REFERENCE["kappas"]["expected"]
    assert ag.fleiss_kappa(ratings=ratings) == pytest.approx(expected["fleiss"], rel=1e-12)
    for weights in (None, "linear", "quadratic"):
        ours = ag.cohen_kappa(truth=ratings[:, 0], prediction=ratings[:, 1], weights=weights)
        assert ours == pytest.approx(expected[f"cohen_{weights}" if weights else "cohen"], rel=1e-12)


def test_intraclass_correlations_agree_with_pingouin():
    expected = REFERENCE["intraclass"]["expected"]
    assert ic.icc_single(ratings=table("intraclass")) == pytest.approx(expected["icc_single"], rel=1e-10)
    assert ic.icc_average(ratings=table("intraclass")) == pytest.approx(expected["icc_average"], rel=1e-10)


@pytest.mark.parametrize("case", REFERENCE["signed_rank"], ids=lambda c: str(len(c["values"])))
def test_the_signed_rank_test_agrees_with_scipy(case):
    assert pr.signed_rank_p(case["values"]) == pytest.approx(case["expected"], rel=1e-10)


@often
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=20))
def test_ranks_are_those_of_scipy(values):
    np.testing.assert_array_equal(pr.average_ranks(values), stats.rankdata(values))


def crossed(name: str, **options: object) -> tuple[va.VarianceShares, dict[str, float]]:
    case = REFERENCE["crossed"]
    ratings = Ratings.from_array(VALENCE, table("crossed"))
    attributes = {
        str(k): {"group": g, "trust": t} for k, (g, t) in enumerate(zip(case["group"], case["trust"], strict=True))
    }
    chosen = None if name == "plain" else attributes
    return va.variance_shares(ratings, attributes=chosen, **options), case["expected"][name]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "options"), [("plain", {}), ("attributes", {}), ("items_only", {"annotator_effect": False})]
)
def test_variance_shares_agree_with_statsmodels(name, options):
    ours, expected = crossed(name, **options)
    # statsmodels stops earlier than we do: its likelihood is never higher.
    assert ours.log_likelihood >= expected["log_likelihood"] - 1e-6
    assert ours.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-4)
    assert ours.item == pytest.approx(expected["item"], rel=2e-3)
    assert ours.residual == pytest.approx(expected["residual"], rel=2e-3)
    assert ours.attributes == pytest.approx(expected["attributes"], rel=2e-3, abs=1e-12)
    if name != "items_only":
        assert ours.annotator == pytest.approx(expected["annotator"], rel=2e-3)
    assert list(ours.coefficients.values()) == pytest.approx(expected["coefficients"], rel=2e-3)
    assert list(ours.errors.values()) == pytest.approx(expected["errors"], rel=2e-3)


# ---- properties of agreement


def alpha_of_pairs(ratings: np.ndarray, distance) -> float:
    """Alpha as it is defined, pair by pair."""
    units = [[r for r in row if r is not None and r == r] for row in ratings]
    units = [u for u in units if len(u) > 1]
    pool = [r for u in units for r in u]
    observed = sum(distance(a, b) / (len(u) - 1) for u in units for i, a in enumerate(u) for b in u[:i] + u[i + 1 :])
    expected = sum(distance(a, b) for i, a in enumerate(pool) for b in pool[:i] + pool[i + 1 :])
    return 1 - observed * (len(pool) - 1) / expected if expected else NAN


@often
@given(sets)
def test_masi_alpha_is_what_its_definition_says(ratings):
    expected = alpha_of_pairs(ratings, ag.masi_distance)
    assert ag.masi_alpha(ratings=ratings) == pytest.approx(expected, nan_ok=True)


@often
@given(classes)
def test_ratio_alpha_is_what_its_definition_says(ratings):
    expected = alpha_of_pairs(ratings, lambda a, b: ((a - b) / (a + b)) ** 2 if a + b else 0.0)
    assert ag.krippendorff_alpha(ratings=ratings, level="ratio") == pytest.approx(expected, nan_ok=True)


@often
@given(classes)
def test_percent_agreement_is_the_share_of_equal_pairs(ratings):
    pairs = [a == b for row in ratings for a, b in combinations(row[~np.isnan(row)], 2)]
    assert ag.percent_agreement(ratings=ratings) == pytest.approx(np.mean(pairs) if pairs else NAN, nan_ok=True)


@often
@given(
    st.sets(st.integers(0, 5), max_size=4).map(frozenset),
    st.sets(st.integers(0, 5), max_size=4).map(frozenset),
)
def test_masi_distance_is_symmetric_and_bounded(a, b):
    assert ag.masi_distance(a, b) == ag.masi_distance(b, a)
    assert 0 <= ag.masi_distance(a, b) <= 1
    assert (ag.masi_distance(a, b) == 0) == (a == b)


MEASURES = {
    "percent": lambda t: ag.percent_agreement_statistic(ratings=t),
    "nominal": lambda t: ag.krippendorff_alpha_statistic(ratings=t, level="nominal"),
    "ordinal": lambda t: ag.krippendorff_alpha_statistic(ratings=t, level="ordinal"),
    "interval": lambda t: ag.krippendorff_alpha_statistic(ratings=t, level="interval"),
    "fleiss": lambda t: ag.fleiss_kappa_statistic(ratings=t),
    "cohen": lambda t: ag.cohen_kappa_statistic(truth=t[:, 0], prediction=t[:, 1]),
    "icc_single": lambda t: ic.icc_single_statistic(ratings=t),
    "icc_average": lambda t: ic.icc_average_statistic(ratings=t),
    "ccc": lambda t: ic.overall_ccc_statistic(ratings=t),
}


@often
@given(st.data(), whole)
@pytest.mark.parametrize("name", MEASURES)
def test_a_resample_scores_as_the_drawn_items_do(name, data, ratings):
    # What the bootstrap relies on: item i drawn w[i] times gives the score of a table with that item w[i] times.
    counts = data.draw(hnp.arrays(np.int64, len(ratings), elements=st.integers(0, 3)))
    drawn = MEASURES[name](ratings).resampled(counts[None].astype(float))
    repeated = MEASURES[name](np.repeat(ratings, counts, axis=0)).value if counts.sum() else NAN
    assert float(drawn[0]) == pytest.approx(repeated, nan_ok=True, abs=1e-9)


@often
@given(st.data(), whole)
@pytest.mark.parametrize("name", [n for n in MEASURES if n != "cohen"])
def test_agreement_does_not_depend_on_order(name, data, ratings):
    items = data.draw(st.permutations(range(len(ratings))))
    annotators = data.draw(st.permutations(range(ratings.shape[1])))
    there = MEASURES[name](ratings[items][:, annotators]).value
    assert there == pytest.approx(MEASURES[name](ratings).value, nan_ok=True, abs=1e-9)


@often
@given(whole, st.integers(1, 9), st.integers(-50, 50))
@pytest.mark.parametrize("name", ["interval", "icc_single", "icc_average", "ccc"])
def test_agreement_on_numbers_does_not_depend_on_the_scale(name, ratings, factor, shift):
    there = MEASURES[name](ratings * factor + shift).value
    assert there == pytest.approx(MEASURES[name](ratings).value, nan_ok=True, abs=1e-7)


@often
@given(whole)
def test_equal_annotators_agree_in_full(ratings):
    alike = np.repeat(ratings[:, :1], 3, axis=1)
    varied = len(np.unique(alike)) > 1
    for name in MEASURES:
        expected = 1 if varied or name == "percent" else NAN
        assert MEASURES[name](alike).value == pytest.approx(expected, nan_ok=True), name


@often
@given(whole)
def test_overall_concordance_of_two_is_the_concordance(ratings):
    two = ratings[:, :2]
    if len(np.unique(two)) > 1:
        expected = m.concordance_cc(truth=two[:, 0], prediction=two[:, 1])
        assert ic.overall_ccc(ratings=two) == pytest.approx(expected, abs=1e-9)


def test_intervals_hold_the_truth_as_often_as_they_say():
    # Alpha of a large population, and 200 samples of 80 items of it.
    rng = np.random.default_rng(1)

    def draw(items: int) -> np.ndarray:
        truth = rng.integers(0, 3, (items, 1))
        return np.where(rng.random((items, 4)) < 0.6, truth, rng.integers(0, 3, (items, 4)))

    truth = ag.krippendorff_alpha(ratings=draw(40_000), level="nominal")
    inside = 0
    for i in range(200):
        statistic = ag.krippendorff_alpha_statistic(ratings=draw(80), level="nominal")
        found = m.bootstrap({"alpha": statistic}, samples=300, seed=i)["alpha"]
        inside += float(found.low) <= truth <= float(found.high)
    assert 0.89 <= inside / 200 <= 0.99


def test_what_does_not_fit_is_refused():
    for call, says in (
        (lambda: ag.krippendorff_alpha(ratings=[[1, 2]], level="sideways"), "not known"),
        (lambda: ag.krippendorff_alpha(ratings=[[-1, 2]], level="ratio"), "no ratio"),
        (lambda: ag.krippendorff_alpha(ratings=[["a", "b"]], level="interval"), "needs numbers"),
        (lambda: ag.percent_agreement(ratings=[1, 2]), "expected 2"),
        (lambda: ag.masi_alpha(ratings=[{"a"}]), "expected 2"),
        (lambda: ic.icc_single(ratings=[[1.0, NAN]]), "every annotator"),
        (lambda: ic.overall_ccc(ratings=[1.0]), "expected 2"),
    ):
        with pytest.raises(ValueError, match=says):
            call()


# ---- annotators


def lenient(rng: np.random.Generator) -> Ratings:
    """Three annotators of 300 items; the second gives two points more, the third answers at random."""
    truth = rng.uniform(-20, 20, (300, 1))
    given = truth + rng.normal(0, 2, (300, 3))
    given[:, 1] += 2
    given[:, 2] = rng.uniform(-20, 20, 300)
    return Ratings.from_array(VALENCE, given, annotators=["even", "lenient", "random"])


def test_bias_and_agreement_of_annotators():
    facts = {f.name: f for f in an.annotator_facts(lenient(np.random.default_rng(2)))}
    gap = facts["lenient"].bias["valence"] - facts["even"].bias["valence"]
    assert gap == pytest.approx(3, abs=0.4)  # two points above "even", who stands in the mean of the others by half
    assert facts["even"].agreement > 0.6 > 0.2 > facts["random"].agreement
    assert facts["even"].bias_error["valence"] < facts["random"].bias_error["valence"]
    assert all(f.judgements == f.shared == 300 for f in facts.values())


@often
@given(classes)
def test_biases_of_labels_cancel_between_two_annotators(ratings):
    both = ratings[~np.isnan(ratings[:, :2]).any(1), :2]
    if len(both):
        one, other = an.annotator_facts(Ratings.from_array(SINGLE, both))
        for label in SINGLE.labels:
            assert one.bias[label] == pytest.approx(-other.bias[label])
        assert sum(one.bias.values()) == pytest.approx(0)


def test_an_annotator_alone_has_no_bias_and_no_agreement():
    (facts,) = an.annotator_facts(Ratings.from_array(SINGLE, [[0], [1]]))
    assert facts.judgements == 2 and facts.shared == 0
    assert np.isnan([facts.agreement, *facts.bias.values()]).all()


def test_the_measures_fit_the_space():
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 3, (20, 2))
    found = an.agreement(Ratings.from_array(SINGLE, codes), samples=50)
    assert set(found) == {"labels"} and set(found["labels"]) == {"percent", "alpha", "fleiss", "cohen"}
    assert float(found["labels"]["cohen"].value) == pytest.approx(
        m.cohen_kappa(truth=codes[:, 0], prediction=codes[:, 1])
    )
    found = an.agreement(Ratings.from_array(MULTI, rng.integers(0, 2, (20, 3, 3))), samples=50)
    assert list(found) == ["labels", *MULTI.labels]
    found = an.agreement(Ratings.from_array(VALENCE, rng.normal(size=(20, 3))), samples=50)
    assert set(found["valence"]) == {"alpha", "ccc", "icc_single", "icc_average"}
    found = an.agreement(Ratings.from_array(INTENSITY, rng.integers(0, 4, (20, 3, 2))), level="ordinal", samples=50)
    assert set(found) == {"anger", "joy"}
    low, value, high = (float(getattr(found["joy"]["alpha"], end)) for end in ("low", "value", "high"))
    assert low <= value <= high


def test_tabulated_votes_have_an_alpha_but_no_cohen():
    ratings = Ratings.from_counts(SINGLE, ["x", "y"], [[2, 0, 0], [1, 1, 0]])
    found = an.agreement(ratings, samples=20)["labels"]
    assert "cohen" not in found
    assert float(found["percent"].value) == 0.5


@often
@given(classes)
def test_entropy_is_zero_where_all_agree_and_bounded(ratings):
    bits = an.vote_entropy(Ratings.from_array(SINGLE, ratings))
    for value, row in zip(bits, ratings, strict=True):
        votes = row[~np.isnan(row)]
        if not votes.size:
            assert np.isnan(value)
            continue
        shares = np.array(list(Counter(votes.tolist()).values())) / len(votes)
        assert value == pytest.approx(stats.entropy(shares, base=2), abs=1e-12)


def test_entropy_of_several_labels():
    ratings = Ratings.from_array(MULTI, [[[1, 0, 0], [0, 0, 1]], [[1, 1, 0], [1, 1, 0]]])
    assert an.vote_entropy(ratings).tolist() == pytest.approx([2 / 3, 0])


def test_groups_that_see_things_differently_are_told_from_chance():
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 3, (150, 1))
    codes = np.where(rng.random((150, 12)) < 0.7, truth, rng.integers(0, 3, (150, 12))).astype(float)
    names = [f"a{k}" for k in range(12)]
    groups = {a: "young" if k < 6 else "old" for k, a in enumerate(names)}
    (same,) = an.group_divergence(Ratings.from_array(SINGLE, codes, annotators=names), groups, samples=100)
    assert same.p > 0.05 and float(same.divergence.value) == pytest.approx(same.by_chance, rel=0.2)
    codes[:, :6] = np.where((codes[:, :6] == 2) & (rng.random((150, 6)) < 0.7), 0, codes[:, :6])
    (other,) = an.group_divergence(Ratings.from_array(SINGLE, codes, annotators=names), groups, samples=100)
    assert (other.first, other.second, other.items) == ("old", "young", 150)
    assert other.p < 0.05 and float(other.divergence.low) > other.by_chance
    old, young = other.shares["anger"]
    assert young > old + 0.15


def test_groups_need_annotators():
    ratings = Ratings.from_array(SINGLE, [[0, 1]], annotators=["a", "b"])
    with pytest.raises(ValueError, match="'c' is no annotator"):
        an.group_divergence(ratings, {"a": "x", "c": "y"})
    with pytest.raises(ValueError, match="fewer than two groups"):
        an.group_divergence(ratings, {"a": "x"})


# ---- variance


def readers(rng: np.random.Generator, *, persona: float) -> tuple[Ratings, dict[str, dict[str, str | float]]]:
    """60 readers of 150 items, each item read by six; the persona moves a reader by `persona` points."""
    young = rng.integers(0, 2, 60)
    given = np.full((150, 60), NAN)
    level = persona * (2 * young - 1) + rng.normal(0, 0.5, 60)
    for i in range(150):
        who = rng.choice(60, 6, replace=False)
        given[i, who] = rng.normal(0, 1) + level[who] + rng.normal(0, 1, 6)
    return Ratings.from_array(VALENCE, given), {str(k): {"age": ("old", "young")[y]} for k, y in enumerate(young)}


@pytest.mark.slow
def test_a_planted_persona_share_lies_in_the_interval():
    ratings, attributes = readers(np.random.default_rng(5), persona=0.8)
    found = va.variance_shares(ratings, attributes=attributes, samples=20, seed=1)
    # Shares as planted: persona .64, items 1, readers .25, rest 1.
    assert found.low < 0.64 / 2.89 < found.high
    assert found.share("item") == pytest.approx(1 / 2.89, abs=0.08)
    assert found.share("annotator") == pytest.approx(0.25 / 2.89, abs=0.05)
    assert found.share("residual") == pytest.approx(1 / 2.89, abs=0.06)
    assert found.coefficients["age=young"] == pytest.approx(1.6, abs=3 * found.errors["age=young"])
    parts = ("attributes", "item", "annotator", "residual")
    assert sum(found.share(p) for p in parts) == pytest.approx(1)
    assert found.conditional_r2 == pytest.approx(1 - found.share("residual"))


def test_a_persona_without_effect_explains_next_to_nothing():
    ratings, attributes = readers(np.random.default_rng(6), persona=0.0)
    assert va.variance_shares(ratings, attributes=attributes).marginal_r2 < 0.02


def test_variance_that_is_not_there_is_zero():
    rng = np.random.default_rng(7)
    found = va.variance_shares(Ratings.from_array(VALENCE, rng.normal(size=(80, 6))))
    assert found.annotator < 0.02 and found.item < 0.05
    assert found.residual == pytest.approx(1, abs=0.15)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.integers(-9, 9))
def test_shares_do_not_depend_on_where_the_scale_lies(seed, shift):
    rng = np.random.default_rng(seed)
    given = rng.normal(0, 2, (12, 1)) + rng.normal(0, 1, (1, 5)) + rng.normal(0, 1, (12, 5))
    one = va.variance_shares(Ratings.from_array(VALENCE, given))
    other = va.variance_shares(Ratings.from_array(VALENCE, 2 * given + shift))
    assert other.share("item") == pytest.approx(one.share("item"), abs=1e-3)
    assert other.residual == pytest.approx(4 * one.residual, rel=1e-3)


def test_attributes_that_say_the_same_are_left_out_and_named():
    ratings, attributes = readers(np.random.default_rng(8), persona=0.5)
    twice = {k: {**v, "born": "late" if v["age"] == "young" else "early"} for k, v in attributes.items()}
    found = va.variance_shares(ratings, attributes=twice)
    assert found.dropped == ("born=late",)
    assert found.marginal_r2 == pytest.approx(va.variance_shares(ratings, attributes=attributes).marginal_r2, abs=1e-5)


def test_variance_needs_annotators_attributes_and_data():
    ratings, attributes = readers(np.random.default_rng(9), persona=0.5)
    attributes["3"] = {}
    with pytest.raises(ValueError, match="1 annotators have no 'age', such as '3'"):
        va.variance_shares(ratings, attributes=attributes)
    with pytest.raises(ValueError, match="too few"):
        va.variance_shares(Ratings.from_array(VALENCE, [[1.0, 2.0]]))
    with pytest.raises(ValueError, match="all ratings are the same"):
        va.variance_shares(Ratings.from_array(VALENCE, np.ones((5, 3))))
    with pytest.raises(ValueError, match="who gave"):
        va.variance_shares(Ratings.from_records(VALENCE, [("x", None, {"valence": 1.0})]))


# ---- shared dimensions


def judged(rng: np.random.Generator, *, shuffled: bool = False) -> Ratings:
    """Twelve raters, six labels; three feelings are seen alike, each by two labels; six raters an item."""
    labels = ("anger", "fury", "joy", "delight", "fear", "worry")
    space = LabelSpace("six", "Six", "multi", labels=labels)
    items = 400
    feeling = rng.normal(0, 1, (items, 3)) * [1.6, 1.2, 0.9]
    values = np.full((items, 12, 6), NAN)
    for k in range(12):
        score = np.repeat(feeling, 2, axis=1) + rng.normal(0, 0.8, (items, 6))
        values[:, k] = score > 0.6
    if shuffled:
        for k in range(12):
            values[:, k] = values[rng.permutation(items), k]
    for i in range(items):
        values[i, rng.choice(12, 6, replace=False)] = NAN
    return Ratings.from_array(space, values)


def test_shared_dimensions_are_found_and_vanish_when_raters_are_shuffled():
    found = pr.preserved_dimensions(judged(np.random.default_rng(10)))
    assert len(found.raters) == 12 and found.items == 400 and found.left_out == ()
    assert found.significant[:3].all()
    # Each of the first three directions is one feeling: its two labels load alike, the others hardly.
    pairs = {tuple(sorted(np.argsort(-np.abs(column))[:2].tolist())) for column in found.components.T[:3]}
    assert pairs == {(0, 1), (2, 3), (4, 5)}
    assert (np.diff(found.covariance) <= 0).all()
    nothing = pr.preserved_dimensions(judged(np.random.default_rng(10), shuffled=True))
    assert not nothing.significant.any()


def test_a_planted_plane_is_recovered():
    rng = np.random.default_rng(11)
    basis = np.linalg.qr(rng.normal(size=(8, 2)))[0]
    shared = rng.normal(size=(3000, 2)) * [3, 2] @ basis.T
    directions, covariance = pr.preserved_components(
        shared + rng.normal(size=(3000, 8)), shared + rng.normal(size=(3000, 8))
    )
    cosines = np.linalg.svd(basis.T @ directions[:, :2])[1]
    assert cosines.min() > 0.99
    assert covariance[:2] == pytest.approx([9, 4], rel=0.1)
    assert np.abs(covariance[2:]).max() < 0.2


@often
@given(st.integers(0, 10_000))
def test_components_are_orthonormal_and_symmetric_in_the_two_sides(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 30, 4))
    directions, covariance = pr.preserved_components(x, y)
    np.testing.assert_allclose(directions.T @ directions, np.eye(4), atol=1e-9)
    swapped, same = pr.preserved_components(y, x)
    np.testing.assert_allclose(same, covariance, atol=1e-9)
    np.testing.assert_allclose(np.abs(swapped.T @ directions), np.eye(4), atol=1e-6)
    scores = [(side - side.mean(0)) @ directions for side in (x, y)]
    np.testing.assert_allclose((scores[0] * scores[1]).sum(0) / 29, covariance, atol=1e-9)


def test_raters_of_few_items_are_named():
    ratings = judged(np.random.default_rng(12))
    found = pr.preserved_dimensions(ratings, min_items=10_000)
    assert found.raters == () and len(found.left_out) == 12
    assert np.isnan(found.p).all() and not found.significant.any()
    with pytest.raises(ValueError, match="three judgements"):
        pr.preserved_dimensions(Ratings.from_array(MULTI, [[[1, 0, 0], [1, 0, 0]]]))


# ---- best-worst scaling


@often
@given(st.integers(4, 30), st.integers(2, 4), st.integers(1, 9), st.integers(0, 99))
def test_tuples_are_balanced(n, size, per_item, seed):
    items = [f"i{k}" for k in range(n)]
    tuples = bw.make_tuples(items, size=size, per_item=per_item, seed=seed)
    assert len(tuples) == -(-n * per_item // size)
    assert all(len(set(t)) == size for t in tuples)
    times = Counter(i for t in tuples for i in t)
    assert set(times) <= set(items) and max(times.values()) - min(times.get(i, 0) for i in items) <= 1
    assert tuples == bw.make_tuples(items, size=size, per_item=per_item, seed=seed)


def test_pairs_meet_rarely():
    met = Counter(p for t in bw.make_tuples([str(k) for k in range(120)]) for p in combinations(sorted(t), 2))
    assert max(met.values()) == 1  # 1,440 of 7,140 pairs are needed, so none need meet twice
    crowded = bw.make_tuples([str(k) for k in range(9)])
    met = Counter(p for t in crowded for p in combinations(sorted(t), 2))
    assert len(met) == 36 and max(met.values()) - min(met.values()) <= 2  # 108 meetings of 36 pairs: three each
    assert len({tuple(sorted(t)) for t in crowded}) == len(crowded)


def chosen(tuples, strength, noise, rng) -> list[bw.BestWorst]:
    out = []
    for t in tuples:
        seen = {i: strength[i] + rng.normal(0, noise) for i in t}
        out.append(bw.BestWorst(t, max(seen, key=seen.__getitem__), min(seen, key=seen.__getitem__)))
    return out


def test_scores_recover_the_order():
    rng = np.random.default_rng(13)
    strength = {f"i{k}": float(k) for k in range(60)}
    tuples = bw.make_tuples(list(strength))
    exact = bw.best_worst_scores(chosen(tuples, strength, 0, rng))
    assert stats.spearmanr(exact.scores, [strength[i] for i in exact.items]).statistic > 0.95
    scores = exact.as_mapping()
    assert scores["i59"] == 1 and scores["i0"] == -1
    assert sum(s * n for s, n in zip(exact.scores, exact.shown, strict=True)) == pytest.approx(0)
    assert exact.ranks[exact.items.index("i59")] == exact.ranks.min()


def test_reliability_rises_with_answers_and_falls_with_noise():
    rng = np.random.default_rng(14)
    strength = {f"i{k}": float(k) for k in range(40)}

    def reliability(per_item: int, noise: float, times: int = 2) -> float:
        tuples = bw.make_tuples(list(strength), per_item=per_item) * times
        return bw.split_half(chosen(tuples, strength, noise, rng), repeats=20).spearman

    assert reliability(12, 8) > reliability(3, 8) + 0.05
    assert reliability(8, 2) > reliability(8, 30) + 0.2
    assert reliability(8, 8, times=1) > 0.5  # one answer a tuple: tuples are dealt into halves
    random = bw.split_half(chosen(bw.make_tuples(list(strength)), dict.fromkeys(strength, 0.0), 1, rng), repeats=50)
    assert abs(random.spearman) < 0.35 and random.low < random.spearman < random.high


@often
@given(st.integers(0, 500))
def test_scores_are_bounded_and_a_turned_scale_turns_them(seed):
    rng = np.random.default_rng(seed)
    strength = {f"i{k}": float(rng.normal()) for k in range(8)}
    answers = chosen(bw.make_tuples(list(strength), per_item=3, seed=seed), strength, 1, rng)
    turned = [bw.BestWorst(a.items, a.worst, a.best) for a in answers]
    one, other = bw.best_worst_scores(answers), bw.best_worst_scores(turned)
    assert (np.abs(one.scores) <= 1).all()
    np.testing.assert_allclose(one.scores, -other.scores)


def test_labels_by_the_highest_score():
    def scores(**by_item: float) -> bw.BestWorstScores:
        values = np.array(list(by_item.values()))
        return bw.BestWorstScores(tuple(by_item), values, np.ones(len(values)), values)

    found = bw.best_worst_labels({"joy": scores(x=0.5, y=0.1, z=0.2), "fear": scores(x=-0.5, y=0.1)})
    assert found == {"x": "joy", "y": None, "z": None}


def test_impossible_tuples_are_refused():
    for items, size, per_item in ((["a", "a"], 2, 1), (["a", "b"], 3, 1), (["a", "b"], 2, 0)):
        with pytest.raises(ValueError, match=r"twice|cannot be dealt"):
            bw.make_tuples(items, size=size, per_item=per_item)
    for items, best, worst in ((("a", "a"), "a", "a"), (("a", "b"), "c", "a"), (("a", "b"), "a", "a")):
        with pytest.raises(ValueError, match=r"different items|must be among|both"):
            bw.BestWorst(items, best, worst)
    assert np.isnan(bw.split_half([], repeats=3).spearman)


# ---- perspectives


def test_writer_and_reader_are_paired_by_item():
    rng = np.random.default_rng(15)
    felt = rng.uniform(-10, 10, 200)
    writer = Ratings.from_array(
        VALENCE, felt[:, None] + rng.normal(0, 1, (200, 3)), items=[f"t{i}" for i in range(200)]
    )
    order = rng.permutation(200)[:150]
    reader = Ratings.from_array(
        VALENCE, 0.5 * felt[order, None] + 2 + rng.normal(0, 1, (150, 4)), items=[f"t{i}" for i in order]
    )
    found = pe.compare_perspectives(writer, reader, samples=200)
    valence = found.by_channel["valence"]
    assert (valence.items, found.only_first, found.only_second) == (150, 50, 0)
    assert float(valence.pcc.value) > 0.95 > 0.9 > float(valence.ccc.value)  # readers use half of the scale
    expected = (0.5 * felt[order] - 2).mean()
    assert float(valence.difference.low) < expected < float(valence.difference.high)
    assert valence.first_mean - valence.second_mean == pytest.approx(float(valence.difference.value))
    widest = found.widest("valence", 5)
    assert [abs(gap) for _, gap in widest] == sorted((abs(gap) for _, gap in widest), reverse=True)
    assert abs(widest[0][1]) == pytest.approx(np.abs(found.gap).max())
    with pytest.raises(KeyError):
        found.widest("arousal")


def test_hidden_anger():
    records = [
        ("a", None, {"anger": 2}),
        ("b", None, {"anger": 3}),
        ("c", None, {"anger": 0}),
        ("d", None, {"anger": 1}),
    ]
    writer = Ratings.from_records(INTENSITY, records)
    reader = Ratings.from_records(
        INTENSITY,
        [("a", "r1", {"anger": 0}), ("a", "r2", {"anger": 0}), ("b", "r1", {"anger": 0}), ("b", "r2", {"anger": 2})],
    )
    found = pe.hidden_items(writer, reader, label="anger")
    assert found == pe.HiddenItems(hidden=("a",), seen=("b",), unread=("d",))
    assert pe.hidden_items(writer, reader, label="anger", at_least=3).hidden == ()
    with pytest.raises(KeyError):
        pe.hidden_items(writer, reader, label="fear")


def test_perspectives_that_share_nothing_are_refused():
    one = Ratings.from_array(VALENCE, [[1.0]], items=["a"])
    with pytest.raises(ValueError, match="matched by name"):
        pe.compare_perspectives(one, Ratings.from_array(VALENCE, [[1.0]], items=["b"]))
    with pytest.raises(ValueError, match="different channels"):
        pe.compare_perspectives(one, Ratings.from_array(SINGLE, [[1.0]], items=["a"]))
