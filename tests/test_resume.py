"""A run that is killed and started again ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import TinyRecogniser

from affekt.analysis import Analyzer, analyze, open_input
from affekt.core.errors import InputError, OutputError
from affekt.report.exports.spool import Spool
from affekt.writing import Progress, write

SENTENCES = (
    "I am so happy that this finally works, thank you!",
    "This is the worst thing that anyone has ever said to me.",
    "I don't know what to think about the whole thing, honestly.",
    "",
    "Was für ein wunderschöner Morgen, ich bin so froh!",
    "What? You did that without asking me first?",
    "I miss her every single day.",
    "nan",
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    lines = ["text,n"]
    for i in range(5500):
        text = SENTENCES[i % len(SENTENCES)]
        lines.append(f'"{text}",{i}' if i % 500 else f'"{text} {"very " * 40}sad",{i},ragged')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class _Stop(Exception):
    pass


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_run_goes_on_from_its_last_whole_block(table: Path, tmp_path: Path, blocks: int) -> None:
    expected = tmp_path / "expected.jsonl"
    whole = analyze(table, model=TinyRecogniser(), out=expected)
    out = tmp_path / "out.jsonl"
    left = blocks

    def stop(_: Progress) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise _Stop

    with pytest.raises(_Stop):
        write(open_input(table), out, Analyzer(model=TinyRecogniser()), progress=stop)
    part = tmp_path / "out.jsonl.part"
    kept = part.read_bytes()
    assert expected.read_bytes().startswith(kept)
    assert not out.exists()
    # What a kill in the middle of a write leaves: half a line, and half a journal beside the whole one.
    part.write_bytes(kept + b'{"id": "99", "te')
    (tmp_path / "out.jsonl.part.json.new").write_bytes(b'{"run"')
    tiny = TinyRecogniser()
    done = analyze(table, model=tiny, out=out)
    assert out.read_bytes() == expected.read_bytes()
    assert done.resumed == kept.count(b"\n")
    assert done.rows == 5500
    assert sum(tiny.sizes) <= 5500 - done.resumed
    assert (done.abstained, done.bad, done.places) == (whole.abstained, whole.bad, whole.places)
    assert not list(tmp_path.glob("out.jsonl.part*"))


def interrupted(table: Path, out: Path) -> None:
    def stop(_: Progress) -> None:
        raise _Stop

    with pytest.raises(_Stop):
        write(open_input(table), out, Analyzer(model=TinyRecogniser()), progress=stop)


def test_another_input_or_other_options_are_refused(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    interrupted(table, out)
    with pytest.raises(InputError, match=r"another space left 512 rows.*--restart"):
        analyze(table, model=TinyRecogniser(), out=out, space="plutchik")
    table.write_text(table.read_text(encoding="utf-8") + "one more,5501\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"another input left 512 rows"):
        analyze(table, model=TinyRecogniser(), out=out)
    assert analyze(table, model=TinyRecogniser(), out=out, restart=True).rows == 5501


def test_a_finished_run_whose_export_broke_only_exports_again(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    (tmp_path / "out.parquet.part.out").mkdir()  # in the way of the finished file
    with pytest.raises(OutputError):
        analyze(table, model=TinyRecogniser(), out=out)
    (tmp_path / "out.parquet.part.out").rmdir()
    tiny = TinyRecogniser()
    done = analyze(table, model=tiny, out=out)
    assert tiny.sizes == []
    assert (done.rows, done.resumed) == (5500, 5500)
    assert pq.read_metadata(out).num_rows == 5500
    assert not list(tmp_path.glob("*.part*"))


def test_two_runs_do_not_write_the_same_output(tmp_path: Path) -> None:
    one = Spool(tmp_path / "out.jsonl", run={"input": "x"})
    with pytest.raises(OutputError, match="Another run is writing it"):
        Spool(tmp_path / "out.jsonl", run={"input": "x"})
    one.close()
    Spool(tmp_path / "out.jsonl", run={"input": "x"}).close()


def test_what_cannot_be_read_twice_begins_anew(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.with_name("out.jsonl.part").write_bytes(b"something\n")
    assert analyze(["I am glad", "So am I"], model=TinyRecogniser(), out=out).resumed == 0
    assert [json.loads(line)["id"] for line in out.read_text().splitlines()] == ["1", "2"]


# --- the real command, really killed ----------------------------------------------------------------------------

CLI = [sys.executable, "-c", "from affekt.cli.main import main; main()", "analyze"]


def run(*arguments: str | Path) -> None:
    subprocess.run([*CLI, *arguments, "--quiet"], check=True, capture_output=True)


@pytest.mark.slow
def test_killed_and_started_again_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    expected, out, part = tmp_path / "expected.jsonl", tmp_path / "out.jsonl", tmp_path / "out.jsonl.part"
    run(table, "--out", expected)
    size = expected.stat().st_size
    # When rows are there at all, in the middle of the second block, and towards the end.
    for share, wait in ((0.0, 0.0), (0.05, 0.3), (0.5, 0.1)):
        process = subprocess.Popen([*CLI, table, "--out", out, "--quiet"], stderr=subprocess.DEVNULL)
        began = time.monotonic()
        while not (part.exists() and part.stat().st_size >= share * size) and time.monotonic() - began < 120:
            time.sleep(0.002)
        time.sleep(wait)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not out.exists()
    kept = part.read_bytes()
    assert kept and expected.read_bytes().startswith(kept)
    run(table, "--out", out)
    assert out.read_bytes() == expected.read_bytes()
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.slow
def test_interrupted_from_the_keyboard_says_how_to_go_on(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    # A job in the background of a shell is started with the signal ignored, and its children with it.
    process = subprocess.Popen(
        [*CLI, table, "--out", out],
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    part = tmp_path / "out.jsonl.part"
    began = time.monotonic()
    while not (part.exists() and part.stat().st_size) and time.monotonic() - began < 120:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Run the same command again to go on." in said and b"Traceback" not in said
    run(table, "--out", out)
    assert out.read_bytes().count(b"\n") == 5500
