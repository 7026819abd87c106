"""From easy to hard conversations."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from affekt.train.curriculum import difficulty, easy_first

TURNS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["Ana", "Ben", None])), min_size=1, max_size=12)


def test_shifts_of_one_speaker_and_between_two_are_counted_apart():
    assert difficulty("jjj", ["Ana", "Ben", "Ana"]) == 0
    assert difficulty("jjs", ["Ana", "Ben", "Ana"], same=1.0, other=0.0) == 1 / 2  # Ana's joy turns into sadness
    assert difficulty("jjs", ["Ana", "Ben", "Ana"], same=0.0, other=1.0) == 1 / 2  # sadness after Ben's joy
    assert difficulty("jsjs", ["Ana", "Ben", "Ana", "Ben"], same=1.0, other=0.0) == 0
    assert difficulty("jsjs", ["Ana", "Ben", "Ana", "Ben"], same=0.0, other=1.0) == 1
    assert difficulty("j", ["Ana"]) == 0
    with pytest.raises(ValueError, match="do not fit"):
        difficulty("jj", ["Ana"])


@given(TURNS, st.floats(0, 5), st.floats(0, 5))
def test_difficulty_is_0_without_shifts_and_at_most_both_weights(turns, same, other):
    labels, speakers = zip(*turns, strict=True)
    found = difficulty(labels, speakers, same=same, other=other)
    assert 0 <= found <= same + other + 1e-9
    assert difficulty(["a"] * len(labels), speakers, same=same, other=other) == 0
    renamed = [{"a": "x", "b": "y", "c": "z"}[label] for label in labels]
    assert difficulty(renamed, speakers, same=same, other=other) == found


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(1, 6), st.integers(0, 5))
def test_every_conversation_comes_once_and_no_bucket_is_easier_than_the_one_before(each, buckets, seed):
    order = easy_first(each, buckets, np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(each)))
    parts = [part for part in np.array_split(np.asarray(each)[order], buckets) if len(part)]
    assert all(a.max() <= b.min() for a, b in itertools.pairwise(parts))
