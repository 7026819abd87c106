"""Diarization error, purity and coverage: by hand, and against pyannote.metrics."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.metrics.speakers import _matched, coverage, der, purity, speaker_errors

REFERENCE = json.loads((Path(__file__).parent / "reference" / "speakers.json").read_text())


def test_by_hand() -> None:
    # Ann 0-6, Ben 4-10: both speak for 2 s. x is Ann for 5 s; y is Ben for 3 s; 2 s of y are nobody's.
    truth = [(0.0, 6.0, "Ann"), (4.0, 10.0, "Ben")]
    prediction = [(0.0, 5.0, "x"), (7.0, 12.0, "y")]
    found = speaker_errors(truth=truth, prediction=prediction)
    assert found.speech == 12.0
    assert found.missed == pytest.approx(1.0 + 2.0 + 1.0)  # one of both from 4 to 5, both from 5 to 6, Ben from 6 to 7
    assert found.false_alarm == pytest.approx(2.0)
    assert found.confusion == 0.0
    assert der(truth=[truth], prediction=[prediction]) == pytest.approx(6 / 12)
    assert purity(truth=truth, prediction=prediction) == pytest.approx(8 / 10)
    assert coverage(truth=truth, prediction=prediction) == pytest.approx(8 / 12)


@pytest.mark.parametrize("case", REFERENCE["cases"])
def test_as_pyannote(case: dict) -> None:
    truth, prediction = ([tuple(turn) for turn in case[side]] for side in ("truth", "prediction"))
    for name, collar in (("plain", 0.0), ("collar", REFERENCE["collar"])):
        found = speaker_errors(truth=truth, prediction=prediction, collar=collar)
        for part, value in case[name].items():
            assert getattr(found, part) == pytest.approx(value, abs=1e-6), (name, part)
    assert purity(truth=truth, prediction=prediction) == pytest.approx(case["purity"], abs=1e-6)
    assert coverage(truth=truth, prediction=prediction) == pytest.approx(case["coverage"], abs=1e-6)


def test_recordings_are_pooled_by_their_speech() -> None:
    truth = [[(0.0, 1.0, "a")], [(0.0, 9.0, "a")]]
    assert der(truth=truth, prediction=[[], truth[1]]) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="shorter"):
        der(truth=truth, prediction=[[]])


def test_undefined_where_nobody_speaks() -> None:
    assert math.isnan(der(truth=[[]], prediction=[[(0.0, 1.0, "x")]]))
    assert math.isnan(purity(truth=[(0.0, 1.0, "a")], prediction=[]))
    assert purity(truth=[], prediction=[(0.0, 1.0, "x")]) == 0.0


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_match_is_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    together = np.random.default_rng(seed).integers(0, 4, (rows, columns)).astype(float)
    pairs = _matched(together)
    short, wide = sorted((rows, columns))
    table = together if rows <= columns else together.T
    best = max(table[range(short), order].sum() for order in itertools.permutations(range(wide), short))
    assert sum(together[i, j] for i, j in pairs) == best
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
