"""Resamples that draw whole speakers or dialogues instead of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.metrics.bootstrap import bootstrap, paired_bootstrap, resample_counts
from affekt.metrics.classification import accuracy_statistic, unweighted_average_recall_statistic
from affekt.metrics.significance import draws_of_systems


def of_speakers(seed: int, speakers: int = 12, each: int = 20):
    """Right (1) or wrong answers of speakers who are easy or hard to read, and whose rows these are."""
    rng = np.random.default_rng(seed)
    ease = rng.uniform(0.2, 1.0, speakers)  # .6 in the mean
    who = np.repeat(np.arange(speakers), each)
    return np.ones(len(who), int), (rng.random(len(who)) < ease[who]).astype(int), who


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(2, 9))
def test_a_resample_of_clusters_is_the_score_of_their_rows(seed, speakers):
    rng = np.random.default_rng(seed)
    rows = 40
    truth, prediction = rng.integers(0, 3, (2, rows))
    who = rng.permutation(np.resize(np.arange(speakers), rows))
    names = np.array([f"s{k}" for k in who])
    whole = unweighted_average_recall_statistic(truth=truth, prediction=prediction, labels=[0, 1, 2]).by(names)
    assert (whole.n, whole.units) == (rows, speakers)
    drawn = rng.integers(0, speakers, speakers)
    counts = np.bincount(drawn, minlength=speakers).astype(float)
    again = np.concatenate([np.flatnonzero(who == k) for k in drawn])
    wanted = unweighted_average_recall_statistic(
        truth=truth[again], prediction=prediction[again], labels=[0, 1, 2]
    ).value
    assert whole.resampled(counts[None])[0] == pytest.approx(wanted)


def test_the_interval_over_speakers_is_as_wide_as_speakers_differ():
    truth, prediction, who = of_speakers(1)
    by_rows = accuracy_statistic(truth=truth, prediction=prediction)
    found = bootstrap({"rows": by_rows, "speakers": by_rows.by(who)}, samples=2000)
    assert found["rows"].value == found["speakers"].value
    assert found["rows"].n == found["speakers"].n == len(who)
    # With as many rows for each speaker, the spread of resamples is that of the mean of the speakers' means.
    means = [prediction[who == k].mean() for k in np.unique(who)]
    wide = found["speakers"].high - found["speakers"].low
    assert wide == pytest.approx(2 * 1.96 * np.std(means) / np.sqrt(len(means)), rel=0.15)
    assert wide > 1.5 * (found["rows"].high - found["rows"].low)


def test_the_interval_over_speakers_holds_what_all_speakers_come_to_and_that_over_rows_too_rarely():
    held = {"rows": 0, "speakers": 0}
    for seed in range(60):
        truth, prediction, who = of_speakers(seed, speakers=20, each=30)
        by_rows = accuracy_statistic(truth=truth, prediction=prediction)
        for name, i in bootstrap({"rows": by_rows, "speakers": by_rows.by(who)}, samples=300, seed=seed).items():
            held[name] += bool(i.low <= 0.6 <= i.high)
    assert held["rows"] < 45 < 51 < held["speakers"]


def test_pairs_and_seeds_draw_the_same_clusters():
    truth, answers, who = of_speakers(3)
    a, b = (accuracy_statistic(truth=truth, prediction=answers).by(who) for _ in range(2))
    same = paired_bootstrap(first=a, second=b, samples=200)
    assert same.value == same.low == same.high == 0
    drawn = draws_of_systems({"a": [a], "b": [b]}, samples=50, seed=1)
    assert np.array_equal(drawn["a"], drawn["b"])
    (counts,) = resample_counts(rows=a.units, samples=50, seed=1)
    assert np.array_equal(drawn["a"], a.resampled(counts))
    with pytest.raises(ValueError, match="the same rows"):
        paired_bootstrap(first=a, second=accuracy_statistic(truth=truth, prediction=answers), samples=10)


def test_clusters_are_named_for_each_row():
    with pytest.raises(ValueError, match=r"shape \(2,\), and there are 3 rows"):
        accuracy_statistic(truth=[1, 1, 0], prediction=[1, 0, 0]).by(["a", "b"])
