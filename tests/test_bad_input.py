"""Bad input and bad places for output, each through the real command and the bundled model."""

from __future__ import annotations

import io
import itertools
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affekt.cli.main import main

CLI = [sys.executable, "-c", "from affekt.cli.main import main; main()", "analyze"]


class Result:
    """What the command did."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out
        self.err = err.decode()
        assert "Traceback" not in self.err

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def process(*arguments: str | Path, **more: Any) -> Result:
    """The command in a process of its own, for what concerns the whole process."""
    done = subprocess.run([*CLI, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=300, **more)
    return Result(done.returncode, done.stdout, done.stderr)


Run = Callable[..., Result]


@pytest.fixture
def affekt(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """The command in this process, which spares its start."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "argv", ["affekt", "analyze", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))  # type: ignore[arg-type]
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, *capfdbinary.readouterr())

    return run


def refused(result: Result, *, code: int = 2) -> str:
    """The message of a command that must fail in one line."""
    assert result.code == code, result.err
    assert result.out == b""
    (line,) = result.err.strip().splitlines()
    return line


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- nothing, and next to nothing -------------------------------------------------------------------------------


def test_empty_file_and_empty_input(affekt: Run, tmp_path: Path) -> None:
    assert "nothing in it" in refused(affekt(file(tmp_path, "a.txt", "")))
    assert "nothing in it" in refused(affekt(file(tmp_path, "a.csv", "")))
    assert "Nothing came in" in refused(affekt("-"))
    assert "nothing to read" in refused(affekt())
    header_only = affekt(file(tmp_path, "b.csv", "text,n\n"))
    assert (header_only.code, header_only.out) == (0, b"")
    assert "There were no rows." in header_only.err


def test_empty_string_is_an_abstention(affekt: Run) -> None:
    for arguments in (["--text", ""], [""], ["   "]):
        (row,) = affekt(*arguments).rows
        assert (row["abstained"], row["scores"], row["labels"]) == ("empty", None, [])


def test_only_emoji_punctuation_or_numbers(affekt: Run) -> None:
    result = affekt("-", stdin="😂😂😂\n!!! ???\n12.50 + 3\n".encode())
    assert result.code == 0
    emoji, marks, numbers = result.rows
    assert emoji["abstained"] == "no language content" or emoji["labels"]
    assert marks["abstained"] == numbers["abstained"] == "no language content"


# --- too much ---------------------------------------------------------------------------------------------------


def test_ten_megabytes_in_one_line(tmp_path: Path) -> None:
    content = "I am so glad that you came. " * 375_000 + "\nAnd this is the next line, thank you!\n"
    began = time.monotonic()
    result = process(file(tmp_path, "a.txt", content), preexec_fn=_two_gigabytes)
    assert time.monotonic() - began < 60
    long, after = result.rows
    assert long["abstained"] == "too long: 10,500,000 characters in one line, the limit is 1,000,000"
    assert long["text"] is None and long["source"].endswith("a.txt:1")
    assert after["abstained"] is None
    assert "too long" in result.err


def _two_gigabytes() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, 2 << 30))


def test_a_long_text_below_the_limit_is_read_whole(affekt: Run) -> None:
    text = "I love this place so much. " * 300 + "And then everything went wrong and I was terribly sad. " * 300
    (row,) = affekt("-", "--whole", stdin=text.encode()).rows
    assert row["text"] == text
    windows = row["trajectory"]
    assert windows[0]["start"] == 0 and windows[-1]["end"] >= len(text.rstrip())
    assert not "".join(text[a["end"] : b["start"]] for a, b in itertools.pairwise(windows)).strip()
    assert windows[0]["scores"]["love"] > windows[-1]["scores"]["love"]


# --- not text, or not as text should be -------------------------------------------------------------------------


def test_binary_files(affekt: Run, tmp_path: Path) -> None:
    assert "a PNG image" in refused(affekt(file(tmp_path, "a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")))
    assert "binary data" in refused(affekt(file(tmp_path, "a.csv", bytes(range(256)) * 8)))
    assert "not a Parquet file" in refused(affekt(file(tmp_path, "a.parquet", b"hello")))


