"""The examples run as they stand, and the example data are what the documentation says they are."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def run(name: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def voices() -> list[dict[str, str]]:
    with (EXAMPLES / "data" / "voices.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_voices_are_varied_and_in_order(voices: list[dict[str, str]]) -> None:
    assert 190 <= len(voices) <= 220
    assert list(voices[0]) == ["id", "time", "channel", "speaker", "text"]
    assert len({row["id"] for row in voices}) == len(voices)
    times = [datetime.fromisoformat(row["time"]) for row in voices]
    assert times == sorted(times)
    assert (times[-1] - times[0]).days > 50
    channels = Counter(row["channel"] for row in voices)
    assert set(channels) == {"review", "chat", "post", "letter", "journal", "email", "survey"}
    texts = [row["text"] for row in voices]
    assert any(not text for text in texts) and any(text and not text.strip() for text in texts)
    assert any(text.isupper() and len(text) > 30 for text in texts)
    assert any(not any(c.isalnum() for c in text) for text in texts if text.strip())
    assert {"hangul", "devanagari"} <= {script(text) for text in texts}
    assert max(map(len, texts)) > 900


def script(text: str) -> str:
    if any("\uac00" <= c <= "\ud7a3" for c in text):
        return "hangul"
    return "devanagari" if any("\u0900" <= c <= "\u097f" for c in text) else "other"


def test_read_texts(tmp_path: Path) -> None:
    out = run("read_texts.py", tmp_path)
    assert out.count("confidence:") + out.count("no answer:") == 6
    assert out.count("valence:") >= 2, "two of three English texts at the least are read"
    assert re.search(r"language:\s+de", out), "German is read by the model for other languages"
    assert out.rstrip().endswith("no answer: empty")


def test_weekly_trend_sees_the_update_go_wrong(tmp_path: Path) -> None:
    lines = run("weekly_trend.py", tmp_path).splitlines()
    means = {line[:12]: float(line.split()[3]) for line in lines if line.startswith("2026 week")}
    assert len(means) == 8
    assert min(means, key=means.__getitem__) == "2026 week 12"
    assert "got no answer" in lines[-1]


def test_long_letter_is_read_to_its_end(tmp_path: Path) -> None:
    lines = run("long_letter.py", tmp_path).splitlines()
    starts = [int(line.split()[0]) for line in lines[2:]]
    assert len(starts) >= 3 and starts == sorted(starts)
    letter = (EXAMPLES / "data" / "letter.txt").read_text(encoding="utf-8")
    assert starts[0] == 0 and starts[-1] > len(letter) / 2


def test_show_evidence(tmp_path: Path) -> None:
    out = run("show_evidence.py", tmp_path)
    assert out.count(" for ") >= 6
    assert "'grateful'" in out


def test_write_report(tmp_path: Path, voices: list[dict[str, str]]) -> None:
    out = run("write_report.py", tmp_path, str(tmp_path))
    rows = [json.loads(line) for line in (tmp_path / "voices.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == [row["id"] for row in voices]
    assert [row["time"] for row in rows] == [row["time"] for row in voices]
    assert (tmp_path / "voices.html").read_text("utf-8").lstrip().lower().startswith("<!doctype html>")
    assert f"{len(voices)} rows" in out


def test_every_example_is_tested() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [p.name for p in SCRIPTS if f'"{p.name}"' not in tested] == []
