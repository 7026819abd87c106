from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from affekt.core.ratings import Gold, Ratings, all_inclusive, ewe, majority, mean, plurality, soft_label
from affekt.core.space import Dimension, LabelSpace

SINGLE = LabelSpace("three", "Three", "single", labels=("joy", "anger", "fear"))
MULTI = LabelSpace("several", "Several", "multi", labels=("joy", "anger", "fear"))
STRENGTH = LabelSpace("strength", "Strength", "intensity", labels=("joy", "anger"), intensity=3)
VALENCE = LabelSpace("valence", "Valence", "dimensional", dimensions=(Dimension("valence", 1, 5),))
VAD = LabelSpace(
    "vad",
    "VAD",
    "dimensional",
    dimensions=(Dimension("valence", 1, 5), Dimension("arousal", 1, 5), Dimension("dominance", 1, 5)),
)

often = settings(deadline=None, max_examples=40)

rating = st.one_of(st.floats(1, 5), st.integers(1, 5).map(float), st.just(np.nan))
shapes = hnp.array_shapes(min_dims=2, max_dims=2, max_side=7)
codes = hnp.arrays(np.float64, shapes, elements=st.sampled_from([0.0, 1.0, 2.0, np.nan]))
scores = hnp.arrays(
    np.float64, shapes, elements=st.one_of(st.floats(1, 5), st.integers(1, 5).map(float), st.just(np.nan))
)
ticks = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 6), st.just(3)), elements=st.sampled_from([0.0, 1.0])
)


def one(votes: dict[str, int], space: LabelSpace = SINGLE) -> Ratings:
    return Ratings.from_counts(space, ["x"], [[votes.get(label, 0) for label in space.labels]])


def row(gold: Gold) -> list[float]:
    return gold.values[0].tolist()


class TestKeepingVotes:
    @often
    @given(codes)
    def test_a_table_comes_back_as_it_was(self, table):
        np.testing.assert_array_equal(Ratings.from_array(SINGLE, table).table(), table)

    @often
    @given(scores)
    def test_one_dimension_comes_back_as_it_was(self, table):
        ratings = Ratings.from_array(VALENCE, table)
        np.testing.assert_array_equal(ratings.table(), table)
        np.testing.assert_array_equal(ratings.table("valence"), table)
        assert len(ratings) == np.sum(~np.isnan(table))

    def test_records_and_array_say_the_same(self):
        records = [("a", "u", "joy"), ("a", "v", ["anger"]), ("b", "u", {"fear": 1}), ("b", "v", "joy")]
        left = Ratings.from_records(SINGLE, records)
        right = Ratings.from_array(SINGLE, [[0, 1], [2, 0]], items=["a", "b"], annotators=["u", "v"])
        assert (left.items, left.annotators) == (right.items, right.annotators)
        np.testing.assert_array_equal(left.table(), right.table())

    def test_no_label_chosen_is_an_answer_but_no_label_rated_is_none(self):
        both = LabelSpace("b", "B", "multi", labels=("joy", "fear"), dimensions=(Dimension("valence", -1, 1),))
        ratings = Ratings.from_records(both, [("a", "u", []), ("a", "v", {"valence": 0.5}), ("a", "w", {"joy": 1})])
        assert ratings.values[0].tolist()[:2] == [0, 0] and np.isnan(ratings.values[0, 2])
        assert np.isnan(ratings.votes[1]).all()
        assert soft_label(ratings).values.tolist() == [[0.5, 0.0]]
        assert mean(ratings).values.tolist() == [[0.5, 0.0, 0.5]]
        assert ratings.counts().tolist() == [[2, 2, 1]]

    def test_two_answers_of_one_annotator_are_both_kept(self):
        ratings = Ratings.from_records(SINGLE, [("a", "u", "joy"), ("a", "u", "anger"), ("a", "v", "joy")])
        assert row(soft_label(ratings)) == pytest.approx([2 / 3, 1 / 3, 0])
        with pytest.raises(ValueError, match="twice"):
            ratings.table()

    def test_votes_without_names(self):
        ratings = Ratings.from_counts(SINGLE, ["a", "b", "c"], [[2, 0, 1], [0, 0, 0], [0, 3, 0]])
        assert len(ratings) == 6
        np.testing.assert_array_equal(ratings.table(), [[0, 0, 2], [np.nan, np.nan, np.nan], [1, 1, 1]])
        with pytest.raises(ValueError, match="not known"):
            ewe(ratings)

    def test_it_cannot_be_changed(self):
        source = np.array([[0.0, 1.0]])
        ratings = Ratings.from_array(SINGLE, source)
        with pytest.raises(ValueError, match="read-only"):
            ratings.values[0, 0] = 9
        with pytest.raises(ValueError, match="read-only"):
            mean(ratings).values[0, 0] = 9

    @pytest.mark.parametrize(
        ("space", "values", "message"),
        [
            (SINGLE, [[3]], "label code"),
            (SINGLE, [[0.5]], "label code"),
            (SINGLE, [[[1, 1, 0]]], "exactly one"),
            (MULTI, [[[1, 0.5, 0]]], "not 0 or 1"),
            (MULTI, [[[1, np.nan, 0]]], "leaves others out"),
            (MULTI, [[1]], "do not fit"),
            (STRENGTH, [[[4, 0]]], r"outside 0\.\.3"),
            (VALENCE, [[0.5]], r"outside 1\.\.5"),
            (VALENCE, [[np.inf]], r"outside 1\.\.5"),
        ],
    )
    def test_what_does_not_fit_the_space_is_refused(self, space, values, message):
        with pytest.raises(ValueError, match=message):
            Ratings.from_array(space, values)

    def test_unknown_labels_and_bad_counts_are_refused(self):
        with pytest.raises(ValueError, match="rage"):
            Ratings.from_records(SINGLE, [("a", "u", "rage")])
        with pytest.raises(ValueError, match="whole numbers"):
            Ratings.from_counts(SINGLE, ["a"], [[1, -1, 0]])
        with pytest.raises(ValueError, match="single-label"):
            Ratings.from_counts(MULTI, ["a"], [[1, 1, 0]])

    def test_nothing_at_all(self):
        empty = Ratings.from_records(VAD, [])
        assert len(empty) == 0 and mean(empty).values.shape == (0, 3) and ewe(empty).values.shape == (0, 3)
        unrated = Ratings.from_array(SINGLE, [[np.nan, np.nan]])
        for rule in (majority, plurality, all_inclusive, soft_label, mean, ewe):
            gold = rule(unrated)
            assert np.isnan(gold.values).all() and gold.labels() == [None] and not gold.decided.any()


