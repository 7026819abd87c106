"""Tasks about causes: answers in any of their forms, scored against data in the layouts of RECCON and ECF."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from bench_helpers import WordReader
from click.testing import CliRunner

from affekt.bench import read_run, rescore, run_task, score_predictions
from affekt.bench.runs import largest_change, run_causes
from affekt.cli.bench import command
from affekt.core.cause import Link
from affekt.core.errors import DataError, InputError, ModelError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.corpora.causes import questions_of, read_causes
from affekt.train.floors import nearest

needs_data = pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")

# Turns as (speaker, text, emotion, causes as (turn from 1 or b, span)); causes of the third call are outside.
TALKS = {
    "tr_1": [
        ("A", "I lost my keys in the park .", "sadness", [(1, "lost my keys")]),
        ("B", "Oh no !", "surprise", [(1, "I lost my keys in the park ."), (1, "lost my keys")]),
        ("A", "Wait , here they are !", "happiness", [(3, "here they are")]),
        ("B", "What a relief .", "happy", [(3, "here they are !"), ("b", "b")]),
    ],
    "tr_2": [
        ("A", "The train is late again .", "neutral", []),
        ("B", "Yes . And it is cold .", "anger", [(1, "late again"), (2, "it is cold")]),
    ],
    "tr_3": [("A", "What a day .", "happiness", [("b", "b")])],
}


class ByWord:
    """Joy where there is relief, anger where it is cold."""

    def __init__(self, space: str) -> None:
        self.spec = RecogniserSpec("by-word", "1", space, (space,), (), ("en",), "Apache-2.0")

    def predict(self, clips, *, space=None):
        told = {"relief": "joy", "cold": "anger"}
        return [
            Prediction(c.id, self.spec.space, labels=tuple(told.get(w, "neutral") for w in told if w in c.text))
            for c in clips
        ]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    folder = root / "reccon" / "original_annotation"
    folder.mkdir(parents=True)
    talks = {}
    for name, turns in TALKS.items():
        rows = []
        for number, (speaker, text, emotion, causes) in enumerate(turns, 1):
            row = {"turn": number, "speaker": speaker, "utterance": text, "emotion": emotion}
            if causes:
                row["expanded emotion cause evidence"] = [c for c, _ in causes]
                row["expanded emotion cause span"] = [s for _, s in causes]
                row["type"] = ["no-context"]
            rows.append(row)
        talks[name] = [rows]
    for split in ("train", "valid", "test"):
        (folder / f"dailydialog_{split}.json").write_text(json.dumps(talks), encoding="utf-8")
    scenes = []
    names = {"happiness": "joy", "happy": "joy"}
    for number, turns in enumerate(TALKS.values(), 1):
        said = [
            {"utterance_ID": i, "text": text, "speaker": who, "emotion": names.get(e, e)}
            for i, (who, text, e, _) in enumerate(turns, 1)
        ]
        pairs = [
            [f"{i}_{names.get(e, e)}", f"{c}_{span}"]
            for i, (_, _, e, causes) in enumerate(turns, 1)
            for c, span in causes
            if c != "b"
        ]
        scenes.append({"conversation_ID": number, "conversation": said, "emotion-cause_pairs": pairs})
    (root / "ecf_semeval2024_t3" / "data").mkdir(parents=True)
    for split in ("train", "test"):
        file = root / "ecf_semeval2024_t3" / "data" / f"Subtask_1_{split}.json"
        file.write_text(json.dumps(scenes), encoding="utf-8")
    return root


def questions(data) -> list[Link]:
    return [q for d in read_causes("reccon:spans", split="test", data=data) for q in questions_of(d)]


def write(rows: list[dict[str, object]], path: Path) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_every_turn_up_to_an_emotion_is_asked_about_and_every_span_counts(data):
    asked = {str(q.id).removeprefix("dailydialog_"): q for q in questions(data)}
    assert list(asked)[:4] == [
        "tr_1_utt_1_true_cause_utt_1_span_0",
        "tr_1_utt_2_impossible_cause_utt_2",
        "tr_1_utt_2_true_cause_utt_1_span_0",
        "tr_1_utt_2_true_cause_utt_1_span_1",
    ]
    # A cause outside of the conversation is no question, and does not number the spans.
    assert "tr_1_utt_4_true_cause_utt_3_span_0" in asked
    assert asked["tr_3_utt_1_impossible_cause_utt_1"].text is None
    assert len(asked) == 1 + 3 + 3 + 4 + 2 + 1
    assert asked["tr_1_utt_2_true_cause_utt_1_span_1"] == Link(
        1, 0, "surprise", 2, 14, "lost my keys", id="dailydialog_tr_1_utt_2_true_cause_utt_1_span_1"
    )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_decisions_by_id_as_the_official_files_have_them(suffix, data, tmp_path):
    # Everything within one turn is said to be a cause.
    rows = [{"id": q.id, "label": int(q.turn - q.cause < 2)} for q in questions(data)]
    run = score_predictions(
        "reccon-entailment", write(rows, tmp_path / f"near{suffix}"), out=tmp_path / "run", data=data
    )
    truth = [q.text is not None for q in questions(data)]
    said = [row["label"] == 1 for row in rows]
    both, either = sum(t and s for t, s in zip(truth, said, strict=True)), sum(truth) + sum(said)
    assert run.scores["cause_f1"].value == pytest.approx(2 * both / either, abs=1e-12)
    assert run.scores["cause_f1"].n == 3
    assert run.notes["questions"] == 14
    assert run.notes["links"] == sum(truth)
    stored, now = rescore(tmp_path / "run")
    assert largest_change(stored, now) == 0
    with pytest.raises(DataError, match="are causes"):
        read_run(tmp_path / "run")


def test_probabilities_are_cut_at_the_threshold(data, tmp_path):
    rows = [{"id": q.id, "label": 0.4 if q.text is not None else 0.2} for q in questions(data)]
    file = write(rows, tmp_path / "p.csv")
    scores = {
        t: score_predictions("reccon-entailment", file, out=tmp_path / str(t), data=data, threshold=t).scores
        for t in (0.3, 0.5)
    }
    assert scores[0.3]["cause_macro_f1"].value == 1.0
    assert scores[0.5]["cause_f1"].value == 0.0


def test_spans_as_json_by_id(data, tmp_path):
    file = tmp_path / "spans.json"
    file.write_text(json.dumps({str(q.id): q.text or "" for q in questions(data)}), encoding="utf-8")
    run = score_predictions("reccon-span", file, out=tmp_path / "run", data=data)
    assert {key: s.value for key, s in run.scores.items()} == dict.fromkeys(run.scores, 1.0)
    assert run.abstained == {}


def test_rows_of_an_analysis_answer_every_task(data, tmp_path):
    rows = [
        {"dialogue": "tr_1", "turn": 1, "labels": ["surprise"], "causes": [{"turn": 0, "start": 2, "end": 14}]},
        {"dialogue": "tr_1", "turn": 2, "labels": ["joy"], "causes": []},
    ]
    file = write(rows, tmp_path / "rows.jsonl")
    spans = score_predictions("reccon-span", file, out=tmp_path / "spans", data=data)
    # One of seven spans is found; the longer one that holds it counts by its words.
    held = 2 * 3 / (3 + 6)
    assert spans.scores["span_em_pos"].value == pytest.approx(1 / 7)
    assert spans.scores["span_f1_pos"].value == pytest.approx((1 + held) / 7)
    assert spans.abstained == {"not in the file": 2}
    numbered = [row | {"dialogue": "1"} for row in rows]
    pairs = score_predictions("ecf", write(numbered, tmp_path / "ecf.jsonl"), out=tmp_path / "pairs", data=data)
    # One of seven pairs; its label has two of them.
    assert pairs.scores["pair_strict_f1"].value == pytest.approx(2 / 7 * (2 / 3), abs=1e-6)
    assert pairs.notes["per_label"]["surprise"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "actual": 1,
        "predicted": 1,
    }


def test_pairs_as_the_organisers_want_them(data, tmp_path):
    said = [
        {"conversation_ID": 1, "emotion-cause_pairs": [["1_sadness", "1_1_4"], ["3_joy", "3_0_2"]]},
        {"conversation_ID": 2, "emotion-cause_pairs": []},
    ]
    file = tmp_path / "Subtask_1_pred.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    run = score_predictions("ecf", file, out=tmp_path / "run", data=data)
    # Sadness is right to the token; of joy, one of two pairs of turns is, and no token of it.
    assert run.scores["pair_strict_f1"].value == pytest.approx(1 / 7, abs=1e-6)
    assert run.scores["pair_f1"].value == pytest.approx(1 / 6 * 1 + 2 / 6 * 2 / 3, abs=1e-6)
    assert run.abstained == {"not in the file": 1}


@pytest.mark.parametrize(
    ("task", "name", "content", "error", "match"),
    [
        ("reccon-span", "a.json", "{", InputError, "not JSON"),
        ("reccon-span", "a.json", '{"tr_1": "x"}', InputError, "no question 'tr_1'"),
        ("reccon-span", "a.json", "{}", InputError, "no answers"),
        ("reccon-entailment", "a.csv", "id,yes\nx,1\n", UnknownNameError, "label"),
        (
            "reccon-entailment",
            "a.csv",
            "id,label\ndailydialog_tr_1_utt_2_impossible_cause_utt_2,maybe\n",
            InputError,
            "maybe",
        ),
        (
            "reccon-span",
            "a.jsonl",
            '{"dialogue": "tr_9", "turn": 0, "causes": []}\n',
            InputError,
            "no conversation 'tr_9'",
        ),
        ("reccon-span", "a.jsonl", '{"dialogue": "tr_1", "turn": 7, "causes": []}\n', InputError, "no turn 7"),
        ("reccon-span", "a.jsonl", '{"dialogue": "tr_1", "turn": 1, "causes": [{}]}\n', InputError, "row 1"),
        ("ecf", "a.json", "[1]", InputError, "emotion-cause_pairs"),
        ("ecf", "a.json", '[{"conversation_ID": 1, "emotion-cause_pairs": [["1_joy"]]}]', InputError, "is no pair"),
        (
            "ecf",
            "a.json",
            '[{"conversation_ID": 1, "emotion-cause_pairs": [["1_glee", "1_0_1"]]}]',
            UnknownNameError,
            "glee",
        ),
    ],
)
def test_what_cannot_be_read_is_named(task, name, content, error, match, data, tmp_path):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=match):
        score_predictions(task, tmp_path / name, out=tmp_path / "run", data=data)


def test_recognisers_of_rows_are_told_that_they_find_no_causes(data, tmp_path):
    reader = WordReader(spaces=("dailydialog",))
    with pytest.raises(ModelError, match="asks for causes"):
        run_task("reccon-span", reader, out=tmp_path, data=data)


def test_the_nearest_turns_are_the_floor(data, tmp_path):
    name, find = nearest("reccon-entailment", data=data)
    run = run_causes("reccon-entailment", find, model=name, out=tmp_path / "a", data=data)
    assert name == "nearest@1"
    assert run.notes["found"] == 1 + 2 + 2 + 2 + 2 + 1
    spans = run_causes("reccon-span", find, model=name, out=tmp_path / "b", data=data)
    assert 0 < spans.scores["span_em_pos"].value < spans.scores["span_f1_pos"].value < 1
    with pytest.raises(InputError, match="--emotions"):
        run_causes("ecf", find, model=name, out=tmp_path / "c", data=data)
    with pytest.raises(InputError, match="does not ask for causes"):
        run_causes("meld", find, model=name, out=tmp_path / "d", data=data)


def test_pairs_with_emotions_that_a_model_tells(data, tmp_path):
    _, find = nearest("reccon-entailment", data=data)
    reader = ByWord("meld")
    run = run_causes("ecf", find, model="nearest", emotions=reader, out=tmp_path / "run", data=data)
    # Of each of the two emotions, the turn itself and the one before; six pairs of turns are there.
    assert run.notes["found"] == 4
    assert run.scores["pair_f1"].value == pytest.approx(2 / 6 * 1 + 2 / 6 * 0.5, abs=1e-6)
    with pytest.raises(ModelError, match="does not know the emotions"):
        run_causes("ecf", find, model="nearest", emotions=ByWord("ekman"), out=tmp_path / "run", data=data)


def test_the_command_line_scores_and_shows(data, tmp_path):
    rows = [{"id": q.id, "label": int(q.text is not None)} for q in questions(data)]
    file = write(rows, tmp_path / "right.csv")
    given = [
        "score",
        "reccon-entailment",
        "--predictions",
        str(file),
        "--out",
        str(tmp_path / "run"),
        "--data",
        str(data),
    ]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    assert "cause_macro_f1" in done.output
    again = CliRunner().invoke(command, ["score", str(tmp_path / "run")])
    assert "agree exactly" in again.output


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(("split", "name"), [("dev", "valid"), ("test", "test")])
def test_questions_are_those_of_the_official_files(split, name):
    folder = Path(os.environ["AFFEKT_DATA"]) / "reccon" / "subtask2" / "fold1"
    with (folder / f"dailydialog_classification_{name}_without_context.csv").open(encoding="utf-8") as stream:
        official = {row["id"]: row["labels"] == "1" for row in csv.DictReader(stream)}
    ours = {q.id: q.text is not None for d in read_causes("reccon:spans", split=split) for q in questions_of(d)}
    assert ours == official


@pytest.mark.data
@needs_data
def test_spans_are_those_of_the_official_file():
    file = (
        Path(os.environ["AFFEKT_DATA"]) / "reccon" / "subtask1" / "fold1" / "dailydialog_qa_valid_without_context.json"
    )
    official = {
        qa["id"]: None if qa["is_impossible"] else qa["answers"][0]["text"]
        for row in json.loads(file.read_text(encoding="utf-8"))
        for qa in row["qas"]
    }
    ours = {q.id: q.text for d in read_causes("reccon:spans", split="dev") for q in questions_of(d)}
    assert ours == official
