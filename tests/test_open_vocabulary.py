"""Emotions in any words: wheels, forms, set scores against the official script, words of a text, the task."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from affekt.bench import rescore, run_task, score_predictions
from affekt.bench.runs import largest_change
from affekt.catalog.emotion_words import (
    EDITIONS,
    form_of,
    grouping,
    known_words,
    wheel,
    wheel_groupings,
    wheel_words,
    wheels,
)
from affekt.catalog.spaces import space
from affekt.cli.bench import command
from affekt.core.errors import DataError, InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.corpora.gold import free_words
from affekt.corpora.read import read
from affekt.explain.open_words import mentions, named, words_of
from affekt.metrics import hit_rate, set_f1, set_precision, set_recall

needs_data = pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
HERE = Path(__file__).parent / "reference"
_spec = importlib.util.spec_from_file_location("make_setwise", HERE / "make_setwise.py")
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)
REFERENCE = json.loads((HERE / "setwise.json").read_text(encoding="utf-8"))


# --- wheels


def test_the_words_are_as_many_as_the_official_script_counts():
    assert sum(len(words) for name in wheels() for ring in wheel(name).tree.values() for words in ring.values()) == 274
    assert len(wheel_words()) == 253
    assert len(known_words("mer2025")) == 7386
    assert set(space("emotion-wheels").labels) == wheel_words()


def test_groups_become_coarser_from_form_to_inner_ring():
    for edition in EDITIONS:
        sizes = [len(set(grouping(by="form", edition=edition).values()))]
        sizes.append(len(set(grouping(by="synonym", edition=edition).values())))
        sizes += [len(set(grouping("mer-2", by=by, edition=edition).values())) for by in ("level2", "level1")]
        assert sizes == sorted(sizes, reverse=True) and sizes[-1] == 7


def test_forms_that_are_none_were_taken_out_later():
    assert form_of("Happily ") == "happy" and form_of("qwerty") is None
    assert "help" in grouping(by="form", edition="mer2025") and "help" not in grouping(by="form", edition="mer2026")
    with pytest.raises(UnknownNameError, match="mer-5"):
        grouping("mer-9", by="level1")
    with pytest.raises(InputError):
        grouping(by="level1")


# --- scores


def _groupings(case: str, edition: str):
    if case == "case1":
        return [grouping(by="form", edition=edition)]
    if case == "case2":
        return [grouping(by="synonym", edition=edition)]
    _, name, level = case.split("_")
    return [grouping(f"mer-{name[-1]}", by=level, edition=edition)]


def _compare(truth, answers, edition, name):
    stored = REFERENCE[edition][name]
    sides = {"truth": truth, "prediction": answers}
    for case in made.CASES:
        found = [f(**sides, groupings=_groupings(case, edition)) for f in (set_precision, set_recall)]
        assert found == pytest.approx(stored[case], abs=1e-12), (edition, name, case)
    for level in (1, 2):
        found = [f(**sides, groupings=wheel_groupings(level, edition)) for f in (set_f1, set_precision, set_recall)]
        assert found == pytest.approx(stored[f"level{level}"], abs=1e-12), (edition, name, level)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("seed", [1, 2])
def test_scores_are_those_of_the_official_script(edition, seed):
    truth, answers = made.drawn(sorted(known_words(edition)), seed)
    _compare(list(truth.values()), list(answers.values()), edition, f"drawn {seed}")


@needs_data
@pytest.mark.parametrize("edition", EDITIONS)
def test_scores_of_the_332_published_answers_are_those_of_the_official_script(edition):
    folder = Path(os.environ["AFFEKT_DATA"]) / "emotion_wheels_ov" / "mer2024_ov_store"
    sides = []
    for name in ("check-openset.csv", "predict-openset.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as stream:
            sides.append([free_words(row["openset"]) for row in csv.DictReader(stream)])
    assert len(sides[0]) == len(sides[1]) == 332
    _compare(*sides, edition, "published")
    _compare(*reversed(sides), edition, "exchanged")


def test_paraphrases_score_high_and_opposites_low_where_plain_words_fail():
    truth = [("happy",), ("angry",), ("sad",), ("scared",)] * 5
    same = [("cheerful",), ("furious",), ("gloomy",), ("frightened",)] * 5
    other = [("gloomy",), ("cheerful",), ("furious",), ("joyful",)] * 5
    plain = [{word: word for words in (*truth, *same, *other) for word in words}]
    both = wheel_groupings(1)
    assert set_f1(truth=truth, prediction=same, groupings=plain) == 0
    assert set_f1(truth=truth, prediction=same, groupings=both) > 0.9
    assert set_f1(truth=truth, prediction=other, groupings=both) == 0
    assert hit_rate(truth=truth, prediction=[(*a, *b) for a, b in zip(same, other, strict=True)], groupings=both) > 0.9


def test_scores_fall_as_answers_are_corrupted_and_wheels_agree_on_the_order():
    truth = list(made.drawn(sorted(wheel_words()), 3)[0].values())
    draw = np.random.default_rng(0)
    words = sorted(space("emotion-wheels").labels)
    orders = []
    for n in range(1, 6):
        row = []
        for share in (0.0, 0.2, 0.4, 0.6, 0.8):
            answers = [[w if draw.random() > share else str(draw.choice(words)) for w in ws] for ws in truth]
            row.append(set_f1(truth=truth, prediction=answers, groupings=[grouping(f"mer-{n}", by="level2")]))
        orders.append(row)
    assert all(row[0] == 1 and all(np.diff(row) < 0) for row in orders)


def test_what_has_no_group_and_what_is_empty():
    groups = [{"glad": "joy"}]
    assert np.isnan(set_f1(truth=[("qwerty",)], prediction=[("glad",)], groupings=groups))
    assert set_f1(truth=[("glad",), ("qwerty",)], prediction=[("glad",), ("glad",)], groupings=groups) == 1
    assert set_f1(truth=[("glad",)], prediction=[()], groupings=groups) == 0
    with pytest.raises(ValueError, match="2 rows of truth and 1"):
        set_f1(truth=[(), ()], prediction=[()], groupings=groups)
    with pytest.raises(ValueError, match="no grouping"):
        set_f1(truth=[()], prediction=[()], groupings=[])


# --- words of a text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("He sounds happy, and a little nervous.", ("happy", "nervous")),
        ("She isn't angry but worried.", ("worried",)),
        ("There is no trace of anger; he looks out of control.", ("out of control",)),
        ("Not only sad but terrified!", ("sad", "terrified")),
        ("I would help him list the uses of a tool.", ()),
        ("", ()),
    ],
)
def test_emotion_words_of_a_text(text, words):
    assert named(text) == words
    for m in mentions(text):
        assert form_of(text[m.start : m.end]) == m.word


def test_a_reading_becomes_words():
    p = Prediction("1", "po-emo", labels=("Beauty / Joy", "Sadness"))
    assert words_of(p) == ("Beauty", "Joy", "Sadness") and words_of(p.abstain("uncertain")) == ()


# --- the task


ROWS = {
    "s1": ("['glad', 'proud']", "He beams: one can see that he is glad and proud."),
    "s2": ("['worried']", "She bites her lip, worried, though not angry."),
    "s3": ("['furious', 'hurt']", "He shouts at the door, furious."),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for path, column, at in (
        ("emotion_wheels_ov/mer2024_ov_store/check-openset.csv", "openset", 0),
        ("emer/dataset-v2/final-EMER-reason.csv", "english", 1),
    ):
        file = root / path
        file.parent.mkdir(parents=True)
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["name", column])
            # The second table in another order: rows are joined by name.
            writer.writerows((name, row[at]) for name, row in sorted(ROWS.items(), reverse=bool(at)))
    return root


def test_texts_and_words_are_joined_by_name(data):
    rows = {clip.id: (clip.text, gold.words) for clip, gold in read("ov-mer", split="test", data=data)}
    assert rows == {name: (text, free_words(words)) for name, (words, text) in ROWS.items()}
    file = data / "emer/dataset-v2/final-EMER-reason.csv"
    kept = file.read_text("utf-8")
    file.write_text("\n".join(line for line in kept.splitlines() if not line.startswith("s2")), encoding="utf-8")
    try:
        with pytest.raises(DataError, match="no row for this one"):
            list(read("ov-mer", split="test", data=data))
    finally:
        file.write_text(kept, encoding="utf-8")


def test_answers_in_free_text_are_scored_and_unparsable_ones_counted(data, tmp_path):
    file = tmp_path / "said.jsonl"
    said = {"s1": "Cheerful; no sign of anger.", "s2": "It is hard to say.", "s3": "He is mad and hurt."}
    file.write_text("\n".join(json.dumps({"id": k, "answer": v}) for k, v in said.items()), encoding="utf-8")
    run = score_predictions("open-vocabulary", file, out=tmp_path / "run", data=data, samples=50)
    assert run.abstained == {"unparsable: no emotion word": 1} and run.notes["answered"] == 2
    groups = wheel_groupings(1)
    by_hand = set_f1(
        truth=[free_words(w) for w, _ in ROWS.values()],
        prediction=[("cheerful",), (), ("mad", "hurt")],
        groupings=groups,
    )
    assert run.scores["ov_f1_s1"].value == pytest.approx(by_hand) and by_hand < 1
    assert largest_change(*rescore(tmp_path / "run")) == 0


@pytest.mark.parametrize("column", ["words", "openset", "labels"])
def test_a_table_of_words_is_scored(data, tmp_path, column):
    file = tmp_path / "mine.csv"
    file.write_text(f"name,{column}\ns1,\"glad, proud\"\ns3,\"['furious', 'hurt']\"\n", encoding="utf-8")
    result = CliRunner().invoke(
        command,
        ["score", "open-vocabulary", "--predictions", str(file), "--data", str(data), "--out", str(tmp_path / "r")],
    )
    assert result.exit_code == 0, result.output
    assert "1 not in the table" in result.output and "ov_f1_s2" in result.output
    file.write_text("name,mood\ns1,glad\n", encoding="utf-8")
    with pytest.raises(UnknownNameError, match="words"):
        score_predictions("open-vocabulary", file, out=tmp_path / "r", data=data)


class Cheerful:
    """Says joy of whoever beams."""

    spec = RecogniserSpec("cheerful", "1", "ekman", ("ekman",), (), ("en",), "Apache-2.0")

    def predict(self, clips, *, space=None):
        return [Prediction(c.id, "ekman", labels=("joy",) if "beams" in c.text else ()) for c in clips]


def test_labels_of_a_recogniser_are_words(data, tmp_path):
    run = run_task("open-vocabulary", Cheerful(), out=tmp_path / "run", data=data, samples=50)
    assert run.abstained == {"no label is sure enough": 2} and run.spec["mapped_from"] == "ekman"
    assert 0 < run.scores["ov_recall_s1"].value < 0.5
