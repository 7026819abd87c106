"""Moments of speech: what is taken together, the best path through answers, and runs of one label."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.models.changes import FRAME, best_path, levelled, pooled, runs, windows


@given(st.integers(1, 120), st.sampled_from([0.2, 1.0, 3.0]), st.sampled_from([0.02, 0.1, 0.26]), st.integers(0, 99))
@settings(max_examples=40)
def test_a_moment_is_the_mean_and_spread_of_what_is_around_it(n: int, window: float, hop: float, seed: int) -> None:
    frames = np.random.default_rng(seed).normal(50, 3, (n, 4)).astype(np.float32)
    found = windows(frames, window=window, hop=hop)
    step, half = round(hop / FRAME), max(round(window / FRAME) // 2, 1)
    assert len(found) >= max(n // step, 1) - 1
    for k, row in enumerate(found):
        middle = min(step // 2 + k * step, n)
        assert np.allclose(row, pooled(frames[max(middle - half, 0) : middle + half]), atol=2e-2)


@given(st.integers(1, 6), st.integers(2, 3), st.floats(0, 5), st.integers(0, 200))
@settings(max_examples=40)
def test_no_path_is_better_than_the_best(moments: int, labels: int, cost: float, seed: int) -> None:
    scores = np.log(np.random.default_rng(seed).dirichlet(np.ones(labels), moments))

    def worth(path: tuple[int, ...]) -> float:
        return sum(scores[t, k] for t, k in enumerate(path)) - cost * sum(a != b for a, b in pairwise(path))

    best = max(worth(path) for path in product(range(labels), repeat=moments))
    assert worth(tuple(int(k) for k in best_path(scores, cost=cost))) == pytest.approx(best)


def test_a_path_without_cost_is_the_highest_score_and_a_dear_one_never_changes() -> None:
    scores = np.log(np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]]))
    assert best_path(scores, cost=0).tolist() == [0, 1, 0, 1, 1, 1]
    assert best_path(scores, cost=2).tolist() == [0, 0, 0, 1, 1, 1]
    assert len(set(best_path(scores, cost=100).tolist())) == 1


def test_runs_have_no_gap_and_end_with_the_sound() -> None:
    assert runs([0, 0, 1, 1, 1, 0], hop=0.1, end=0.65) == [
        (0.0, 0.2, 0),
        (0.2, pytest.approx(0.5), 1),
        (pytest.approx(0.5), 0.65, 0),
    ]
    assert runs([2], hop=0.1, end=0.05) == [(0.0, 0.05, 2)]


def test_all_is_brought_to_one_level() -> None:
    samples = np.random.default_rng(0).normal(0, 0.3, 8000).astype(np.float32)
    assert np.allclose(levelled(samples), levelled(samples * 0.01), atol=1e-6)
    assert not levelled(np.zeros(10, np.float32)).any()
