"""Tasks and runs: every score can be computed again from the stored predictions, by us and by others."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from bench_helpers import DIMENSIONS, WordReader, goemotions_rows, write_emobank, write_goemotions, write_xed
from click.testing import CliRunner
from scipy.stats import pearsonr
from sklearn import metrics as skl

from affekt.bench import read_run, rescore, run_task
from affekt.bench.runs import largest_change
from affekt.bench.scoring import statistics
from affekt.bench.tasks import task
from affekt.catalog.load import names
from affekt.catalog.spaces import space
from affekt.catalog.tasks import tasks
from affekt.cli.bench import command
from affekt.core.errors import CatalogError, DataError, InputError, ModelError, OutputError, UnknownNameError
from affekt.core.protocols import Recogniser

HAS_DATA = bool(os.environ.get("AFFEKT_DATA"))
needs_data = pytest.mark.skipif(not HAS_DATA, reason="AFFEKT_DATA is not set")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_goemotions(root, {"dev": goemotions_rows(30), "test": goemotions_rows(100)})
    write_emobank(root, 90)
    write_xed(root, [f"{w} line {i}\t{i % 8 + 1}" for i in range(60) for w in ("angry", "happy")], [])
    return root


@pytest.fixture(scope="module")
def labels_run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    return folder, run_task("goemotions", WordReader(), data=data, out=folder, samples=200)


@pytest.fixture(scope="module")
def dimensions_run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dimensions")
    return folder, run_task("emobank", WordReader(), data=data, out=folder, samples=200)


# --- tasks


@pytest.mark.parametrize("name", tasks())
def test_tasks_fit_together(name):
    found = task(name)
    elsewhere = found.entry.selection == "elsewhere" and (
        set(found.corpus.splits) == {"test"} or found.entry.split == "all"
    )
    assert found.entry.selection == "dev" or elsewhere or (found.entry.selection == "folds" and found.entry.folds >= 2)
    assert set(found.entry.works) <= set(names("works"))
    assert {claim.part for claim in found.entry.claims} | {b.part for b in found.entry.beside} <= {
        "",
        *found.corpus.matrix,
    }
    assert set(found.entry.works) <= set(names("works"))
    assert {claim.work for claim in found.entry.claims} <= set(names("works"))
    assert all(p.note for p in found.published)
    assert found.entry.headline in found.keys


def test_scores_of_dimensions_are_named_by_metric_and_dimension():
    assert list(task("emobank").keys)[:3] == ["pcc_valence", "pcc_arousal", "pcc_dominance"]


def test_a_task_that_does_not_fit_together_is_refused(monkeypatch, tmp_path):
    import msgspec

    from affekt.bench import tasks as module
    from affekt.catalog.tasks import task_entry

    good = task_entry("goemotions")
    for change, message in (
        ({"metrics": ("pcc",)}, "does not score labels"),
        ({"metrics": ("macro_f1", "accuracy")}, "exact_match"),
        ({"headline": "uar", "claims": ()}, "'uar' is none of its scores"),
        ({"split": "dev"}, "choices would be made"),
        ({"selection": "validation"}, "no split 'validation'"),
        ({"target": "dimensions", "metrics": ("pcc",)}, "has no dimensions"),
    ):
        monkeypatch.setattr(module, "task_entry", lambda _, c=change: msgspec.structs.replace(good, **c))
        with pytest.raises(CatalogError, match=message):
            task("goemotions")
    monkeypatch.setattr(module, "task_entry", lambda _: msgspec.structs.replace(good, metrics=("f1",)))
    with pytest.raises(InputError, match="ambiguous"):
        task("goemotions")


# --- a run


def test_the_reader_of_these_tests_is_a_recogniser():
    assert isinstance(WordReader(), Recogniser)


def test_the_record_says_what_was_run_and_with_what(labels_run):
    folder, run = labels_run
    stored = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert (stored["task"], stored["task_version"], stored["model"]) == ("goemotions", "1", "words@1")
    assert stored["spec"] == {
        "split": "test",
        "selection": "dev",
        "space": "goemotions",
        "mapped_from": None,
        "metrics": list(task("goemotions").entry.metrics),
        "bootstrap": 200,
        "interval": 0.95,
        "seed": 0,
        "no_answer": "scored as no label by label metrics; left out by the others",
    }
    assert set(stored["versions"]) >= {"affekt", "python", "numpy", "onnxruntime", "pyarrow"}
    assert re.fullmatch("[0-9a-f]{64}", stored["versions"]["sha256 goemotions/original/test.tsv"])
    assert run.notes["rows"] == 100
    assert stored["abstained"] == {"empty": 14}
    assert set(stored["scores"]) == set(task("goemotions").keys)
    for score in stored["scores"].values():
        assert score["low"] <= score["value"] <= score["high"]


def test_texts_are_not_stored(labels_run):
    folder, _ = labels_run
    table = pq.read_table(folder / "predictions.parquet")
    assert "text" not in table.column_names
    assert not any("number" in str(value) for value in table.to_pylist()[0].values())


def test_label_scores_agree_with_scikit_learn(labels_run):
    folder, run = labels_run
    check_labels(folder, run, "goemotions")


def check_labels(folder: Path, run, space_id: str) -> None:
    order = space(space_id).labels
    rows = pq.read_table(folder / "predictions.parquet").to_pylist()
    truth = np.array([[label in row["gold"] for label in order] for row in rows])
    answer = np.array([[label in row["labels"] for label in order] for row in rows])
    value = {key: s.value for key, s in run.scores.items()}
    for average in ("macro", "micro", "weighted"):
        theirs = skl.f1_score(truth, answer, average=average, zero_division=0)
        assert value[f"{average}_f1"] == pytest.approx(theirs, abs=1e-9)
    assert value["exact_match"] == pytest.approx(skl.accuracy_score(truth, answer), abs=1e-9)
    given = [i for i, row in enumerate(rows) if row["scores"] is not None]
    scores = np.array([[rows[i]["scores"][label] for label in order] for i in given])
    theirs = skl.brier_score_loss(truth[given].ravel(), scores.ravel())
    assert value["brier"] == pytest.approx(theirs, abs=1e-9)
    assert run.scores["brier"].n == len(given)
    each = skl.f1_score(truth, answer, average=None, zero_division=np.nan)
    ours = [run.notes["per_label"][label]["f1"] for label in order]
    assert ours == pytest.approx(each, abs=1e-9, nan_ok=True)


def test_dimension_scores_agree_with_scipy(dimensions_run):
    folder, run = dimensions_run
    check_dimensions(folder, run)


def check_dimensions(folder: Path, run) -> None:
    rows = [r for r in pq.read_table(folder / "predictions.parquet").to_pylist() if r["dimensions"] is not None]
    for name in DIMENSIONS:
        gold, answer = (np.array([row[side][name] for row in rows]) for side in ("gold", "dimensions"))
        assert run.scores[f"pcc_{name}"].value == pytest.approx(pearsonr(gold, answer).statistic, abs=1e-9)
        theirs = skl.root_mean_squared_error(gold, answer)
        assert run.scores[f"rmse_{name}"].value == pytest.approx(theirs, abs=1e-9)
        assert run.scores[f"mae_{name}"].value == pytest.approx(skl.mean_absolute_error(gold, answer), abs=1e-9)
        inside = total = 0
        for row in rows:
            low, high = row["intervals"][name]
            inside += sum(low <= r <= high for r in row["ratings"][name])
            total += len(row["ratings"][name])
        assert run.notes["interval_coverage"][name]["ratings"] == total
        assert run.notes["interval_coverage"][name]["coverage"] == pytest.approx(inside / total)


def test_scores_are_the_same_when_computed_again_without_a_model(labels_run, dimensions_run, monkeypatch):
    monkeypatch.delenv("AFFEKT_DATA", raising=False)
    for folder, run in (labels_run, dimensions_run):
        stored, now = rescore(folder)
        assert largest_change(stored, now) == 0
        assert now.scores == stored.scores == run.scores
        assert now.abstained == run.abstained


def test_rows_without_an_answer_count_as_no_label_and_have_no_probability(labels_run):
    _, run = labels_run
    assert run.scores["macro_f1"].n == 100
    assert run.scores["ece"].n == 86
    assert run.notes["answered"] == run.notes["risk_coverage"]["rows"] == 86


def test_abstaining_costs_recall(data, tmp_path):
    class Shy(WordReader):
        def _one(self, clip, space):
            reading = super()._one(clip, space)
            return reading.abstain("low confidence") if "love" in reading.labels else reading

    bold = run_task("goemotions", WordReader(), data=data, out=tmp_path / "bold", samples=10)
    shy = run_task("goemotions", Shy(), data=data, out=tmp_path / "shy", samples=10)
    assert shy.notes["per_label"]["love"]["recall"] == 0
    assert bold.notes["per_label"]["love"]["recall"] > 0
    assert shy.abstained["low confidence"] > 0
    assert shy.scores["macro_f1"].value < bold.scores["macro_f1"].value
    # Its scores stay for inspection, so calibration still stands on them; the curve is about answers only.
    assert shy.scores["ece"] == bold.scores["ece"]
    assert shy.notes["risk_coverage"]["rows"] < bold.notes["risk_coverage"]["rows"]


def test_an_undefined_score_is_null_in_the_file_and_nan_when_read(data, tmp_path):
    class Flat(WordReader):
        def _one(self, clip, space):
            from dataclasses import replace

            return replace(super()._one(clip, space), dimensions=dict.fromkeys(DIMENSIONS, 3.0))

    run_task("emobank", Flat(), data=data, out=tmp_path, samples=10)
    raw = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert raw["scores"]["pcc_valence"] == {"value": None, "low": None, "high": None, "n": 30}
    stored, now = rescore(tmp_path)
    assert math.isnan(stored.scores["pcc_valence"].value)
    assert largest_change(stored, now) == 0


def test_the_split_can_be_chosen(data, tmp_path):
    run = run_task("goemotions", WordReader(), data=data, out=tmp_path, split="dev", samples=10)
    assert run.spec["split"] == "dev"
    assert run.notes["rows"] == 30
    with pytest.raises(UnknownNameError, match="'dev'"):
        run_task("goemotions", WordReader(), data=data, out=tmp_path, split="devel")


def test_progress_is_told_to_the_end(data, tmp_path):
    seen = []
    run_task("emobank", WordReader(), data=data, out=tmp_path, samples=10, progress=lambda *x: seen.append(x))
    assert seen[-1] == (30, 30)


def test_labels_of_the_same_names_in_another_order_need_no_map(data, tmp_path):
    assert set(space("plutchik").labels) == set(space("xed").labels)
    assert space("plutchik").labels != space("xed").labels
    one = run_task("xed", WordReader(spaces=("goemotions", "xed")), data=data, out=tmp_path / "a", samples=10)
    two = run_task("xed", WordReader(spaces=("goemotions", "plutchik")), data=data, out=tmp_path / "b", samples=10)
    assert one.scores == two.scores
    assert one.spec["mapped_from"] is two.spec["mapped_from"] is None
    assert one.scores["macro_f1"].value > 0


def test_a_recogniser_without_the_dimensions_is_refused_before_anything_is_written(data, tmp_path):
    from dataclasses import replace

    class Blind(WordReader):
        @property
        def spec(self):
            return replace(super().spec, dimensions=("valence",))

    with pytest.raises(ModelError, match="arousal, dominance"):
        run_task("emobank", Blind(), data=data, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_answers_in_another_order_are_refused(data, tmp_path):
    class Shuffled(WordReader):
        def predict(self, clips, *, space=None):
            return super().predict(clips, space=space)[::-1]

    with pytest.raises(ModelError, match="another order"):
        run_task("goemotions", Shuffled(), data=data, out=tmp_path)


def test_answers_in_another_space_are_refused(data, tmp_path):
    class Deaf(WordReader):
        def predict(self, clips, *, space=None):
            return super().predict(clips)

    with pytest.raises(ModelError, match="space 'xed'"):
        run_task("xed", Deaf(spaces=("goemotions", "xed")), data=data, out=tmp_path)


def test_a_run_folder_that_cannot_be_made_is_named(data, tmp_path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="file"):
        run_task("goemotions", WordReader(), data=data, out=tmp_path / "file" / "run", samples=10)


# --- stored runs


def test_a_folder_without_a_run_and_broken_files_are_named(labels_run, tmp_path):
    with pytest.raises(DataError, match="no run"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not the record"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_bytes((labels_run[0] / "run.json").read_bytes())
    with pytest.raises(DataError, match="no predictions"):
        read_run(tmp_path)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="not the predictions"):
        read_run(tmp_path)


def test_predictions_of_another_task_are_not_scored(labels_run, dimensions_run):
    with pytest.raises(DataError, match="not about 'emobank'"):
        statistics(task("emobank"), read_run(labels_run[0])[1])


def test_a_run_of_another_task_version_is_not_scored(labels_run, tmp_path):
    raw = json.loads((labels_run[0] / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run.json").write_text(json.dumps({**raw, "task_version": "0"}), encoding="utf-8")
    (tmp_path / "predictions.parquet").write_bytes((labels_run[0] / "predictions.parquet").read_bytes())
    with pytest.raises(DataError, match="version 0"):
        rescore(tmp_path)


# --- the command


def test_the_command_scores_again_and_agrees(labels_run):
    done = CliRunner().invoke(command, ["score", str(labels_run[0]), "--per-label"])
    assert done.exit_code == 0
    assert "macro_f1" in done.stdout
    assert "0.46" in done.stdout
    assert "14 empty" in done.stdout
    assert "gratitude" in done.stdout
    assert "agree exactly" in done.stderr


def test_the_command_prints_json_with_published_figures(labels_run):
    done = CliRunner().invoke(command, ["score", str(labels_run[0]), "--json"])
    shown = json.loads(done.stdout)
    assert shown["scores"]["macro_f1"]["value"] == labels_run[1].scores["macro_f1"].value
    assert shown["published"][0] == {
        "by": "goemotions",
        "metric": "macro_f1",
        "value": 0.46,
        "note": task("goemotions").entry.claims[0].note,
    }
    assert "per_label" not in shown["notes"]


def test_the_command_notices_changed_predictions(labels_run, tmp_path):
    import pyarrow as pa

    (tmp_path / "run.json").write_bytes((labels_run[0] / "run.json").read_bytes())
    table = pq.read_table(labels_run[0] / "predictions.parquet")
    empty = pa.array([[]] * table.num_rows, type=table.schema.field("labels").type)
    changed = table.set_column(table.column_names.index("labels"), "labels", empty)
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), tmp_path / "predictions.parquet")
    done = CliRunner().invoke(command, ["score", str(tmp_path)])
    assert isinstance(done.exception, DataError)
    assert "differ" in str(done.exception)


def test_the_command_lists_tasks():
    listed = json.loads(CliRunner().invoke(command, ["list", "--json"]).stdout)
    assert {"goemotions", "emobank"} <= {row["id"] for row in listed}
    assert "macro_f1" in CliRunner().invoke(command, ["list"]).stdout


def test_the_command_names_a_wrong_task_before_it_loads_a_model(tmp_path):
    done = CliRunner().invoke(command, ["run", "goemotion", "--model", "none", "--out", str(tmp_path)])
    assert isinstance(done.exception, UnknownNameError)
    assert "goemotions" in str(done.exception)


# --- the bundled model on the real data


@pytest.mark.data
@pytest.mark.slow
@needs_data
@pytest.mark.parametrize("name", ("goemotions", "emobank", "xed"))
def test_the_bundled_model_by_scikit_learn_and_scipy(name, tmp_path):
    from affekt.models.registry import load

    recogniser = load()
    run = run_task(name, recogniser, out=tmp_path, samples=100)
    assert any(key.startswith("sha256 weights/") for key in run.versions)
    stored, now = rescore(tmp_path)
    assert largest_change(stored, now) == 0
    if task(name).entry.target == "labels":
        check_labels(tmp_path, run, task(name).space.id)
    else:
        check_dimensions(tmp_path, run)
