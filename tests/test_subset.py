"""Conditions on tables of clips, and what is kept by them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.cli.corpora import command
from affekt.core.errors import InputError, OutputError, UnknownNameError
from affekt.corpora.subset import subset
from affekt.corpora.where import Where

CLIPS = pa.table(
    {
        "id": ["a", "b", "c", "d"],
        "source": ["one.wav", "one.wav", "two.wav", "two.wav"],
        "start": [0.0, 1.0, 0.0, 5.0],
        "end": [1.0, 4.0, 5.0, None],
        "speaker": ["speaker 1", "speaker 2", "speaker 1", None],
        "labels": pa.array([["angry"], [], ["happy", "angry"], None], pa.list_(pa.string())),
        "score.angry": [0.9, float("nan"), 0.6, 0.2],
        "measure.snr_db": [12.0, 25.0, 31.5, None],
        "good": [True, False, True, None],
        "a b": [1, 2, 3, 4],
    }
)


def kept(condition: str) -> str:
    return "".join(Where(condition, CLIPS.schema).keep(CLIPS)["id"].to_pylist())


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("measure.snr_db > 20", "bc"),
        ("snr_db>20", "bc"),
        ("snr_db <= 25 and speaker == 'speaker 1'", "a"),
        ('snr_db > 30 or label == "angry"', "ac"),
        # "and" binds closer than "or", "not" closer than both.
        ('id == "d" or id == "a" and snr_db > 20', "d"),
        ('(id == "d" or id == "a") and snr_db > 10', "a"),
        ('not id == "a" and snr_db < 30', "b"),
        ('not (id == "a" or id == "b")', "cd"),
        # A missing value meets no comparison, nor its opposite.
        ("snr_db > 0", "abc"),
        ("not snr_db > 20", "a"),
        ("snr_db is missing", "d"),
        ("angry is not missing", "acd"),
        ("angry != 0.9", "cd"),
        ('speaker != "speaker 1"', "b"),
        ('speaker in ("speaker 2", "nobody")', "b"),
        ('speaker not in ("speaker 2", "nobody")', "ac"),
        ('label != "angry"', "bd"),
        ("duration >= 3", "bc"),
        ("good == true", "ac"),
        ("`a b` in (1, 4)", "ad"),
        ("angry > -1e-3 AND angry < .7", "cd"),
    ],
)
def test_conditions_keep_the_rows_that_they_are_true_of(condition: str, rows: str) -> None:
    assert kept(condition) == rows


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", "empty"),
        ("snr_db = 3", "Write == to compare"),
        ("speaker == 1", "a text, in quotation marks"),
        ('snr_db > "x"', "with a number"),
        ("speaker == speaker", "'speaker'"),
        ('label < "a"', "== or !="),
        ("good == 1", "true or false"),
        ("snr_db >", "at its end"),
        ("(snr_db > 1", "')' is expected"),
        ("snr_db > 1 snr_db", "character 12"),
        ("snr_db in 3", "'(' is expected"),
        ('id == "a" and', "name of a column"),
        ("1 == snr_db", "name of a column"),
        ("id == 'a", "cannot be read"),
        ("(" * 80 + "snr_db > 1", "deeper than 50"),
    ],
)
def test_conditions_that_are_wrong_say_where(condition: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        Where(condition, CLIPS.schema)


@pytest.mark.parametrize(
    ("condition", "near"),
    [("snr > 20", "snr_db"), ("speakr == 'x'", "speaker"), ("__import__('os') == 1", "Known")],
)
def test_names_that_are_none_lead_to_the_nearest(condition: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=near):
        Where(condition, CLIPS.schema)


def test_a_short_name_that_two_columns_have_is_refused() -> None:
    table = pa.table({"score.calm": [1.0], "measure.calm": [2.0]})
    with pytest.raises(InputError, match=r"score\.calm or measure\.calm"):
        Where("calm > 1", table.schema)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_written_ends_in_rows_or_in_an_error_of_ours(condition: str) -> None:
    try:
        found = Where(condition, CLIPS.schema).keep(CLIPS)
    except InputError:
        return
    assert len(found) <= len(CLIPS)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    pq.write_table(CLIPS, tmp_path / "clips.parquet", row_group_size=1)
    return tmp_path / "clips.parquet"


def test_the_part_is_written_whole_and_counted(clips: Path) -> None:
    for name in ("part.parquet", "part.csv", "part.jsonl"):
        whole, part = subset(clips, where="snr_db > 20", out=clips.parent / name)
    assert (whole.rows, part.rows) == (4, 2)
    assert (whole.seconds, part.seconds) == (9.0, 8.0)
    assert whole.labels == {"angry": 2, "happy": 1, "(none)": 2}
    assert part.labels == {"angry": 1, "happy": 1, "(none)": 1}
    assert part.speakers == {("one.wav", "speaker 2"): 1, ("two.wav", "speaker 1"): 1}
    assert str(pq.read_table(clips.parent / "part.parquet").to_pylist()) == str(CLIPS.slice(1, 2).to_pylist())
    with (clips.parent / "part.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(r["id"], r["labels"], r["measure.snr_db"]) for r in rows] == [
        ("b", "", "25.0"),
        ("c", "happy;angry", "31.5"),
    ]
    lines = (clips.parent / "part.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["b", "c"]
    assert not list(clips.parent.glob("*.part"))


def test_what_cannot_be_read_or_written_is_said(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        subset(tmp_path / "none.parquet", where="snr_db > 1")
    (tmp_path / "text.parquet").write_text("id,text\n")
    with pytest.raises(InputError, match="no Parquet file"):
        subset(tmp_path / "text.parquet", where="snr_db > 1")
    with pytest.raises(InputError, match="output is the input"):
        subset(clips, where="snr_db > 1", out=clips)
    with pytest.raises(UnknownNameError, match="parquet"):
        subset(clips, where="snr_db > 1", out=tmp_path / "part.parqet")
    with pytest.raises(OutputError, match="cannot be written"):
        subset(clips, where="snr_db > 1", out=tmp_path / "nowhere" / "part.csv")
    damaged = tmp_path / "damaged.parquet"
    content = bytearray(clips.read_bytes())
    content[4:40] = bytes(36)
    damaged.write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        subset(damaged, where="id is not missing", out=tmp_path / "part.csv")
    assert not (tmp_path / "part.csv").exists()


def test_the_command_names_emotions_and_speakers(clips: Path) -> None:
    said = CliRunner().invoke(command, ["filter", str(clips), "--where", "snr_db > 20"]).output
    assert "2 of 4 rows, 0:08 of 0:09, from 2 of 2 recordings" in said
    assert "happy   1 (50.0%)" in said
    assert "speaker 2 in one.wav: 1 (50.0%)" in said
    told = CliRunner().invoke(command, ["filter", str(clips), "--where", "snr_db > 20", "--json"]).output
    assert json.loads(told)["kept"]["speakers"][0] == {"recording": "one.wav", "speaker": "speaker 2", "rows": 1}
