"""Measures of how feelings move, on series that were made with known parameters."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from affekt.analysis import Reading
from affekt.cli.dynamics import command
from affekt.conversing import Conversing
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.row import CauseRow
from affekt.dynamics import dynamics
from affekt.metrics.dynamics import cross_influence, inertia, instability, transitions, variability
from affekt.report.exports import export, jsonl

values = st.lists(st.lists(st.floats(-5, 5), max_size=12), max_size=4)


def autoregressive(rng, phi, n):
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + rng.normal()
    return x


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.3, 0.8])
def test_inertia_is_recovered(phi):
    rng = np.random.default_rng(1)
    series = [autoregressive(rng, phi, 200) + 3 for _ in range(25)]
    assert inertia(series) == pytest.approx(phi, abs=0.04)


def test_measures_of_a_series_that_can_be_done_by_hand():
    series = [[1.0, 2.0, 4.0], [10.0], []]
    assert variability(series) == pytest.approx(np.std([1, 2, 4, 10], ddof=1))
    assert instability(series) == pytest.approx((1 + 4) / 2)
    assert math.isnan(inertia(series)), "two pairs determine nothing"
    assert inertia([[0.0, 1.0, 0.0, 1.0, 0.0]]) == pytest.approx(-1.0)
    with_gap = [[1.0, math.nan, 3.0, 4.0]]
    assert instability(with_gap) == 1.0, "what is on both sides of a gap is not neighbouring"
    assert math.isnan(variability([[1.0]])) and math.isnan(instability([])) and math.isnan(inertia([[2.0] * 9]))


@given(values, st.floats(-3, 3), st.floats(0.5, 3))
def test_measures_keep_to_shift_and_scale(series, shift, scale):
    moved = [[scale * v + shift for v in s] for s in series]
    for measure, power in ((variability, 1), (instability, 2), (inertia, 0)):
        own, other = measure(series), measure(moved)
        if math.isnan(own) or math.isnan(other):
            continue
        if measure is inertia:
            before = [v for s in series for v in s[:-1]]
            if np.std(before) < 1e-3:
                continue
        assert other == pytest.approx(own * scale**power, rel=1e-4, abs=1e-4)


def test_white_noise_has_twice_its_variance_as_instability():
    noise = [np.random.default_rng(2).normal(0, 2, 5000)]
    assert instability(noise) == pytest.approx(2 * variability(noise) ** 2, rel=0.05)


def dyads(rng, cross, count, n=30, phi=0.4):
    """Turns of two who are drawn to one another by `cross`, in the form of `cross_influence`."""
    before, partner, after = [], [], []
    for _ in range(count):
        a, b = rng.normal(size=2)
        rows = []
        for _ in range(n):
            b = phi * b + rng.normal()
            now = a + (phi - 1) * a + cross * b + rng.normal(0, 0.5)
            rows.append((a, b, now))
            a = now
        for column, name in zip(zip(*rows, strict=True), (before, partner, after), strict=True):
            name.append(np.array(column))
    return {"before": before, "partner": partner, "after": after}


@pytest.mark.parametrize("cross", [-0.3, 0.25])
def test_the_influence_of_the_partner_is_recovered(cross):
    found = cross_influence(**dyads(np.random.default_rng(3), cross, 40), samples=300)
    assert found.low < cross < found.high
    assert found.partner == pytest.approx(cross, abs=0.05)
    assert found.own == pytest.approx(0.4 - 1, abs=0.05)
    assert found.p < 0.01 and found.n == 1200 and found.dialogues == 40


def test_no_influence_is_seldom_seen():
    seen = [
        cross_influence(**dyads(np.random.default_rng(seed), 0.0, 1, n=60), samples=99, seed=seed).p
        for seed in range(60)
    ]
    assert sum(p <= 0.05 for p in seen) <= 8, "5 % are expected, 3 of 60"
    assert 0.3 < float(np.mean(seen)) < 0.7


def test_influence_that_cannot_be_told_is_nan():
    few = cross_influence(before=[[1.0, 2.0]], partner=[[1.0, 1.0]], after=[[2.0, 3.0]])
    assert math.isnan(few.partner) and few.n == 2
    same = cross_influence(before=[np.arange(9.0)], partner=[np.ones(9)], after=[np.arange(9.0) + 1])
    assert math.isnan(same.partner)
    with pytest.raises(ValueError, match="shapes"):
        cross_influence(before=[[1.0]], partner=[[1.0, 2.0]], after=[[1.0]])


def test_transitions_of_a_chain_are_recovered_and_stand_out():
    rng = np.random.default_rng(4)
    table = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
    sequences = []
    for _ in range(60):
        state, said = 0, []
        for _ in range(30):
            said.append("abc"[state])
            state = rng.choice(3, p=table[state])
        sequences.append(said)
    found = transitions(sequences, labels="abc", samples=200)
    assert np.abs(found.probabilities - table).max() < 0.06
    assert (np.diag(found.z) > 3).all() and found.p < 0.01 and found.information > found.shuffled
    assert found.counts.sum() == found.n == 60 * 29
    shuffled = [list(rng.permutation(s)) for s in sequences]
    assert transitions(shuffled, labels="abc", samples=200).p > 0.01


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=8), max_size=5), st.floats(0.1, 5))
def test_transition_probabilities_are_probabilities(sequences, smoothing):
    found = transitions(sequences, labels="abcd", smoothing=smoothing, samples=5)
    by_hand = sum((a, b) == ("a", "b") for s in sequences for a, b in pairwise(s))
    assert found.counts[0, 1] == by_hand
    if found.n:
        assert np.allclose(found.probabilities.sum(axis=1), 1.0)
        assert 0 < found.p <= 1 and found.information >= -1e-12


def test_transitions_refuse_what_is_not_there():
    with pytest.raises(ValueError, match="'x' is not among a, b"):
        transitions([["a", "x"]], labels="ab")
    with pytest.raises(ValueError, match="smoothing"):
        transitions([["a", "b"]], labels="ab", smoothing=-1)
    assert transitions([["a"], []], labels="ab").n == 0
    assert math.isnan(transitions([["a", "b"]], labels="ab", smoothing=0).probabilities[1, 0])


# --- From rows ----------------------------------------------------------------------------------------------


def made_rows(rng, cross, dialogues=30, turns=40):
    """Rows of dialogues of Ann, who is drawn to Ben by `cross`, and Ben, who goes his own way."""
    rows = []
    for d in range(dialogues):
        value = dict(zip(("Ann", "Ben"), rng.normal(size=2), strict=True))
        for turn in range(turns):
            who = ("Ann", "Ben")[turn % 2]
            pull = cross * value["Ben"] if who == "Ann" else 0.0
            value[who] = float(0.5 * value[who] + pull + rng.normal(0, 0.5))
            score = float(1 / (1 + np.exp(-4 * value[who])))
            clip = Clip(f"{d}-{turn}", "x", speaker=who, dialogue=str(d), turn=turn, start=float(turn), end=turn + 0.5)
            read = Prediction(
                clip.id, "sentiment", {"positive": score, "negative": 1 - score}, dimensions={"valence": value[who] + 3}
            )
            rows.append(Reading(clip, read).row)
    return rows


def test_dynamics_of_rows_find_who_follows_whom(tmp_path):
    rows = made_rows(np.random.default_rng(6), 0.4)
    rows.insert(3, replace(rows[0], id="none", abstained="empty", valence=99.0))
    found = dynamics(rows, samples=200)
    assert (found.turns, found.dialogues) == (1200, 30)
    by = {p.speaker: p.influence for p in found.pairs}
    assert by["Ann"].low < 0.4 < by["Ann"].high and by["Ann"].p < 0.02
    assert by["Ben"].low < 0.0 < by["Ben"].high
    ben = next(s for s in found.speakers if s.name == "Ben")
    assert ben.inertia == pytest.approx(0.5, abs=0.1) and (ben.gap, ben.irregular) == (2.0, 0.0)
    assert found.transitions.p < 0.05 and found.transitions.n == 30 * 39
    path = tmp_path / "rows.jsonl"
    jsonl.write(rows, path)
    result = CliRunner().invoke(command, [str(path), "--samples", "50", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["pairs"][0]["influence"]["n"] == by[told["pairs"][0]["speaker"]].n
    shown = CliRunner().invoke(command, [str(path), "--samples", "50"]).output
    assert "influence" in shown and "in shuffled order" in shown and "Ann" in shown
    assert CliRunner().invoke(command, [str(path), "--samples", "20", "-o", str(tmp_path / "o.csv")]).exit_code == 0
    with (tmp_path / "o.csv").open(newline="") as stream:
        cells = list(csv.DictReader(stream))
    assert [(c["kind"], c["name"]) for c in cells[:2]] == [("speaker", "Ann"), ("speaker", "Ben")]
    assert float(cells[2]["influence"]) == pytest.approx(by[cells[2]["name"]].partner, abs=1e-5)


def test_dynamics_of_what_holds_no_turns_are_refused(tmp_path):
    with pytest.raises(InputError, match="No turn"):
        dynamics([replace(made_rows(np.random.default_rng(1), 0.0, 1, 2)[0], dialogue=None)])
    (tmp_path / "x.jsonl").write_text('{"text": "hi"}\n')
    missing = CliRunner().invoke(command, [str(tmp_path / "y.jsonl")])
    assert "no such file" in str(missing.exception)
    assert "not an Affekt row" in str(CliRunner().invoke(command, [str(tmp_path / "x.jsonl")]).exception)
    assert ".json, .csv" in str(CliRunner().invoke(command, ["x", "-o", "o.xml"]).exception)


def test_unknown_speakers_and_one_turn_have_no_measures():
    row = made_rows(np.random.default_rng(1), 0.0, 1, 1)[0]
    found = dynamics([row, replace(row, id="2", turn=1, speaker=None)], samples=5)
    assert (found.turns, found.speakers, found.pairs) == (2, (), ())


# --- Graphs -------------------------------------------------------------------------------------------------


def graph_rows():
    rows = made_rows(np.random.default_rng(6), 0.0, 2, 3)
    rows[0] = replace(rows[0], text='a <b> & "c"\x01\ud800')
    talk = Conversing()
    read = []
    for row in rows:
        p = Prediction(row.id, "sentiment", row.scores, dimensions={"valence": row.valence})
        clip = Clip(row.id, row.text, speaker=row.speaker, dialogue=row.dialogue, turn=row.turn)
        (p,) = talk.follow([(clip, p)])
        read.append(Reading(clip, p).row)
    read[1] = replace(read[1], causes=[CauseRow(0, 0, 1, 0.75), CauseRow(2, 0, 1, 0.5)])
    return read


def test_graphml_holds_turns_and_what_ties_them(tmp_path):
    rows = graph_rows()
    export(rows, tmp_path / "g.graphml", format="graphml", labels=())
    space = "{http://graphml.graphdrawing.org/xmlns}"
    graph = ET.parse(tmp_path / "g.graphml").getroot()
    named = {key.get("id"): key.get("attr.name") for key in graph.iter(f"{space}key")}
    nodes = {n.get("id"): {named[d.get("key")]: d.text for d in n} for n in graph.iter(f"{space}node")}
    assert list(nodes) == [row.id for row in rows]
    assert nodes["0-0"]["text"] == 'a <b> & "c"\ufffd\ufffd'
    assert float(nodes["0-1"]["valence"]) == rows[1].valence
    edges = [
        (e.get("source"), e.get("target"), {named[d.get("key")]: d.text for d in e}) for e in graph.iter(f"{space}edge")
    ]
    ends = {(a, b, values["kind"]) for a, b, values in edges}
    one = {("0-0", "0-1", "reply"), ("0-1", "0-2", "reply"), ("0-0", "0-2", "shift")}
    assert ends == {
        *one,
        *((f"1{a[1:]}", f"1{b[1:]}", kind) for a, b, kind in one),
        *(("0-0", "0-1", "cause"), ("0-2", "0-1", "cause")),
    }
    assert all(a in nodes and b in nodes for a, b, _ in edges)
    shift = next(values for a, _, values in edges if a == "0-0" and values["kind"] == "shift")
    assert float(shift["valence"]) == pytest.approx(rows[2].valence - rows[0].valence, abs=1e-5)
    assert shift["changed"] in ("true", "false")


def test_node_link_json_says_the_same(tmp_path):
    rows = graph_rows()
    export(rows, tmp_path / "g.json", format="graph", labels=())
    graph = json.loads((tmp_path / "g.json").read_text())
    assert [n["id"] for n in graph["nodes"]] == [row.id for row in rows]
    assert sorted(e["kind"] for e in graph["edges"]) == ["cause"] * 2 + ["reply"] * 4 + ["shift"] * 2
    assert graph["directed"] and graph["multigraph"] and len({e["key"] for e in graph["edges"]}) == 8
    for format in ("graph", "graphml"):
        with pytest.raises(InputError, match="made of turns"):
            export([replace(rows[0], dialogue=None)], tmp_path / "x", format=format, labels=())
    export([], tmp_path / "empty.json", format="graph", labels=())
    assert json.loads((tmp_path / "empty.json").read_text())["nodes"] == []