class TestCounting:
    def test_majority_needs_more_than_half(self):
        assert majority(one({"joy": 3, "anger": 2})).labels() == [("joy",)]
        assert majority(one({"joy": 2, "anger": 2})).labels() == [None]
        assert majority(one({"joy": 2, "anger": 1, "fear": 1})).labels() == [None]

    def test_majority_of_several_labels_asks_label_by_label(self):
        ratings = Ratings.from_array(MULTI, [[[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0]]])
        gold = majority(ratings)
        np.testing.assert_array_equal(gold.values, [[1, np.nan, 0]])
        assert gold.labels() == [None]

    def test_plurality_records_its_ties(self):
        gold = plurality(one({"joy": 2, "anger": 2, "fear": 1}))
        assert gold.labels() == [None]
        assert gold.tied.tolist() == [[True, True, False]]
        gold = plurality(one({"joy": 2, "anger": 1, "fear": 1}))
        assert gold.labels() == [("joy",)] and not gold.tied.any()

    def test_plurality_of_nothing_is_no_tie(self):
        gold = plurality(Ratings.from_array(MULTI, [[[0, 0, 0], [0, 0, 0]]]))
        assert gold.labels() == [None] and not gold.tied.any()

    def test_all_inclusive_keeps_views_at_chance_level(self):
        assert all_inclusive(one({"joy": 4, "anger": 2})).labels() == [("joy", "anger")]  # 2 of 6 is exactly 1/3
        assert all_inclusive(one({"joy": 5, "anger": 2})).labels() == [("joy",)]
        assert all_inclusive(one({"joy": 5, "anger": 1}), at_least=0.01).labels() == [("joy", "anger")]
        with pytest.raises(ValueError, match="at_least"):
            all_inclusive(one({"joy": 1}), at_least=0)

    def test_a_strength_above_zero_is_a_vote(self):
        ratings = Ratings.from_array(STRENGTH, [[[3, 0], [1, 2], [0, 0]]])
        assert row(soft_label(ratings)) == pytest.approx([2 / 3, 1 / 3])
        assert row(mean(ratings)) == pytest.approx([4 / 3, 2 / 3])

    def test_counting_needs_labels(self):
        with pytest.raises(ValueError, match="no labels"):
            majority(Ratings.from_array(VALENCE, [[3, 4]]))

    @often
    @given(codes)
    def test_a_majority_is_a_plurality_and_is_included_by_all(self, table):
        ratings = Ratings.from_array(SINGLE, table)
        for more, most, every in zip(
            majority(ratings).labels(), plurality(ratings).labels(), all_inclusive(ratings).labels(), strict=True
        ):
            assert (most is None) >= (every is None)
            if more is not None:
                assert more == most
                assert set(more) <= set(every)

    @often
    @given(codes)
    def test_soft_labels_of_single_votes_sum_to_one(self, table):
        soft = soft_label(Ratings.from_array(SINGLE, table)).values
        rated = ~np.isnan(table).all(1)
        np.testing.assert_allclose(soft[rated].sum(1), 1)
        assert np.isnan(soft[~rated]).all()

    @often
    @given(ticks)
    def test_soft_labels_of_several_votes_are_shares(self, table):
        soft = soft_label(Ratings.from_array(MULTI, table)).values
        np.testing.assert_allclose(soft, table.mean(1))

    @often
    @given(codes)
    def test_votes_and_their_counts_agree_on_every_rule(self, table):
        ratings = Ratings.from_array(SINGLE, table)
        counts = (table[:, :, None] == np.arange(3)).sum(1)
        tabulated = Ratings.from_counts(SINGLE, ratings.items, counts)
        for rule in (majority, plurality, all_inclusive, soft_label, mean):
            np.testing.assert_allclose(rule(ratings).values, rule(tabulated).values)