def test_invalid_utf8_is_kept_and_told(affekt: Run, tmp_path: Path) -> None:
    result = affekt(file(tmp_path, "a.txt", b"I love this caf\xe9 so much\nI love this cafe so much\n"))
    assert result.code == 0
    wrong, right = result.rows
    assert wrong["abstained"] == "invalid UTF-8 (bytes replaced)"
    assert wrong["text"] == "I love this caf� so much"
    assert right["labels"]
    assert "--encoding" in result.err and "a.txt:1" in result.err
    fixed = affekt(tmp_path / "a.txt", "--encoding", "cp1252").rows
    assert fixed[0]["text"] == "I love this café so much" and fixed[0]["labels"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(affekt: Run, tmp_path: Path, encoding: str) -> None:
    path = file(tmp_path, "a.csv", "text;n\nI love this café so much;1\n".encode(encoding))
    (row,) = affekt(path).rows
    assert row["text"] == "I love this café so much" and row["labels"]


def test_ragged_rows_missing_cells_and_broken_lines(affekt: Run, tmp_path: Path) -> None:
    result = affekt(file(tmp_path, "a.csv", "text,n\nI love it so much,1\nragged\nnan,3\n,4\nI hate it so much,5\n"))
    assert result.code == 0
    assert [r["abstained"] for r in result.rows] == [
        None,
        "ragged row: 1 cells, 2 expected",
        "NaN or missing",
        "empty",
        None,
    ]
    assert "3 could not be read" in result.err and "a.csv:3: ragged row" in result.err
    result = affekt(file(tmp_path, "a.jsonl", '{"text": "I love it so much"}\nnot json\n[1]\n{"text": null}\n'))
    assert [r["abstained"] for r in result.rows] == [
        None,
        "not JSON: expecting value at column 1",
        "not a JSON object",
        "NaN or missing",
    ]
    pq.write_table(pa.table({"text": ["I love it so much", None]}), tmp_path / "a.parquet")
    assert [r["abstained"] for r in affekt(tmp_path / "a.parquet").rows] == [None, "NaN or missing"]
    assert "a.csv:3" in refused(affekt(tmp_path / "a.csv", "--strict", "--quiet"))


# --- wrong names ------------------------------------------------------------------------------------------------


def test_wrong_names_name_the_nearest(affekt: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = file(tmp_path, "reviews.csv", "comment,stars\nI love it so much,5\n")
    assert "Did you mean 'comment'?" in refused(affekt(path, "--column", "coment"))
    assert "Did you mean" in refused(affekt(path, "--space", "goemotion"))
    assert "Unknown model" in refused(affekt(path, "--model", "no-such-model"), code=2)
    assert "reviews.csv" in refused(affekt(tmp_path / "review.csv"))
    assert "reviews.csv" in refused(affekt("review.csv"))
    assert "--text" in refused(affekt("word"))
    (tmp_path / "empty").mkdir()
    assert "a folder" in refused(affekt(tmp_path / "empty"))
    assert "Unknown file extension '.docx'" in refused(affekt(file(tmp_path, "a.docx", "x")))
    assert "Unknown output extension '.xls'" in refused(affekt(path, "--out", tmp_path / "o.xls"))
    assert "no such folder" in refused(affekt(path, "--out", tmp_path / "no" / "o.csv"), code=3)
    assert "The output is the input" in refused(affekt(path, "--out", path))
    assert "More than one column" in refused(affekt(file(tmp_path, "b.csv", "pro,contra\ngood,bad\n")))
    assert "occurs 2 times" in refused(affekt(file(tmp_path, "c.csv", "text,text\ngood,bad\n")))
    assert path.read_text() == "comment,stars\nI love it so much,5\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(affekt: Run, tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "x")
    path.chmod(0)
    assert "permission denied" in refused(affekt(path))


# --- no room for the output -------------------------------------------------------------------------------------


def test_disk_full_while_the_rows_are_written(affekt: Run, tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "I love it so much, thank you!\n" * 540)
    out = tmp_path / "o.jsonl"
    assert affekt(path, "--out", out).code == 0
    undisturbed = out.read_bytes()
    out.unlink()
    room = len(undisturbed) - 5000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    message = refused(process(path, "--out", out, "--quiet", preexec_fn=limit), code=3)
    assert "The disk is full" in message and "512 rows are kept" in message and "run the same command again" in message
    assert not out.exists()
    assert affekt(path, "--out", out).code == 0
    assert out.read_bytes() == undisturbed
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_disk_full_on_a_device(affekt: Run, tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "I love it so much\n")
    for arguments in (["--format", "jsonl"], ["--format", "csv"]):
        assert "The disk is full" in refused(affekt(path, "--out", "/dev/full", *arguments, "--quiet"), code=3)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*CLI, path, "--quiet"], stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 3
    assert b"The disk is full" in done.stderr and b"Traceback" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "I love it so much, thank you!\n" * 3000)
    reader = subprocess.Popen([*CLI, path, "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reader.stdout is not None and reader.stderr is not None
    assert json.loads(reader.stdout.readline())["id"] == "1"
    reader.stdout.close()
    assert reader.stderr.read() == b""
    reader.stderr.close()
    assert reader.wait(timeout=120) == 141
