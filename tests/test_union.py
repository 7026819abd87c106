"""Recordings of several corpora as one table: names, files, licences, and what is wrong with them."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from sounds import voice

from affekt.cli.corpora import command
from affekt.core.errors import CatalogError, DataError, InputError
from affekt.corpora.subset import subset
from affekt.corpora.union import union

ENTRY = """
title = "{name}"
description = "Recordings that were made for this test."
layout = "files"
folder = "{name}"
home = "https://example.org/{name}"
release = "1"
space = "{space}"
languages = ["{language}"]
licence = "{licence}"
commercial = "{commercial}"
commercial_note = "None."
code = {{ column = "@file", pattern = '(?P<speaker>[a-z]+)_(?P<emotion>[a-z]+)_(?P<take>\\d)' }}
hash_split = {{ modulo = 3, dev = [1], test = [0], by = "{by}" }}
[columns]
id = "@file"
text = ""
speaker = "speaker"
facts = {{ file = "@path" }}
[gold]
labels = "emotion"
names = {{ {names} }}
[[files]]
path = "*.wav"
count = {count}
[splits]
train = {{ rows = 0 }}
dev = {{ rows = 0 }}
test = {{ rows = 0 }}
[citation]
title = "{name}"
authors = "Nobody"
year = 2026
url = "https://example.org/{name}"
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two corpora: one by speaker at 16 kHz, one by take at 8 kHz with a broken file and a copy from the first."""
    (tmp_path / "catalog" / "corpora").mkdir(parents=True)
    monkeypatch.setenv("AFFEKT_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("AFFEKT_DATA", str(tmp_path))
    first, second = (f"{tmp_path.name.replace('_', '-')}-{which}" for which in ("north", "south"))
    plan = {
        first: ("emodb", "de", "CC0-1.0", "yes", "speaker", {"anger": "anger", "boredom": "boredom"}, 16_000),
        second: ("crema-d", "en", "CC-BY-NC-4.0", "no", "take", {"anger": "anger", "sad": "sad"}, 8_000),
    }
    for name, (space, language, licence, commercial, by, emotions, rate) in plan.items():
        folder = tmp_path / name
        folder.mkdir()
        for number, (speaker, emotion, take) in enumerate(
            (s, e, t) for s in ("ann", "ben", "cleo", "dora") for e in emotions for t in (1, 2, 3)
        ):
            samples = voice(0.5, rate=rate, pitch=100 + 20 * number, seed=number)
            with wave.open(str(folder / f"{speaker}_{emotion}_{take}.wav"), "wb") as out:
                out.setparams((1, 2, rate, 0, "NONE", ""))
                out.writeframes((samples * 32767).astype("<i2"))
        names = ", ".join(f'{code} = "{label}"' for code, label in emotions.items())
        (tmp_path / "catalog" / "corpora" / f"{name}.toml").write_text(
            ENTRY.format(
                name=name, space=space, language=language, licence=licence, commercial=commercial, by=by, names=names,
                count=24,
            )
        )  # fmt: skip
    (tmp_path / second / "ben_sad_2.wav").write_bytes(b"RIFF")
    (tmp_path / second / "ann_anger_1.wav").write_bytes((tmp_path / first / "ann_anger_1.wav").read_bytes())
    return first, second


def test_one_table_with_one_set_of_names(made: tuple[str, str], tmp_path: Path) -> None:
    first, second = made
    found = union(made, out=tmp_path / "union.parquet")
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "union.parquet").to_pylist()}
    assert len(rows) == 48
    one = rows[f"{first}/ann_anger_1"]
    assert (one["label"], one["emotion"], one["language"]) == ("anger", "anger", "de")
    assert (one["rate"], one["channels"], one["duration"]) == (16_000, 1, 0.5)
    assert (one["licence"], one["commercial"]) == ("CC0-1.0", "yes")
    assert one["speaker"] == f"{first} ann"
    assert (tmp_path / one["file"]).is_file()
    other = rows[f"{second}/cleo_sad_3"]
    assert (other["label"], other["emotion"], other["rate"]) == ("sad", "sadness", 8_000)
    # Boredom has no place among Ekman's six and neutral.
    assert rows[f"{first}/ann_boredom_1"]["emotion"] is None
    assert found.unmapped == {first: ("boredom",)}
    assert found.emotions[first] == {"anger": 12, "(none)": 12}


def test_what_is_wrong_is_said_and_stays(made: tuple[str, str], tmp_path: Path) -> None:
    first, second = made
    found = union(made, out=tmp_path / "union.parquet")
    rows = {row["id"]: row for row in pq.read_table(tmp_path / "union.parquet").to_pylist()}
    assert found.problems[second] == {"cannot be read": 1}
    assert rows[f"{second}/ben_sad_2"]["problem"].startswith("cannot be read")
    assert rows[f"{second}/ben_sad_2"]["duration"] is None
    assert found.twice == [(f"{first}/ann_anger_1", f"{second}/ann_anger_1")]
    # The one is split by speaker, the other by take.
    assert {name for name, _ in found.shared} == {second}
    assert len(found.shared[second, f"{second} ann"]) > 1
    assert found.lacking[first]["text"] == 24
    _, part = subset(tmp_path / "union.parquet", where='emotion == "anger" and problem is missing and duration < 1')
    assert part.rows == 24


def test_corpora_that_cannot_be_joined(made: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        union([made[0], made[0]], out=tmp_path / "union.parquet")
    with pytest.raises(CatalogError, match="one emotion"):
        union(["goemotions"], out=tmp_path / "union.parquet")
    with pytest.raises(InputError, match="map"):
        union(made, out=tmp_path / "union.parquet", space="kote")
    with pytest.raises(DataError):
        union(made, out=tmp_path / "union.parquet", data=tmp_path / "nowhere")
    assert not list(tmp_path.glob("union.parquet*"))


def test_the_command_says_what_was_found(made: tuple[str, str], tmp_path: Path) -> None:
    first, second = made
    out = tmp_path / "union.parquet"
    said = CliRunner().invoke(command, ["union", *made, "--out", str(out)]).output
    assert f"{first}: 24 recordings, 0:12, CC0-1.0" in said
    assert f"the same file: {first}/ann_anger_1, {second}/ann_anger_1" in said
    told = json.loads(CliRunner().invoke(command, ["union", *made, "--out", str(out), "--json"]).output)
    assert told["rates"] == {"16000": 25, "8000": 22}
    assert np.isclose(told["seconds"][first], 12.0)
