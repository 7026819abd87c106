"""Comparisons, slices, predictions from anywhere, audits, curves and matrices, on generated corpora."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench_helpers import WORDS, WordReader, goemotions_rows, write_emobank, write_goemotions
from click.testing import CliRunner

from affekt.bench import audit, compare, curve, matrix, read_run, run_task, score_predictions, slices
from affekt.bench.answers import collect, read_answers, write_answers
from affekt.bench.compare import document
from affekt.bench.matrix import document as matrix_document
from affekt.bench.runs import largest_change, rescore
from affekt.bench.tasks import task
from affekt.cli.bench import command
from affekt.core.errors import DataError, InputError, ModelError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.corpora.read import Target

LANGUAGES = ("deu", "eng", "ron")
EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_goemotions(root, {"dev": goemotions_rows(30), "test": goemotions_rows(200)})
    write_emobank(root, 90)
    return root


@pytest.fixture(scope="module")
def runs(data, tmp_path_factory):
    """Four readers of falling quality: what each forgot."""
    folder = tmp_path_factory.mktemp("runs")
    forgot = {"whole": (), "twin": (), "poor": ("love", "thanks", "angry"), "poorest": tuple(WORDS)[:6]}
    for name, words in forgot.items():
        run_task("goemotions", WordReader(forget=words, name=name), data=data, out=folder / name, samples=10)
    return {name: str(folder / name) for name in forgot}


# --- comparing


def test_a_reader_that_forgot_words_is_behind(runs):
    found = compare([runs["whole"], runs["poor"], runs["twin"]], samples=300)
    assert found.baseline == "whole@1"
    poor, twin = (found.contrasts["macro_f1"][name] for name in ("poor@1", "twin@1"))
    values = {name: s.value for name, s in found.scores["macro_f1"].items()}
    assert poor.difference.value == pytest.approx(values["poor@1"] - values["whole@1"])
    assert poor.difference.high < 0 and poor.better is False
    assert (twin.difference.value, twin.difference.low, twin.difference.high) == (0, 0, 0)
    assert twin.better is None
    # An error is better when it is smaller.
    assert found.contrasts["brier"]["poor@1"].better is False
    assert found.contrasts["brier"]["poor@1"].difference.value > 0


def test_p_values_are_corrected_for_the_number_of_systems(runs):
    found = compare([runs["whole"], runs["poor"], runs["poorest"], runs["twin"]], samples=200)
    for of_key in found.contrasts.values():
        plain = sorted(c.difference.p for c in of_key.values())
        assert min(c.p_holm for c in of_key.values()) == pytest.approx(min(1.0, 3 * plain[0]))
        assert all(c.p_holm >= c.difference.p for c in of_key.values())
    alone = compare([runs["whole"], runs["poor"]], samples=200).contrasts["macro_f1"]["poor@1"]
    assert alone.p_holm == alone.difference.p


def test_the_baseline_can_be_named(runs):
    found = compare([runs["whole"], runs["poor"]], baseline=runs["poor"], samples=20)
    assert found.baseline == "poor@1"
    assert found.contrasts["macro_f1"]["whole@1"].difference.value > 0
    with pytest.raises(UnknownNameError, match="poor@1"):
        compare([runs["whole"], runs["poor"]], baseline="poor", samples=20)


def test_seeds_of_one_system_are_one_row(runs):
    found = compare([], groups={"mixed": [runs["whole"], runs["poor"]], "low": [runs["poorest"]]}, samples=200)
    score = found.scores["macro_f1"]["mixed"]
    each = [read_run(runs[name])[0].scores["macro_f1"].value for name in ("whole", "poor")]
    assert score.seeds == 2
    assert score.value == pytest.approx(np.mean(each))
    assert score.sd == pytest.approx(np.std(each, ddof=1))
    single = compare([runs["whole"], runs["poorest"]], samples=200).scores["macro_f1"]["whole@1"]
    assert score.high - score.low > single.high - single.low


def test_rows_that_one_side_leaves_open_are_left_out_of_all(data, tmp_path):
    class Picky(WordReader):
        def _one(self, clip, space):
            reading = super()._one(clip, space)
            return replace(reading, dimensions={}, intervals={}) if clip.id.endswith("5") else reading

    run_task("emobank", WordReader(), data=data, out=tmp_path / "a", samples=10)
    run_task("emobank", Picky(name="picky"), data=data, out=tmp_path / "b", samples=10)
    found = compare([tmp_path / "a", tmp_path / "b"], samples=20)
    for of_key in found.contrasts.values():
        assert of_key["picky@1"].difference.value == 0
        assert of_key["picky@1"].difference.n == 27


def test_runs_that_do_not_answer_the_same_rows_are_not_compared(runs, data, tmp_path):
    run_task("emobank", WordReader(), data=data, out=tmp_path / "emobank", samples=10)
    with pytest.raises(InputError, match="goemotions version 1 against emobank"):
        compare([runs["whole"], tmp_path / "emobank"])
    run_task("goemotions", WordReader(), data=data, out=tmp_path / "dev", split="dev", samples=10)
    with pytest.raises(InputError, match="split test against split dev"):
        compare([runs["whole"], tmp_path / "dev"])
    other = write_goemotions(tmp_path / "data", {"test": goemotions_rows(99)})
    run_task("goemotions", WordReader(), data=other, out=tmp_path / "other", samples=10)
    with pytest.raises(InputError, match="rows or their gold"):
        compare([runs["whole"], tmp_path / "other"])
    with pytest.raises(InputError, match="two systems"):
        compare([runs["whole"]])
    with pytest.raises(InputError, match="Two systems are called"):
        compare([runs["whole"], runs["whole"]])


def test_the_document_has_reliability_and_risk_of_each_system(runs):
    shown = document(compare([runs["whole"], runs["poor"]], samples=30))
    assert [s["name"] for s in shown["systems"]] == ["whole@1", "poor@1"]
    for system in shown["systems"]:
        assert sum(b["decisions"] for b in system["reliability"]) == system["risk"]["rows"] * 28
        assert system["risk"]["points"][-1]["coverage"] == 1.0
    whole, poor = (s["risk"]["aurc"] for s in shown["systems"])
    assert whole < poor


# --- predictions from anywhere


def written(file: Path, rows: list[dict]) -> Path:
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
    elif file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        between = "\t" if file.suffix == ".tsv" else ","
        lines = [between.join(rows[0])] + [between.join(str(v) for v in row.values()) for row in rows]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def answers(runs):
    return pq.read_table(Path(runs["poor"]) / "predictions.parquet").to_pylist()


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv", "tsv"])
def test_a_table_of_labels_scores_as_the_run_that_it_came_from(answers, runs, data, tmp_path, ending):
    cell = (lambda labels: labels) if ending in ("jsonl", "parquet") else ";".join
    rows = [{"id": r["id"], "labels": cell(r["labels"]), "abstained": r["abstained"] or ""} for r in answers]
    file = written(tmp_path / f"mine.{ending}", rows)
    run = score_predictions("goemotions", file, out=tmp_path / "run", data=data, samples=10)
    stored = read_run(runs["poor"])[0]
    for key in ("macro_f1", "micro_f1", "weighted_f1", "exact_match"):
        assert run.scores[key].value == stored.scores[key].value
    assert run.abstained == stored.abstained
    assert run.model == "mine"
    assert run.scores["ece"].n == 0 and math.isnan(run.scores["ece"].value)
    again, now = rescore(tmp_path / "run")
    assert largest_change(again, now) == 0
    found = compare([runs["whole"], tmp_path / "run"], samples=20)
    assert found.contrasts["macro_f1"]["mine"].difference.value < 0


def test_a_table_of_probabilities_is_put_through_the_threshold(data, tmp_path):
    labels = task("goemotions").space.labels
    rows = [{"id": f"id{i}", **{name: 0.9 if name == "love" else 0.2 for name in labels}} for i in range(200)]
    file = written(tmp_path / "flat.csv", rows)
    run = score_predictions("goemotions", file, out=tmp_path / "run", data=data, samples=10, threshold=0.5)
    assert run.notes["per_label"]["love"]["predicted"] == 200
    assert run.notes["per_label"]["joy"]["predicted"] == 0
    assert run.scores["ece"].n == 200
    low = score_predictions("goemotions", file, out=tmp_path / "low", data=data, samples=10, threshold=0.2)
    assert low.notes["per_label"]["joy"]["predicted"] == 200
    assert low.spec["read_from"] == "labels at 0.2 or above"


def test_cells_that_cannot_be_read_and_rows_that_lack_are_abstentions(data, tmp_path):
    rows = [{"id": f"id{i}", "labels": "joy"} for i in range(190)]
    rows[0]["labels"] = "joyful"
    rows[1]["abstained"] = "refused"
    file = written(tmp_path / "some.jsonl", rows)
    run = score_predictions("goemotions", file, out=tmp_path / "run", data=data, samples=10)
    assert run.abstained == {"not in the table": 10, "refused": 1, "unparsable: column labels": 1}
    assert run.scores["macro_f1"].n == 200


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "id1", "label_names": "joy"}], "Unknown column 'admiration'"),
        ([{"name": "id1", "labels": "joy"}], "Unknown column 'id'"),
        ([{"id": "id1", "labels": "joy"}, {"id": "id1", "labels": "joy"}], "stands twice"),
        ([{"id": "idx", "labels": "joy"}], "1 of 1 ids are not in this split"),
        ([{"id": "", "labels": "joy"}], "has no id"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(rows, message, data, tmp_path):
    file = written(tmp_path / "bad.jsonl", rows)
    with pytest.raises(InputError, match=message):
        score_predictions("goemotions", file, out=tmp_path / "run", data=data)
    assert not (tmp_path / "run").exists()


def test_files_that_are_no_tables_are_named(data, tmp_path):
    for name, content in (
        ("x.csv", b"id,labels\nid1,joy,love\n"),
        ("x.jsonl", b"{\n"),
        ("x.parquet", b"no"),
        ("x.doc", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            score_predictions("goemotions", tmp_path / name, out=tmp_path / "run", data=data)
    with pytest.raises(InputError, match="no such file"):
        score_predictions("goemotions", tmp_path / "none.csv", out=tmp_path / "run", data=data)


def test_a_table_of_values_scores_dimensions(data, tmp_path):
    run_task("emobank", WordReader(), data=data, out=tmp_path / "own", samples=10)
    stored, found = read_run(tmp_path / "own")
    rows = [
        {"id": name, **dict(zip(found.dimension_names, map(float, found.dimensions[i]), strict=True))}
        for i, name in enumerate(found.ids)
    ]
    rows[3]["arousal"] = "high"
    run = score_predictions("emobank", written(tmp_path / "vad.csv", rows), out=tmp_path / "run", data=data, samples=10)
    assert run.abstained == {"unparsable: column arousal": 1}
    assert run.scores["pcc_valence"].n == 29
    assert run.scores["pcc_valence"].value == pytest.approx(stored.scores["pcc_valence"].value, abs=0.05)


# --- intensities, parts of a corpus, labels that nobody was asked about


def write_semeval(root: Path, seed: int = 0) -> Path:
    """Track A and B in the layout of the release, three languages, English without disgust."""
    rng = np.random.default_rng(seed)
    for track in ("a", "b"):
        for split in ("train", "dev", "test"):
            folder = root / "semeval2025_task11" / f"track_{track}" / split
            folder.mkdir(parents=True)
            for lang in LANGUAGES:
                names = [e for e in EMOTIONS if (lang, e) != ("eng", "disgust")]
                lines = ["id,text," + ",".join(names)]
                for i in range(40 if lang == "ron" else 90):
                    strength = rng.integers(0, 4, len(names)) * (rng.random(len(names)) < 0.4)
                    cells = strength if track == "b" else (strength > 0) * 1
                    lines.append(f"{lang}_{split}_{track}_{i:05},words number {i}," + ",".join(map(str, cells)))
                (folder / f"{lang}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def semeval(tmp_path_factory):
    return write_semeval(tmp_path_factory.mktemp("semeval"))


def gold_of(root: Path, track: str, langs) -> list[dict]:
    import csv

    out = []
    for lang in langs:
        file = root / "semeval2025_task11" / f"track_{track}" / "test" / f"{lang}.csv"
        with file.open(encoding="utf-8") as stream:
            out += [{k: v for k, v in row.items() if k != "text"} for row in csv.DictReader(stream)]
    return out


def test_a_part_of_a_corpus_is_a_task(semeval, tmp_path):
    assert task("semeval2025-b:deu").corpus.id == "semeval2025-b:deu"
    with pytest.raises(UnknownNameError, match="deu"):
        task("semeval2025-b:ger")
    rows = gold_of(semeval, "b", ["deu"])
    rng = np.random.default_rng(1)
    noisy = [{"id": r["id"], **{e: max(0.0, float(r[e]) + rng.normal(0, 0.8)) for e in EMOTIONS}} for r in rows]
    file = written(tmp_path / "b.jsonl", noisy)
    run = score_predictions("semeval2025-b:deu", file, out=tmp_path / "run", data=semeval, samples=50)
    from scipy.stats import pearsonr

    each = [pearsonr([float(r[e]) for r in rows], [r[e] for r in noisy]).statistic for e in EMOTIONS]
    assert run.scores["pcc_mean"].value == pytest.approx(np.mean(each), abs=1e-9)
    assert run.scores["pcc_fear"].value == pytest.approx(each[2], abs=1e-9)
    assert run.scores["pcc_mean"].low < run.scores["pcc_mean"].value < run.scores["pcc_mean"].high
    stored, now = rescore(tmp_path / "run")
    assert largest_change(stored, now) == 0


def test_a_label_that_nobody_was_asked_about_is_not_scored(semeval, tmp_path):
    rows = gold_of(semeval, "b", ["eng"])
    perfect = [{"id": r["id"], **{e: float(r[e]) for e in EMOTIONS if e != "disgust"}} for r in rows]
    file = written(tmp_path / "b.jsonl", perfect)
    run = score_predictions("semeval2025-b:eng", file, out=tmp_path / "run", data=semeval, samples=20)
    assert "pcc_disgust" not in run.scores
    assert run.notes["not_rated"] == ["disgust"]
    assert run.scores["pcc_mean"].value == pytest.approx(1.0)
    assert run.scores["mae_mean"].value == 0


def test_macro_f1_by_language_equals_that_of_each_language_alone(tmp_path, semeval):
    """The parts of a corpus, scored as groups of one run or as tasks of their own, have the same scores."""
    from sklearn.metrics import f1_score

    langs = list(task("semeval2025-a").corpus.matrix)
    rng = np.random.default_rng(3)
    targets, predictions, facts, truth, answer = [], [], [], {}, {}
    for lang in ("deu", "eng", "ron"):
        assert lang in langs
        names = [e for e in EMOTIONS if (lang, e) != ("eng", "disgust")]
        truth[lang] = rng.random((70, len(names))) < 0.3
        answer[lang] = truth[lang] ^ (rng.random(truth[lang].shape) < 0.2)
        for i in range(70):
            unrated = ("disgust",) if lang == "eng" else ()
            labels = tuple(n for n, on in zip(names, truth[lang][i], strict=True) if on)
            targets.append(Target(labels=labels, unrated=unrated))
            given = tuple(n for n, on in zip(names, answer[lang][i], strict=True) if on)
            predictions.append(Prediction(f"{lang}{i}", "brighter", labels=given))
            facts.append(lang)
    chosen = task("semeval2025-a")
    found = collect(
        targets,
        predictions,
        target="labels",
        label_names=chosen.space.labels,
        dimension_names=(),
        facts={"language": tuple(facts)},
    )
    write_answers(found, tmp_path / "p.parquet", facts={})
    found = read_answers(tmp_path / "p.parquet")
    cut = slices(chosen, found, by="language", samples=100)
    theirs = {lang: f1_score(truth[lang], answer[lang], average="macro", zero_division=0) for lang in truth}
    assert {g.name: g.value for g in cut.groups} == pytest.approx(theirs, abs=1e-9)
    assert cut.mean == pytest.approx(np.mean(list(theirs.values())))


# --- slices


def grouped(seed: int, gaps: dict[str, float], rows: int = 300):
    """Answers of which each group gets another share right."""
    rng = np.random.default_rng(seed)
    targets, predictions, groups = [], [], []
    for name, right in gaps.items():
        for i in range(rows if name != "tiny" else 12):
            label = EMOTIONS[rng.integers(6)]
            other = EMOTIONS[(EMOTIONS.index(label) + 1) % 6]
            targets.append(Target(labels=(label,)))
            given = label if rng.random() < right else other
            predictions.append(Prediction(f"{name}{i}", "brighter", labels=(given,)))
            groups.append(name)
    return collect(
        targets,
        predictions,
        target="labels",
        label_names=task("semeval2025-a").space.labels,
        dimension_names=(),
        facts={"domain": tuple(groups)},
    )


def test_a_planted_gap_is_found_and_small_groups_are_shown():
    found = slices(
        task("semeval2025-a"), grouped(0, {"news": 0.9, "speech": 0.6, "tiny": 0.9}), by="domain", samples=300
    )
    assert [g.name for g in found.groups] == ["news", "speech", "tiny"]
    tiny = found.groups[-1]
    assert tiny.small and tiny.rows == 12 and math.isnan(tiny.value)
    assert (found.gap.best, found.gap.worst) == ("news", "speech")
    assert found.gap.low < 0.3 < found.gap.high
    assert found.gap.p < 0.01
    assert found.groups[0].apart_low > 0 and found.groups[1].apart_high < 0
    assert found.groups[0].apart == pytest.approx(found.groups[0].value - found.groups[0].rest)


def test_a_gap_that_is_chance_has_a_large_p():
    small = 0
    for seed in range(8):
        even = slices(task("semeval2025-a"), grouped(seed, dict.fromkeys("abcd", 0.75), 120), by="domain", samples=50)
        assert even.gap.value > 0
        small += even.gap.p < 0.05
    assert small <= 2


def test_a_run_stores_the_columns_that_it_can_be_cut_by(runs):
    _, found = read_run(runs["whole"])
    assert set(found.facts["language"]) == {"en"}
    chosen = task("goemotions")
    cut = slices(chosen, found, by="language", samples=20)
    assert [g.name for g in cut.groups] == ["en"] and cut.gap is None
    with pytest.raises(UnknownNameError, match="language"):
        slices(chosen, found, by="langauge")
    with pytest.raises(UnknownNameError, match="macro_f1"):
        slices(chosen, found, by="language", key="makro_f1")
    with pytest.raises(InputError, match="nothing to compare by"):
        slices(chosen, replace(found, facts={}), by="language")


# --- audits


def test_planted_wrong_labels_of_a_corpus_are_named_with_their_evidence(tmp_path):
    ids = {w: WORDS[w][0] for w in WORDS}
    from affekt.catalog.corpora import corpus

    numbers = corpus("goemotions").label_ids
    rng = np.random.default_rng(2)
    clean, planted, table = [], {}, []
    for i, word in enumerate(w for _ in range(75) for w in WORDS):
        label, true = ids[word], ids[word]
        if i % 17 == 3:
            label = ids[list(WORDS)[(i + 3) % 8]]
            planted |= {f"id{i}": (label, true)} if label != true else {}
        clean.append(f"{word} she said number {i}\t{numbers.index(label)}\tid{i}")
        sure = {name: rng.beta(9, 2) if name == true else rng.beta(1, 15) for name in numbers}
        table.append({"id": f"id{i}", **sure})
    root = write_goemotions(tmp_path, {"test": clean})
    file = written(tmp_path / "p.jsonl", table)
    score_predictions("goemotions", file, out=tmp_path / "run", data=root, samples=10)
    found = audit(tmp_path / "run", data=root)
    named = {s.id for s in found.suspects}
    assert len(named & set(planted)) / len(planted) > 0.85
    assert len(named & set(planted)) / len(named) > 0.85
    for s in found.suspects:
        if s.id in planted:
            assert s.add in (None, planted[s.id][1]) and s.remove in (None, planted[s.id][0])
    missing = next(s for s in found.suspects if s.add is not None and s.id in planted)
    word = clean[int(missing.id[2:])].split()[0]
    assert missing.add == ids[word]
    assert missing.probability_added >= missing.threshold
    # The nearest texts have the same word and the suggested label.
    assert missing.neighbours
    for near in missing.neighbours:
        assert missing.add in near.labels and clean[int(near.id[2:])].startswith(word)
    assert not found.warning


def test_an_audit_of_rows_that_were_tuned_on_says_so(data, tmp_path):
    run_task("goemotions", WordReader(), data=data, out=tmp_path / "dev", split="dev", samples=10)
    assert "'dev'" in audit(tmp_path / "dev", data=data).warning


def test_an_audit_needs_labels_and_probabilities(data, tmp_path):
    run_task("emobank", WordReader(), data=data, out=tmp_path / "vad", samples=10)
    with pytest.raises(InputError, match="needs labels"):
        audit(tmp_path / "vad", data=data)
    file = written(tmp_path / "bare.jsonl", [{"id": f"id{i}", "labels": "joy"} for i in range(200)])
    score_predictions("goemotions", file, out=tmp_path / "bare", data=data, samples=10)
    with pytest.raises(InputError, match="no probabilities"):
        audit(tmp_path / "bare", data=data)


# --- learning curves


def test_a_curve_of_planted_quality_and_what_twice_the_rows_bring(tmp_path):
    rows = goemotions_rows(800)
    root = write_goemotions(tmp_path, {"test": [r if r.split("\t")[0] else f"x{r}" for r in rows]})
    rng = np.random.default_rng(0)
    gold = [r.split("\t") for r in rows]
    from affekt.catalog.corpora import corpus

    names = corpus("goemotions").label_ids
    made = []
    for size in (100, 200, 400, 800):
        error = 0.9 * (size / 100) ** -0.4
        table = []
        for _, numbers, name in gold:
            right = [names[int(k)] for k in numbers.split(",")]
            table.append({"id": name, "labels": right if rng.random() > error else ["remorse"]})
        file = written(tmp_path / f"{size}.jsonl", table)
        out = tmp_path / f"run{size}"
        score_predictions("goemotions", file, out=out, data=root, samples=10, train_rows=size)
        made.append(out)
    found = curve(made, key="exact_match", samples=200)
    assert [p.size for p in found.points] == [100, 200, 400, 800]
    expected = 1 - 0.9 * 16**-0.4
    assert found.twice[1] - 0.03 < expected < found.twice[2] + 0.03
    assert found.gain[0] > 0 and found.gain[1] < found.gain[0] < found.gain[2]
    with pytest.raises(InputError, match="three sizes"):
        curve(made[:2])
    with pytest.raises(InputError, match="more is better"):
        curve(made, key="brier")


def test_runs_that_do_not_say_their_size_are_named(runs):
    with pytest.raises(InputError, match="--train-rows"):
        curve([runs["whole"], runs["twin"], runs["poor"]])
    with pytest.raises(InputError, match="3 runs and 2 sizes"):
        curve([runs["whole"], runs["twin"], runs["poor"]], sizes=[1, 2])
    found = curve([runs["poorest"], runs["poor"], runs["whole"]], sizes=[10, 20, 40], samples=50)
    assert found.law.c == 0


# --- a matrix


def test_a_matrix_states_its_losses_and_goes_on_where_it_stopped(data, tmp_path):
    loads = []

    def load(name):
        def loader():
            loads.append(name)
            return WordReader(name=name)

        return loader

    class Mute(WordReader):
        @property
        def spec(self):
            return replace(super().spec, dimensions=(), space="sentiment", spaces=("sentiment",))

    models = {"a": load("a"), "mute": Mute}
    names = ["goemotions", "emobank"]
    found = matrix(models, names, out=tmp_path, data=data, samples=20)
    assert found.cells["a", "goemotions"].run.spec["mapped_from"] is None
    assert "no map leads" in found.cells["mute", "goemotions"].why_not
    file = tmp_path / "a" / "goemotions" / "run.json"
    before = file.stat().st_mtime_ns
    again = matrix(models, names, out=tmp_path, data=data, samples=20)
    assert file.stat().st_mtime_ns == before
    assert again.cells["a", "emobank"].run == found.cells["a", "emobank"].run
    file.write_text("{", encoding="utf-8")
    mended = matrix(models, names, out=tmp_path, data=data, samples=20)
    assert mended.cells["a", "goemotions"].run.scores == found.cells["a", "goemotions"].run.scores
    shown = matrix_document(mended)
    assert {c["model"] for c in shown["cells"]} == {"a", "mute"}


def test_a_reader_of_other_labels_goes_over_a_map_with_its_loss(semeval, tmp_path):
    run = run_task("semeval2025-a:deu", WordReader(), data=semeval, out=tmp_path / "a", samples=10)
    way = run.spec["map"]
    assert (way["map"], way["over"]) == ("goemotions>brighter", "ekman")
    assert run.spec["mapped_from"] == "goemotions"
    assert 0 <= way["bits_lost"] <= way["bits_before"]
    assert way["counted_on"] == "labels given in this run"
    strength = run_task("semeval2025-b:deu", WordReader(), data=semeval, out=tmp_path / "b", samples=10)
    assert strength.spec["map"]["never_given"] == []
    _, found = read_run(tmp_path / "b")
    assert found.dimensions.max() <= 3.0
    with pytest.raises(ModelError, match="no map leads"):
        run_task("kote", WordReader(), data=semeval, out=tmp_path / "c")


# --- the commands


def test_the_commands_print_what_the_functions_give(runs, data, tmp_path):
    def call(*words: str) -> str:
        done = CliRunner().invoke(command, list(words))
        assert done.exit_code == 0, done.output + repr(done.exception)
        return done.stdout

    page = tmp_path / "page.html"
    shown = call("compare", runs["whole"], runs["poor"], "--by", "language", "--bootstrap", "30", "--out", str(page))
    assert "whole@1" in shown and "yes" not in shown.split("poor@1")[0]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    seeds = f"seeds={runs['whole']},{runs['twin']}"
    raw = json.loads(call("compare", runs["poor"], "--group", seeds, "--bootstrap", "20", "--json"))
    assert [s["name"] for s in raw["systems"]] == ["poor@1", "seeds"]
    assert raw["scores"][0]["systems"][1]["seeds"] == 2
    assert "en" in call("slices", runs["whole"], "--by", "language", "--bootstrap", "20")
    assert "usual" in call(
        "audit", runs["whole"], "--data", str(data), "--most", "3", "--out", str(tmp_path / "a.html")
    )
    sized = ["--sizes", "10,20,40", "--bootstrap", "20", "--out", str(tmp_path / "c.html")]
    assert "Twice the rows" in call("curve", runs["poorest"], runs["poor"], runs["whole"], *sized)
    file = written(tmp_path / "mine.jsonl", [{"id": f"id{i}", "labels": ["joy"]} for i in range(200)])
    out = ["--out", str(tmp_path / "run"), "--data", str(data), "--bootstrap", "10"]
    assert "mine on test" in call("score", "goemotions", "--predictions", str(file), *out)
    done = CliRunner().invoke(command, ["score", "goemotions", "--predictions", str(file)])
    assert isinstance(done.exception, InputError)
    done = CliRunner().invoke(command, ["compare", runs["whole"], "--group", "x"])
    assert isinstance(done.exception, InputError)
    done = CliRunner().invoke(command, ["compare", runs["whole"], str(tmp_path / "none")])
    assert isinstance(done.exception, DataError)
