"""What rows of several channels hold, in each format."""

from __future__ import annotations

import csv as table
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from affekt.core.channel import Channel, Conflict, FaceBox, Statement
from affekt.core.clip import Clip
from affekt.core.prediction import Evidence, Prediction
from affekt.core.row import Row, make_row
from affekt.report.exports import csv, jsonl, parquet

LABELS = ["anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"]


@pytest.fixture
def prediction() -> Prediction:
    def scores(joy: float) -> dict[str, float]:
        return {label: joy if label == "joy" else (1 - joy) / 6 for label in LABELS}

    return Prediction(
        "a",
        "ekman-neutral",
        scores=scores(0.7),
        labels=("joy",),
        evidence=(Evidence("text", "glad", 0, 4, 0.5, "joy"),),
        channels={"text": Channel(scores(0.9), 0.6), "face": Channel(scores(0.4), 0.4)},
        conflict=Conflict(0.4, ("text", "face")),
        explanation=(Statement("The word “glad” speaks for joy.", (0,)),),
    )


@pytest.fixture
def rows(prediction: Prediction) -> list[Row]:
    clip = Clip("a", "glad", person="person 1", faces=(FaceBox(0.1, 1, 2, 3, 4),))
    return [make_row(clip, prediction), make_row(Clip("b"), Prediction("b", "ekman-neutral"))]


def test_json_lines_are_read_back_as_they_were(rows, tmp_path: Path) -> None:
    jsonl.write(rows, tmp_path / "rows.jsonl")
    assert list(jsonl.read(tmp_path / "rows.jsonl")) == rows


def test_parquet_holds_them_typed(rows, tmp_path: Path) -> None:
    parquet.write(rows, tmp_path / "rows.parquet", labels=LABELS)
    first, second = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert first["person"] == "person 1"
    assert first["faces"] == [{"time": 0.1, "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}]
    channels = dict(first["channels"])
    assert list(channels) == ["text", "face"]
    assert channels["face"]["weight"] == 0.4
    assert dict(channels["face"]["scores"])["joy"] == 0.4
    assert first["conflict"] == {"score": 0.4, "between": ["text", "face"]}
    assert first["explanation"] == [{"sentence": "The word “glad” speaks for joy.", "evidence": [0]}]
    assert all(second[name] is None for name in ("person", "faces", "channels", "conflict", "explanation"))


def test_csv_holds_them_as_json_in_a_cell(rows, tmp_path: Path) -> None:
    csv.write(rows, tmp_path / "rows.csv", labels=LABELS)
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as file:
        first, second = table.DictReader(file)
    assert json.loads(first["channels"])["text"]["weight"] == 0.6
    assert json.loads(first["explanation"])[0]["evidence"] == [0]
    assert second["channels"] == second["conflict"] == second["person"] == ""


def test_channels_are_carried_to_another_space_with_the_reading(prediction: Prediction) -> None:
    carried = prediction.to("ekman")
    assert set(carried.channels["face"].scores) == set(carried.scores)
    assert "neutral" not in carried.channels["face"].scores
