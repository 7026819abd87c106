"""A small net on vectors of speech, salience, made speech and its listeners, and studies of the voice."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

from affekt.bench import voices  # noqa: E402
from affekt.bench.studies import run_study  # noqa: E402
from affekt.catalog.studies import studies, study  # noqa: E402
from affekt.core.errors import CatalogError, UnknownNameError  # noqa: E402
from affekt.train.voice import spoken as made  # noqa: E402
from affekt.train.voice.net import Task, fit_net, salience, salient  # noqa: E402

espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


def rows(n=1500, layers=3, seed=0):
    """Vectors whose middle layer alone holds a class of three and a value."""
    rng = np.random.default_rng(seed)
    kind, value = rng.integers(0, 3, n), rng.uniform(-1, 1, n)
    x = rng.normal(0, 1, (n, layers, 12))
    x[:, 1, :3] += 4 * np.eye(3)[kind]
    x[:, 1, 3] += 4 * value
    return x.astype(np.float32), kind, value


def test_rows_with_one_kind_of_target_teach_that_one():
    x, kind, value = rows()
    half = np.arange(len(x)) < 750
    classes = np.where(half[:, None], np.eye(3)[kind], np.nan)
    values = np.where(half, np.nan, value)[:, None]
    net = fit_net(
        x, {"kind": Task(classes, "one_label", balanced=True), "value": Task(values, "ccc")}, seed=1, epochs=40
    )
    y, other, wanted = rows(seed=1)
    said = net.outputs(y)
    assert (said["kind"].argmax(1) == other).mean() > 0.9
    assert np.corrcoef(said["value"][:, 0], wanted)[0, 1] > 0.75
    assert net.weights.argmax() == 1 and net.weights.sum() == pytest.approx(1, abs=1e-5)
    again = fit_net(
        x, {"kind": Task(classes, "one_label", balanced=True), "value": Task(values, "ccc")}, seed=1, epochs=40
    )
    assert np.array_equal(again.outputs(y)["kind"], said["kind"])


def test_balanced_rows_find_what_is_rare():
    x, kind, _ = rows(900)
    kept = (kind > 0) | (np.arange(900) % 20 == 0)
    targets = np.eye(3)[kind[kept]]
    y, other, _ = rows(seed=2)
    found = {
        balanced: (
            fit_net(x[kept, 1:2] / 3, {"kind": Task(targets, "one_label", balanced=balanced)}, seed=1)
            .outputs(y[:, 1:2] / 3)["kind"]
            .argmax(1)
            == 0
        )[other == 0].mean()
        for balanced in (False, True)
    }
    assert found[True] > found[False]


def test_salience_is_the_largest_correlation_with_a_target():
    x, kind, value = rows()
    flat = x[:, 1]
    targets = np.concatenate([np.eye(3)[kind], value[:, None]], 1)
    found = salience(flat, targets)
    wanted = [max(abs(np.corrcoef(flat[:, j], t)[0, 1]) for t in targets.T) for j in range(12)]
    assert np.allclose(found, wanted, atol=1e-5)
    assert salient(flat, targets, share=1 / 3).tolist() == [0, 1, 2, 3]
    holes = np.where(np.arange(len(x))[:, None] < 100, np.nan, targets)
    assert np.allclose(salience(flat, holes), salience(flat[100:], targets[100:]), atol=1e-9)
    still = np.concatenate([flat, np.ones((len(flat), 1), np.float32)], 1)
    assert salience(still, targets)[-1] == 0


def test_listeners_are_divided_over_what_is_weak():
    places = np.array([[-0.75, 0.62], [0.7, 0.4], [0.6, -0.3], [-0.8, -0.2]])
    rng = np.random.default_rng(0)

    def agreed(strength):
        votes = [made._listened(*(strength * places[k % 4]), places, rng)[0] for k in range(200)]
        return np.mean([v[k % 4] / v.sum() for k, v in enumerate(votes)])

    assert agreed(1.0) > 0.95 > agreed(0.5) > agreed(0.15)
    _, said = made._listened(*places[1], places, rng)
    assert said.shape == (6, 4) and said[:, 1].mean() > 2 and set(np.unique(said)) <= {0, 1, 2, 3}


@espeak
def test_what_is_asked_of_a_voice_is_heard():
    quiet, loud = (
        made.say("They will be here at nine.", voice="en-us+m1", pitch=p, width=1.0, rate=r, loudness=a)
        for p, r, a in ((30, 130, 60), (70, 220, 180))
    )
    assert quiet.rate == loud.rate == 16_000 and quiet.duration > 1.3 * loud.duration
    assert np.sqrt(np.mean(loud.samples**2)) > 2 * np.sqrt(np.mean(quiet.samples**2))


def test_every_study_of_the_voice_has_plans():
    found = [study(name) for name in studies() if study(name).trains == "voice"]
    assert len(found) >= 5
    for entry in found:
        entry.check()
        kind = {"changes": voices._Moments, "heads": voices._Heads}[entry.voice["problem"]]
        plans = [voices._plan(kind, entry, v.voice) for v in entry.ways]
        assert len({str(p) for p in plans}) == len(plans)


def test_a_study_of_the_voice_that_is_none_is_refused(tmp_path):
    import msgspec

    entry = study("voice-votes")
    with pytest.raises(UnknownNameError, match="changes"):
        run_study(msgspec.structs.replace(entry, voice={"problem": "changed"}), tmp_path)
    with pytest.raises(CatalogError, match="loudness"):
        run_study(msgspec.structs.replace(entry, voice={**entry.voice, "loudness": 1}), tmp_path)
    with pytest.raises(CatalogError, match="about the voice"):
        msgspec.structs.replace(study("concordance"), voice={"problem": "heads"}).check()


@espeak
def test_a_study_of_made_speech_runs_through(monkeypatch, tmp_path):
    monkeypatch.setattr(made, "VOICES", made.VOICES[1:12:2])
    monkeypatch.setattr(made, "EMOTIONS", ("anger", "joy", "sadness"))
    tables = run_study(study("voice-votes"), tmp_path, limit=100)
    assert tables[0].metric == "macro_f1" and tables[0].outcomes[0].name == "majority"
    assert {t.metric for t in tables} == {"macro_f1", "kl", "top1", "top2", "top3", "never_seen_pairs"}
    assert all(o.mean >= 0 for t in tables for o in t.outcomes)
    by = {t.metric: {o.name: o.mean for o in t.outcomes} for t in tables}
    assert by["top1"]["shares"] <= by["top2"]["shares"] <= by["top3"]["shares"] == pytest.approx(1)
    assert set(by["kl"]) == {"majority", "shares"}
    record = json.loads((tmp_path / "study.json").read_text())
    assert record["rows"] == 6 and record["outcomes"][0]["holds"] == "baseline"
