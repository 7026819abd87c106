"""Dawid-Skene and the quality filters: a stored reference, planted annotators, and what must hold for all inputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affekt.core.ratings import (
    RULES,
    Ratings,
    agreement_with_others,
    dawid_skene,
    drop_annotators,
    drop_contested_items,
    drop_scattered_items,
    majority,
    others_mean,
    plurality,
    presence,
)
from affekt.core.space import Dimension, LabelSpace
from affekt.metrics import accuracy, krippendorff_alpha

REFERENCE = json.loads((Path(__file__).parent / "reference" / "agreement.json").read_text(encoding="utf-8"))
NAN = float("nan")
SINGLE = LabelSpace("three", "Three", "single", labels=("anger", "joy", "sadness"))
MULTI = LabelSpace("many", "Many", "multi", labels=("anger", "joy", "sadness"))
VALENCE = LabelSpace("valence", "Valence", "dimensional", dimensions=(Dimension("valence", 1, 5),))

often = settings(deadline=None, max_examples=60)
shapes = st.tuples(st.integers(1, 10), st.integers(1, 6))
codes = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0, 2.0, NAN]))


def crowd(rng: np.random.Generator, *, items: int = 400) -> tuple[Ratings, np.ndarray]:
    """Eight annotators of about half the items: three good ones, four poor ones, one who turns joy into sadness."""
    truth = rng.choice(3, items, p=[0.5, 0.3, 0.2])
    skill = np.array([0.9, 0.9, 0.85, 0.5, 0.5, 0.45, 0.45, 1.0])
    table = np.where(rng.random((items, 8)) < skill, truth[:, None], rng.integers(0, 3, (items, 8))).astype(float)
    table[truth == 1, 7] = 2
    table[:, 1:][rng.random((items, 7)) < 0.5] = NAN  # the first one judges all
    return Ratings.from_array(SINGLE, table), truth


class TestDawidSkene:
    def test_it_agrees_with_crowd_kit(self):
        case = REFERENCE["dawid_skene"]
        found = dawid_skene(Ratings.from_array(SINGLE, np.array(case["ratings"], dtype=float)), tolerance=1e-13)
        expected = case["expected"]
        assert found.converged
        np.testing.assert_allclose(found.posterior, expected["posterior"], atol=1e-5)
        np.testing.assert_allclose(found.priors, expected["priors"], atol=1e-5)
        # Both leave what was never answered at their floor of probability.
        np.testing.assert_allclose(found.confusion, np.array(expected["confusion"]), atol=1e-5)

    def test_it_beats_the_vote_where_annotators_differ_in_skill(self):
        ratings, truth = crowd(np.random.default_rng(1))
        found = dawid_skene(ratings)
        votes = plurality(ratings)
        names = np.array(SINGLE.labels)
        ours = accuracy(truth=names[truth], prediction=names[found.posterior.argmax(1)])
        theirs = np.mean([v == (names[t],) for v, t in zip(votes.labels(), truth, strict=True)])
        assert ours > theirs + 0.05
        assert found.converged and found.gold.decided.all()
        assert found.accuracy[:3].min() > 0.8 > 0.75 > found.accuracy[3:7].max()
        assert found.confusion[7, 1, 2] > 0.9  # joy is called sadness
        np.testing.assert_allclose(found.priors, [0.5, 0.3, 0.2], atol=0.07)

    def test_more_rounds_never_lower_the_likelihood(self):
        ratings, _ = crowd(np.random.default_rng(2), items=60)
        steps = [dawid_skene(ratings, max_iterations=n).log_likelihood for n in (1, 2, 3, 5, 10, 50)]
        assert steps == sorted(steps)

    @often
    @given(codes)
    def test_posteriors_are_distributions(self, table):
        if np.isnan(table).all():
            with pytest.raises(ValueError, match="no judgement"):
                dawid_skene(Ratings.from_array(SINGLE, table))
            return
        found = dawid_skene(Ratings.from_array(SINGLE, table))
        rated = ~np.isnan(table).all(1)
        np.testing.assert_allclose(found.posterior[rated].sum(1), 1)
        assert np.isnan(found.posterior[~rated]).all()
        assert found.priors.sum() == pytest.approx(1)
        rows = found.confusion.sum(2)
        np.testing.assert_allclose(rows[~np.isnan(rows)], 1)
        assert (found.gold.decided == (found.gold.tied.sum(1) == 0) & rated).all()

    @often
    @given(st.data(), codes)
    def test_annotators_can_change_places(self, data, table):
        if np.isnan(table).all():
            return
        order = data.draw(st.permutations(range(table.shape[1])))
        one = dawid_skene(Ratings.from_array(SINGLE, table), tolerance=1e-6, max_iterations=30)
        other = dawid_skene(Ratings.from_array(SINGLE, table[:, order]), tolerance=1e-6, max_iterations=30)
        np.testing.assert_allclose(other.log_likelihood, one.log_likelihood, rtol=1e-6, atol=1e-6)

    @often
    @given(hnp.arrays(np.int64, st.integers(1, 8), elements=st.integers(0, 2)), st.integers(2, 5))
    def test_annotators_who_agree_are_believed(self, truth, annotators):
        ratings = Ratings.from_array(SINGLE, np.repeat(truth[:, None], annotators, axis=1).astype(float))
        found = dawid_skene(ratings)
        assert found.gold.labels() == majority(ratings).labels()
        # Nothing is known of labels that never occur.
        absent = [c for c in range(3) if c not in truth]
        assert np.isnan(found.confusion[:, absent]).all()

    @pytest.mark.parametrize(
        ("ratings", "options", "says"),
        [
            (Ratings.from_array(MULTI, [[[1, 0, 0]]]), {}, "one label"),
            (Ratings.from_counts(SINGLE, ["x"], [[1, 1, 0]]), {}, "who gave"),
            (Ratings.from_array(SINGLE, [[0]]), {"tolerance": 0}, "above 0"),
            (Ratings.from_array(SINGLE, [[0]]), {"max_iterations": 0}, "above 0"),
        ],
    )
    def test_what_it_cannot_model_is_refused(self, ratings, options, says):
        with pytest.raises(ValueError, match=says):
            dawid_skene(ratings, **options)


class TestPresence:
    @often
    @given(hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0, 2.0, 3.0])), st.integers(1, 3))
    def test_it_is_what_its_definition_says(self, table, judges):
        space = LabelSpace("one", "One", "intensity", labels=("anger",), intensity=3)
        found = presence(Ratings.from_array(space, table), judges=judges).values[:, 0]
        expected = [float(np.mean(row) > 0.5 and (row > 0).sum() >= judges) for row in table]
        assert found.tolist() == expected

    @often
    @given(codes)
    def test_a_majority_of_two_or_more_is_present(self, table):
        ratings = Ratings.from_array(SINGLE, table)
        for more, here, row in zip(majority(ratings).labels(), presence(ratings).labels(), table, strict=True):
            if more is not None and (~np.isnan(row)).sum() > 1:
                assert set(more) <= set(here)

    def test_an_item_without_judgement_is_undecided(self):
        ratings = Ratings.from_array(SINGLE, [[NAN, NAN], [0, 0]])
        assert presence(ratings).labels() == [None, ("anger",)]
        with pytest.raises(ValueError, match="1 or more"):
            presence(ratings, judges=0)


class TestWithOthers:
    @often
    @given(hnp.arrays(np.float64, shapes, elements=st.sampled_from([1.0, 2.0, 3.5, 5.0, NAN])))
    def test_the_mean_of_the_others_leaves_oneself_out(self, table):
        ratings = Ratings.from_array(VALENCE, table)
        for j, value in enumerate(others_mean(ratings)[:, 0]):
            rest = np.delete(table[ratings.item[j]], ratings.annotator[j])
            rest = rest[~np.isnan(rest)]
            assert value == pytest.approx(rest.mean() if rest.size else NAN, nan_ok=True)

    @often
    @given(codes)
    def test_agreement_on_labels_is_the_share_of_equal_judgements(self, table):
        found = agreement_with_others(Ratings.from_array(SINGLE, table))
        for k in range(table.shape[1]):
            per_item = []
            for i in range(table.shape[0]):
                rest = np.delete(table[i], k)
                rest = rest[~np.isnan(rest)]
                if not np.isnan(table[i, k]) and rest.size:
                    per_item.append((rest == table[i, k]).mean())
            assert found[k] == pytest.approx(np.mean(per_item) if per_item else NAN, nan_ok=True)

    def test_agreement_on_sets_is_their_overlap(self):
        ratings = Ratings.from_array(MULTI, [[[1, 1, 0], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
        assert agreement_with_others(ratings).tolist() == pytest.approx([0.75, 0.75])


class TestWithout:
    @often
    @given(st.data(), codes)
    def test_it_is_the_table_with_rows_and_columns_gone(self, data, table):
        ratings = Ratings.from_array(SINGLE, table)
        items = data.draw(st.sets(st.sampled_from(ratings.items)))
        annotators = data.draw(st.sets(st.sampled_from(ratings.annotators)))
        left = ratings.without(items=items, annotators=annotators)
        rows = [i for i, name in enumerate(ratings.items) if name not in items]
        columns = [k for k, name in enumerate(ratings.annotators) if name not in annotators]
        assert left.items == tuple(ratings.items[i] for i in rows)
        if columns:
            np.testing.assert_array_equal(left.table(), table[np.ix_(rows, columns)])

    def test_judgements_of_nobody_known_stay(self):
        ratings = Ratings.from_counts(SINGLE, ["x", "y"], [[2, 0, 0], [0, 1, 0]])
        left = ratings.without(items=["x"])
        assert left.items == ("y",) and len(left) == 1 and left.annotator.tolist() == [-1]
        with pytest.raises(KeyError):
            ratings.without(items=["z"])


class TestFilters:
    def test_dropping_annotators_raises_agreement_and_truth(self):
        rng = np.random.default_rng(3)
        truth = rng.integers(0, 3, 300)
        skill = np.array([0.85, 0.85, 0.85, 0.8, 0.05, 0.05])
        table = np.where(rng.random((300, 6)) < skill, truth[:, None], rng.integers(0, 3, (300, 6))).astype(float)
        ratings = Ratings.from_array(SINGLE, table)
        found = drop_annotators(ratings, at_least=0.45)
        assert {d.name for d in found.dropped} == {"4", "5"}
        assert all(d.kind == "annotator" and d.judgements == 300 and "below 0.45" in d.reason for d in found.dropped)
        before, after = (krippendorff_alpha(ratings=r.table(), level="nominal") for r in (ratings, found.ratings))
        assert after > before + 0.15

        def right(r: Ratings) -> float:
            return float(np.mean([v == (SINGLE.labels[t],) for v, t in zip(plurality(r).labels(), truth, strict=True)]))

        assert right(found.ratings) > right(ratings)

    def test_the_thai_scheme_raises_alpha_and_truth_of_what_is_left(self):
        rng = np.random.default_rng(4)
        truth = rng.integers(0, 3, 500)
        hard = rng.random(500) < 0.4
        skill = np.where(hard, 0.3, 0.9)[:, None]
        table = np.where(rng.random((500, 5)) < skill, truth[:, None], rng.integers(0, 3, (500, 5))).astype(float)
        ratings = Ratings.from_array(SINGLE, table)
        found = drop_contested_items(ratings)
        assert len(found.dropped) + len(found.ratings.items) == 500
        before, after = (krippendorff_alpha(ratings=r.table(), level="nominal") for r in (ratings, found.ratings))
        assert after > before + 0.2
        # Share of first labels that are true, of all items with one and of those that stay.
        names = dict(zip(ratings.items, truth, strict=True))
        hit = {}
        for which, r in (("all", ratings), ("left", found.ratings)):
            labels = plurality(r).labels()
            hit[which] = np.mean([v == (SINGLE.labels[names[n]],) for n, v in zip(r.items, labels, strict=True) if v])
        assert hit["left"] > hit["all"] + 0.05
        assert plurality(found.ratings).decided.all()

    def test_the_thai_scheme_by_hand(self):
        # Judges share one vote among their labels; who gave none votes for none, which counts against all.
        values = [
            [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]],  # .75
            [[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]],  # 2.5 of 4
            [[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]],  # a tie at .5
            [[NAN] * 3] * 4,
        ]
        ratings = Ratings.from_array(MULTI, values, items=["keeps", "weak", "tied", "unseen"])
        found = drop_contested_items(ratings)
        assert found.ratings.items == ("keeps", "unseen") and found.unmeasured == ("unseen",)
        assert {d.name: d.value for d in found.dropped} == pytest.approx({"weak": 0.625, "tied": 0.5})
        low = drop_contested_items(ratings, at_least=0.5)
        assert [(d.name, d.reason) for d in low.dropped] == [("tied", "tie between anger, joy")]

    def test_scattered_items(self):
        ratings = Ratings.from_array(VALENCE, [[1, 5], [3, 3], [2, 3], [NAN, NAN]])
        found = drop_scattered_items(ratings, at_most=0.5)
        assert found.ratings.items == ("1", "2", "3") and found.unmeasured == ("3",)
        assert [(d.name, d.value, d.judgements) for d in found.dropped] == [("0", 2.0, 2)]
        assert "valence 2.000 is above 0.5" in found.dropped[0].reason

    @often
    @given(codes, st.floats(0.1, 1))
    def test_every_item_is_left_or_named(self, table, at_least):
        ratings = Ratings.from_array(SINGLE, table)
        found = drop_contested_items(ratings, at_least=at_least)
        gone = [d.name for d in found.dropped]
        assert sorted([*found.ratings.items, *gone]) == sorted(ratings.items)
        assert sum(d.judgements for d in found.dropped) == len(ratings) - len(found.ratings)
        again = drop_contested_items(found.ratings, at_least=at_least)
        assert again.dropped == ()

    def test_annotators_who_cannot_be_measured_stay_and_are_named(self):
        ratings = Ratings.from_array(SINGLE, [[0, 0, NAN], [NAN, NAN, 1]])
        found = drop_annotators(ratings, at_least=0.5)
        assert found.dropped == () and found.unmeasured == ("2",)
        assert drop_annotators(ratings, at_least=0.5, min_judgements=2).unmeasured == ("0", "1", "2")

    def test_thresholds_out_of_range_are_refused(self):
        ratings = Ratings.from_array(SINGLE, [[0, 1]])
        for call in (
            lambda: drop_annotators(ratings, at_least=2),
            lambda: drop_contested_items(ratings, at_least=0),
            lambda: drop_scattered_items(ratings, at_most=-1),
        ):
            with pytest.raises(ValueError, match="not"):
                call()
        with pytest.raises(KeyError):
            drop_scattered_items(ratings, at_most=1, channel="fear")


def test_every_rule_has_a_name():
    ratings, _ = crowd(np.random.default_rng(5), items=20)
    for name, rule in RULES.items():
        assert rule(ratings).items == ratings.items, name
