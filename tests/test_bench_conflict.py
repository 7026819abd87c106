"""Planted conflicts: how rows are made, kept and scored."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from affekt.bench.conflict import KINDS, ConflictAnswers, planted, read_conflicts, score_conflicts, write_conflicts
from affekt.bench.runs import run_conflicts
from affekt.bench.tasks import task
from affekt.catalog.fusion import fusion
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError

LABELS, NEUTRAL = 7, task("conflict").space.labels.index("neutral")


def answers(n: int = 240, *, sure: float = 6.0, seed: int = 0) -> ConflictAnswers:
    """Rows whose channels are read rightly for the most part."""
    rng = np.random.default_rng(seed)
    pairs = [planted(Clip(f"row {i}"), int(rng.integers(LABELS)), LABELS, NEUTRAL) for i in range(n)]
    carries = {"text": np.array([p.text for p in pairs]), "voice": np.array([p.voice for p in pairs])}
    says = {}
    for name, labels in carries.items():
        logits = rng.normal(size=(n, LABELS)) + sure * np.eye(LABELS)[labels]
        shares = np.exp(logits)
        says[name] = shares / shares.sum(1, keepdims=True)
    plans = (fusion(), fusion())
    return ConflictAnswers(
        tuple(p.clip.id for p in pairs),
        tuple(f"speaker {i % 6}" for i in range(n)),
        tuple(p.kind for p in pairs),
        carries,
        says,
        plans,
        np.arange(n) % 2,
    )


def test_rows_are_of_the_kind_that_they_say():
    counted: Counter[str] = Counter()
    for i in range(600):
        voice = i % LABELS
        pair = planted(Clip(str(i)), voice, LABELS, NEUTRAL)
        assert pair == planted(Clip(str(i)), voice, LABELS, NEUTRAL)
        emotional = [voice != NEUTRAL, pair.text != NEUTRAL]
        if pair.kind == "agree":
            assert pair.text == voice
        elif pair.kind == "both":
            assert all(emotional) and pair.text != voice
        else:
            assert emotional == [pair.kind == "voice", pair.kind == "text"]
        counted[pair.kind] += 1
    assert set(counted) == set(KINDS) and min(counted.values()) > 40


def test_channels_that_are_read_rightly_are_scored_so():
    chosen = task("conflict")
    scores = score_conflicts(chosen, answers(), samples=50)
    assert set(scores.scores) == set(chosen.keys)
    assert scores.scores["conflict_auc"].value > 0.97 and scores.scores["fused_uar"].value > 0.9
    assert scores.scores["fused_uar"].value > scores.scores["averaged_uar"].value > 0
    assert scores.scores["fused_uar"].n == sum(kind != "both" for kind in answers().kinds)
    blind = score_conflicts(chosen, answers(sure=0.0), samples=50)
    assert blind.scores["conflict_auc"].low < 0.5 < blind.scores["conflict_auc"].high
    curve = scores.notes["conflict"]["missing"]
    for name in ("fused", "averaged"):
        for gone, other in (("voice", "text"), ("text", "voice")):
            assert curve[gone][name][0] == pytest.approx(scores.scores[f"{name}_uar"].value)
            assert curve[gone][name][-1] == pytest.approx(scores.scores[f"{other}_uar"].value)
    assert curve["voice"]["fused"][0] > curve["voice"]["fused"][2] > curve["voice"]["fused"][4]


def test_answers_come_back_as_they_were_written(tmp_path):
    given = answers(60)
    write_conflicts(given, tmp_path / "predictions.parquet", facts={"task": "conflict"})
    found = read_conflicts(tmp_path / "predictions.parquet")
    assert (found.ids, found.speakers, found.kinds, found.plans) == (
        given.ids,
        given.speakers,
        given.kinds,
        given.plans,
    )
    for side in ("carries", "says"):
        for name in ("text", "voice"):
            assert np.array_equal(getattr(found, side)[name], getattr(given, side)[name])
    assert np.array_equal(found.truth, given.truth) and (found.truth[np.array(found.kinds) == "both"] == -1).all()
    (tmp_path / "predictions.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match="conflicts"):
        read_conflicts(tmp_path / "predictions.parquet")


def test_a_row_without_a_channel_is_read_from_the_other():
    given = answers(40)
    gone = {"voice": np.arange(40) < 20}
    said = given.read(gone)
    assert np.allclose(said["fused"][:20], said["text"][:20]) and np.isnan(said["voice"][:20]).all()
    assert np.isnan(said["conflict"][:20]).all() and not np.isnan(said["conflict"][20:]).any()
    whole = replace(given, fold=np.zeros(40, int)).read()
    assert np.allclose(said["fused"][20:], whole["fused"][20:])


def test_another_task_or_split_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not ask for conflicts"):
        run_conflicts("ravdess", None, out=tmp_path / "run")
    with pytest.raises(InputError, match="does not ask for conflicts"):
        run_conflicts("conflict", None, split="test", out=tmp_path / "run")
