"""Variety of renditions: by hand, and of speech that was made in the design of Att-HACK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sounds import voice

from affekt.features import describe
from affekt.metrics.variety import variety

PROSODY = (
    "F0semitoneFrom27.5Hz_sma3nz_amean",
    "F0semitoneFrom27.5Hz_sma3nz_stddevNorm",
    "loudness_sma3_amean",
    "VoicedSegmentsPerSec",
)


def test_by_hand() -> None:
    # One value with a standard deviation of 1 and one that never changes: a is (-1, -1), b is (1, 1).
    table = [[-1.0, 5.0], [-1.0, 5.0], [1.0, 5.0], [1.0, 5.0]]
    found = variety(table, groups=["s"] * 4, conditions=["a", "a", "b", "b"])
    assert (found.within, found.between, found.pairs) == (0.0, 2.0, (2, 4))
    mixed = variety(table, groups=["s"] * 4, conditions=["a", "b", "a", "b"])
    assert mixed.within == pytest.approx(2.0)
    assert mixed.between == pytest.approx((0 + 0 + 2 + 2) / 4)


def test_only_pairs_of_one_group_count_and_missing_values_count_nowhere() -> None:
    table = [[0.0, math.nan], [1.0, 2.0], [10.0, 0.0], [10.0, 4.0]]
    found = variety(table, groups=["s", "s", "t", "t"], conditions=["a"] * 4)
    assert found.pairs == (2, 0)
    assert math.isnan(found.between)
    sd = np.array([np.std([0, 1, 10, 10]), np.std([2, 0, 4])])
    assert found.within == pytest.approx((1 / sd[0] + math.sqrt((4 / sd[1]) ** 2 / 2)) / 2)
    with pytest.raises(ValueError, match="shape"):
        variety(table, groups=["s"], conditions=["a"] * 4)


def test_varied_repetitions_stand_apart_from_copies() -> None:
    """Two speakers, two attitudes (a low and a high voice), three renditions: varied in one, copied in the other."""
    rows: dict[str, list[list[float]]] = {"varied": [], "copied": []}
    groups, conditions = [], []
    for who in (0, 1):
        for attitude, pitch in (("distant", 100.0), ("friendly", 150.0)):
            for take in (0, 1, 2):
                for how, shift in (("varied", take), ("copied", 0)):
                    made = voice(1.2, pitch=(pitch + 30 * who) * 1.06**shift, seed=10 * who + shift)
                    rows[how].append(list(describe(made, names=PROSODY).values()))
                groups.append(f"speaker {who}")
                conditions.append(attitude)
    varied, copied = (variety(rows[how], groups=groups, conditions=conditions) for how in ("varied", "copied"))
    assert copied.within == 0.0
    assert 0.3 < varied.within < varied.between
    assert copied.between > 1.0