class TestAveraging:
    @often
    @given(scores)
    def test_mean_and_spread_are_those_of_the_ratings_there_are(self, table):
        ratings = Ratings.from_array(VALENCE, table)
        for i, judged in enumerate(table):
            there = judged[~np.isnan(judged)]
            expected = (there.mean(), there.std()) if len(there) else (np.nan, np.nan)
            np.testing.assert_allclose((mean(ratings).values[i, 0], ratings.spread()[i, 0]), expected, atol=1e-6)

    @often
    @given(st.lists(st.floats(1, 5), min_size=1, max_size=8), st.integers(1, 6))
    def test_ewe_of_equal_annotators_is_their_mean(self, values, annotators):
        ratings = Ratings.from_array(VALENCE, np.tile(np.array(values)[:, None], annotators))
        np.testing.assert_allclose(ewe(ratings).values[:, 0], values)

    def test_ewe_against_the_formula(self):
        table = np.array([[1, 2, 5], [2, 2, 4], [4, 5, 1], [5, 4, 4], [3, 1, 3]], dtype=float)
        weights = np.array([np.corrcoef(column, table.mean(1))[0, 1] for column in table.T])
        assert weights[2] < 0  # the third annotator goes against the others and is left out
        weights = weights.clip(0)
        np.testing.assert_allclose(
            ewe(Ratings.from_array(VALENCE, table)).values[:, 0], table @ weights / weights.sum(), rtol=1e-12
        )

    def test_ewe_trusts_the_reliable(self):
        rng = np.random.default_rng(3)
        truth = rng.uniform(1, 5, 400)
        noise = np.array([0.2, 0.4, 3.0])
        table = (truth[:, None] + rng.normal(size=(400, 3)) * noise).clip(1, 5)
        ratings = Ratings.from_array(VALENCE, table)
        error = [np.sqrt(np.mean((rule(ratings).values[:, 0] - truth) ** 2)) for rule in (ewe, mean)]
        assert error[0] < 0.95 * error[1]

    def test_ewe_where_no_judge_has_weight(self):
        # Annotator 1 always says 3; items 2 and 3 were seen by nobody else, or by somebody who agrees.
        table = [[1, 3, np.nan], [5, 3, np.nan], [np.nan, 3, 4], [np.nan, 3, np.nan]]
        gold = ewe(Ratings.from_array(VALENCE, table)).values[:, 0]
        np.testing.assert_allclose(gold, [1, 5, np.nan, 3])

    @often
    @given(scores)
    def test_ewe_lies_between_the_ratings(self, table):
        gold = ewe(Ratings.from_array(VALENCE, table)).values[:, 0]
        for value, judged in zip(gold, table, strict=True):
            there = judged[~np.isnan(judged)]
            if np.isnan(value):
                assert len(there) == 0 or there.min() < there.max()
            else:
                assert there.min() - 1e-9 <= value <= there.max() + 1e-9


