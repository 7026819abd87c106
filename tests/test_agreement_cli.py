"""`affekt agree` and the table of judgements that it reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from affekt.catalog.spaces import space
from affekt.cli.agree import command
from affekt.core.errors import InputError, OutputError, UnknownNameError
from affekt.core.ratings import dawid_skene, ewe, plurality, soft_label
from affekt.corpora.ratings_table import read_ratings
from affekt.metrics import krippendorff_alpha

DATA = Path(__file__).parent.parent / "examples" / "data"
LONG = """item,annotator,label
x,a,joy
x,b,joy
x,c,anger
y,a,anger
y,b,anger
z,a,joy
z,b,anger
w,a,
"""
WIDE = """text,a,b,c
one,1,2,
two,5,4,5
three,3,3,2
"""


@pytest.fixture
def long(tmp_path: Path) -> Path:
    file = tmp_path / "votes.csv"
    file.write_text(LONG, encoding="utf-8")
    return file


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    file = tmp_path / "wide.csv"
    file.write_text(WIDE, encoding="utf-8")
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=True)


def record(*arguments: object) -> dict:
    done = run(*arguments, "--json", "--samples", 50)
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


# ---- reading


def test_one_judgement_a_row(long):
    found = read_ratings(long, item="item", annotator="annotator", label="label")
    assert (found.rows, found.empty, len(found.ratings)) == (8, 1, 7)
    assert found.ratings.items == ("x", "y", "z", "w") and found.ratings.annotators == ("a", "b", "c")
    assert found.ratings.space.labels == ("anger", "joy")
    assert plurality(found.ratings).labels() == [("joy",), ("anger",), None, None]


def test_one_annotator_a_column(wide):
    found = read_ratings(wide, item="text", columns=["a", "b", "c"], scale="numbers")
    assert found.empty == 1
    np.testing.assert_array_equal(found.ratings.table(), [[1, 2, np.nan], [5, 4, 5], [3, 3, 2]])
    (scale,) = found.ratings.space.dimensions
    assert (scale.low, scale.high) == (1, 5)
    unnamed = read_ratings(wide, columns=["a", "b", "c"], scale="numbers")
    assert unnamed.ratings.items == ("1", "2", "3")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_encodings_are_found(tmp_path, encoding, delimiter):
    file = tmp_path / "votes.csv"
    file.write_text(LONG.replace(",", delimiter).replace("joy", "Glück"), encoding=encoding)
    found = read_ratings(file, item="item", annotator="annotator", label="label")
    assert found.ratings.space.labels == ("Glück", "anger")


def test_several_labels_in_a_cell_or_in_rows(tmp_path):
    file = tmp_path / "votes.csv"
    file.write_text("item,annotator,label\nx,a,joy; love\nx,b,joy\nx,b,love\nx,c,anger\n", encoding="utf-8")
    found = read_ratings(file, item="item", annotator="annotator", label="label", several=";").ratings
    assert found.space.kind == "multi" and found.space.labels == ("anger", "joy", "love")
    np.testing.assert_array_equal(found.votes, [[0, 1, 1], [0, 1, 1], [1, 0, 0]])


def test_a_space_fixes_the_labels_and_names_the_nearest(long, tmp_path):
    found = read_ratings(long, item="item", annotator="annotator", label="label", space=space("ekman"))
    assert found.ratings.space.id == "ekman"
    typo = tmp_path / "typo.csv"
    typo.write_text(LONG.replace("y,b,anger", "y,b,angre"), encoding="utf-8")
    with pytest.raises(UnknownNameError, match=r"'angre'.*line 6.*'anger'"):
        read_ratings(typo, item="item", annotator="annotator", label="label", space=space("ekman"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The file is empty"),
        ("\n\n", "empty"),
        ("item,annotator,label\n", "no judgement"),
        ("item,annotator,label\nx,a,\n", "no judgement"),
        ("item,annotator,label\nx,a,joy\nx,b\n", r"ragged row: 2 cells, 3 expected.*line 3"),
        ("item,annotator,label\nx,a,joy\nx,a,joy\n", r"a judged 'x' twice.*lines 2 and 3"),
        ("item,annotator,label\nx,,joy\n", r"Column 'annotator' is empty.*line 2"),
        ("item,annotator,label\n,a,joy\n", r"Column 'item' is empty.*line 2"),
        ("item,annotator,label\nx,a,joy\nx,b,joy\n", "All judgements are 'joy'"),
        ("item,annotator,label,label\nx,a,joy,joy\n", "occurs 2 times"),
        ("item,annotater,label\nx,a,joy\n", r"Unknown column 'annotator'.*'annotater'"),
        ("\x89PNG\r\n\x1a\n\x00\x00", "not text but a PNG"),
    ],
)
def test_bad_tables_are_refused_with_place_and_remedy(tmp_path, text, says):
    file = tmp_path / "votes.csv"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=says):
        read_ratings(file, item="item", annotator="annotator", label="label")


def test_numbers_must_be_numbers(wide, long):
    with pytest.raises(InputError, match=r"'joy' is not a number.*line 2"):
        read_ratings(long, item="item", annotator="annotator", label="label", scale="numbers")
    wide.write_text(WIDE.replace("5,4,5", "5,inf,5"), encoding="utf-8")
    with pytest.raises(InputError, match=r"'inf' is not a number.*line 3"):
        read_ratings(wide, columns=["a", "b", "c"], scale="numbers")


def test_what_cannot_be_asked_for(long, wide, tmp_path):
    for options, says in (
        ({}, "not clear"),
        ({"columns": ["a"], "label": "b"}, "two ways"),
        ({"columns": ["a"], "space": space("nrc-vad"), "scale": "labels"}, "cannot be read"),
        (
            {"item": "item", "label": "label", "annotator": "annotator", "space": space("ekman"), "several": ";"},
            "single",
        ),
    ):
        with pytest.raises(InputError, match=says):
            read_ratings(long, **options)
    with pytest.raises(InputError, match="cannot be read"):
        read_ratings(tmp_path / "none.csv", columns=["a"])


# ---- the command


def test_the_page_says_what_the_library_says(long):
    done = run(long, "--samples", 50)
    assert done.exit_code == 0, done.exception
    ratings = read_ratings(long, item="item", annotator="annotator", label="label").ratings
    alpha = krippendorff_alpha(ratings=ratings.table(), level="nominal")
    assert f"{alpha:.3f}" in done.output
    assert "4 items, 3 annotators, 7 judgements, 1 empty cell" in done.output
    assert "by plurality: 2 of 4 items decided" in done.output
    assert "z (anger = joy)" in done.output


def test_json_holds_agreement_annotators_and_gold(long):
    found = record(long)
    ratings = read_ratings(long, item="item", annotator="annotator", label="label").ratings
    alpha = found["agreement"]["labels"]["alpha"]
    assert alpha["value"] == pytest.approx(krippendorff_alpha(ratings=ratings.table(), level="nominal"))
    assert alpha["low"] <= alpha["value"] <= alpha["high"] and alpha["items"] == 3
    assert [a["name"] for a in found["by_annotator"]] == ["a", "b", "c"]
    assert found["gold"] == {"rule": "plurality", "decided": 2, "undecided": 2, "ties": 1}
    assert found["empty"] == 1 and found["dropped"] == []


def written(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_gold_of_labels_is_written_with_soft_labels(long, tmp_path):
    out = tmp_path / "gold.csv"
    assert run(long, "--out", out, "--samples", 10).exit_code == 0
    rows = written(out)
    assert [r["item"] for r in rows] == ["x", "y", "z", "w"]
    assert [r["label"] for r in rows] == ["joy", "anger", "", ""]
    assert [r["tied"] for r in rows] == ["", "", "anger|joy", ""]
    assert [r["judgements"] for r in rows] == ["3", "2", "2", "0"]
    ratings = read_ratings(long, item="item", annotator="annotator", label="label").ratings
    for row, soft in zip(rows, soft_label(ratings).values, strict=True):
        assert [float(row[label] or "nan") for label in ("anger", "joy")] == pytest.approx(soft, abs=1e-5, nan_ok=True)
    assert not (tmp_path / "gold.csv.part").exists()


def test_gold_of_the_model_is_its_posterior(tmp_path):
    out = tmp_path / "gold.csv"
    found = record(DATA / "votes.csv", "--rule", "dawid-skene", "--out", out)
    ratings = read_ratings(DATA / "votes.csv", item="item", annotator="annotator", label="label").ratings
    model = dawid_skene(ratings)
    assert found["gold"]["converged"] and found["gold"]["iterations"] == model.iterations
    accuracy = [a["accuracy"] for a in found["by_annotator"]]
    assert accuracy == pytest.approx(model.accuracy.tolist())
    for row, soft in zip(written(out), model.posterior, strict=True):
        assert float(row["joy"]) == pytest.approx(soft[ratings.space.labels.index("joy")], abs=1e-5)


def test_numbers_in_columns(wide, tmp_path):
    out = tmp_path / "gold.csv"
    found = record(wide, "--item", "text", "--columns", "a, b, c", "--ordinal", "--rule", "ewe", "--out", out)
    ratings = read_ratings(wide, item="text", columns=["a", "b", "c"], scale="numbers").ratings
    expected = krippendorff_alpha(ratings=ratings.table(), level="ordinal")
    assert found["agreement"]["rating"]["alpha"]["value"] == pytest.approx(expected)
    rows = written(out)
    assert [float(r["rating"]) for r in rows] == pytest.approx(ewe(ratings).values[:, 0].tolist(), abs=1e-4)
    assert [float(r["rating_sd"]) for r in rows] == pytest.approx(ratings.spread()[:, 0].tolist(), abs=1e-5)


def test_filters_say_what_they_leave_out():
    found = record(DATA / "votes.csv", "--drop-annotators", 0.4, "--drop-items", 0.71)
    assert [d["name"] for d in found["dropped"] if d["kind"] == "annotator"] == ["a6"]
    items = [d for d in found["dropped"] if d["kind"] == "item"]
    assert len(items) + found["items"] == 80 and all(d["value"] < 0.71 for d in items)
    before = record(DATA / "votes.csv")["agreement"]["labels"]["alpha"]["value"]
    assert found["agreement"]["labels"]["alpha"]["value"] > before + 0.2
    page = run(DATA / "votes.csv", "--drop-annotators", 0.4, "--drop-items", 0.71, "--samples", 10).output
    assert "left out annotator a6: agreement with the others" in page and "more items; --json lists all" in page


def test_the_example_data_are_what_the_page_says():
    found = {a["name"]: a for a in record(DATA / "votes.csv")["by_annotator"]}
    assert min(found, key=lambda name: found[name]["agreement"]) == "a6"
    assert max(found, key=lambda name: found[name]["bias"]["anger"]) == "a4"
    numbers = record(DATA / "valence.csv", "--item", "item", "--columns", "a1,a2,a3,a4,a5,a6", "--interval")
    bias = {a["name"]: a["bias"]["rating"] for a in numbers["by_annotator"] if a["name"] != "a6"}
    assert max(bias, key=bias.__getitem__) == "a5"


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ((), InputError, "nothing to read"),
        (("{long}", "--corpus", "emobank"), InputError, "not both"),
        (("{long}", "--label", "lable"), UnknownNameError, "'label'"),
        (("{long}", "--space", "ekmann"), UnknownNameError, "ekman"),
        (("{long}", "--columns", "annotator", "--label", "label"), InputError, "two ways"),
        (("{long}", "--interval"), InputError, "not a number"),
        (("{long}", "--drop-items", "7"), InputError, "up to 1"),
        (("{long}", "--drop-annotators", "1"), InputError, "No judgement is left"),
        (("{wide}", "--columns", "a,b", "--interval", "--rule", "majority"), InputError, "no labels to count"),
        (("{wide}", "--columns", "a,b", "--ratio", "--rule", "dawid-skene"), InputError, "one label"),
        (("{long}", "--out", "{long}"), InputError, "The output is the input"),
        (("{long}", "--out", "/nowhere/gold.csv"), OutputError, "no such folder"),
        (("--corpus", "emobnk"), UnknownNameError, "emobank"),
    ],
)
def test_bad_calls_name_the_remedy(long, wide, arguments, kind, says):
    done = run(*(a.format(long=long, wide=wide) for a in arguments))
    assert isinstance(done.exception, kind), done.exception
    assert says in str(done.exception)


@pytest.mark.data
def test_a_corpus_with_two_perspectives():
    found = record("--corpus", "emobank")
    assert found["perspectives"] == ["writer", "reader"] or set(found["perspectives"]) == {"writer", "reader"}
    valence = found["perspectives_compared"]["valence"]
    assert valence["items"] > 10_000 and 0.6 < valence["pcc"]["value"] < 0.7
    assert found["by_annotator"] == []
    one = record("--corpus", "emobank", "--perspective", "reader")
    assert one["perspectives_compared"] is None and one["judgements"] < found["judgements"]
