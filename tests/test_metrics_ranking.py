"""The area under the ROC curve, against scikit-learn's and as a bootstrap statistic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as skl

from affekt.metrics import area_under_roc, top_k_accuracy
from affekt.metrics.ranking import area_under_roc_statistic, average_precision, average_precision_statistic


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(4, 60), st.integers(1, 4), st.booleans())
def test_the_area_is_scikit_learns_ties_and_all(seed, rows, labels, tied):
    rng = np.random.default_rng(seed)
    truth = (rng.random((rows, labels)) < 0.5).astype(float)
    truth[0], truth[1] = 0.0, 1.0
    p = rng.random((rows, labels))
    p = p.round(1) if tied else p
    wanted = np.mean([skl.roc_auc_score(truth[:, j], p[:, j]) for j in range(labels)])
    assert area_under_roc(truth=truth, probability=p) == pytest.approx(wanted)
    assert area_under_roc(truth=1 - truth, probability=1 - p) == pytest.approx(wanted)
    counts = rng.multinomial(rows, np.full(rows, 1 / rows))
    again = np.repeat(np.arange(rows), counts)
    drawn = area_under_roc_statistic(truth=truth, probability=p).resampled(counts[None].astype(float))[0]
    both = [len(np.unique(truth[again, j])) == 2 for j in range(labels)]
    if all(both):
        assert drawn == pytest.approx(area_under_roc(truth=truth[again], probability=p[again]))
    else:
        assert np.isnan(drawn)


def test_one_kind_of_row_has_no_area_and_many_scores_are_close():
    assert np.isnan(area_under_roc(truth=[[1], [1]], probability=[[0.1], [0.2]]))
    rng = np.random.default_rng(0)
    truth = (rng.random((6000, 1)) < 0.3).astype(float)
    p = np.clip(rng.normal(0.4 + 0.2 * truth, 0.1), 0, 1)
    assert area_under_roc(truth=truth, probability=p) == pytest.approx(skl.roc_auc_score(truth, p), abs=1e-3)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(3, 8), st.integers(1, 3))
def test_n_best_accuracy_is_scikit_learns(seed, rows, labels, k):
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(labels), rows)
    classes = rng.integers(0, labels, rows)
    hits = [classes[i] in np.argsort(p[i])[::-1][:k] for i in range(rows)]
    found = top_k_accuracy(truth=np.eye(labels)[classes], probability=p, k=k)
    assert found == pytest.approx(np.mean(hits))
    if k < labels:  # scikit-learn warns where every guess is right
        assert found == pytest.approx(skl.top_k_accuracy_score(classes, p, k=k, labels=np.arange(labels)))


def test_n_best_accuracy_needs_a_guess_and_rows():
    assert np.isnan(top_k_accuracy(truth=np.zeros((0, 3)), probability=np.zeros((0, 3)), k=2))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        top_k_accuracy(truth=[[1]], probability=[[1]], k=0)


def test_average_precision_is_that_of_scikit_learn():
    skl = pytest.importorskip("sklearn.metrics", reason="the reference")
    rng = np.random.default_rng(0)
    truth = rng.random((200, 3)) < 0.3
    p = np.clip(0.3 * truth + 0.7 * rng.random((200, 3)), 0, 1).round(1)  # ties
    wanted = np.mean([skl.average_precision_score(truth[:, j], p[:, j]) for j in range(3)])
    assert average_precision(truth=truth, probability=p) == pytest.approx(wanted)
    again = rng.integers(0, 200, 200)
    drawn = average_precision_statistic(truth=truth, probability=p).resampled(
        np.bincount(again, minlength=200)[None].astype(float)
    )[0]
    assert drawn == pytest.approx(average_precision(truth=truth[again], probability=p[again]))


def test_average_precision_is_the_share_of_the_label_for_one_score_of_all():
    assert average_precision(truth=[[1], [0], [0], [1]], probability=[[0.5]] * 4) == pytest.approx(0.5)
    assert average_precision(truth=[[1], [0]], probability=[[0.9], [0.1]]) == 1
    assert average_precision(truth=[[1], [0]], probability=[[0.1], [0.9]]) == pytest.approx(0.5)
    assert np.isnan(average_precision(truth=[[0], [0]], probability=[[0.1], [0.2]]))
