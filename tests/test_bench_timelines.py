"""The task of timelines: answers in any of its forms, scored against data in the layout of ZED."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from bench_helpers import WordReader
from click.testing import CliRunner

from affekt.bench import rescore, run_task, score_predictions
from affekt.bench.runs import largest_change, read_run
from affekt.cli.bench import command
from affekt.core.errors import DataError, InputError, ModelError, UnknownNameError
from affekt.core.timeline import Segment, Timeline
from affekt.metrics import eder
from affekt.report.exports import export, format_of

EMOTIONS = ("happy", "sad", "angry")
Spans = dict[str, list[tuple[float, float, str]]]


@pytest.fixture(scope="module")
def gold() -> dict[str, tuple[float, tuple[float, float, str]]]:
    """Thirty recordings with one emotion each: duration, and where which emotion is."""
    rng = np.random.default_rng(4)
    out = {}
    for i in range(30):
        start, end, length = (round(float(x), 3) for x in np.cumsum(rng.uniform(0.2, 2, 3)))
        out[f"talk {i}"] = (length, (start, end, EMOTIONS[i % 3]))
    return out


@pytest.fixture(scope="module")
def data(gold, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    (root / "zed").mkdir()
    entries = {
        f"key{name}": {
            "wav": f"datafolder/part/{name}.wav",
            "duration": length,
            "emotion": [{"emo": emotion, "start": start, "end": end}],
            "transcription": "something that is said",
        }
        for name, (length, (start, end, emotion)) in gold.items()
    }
    (root / "zed" / "ZED.json").write_text(json.dumps(entries), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def answers(gold) -> Spans:
    """The right emotion half a second late, another one in every fifth recording, none in the last."""
    out: Spans = {}
    for i, (name, (length, (start, end, emotion))) in enumerate(gold.items()):
        said = EMOTIONS[(EMOTIONS.index(emotion) + (i % 5 == 0)) % 3]
        out[name] = [] if i == 29 else [(min(start + 0.5, length), min(end + 0.5, length), said)]
    return out


def expected(gold, answers) -> list[float]:
    """Rates by going through each recording in steps of a millisecond."""
    out = []
    for name, (length, (start, end, emotion)) in gold.items():
        middles = np.arange(round(length * 1000)) / 1000 + 0.0005
        sides = []
        for spans in ([(start, end, emotion)], answers.get(name, [])):
            there = np.zeros(len(middles), dtype=int)
            for a, b, label in spans:
                there[(middles > a) & (middles < b)] = 1 + EMOTIONS.index(label)
            sides.append(there)
        out.append(float((sides[0] != sides[1]).mean()))
    return out


def timelines(answers) -> list[Timeline]:
    return [
        Timeline(tuple(Segment(a, b, (label,)) for a, b, label in spans), source=f"elsewhere/{name}.wav")
        for name, spans in answers.items()
    ]


def write(answers: Spans, path: Path) -> Path:
    """The answers as RTTM, the layout of ZED, or rows of an analysis."""
    if path.suffix == ".json":
        found = {
            name: {"emotion": [{"emo": label[0], "start": a, "end": b} for a, b, label in spans]}
            for name, spans in answers.items()
        }
        path.write_text(json.dumps(found), encoding="utf-8")
    else:
        rows = [row for t in timelines(answers) for row in t.rows(space="zed", model="m@1")]
        export(rows, path, format=format_of(path), labels=EMOTIONS)
    return path


@pytest.mark.parametrize("suffix", [".rttm", ".json", ".jsonl", ".csv", ".parquet"])
def test_answers_in_every_form_have_the_same_scores(suffix, gold, answers, data, tmp_path):
    file = write(answers, tmp_path / f"late{suffix}")
    run = score_predictions("diarization", file, out=tmp_path / "run", data=data, samples=50)
    rates, lengths = np.array(expected(gold, answers)), np.array([length for length, _ in gold.values()])
    assert run.scores["eder"].value == pytest.approx(float((rates * lengths).sum() / lengths.sum()), abs=1e-9)
    assert run.scores["eder_mean"].value == pytest.approx(float(rates.mean()), abs=1e-9)
    assert run.scores["eder"].low < run.scores["eder"].value < run.scores["eder"].high
    assert {key: s.n for key, s in run.scores.items()} == dict.fromkeys(run.scores, 30)
    assert run.model == "late"
    # Only the layout of ZED can say that there is nothing.
    assert run.abstained == ({} if suffix == ".json" else {"not in the file": 1})
    stored, now = rescore(tmp_path / "run")
    assert largest_change(stored, now) == 0


def test_the_record_says_which_errors_and_which_emotions(gold, answers, data, tmp_path):
    file = write(answers, tmp_path / "late.rttm")
    run = score_predictions("diarization", file, out=tmp_path / "run", data=data, samples=20)
    whole = sum(length for length, _ in gold.values())
    assert run.notes["duration"] == pytest.approx(whole, abs=1e-3)
    errors = run.notes["error_seconds"]
    assert sum(errors.values()) == pytest.approx(run.scores["eder"].value * whole, abs=0.01)
    assert errors["overlap"] == 0
    assert errors["missed"] > errors["confusion"] > 0
    table = run.notes["per_label"]
    assert list(table) == ["neutral", *EMOTIONS]
    for emotion in EMOTIONS:
        there = sum(end - start for _, (start, end, label) in gold.values() if label == emotion)
        assert table[emotion]["actual"] == pytest.approx(there, abs=1e-3)
        p, r = table[emotion]["precision"], table[emotion]["recall"]
        assert table[emotion]["f1"] == pytest.approx(2 * p * r / (p + r))
    assert sum(row["actual"] for row in table.values()) == pytest.approx(whole, abs=0.01)
    recalls = [row["recall"] for row in table.values()]
    assert run.scores["uar_time"].value == pytest.approx(np.mean(recalls))


def test_the_gold_as_answer_makes_no_error(gold, data, tmp_path):
    file = write({name: [span] for name, (_, span) in gold.items()}, tmp_path / "gold.rttm")
    run = score_predictions("diarization", file, out=tmp_path / "run", data=data, samples=20)
    assert run.scores["eder"].value == pytest.approx(0, abs=1e-12)
    assert run.scores["boundary_f1"].value == 1


def test_a_bootstrap_draws_whole_recordings(gold, answers, data, tmp_path):
    file = write(answers, tmp_path / "late.json")
    run = score_predictions("diarization", file, out=tmp_path / "run", data=data, samples=2000, seed=1)
    rates = np.array(expected(gold, answers))
    rng = np.random.default_rng(9)
    drawn = [rates[rng.integers(0, 30, 30)].mean() for _ in range(2000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert run.scores["eder_mean"].low == pytest.approx(low, abs=0.02)
    assert run.scores["eder_mean"].high == pytest.approx(high, abs=0.02)


def test_the_command_prints_what_was_scored(answers, data, tmp_path):
    file = write(answers, tmp_path / "late.rttm")
    out = ["--out", str(tmp_path / "run"), "--data", str(data), "--bootstrap", "20"]
    result = CliRunner().invoke(command, ["score", "diarization", "--predictions", str(file), *out, "--per-label"])
    assert result.exit_code == 0, result.output
    assert "late on test, 30 rows" in result.output
    assert "false alarm" in result.output
    assert "actual, s" in result.output
    again = CliRunner().invoke(command, ["score", str(tmp_path / "run")])
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("SPEAKER nobody 1 0 1 <NA> <NA> happy <NA> <NA>\n", "a.rttm", "1 recordings are not in this split.*'nobody'"),
        ("EMOTION talk_0 1 0 1 <NA> hapy <NA> <NA> <NA>\n", "a.rttm", "Unknown label 'hapy'.*'happy'"),
        ("", "a.rttm", "holds no answers"),
        ('{"talk 0": {}}', "a.json", "no list 'emotion'"),
        ('{"talk 0": {"emotion": [{"emo": "h", "start": 2, "end": 1}]}}', "a.json", "no readable start and end"),
        ('{"talk 0": {"emotion": [{"start": 2, "end": 1}]}}', "a.json", "segment 1"),
        ("[]", "a.json", "not an object"),
        ("{", "a.json", "not JSON"),
        ("id,start,end,labels\n", "a.csv", "holds no answers"),
        ("id,start,end,labels\n1,0,1,sad\n", "a.csv", "Unknown column 'source'"),
        ("source,start,end\ntalk 0,0,1\n", "a.csv", "Unknown column 'labels'"),
        ("source,start,end,labels\n,0,1,sad\n", "a.csv", "does not say its recording"),
        ("source,start,end,labels\ntalk 0,0,x,sad\n", "a.csv", "no readable start and end .*row 1"),
        ("x", "a.txt", "not .txt"),
    ],
)
def test_answers_that_cannot_be_read_are_refused(content, name, message, data, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises((InputError, UnknownNameError), match=message):
        score_predictions("diarization", tmp_path / name, out=tmp_path / "run", data=data)


def test_a_recording_shorter_than_its_segment_is_refused(tmp_path):
    (tmp_path / "zed").mkdir()
    entry = {"wav": "a.wav", "duration": 1.0, "emotion": [{"emo": "sad", "start": 0, "end": 2}], "transcription": "x"}
    (tmp_path / "zed" / "ZED.json").write_text(json.dumps({"a": entry}), encoding="utf-8")
    (tmp_path / "a.rttm").write_text("SPEAKER a 1 0 1 <NA> <NA> sad <NA> <NA>\n", encoding="utf-8")
    with pytest.raises(DataError, match="does not hold its segments"):
        score_predictions("diarization", tmp_path / "a.rttm", out=tmp_path / "run", data=tmp_path)


def test_what_reads_one_row_at_a_time_says_so(answers, data, tmp_path):
    with pytest.raises(ModelError, match="asks for timelines"):
        run_task("diarization", WordReader(), data=data, out=tmp_path / "run")
    file = write(answers, tmp_path / "late.rttm")
    score_predictions("diarization", file, out=tmp_path / "scored", data=data, samples=5)
    with pytest.raises(DataError, match="timelines"):
        read_run(tmp_path / "scored")
    (tmp_path / "scored" / "predictions.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not the timelines"):
        rescore(tmp_path / "scored")


def test_rows_of_an_analysis_keep_their_times_in_csv(answers, tmp_path):
    file = write(answers, tmp_path / "rows.csv")
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(r["start"]) for r in rows] == [a for spans in answers.values() for a, _, _ in spans]


def test_one_recording_has_the_rate_of_the_function(gold, answers, data, tmp_path):
    name, (length, (start, end, emotion)) = next(iter(gold.items()))
    truth = Timeline((Segment(start, end, (emotion,)),), duration=length)
    (said,) = [t for t in timelines(answers) if t.source == f"elsewhere/{name}.wav"]
    assert eder(truth=truth, prediction=said) == pytest.approx(expected(gold, answers)[0], abs=1e-9)