class TestOrder:
    @often
    @given(st.data(), codes)
    def test_annotators_can_change_places(self, data, table):
        order = data.draw(st.permutations(range(table.shape[1])))
        left, right = Ratings.from_array(SINGLE, table), Ratings.from_array(SINGLE, table[:, order])
        for rule in (majority, plurality, all_inclusive, soft_label):
            np.testing.assert_array_equal(rule(left).values, rule(right).values)
            np.testing.assert_array_equal(rule(left).tied, rule(right).tied)

    @often
    @given(st.data(), hnp.arrays(np.float64, shapes, elements=st.sampled_from([1.0, 2.0, 3.5, 5.0, np.nan])))
    def test_annotators_can_change_places_in_a_mean(self, data, table):
        order = data.draw(st.permutations(range(table.shape[1])))
        left, right = Ratings.from_array(VALENCE, table), Ratings.from_array(VALENCE, table[:, order])
        for rule in (mean, ewe):
            np.testing.assert_allclose(rule(left).values, rule(right).values, atol=1e-9)

    @often
    @given(st.data(), codes)
    def test_items_are_judged_on_their_own(self, data, table):
        order = data.draw(st.permutations(range(table.shape[0])))
        whole = Ratings.from_array(SINGLE, table)
        for rule in (majority, plurality, all_inclusive, soft_label, mean):
            np.testing.assert_array_equal(
                rule(Ratings.from_array(SINGLE, table[order])).values, rule(whole).values[order]
            )


def corpus(name: str) -> Path:
    root = os.environ.get("AFFEKT_DATA")
    if root is None:
        pytest.skip("AFFEKT_DATA is not set")
    return Path(root) / name


@pytest.mark.data
def test_crema_d_votes_give_the_published_winners():
    with (corpus("crema_d_ratings") / "processedResults" / "tabulatedVotes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    space = LabelSpace("crema", "CREMA-D", "single", labels=tuple("ADFHNS"))
    items = [row[""] for row in rows]
    ratings = Ratings.from_counts(space, items, [[int(row[label]) for label in space.labels] for row in rows])
    assert len(ratings) == sum(int(row["numResponses"]) for row in rows)
    first = plurality(ratings)
    single, more = first.labels(), majority(ratings).labels()
    share = soft_label(ratings).values
    every = all_inclusive(ratings).labels()
    for i, published in enumerate(rows):
        winners = tuple(published["emoVote"].split(":"))
        if len(winners) == 1:
            assert single[i] == winners
        else:
            assert single[i] is None
            assert {space.labels[j] for j in np.flatnonzero(first.tied[i])} == set(winners)
        assert share[i].max() == pytest.approx(float(published["agreement"]))
        assert (more[i] is not None) == (float(published["agreement"]) > 0.5)
        assert set(winners) <= set(every[i])


@pytest.mark.data
@pytest.mark.parametrize(("perspective", "items"), [("reader", 10325), ("writer", 10279)])
def test_emobank_ratings_give_the_published_means_and_deviations(perspective, items):
    # The published figures leave out answers of 1 on all three scales, and then sentences with fewer than two answers.
    root = corpus("emobank")
    judged: dict[str, list[dict[str, float]]] = defaultdict(list)
    with (root / f"individual_{perspective}_ratings.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            answer = [float(line[k]) for k in "VAD"]
            if answer != [1, 1, 1]:
                judged[line["id"]].append(dict(zip(("valence", "arousal", "dominance"), answer, strict=True)))
    records = [(item, None, answer) for item, answers in judged.items() if len(answers) > 1 for answer in answers]
    ratings = Ratings.from_records(VAD, records)
    with (root / f"{perspective}.csv").open(newline="") as file:
        published = {line["id"]: line for line in csv.DictReader(file)}
    assert set(ratings.items) == set(published) and len(ratings.items) == items
    lines = [published[item] for item in ratings.items]
    np.testing.assert_array_equal(ratings.counts()[:, 0], [int(line["N"]) for line in lines])
    expected = np.array([[float(line[k]) for k in "VAD"] for line in lines])
    np.testing.assert_allclose(mean(ratings).values, expected, atol=0.00501)
    expected = np.array([[float(line[f"std{k}"]) for k in "VAD"] for line in lines])
    np.testing.assert_allclose(ratings.spread(), expected, atol=0.00501)
