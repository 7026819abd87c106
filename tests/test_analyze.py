from __future__ import annotations

import contextlib
import csv
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import LABELS, TinyRecogniser

from affekt.analysis import Analyzer, Policy, analyze, open_input, stream
from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.core.row import make_row
from affekt.media.text import Columns, ReadOptions
from affekt.report.exports import format_of, jsonl
from affekt.writing import Progress, write

TEXTS = ["I am so angry about this", "What a joyful and happy surprise", "", "I was afraid of the dark"]
ANY = Policy(min_confidence=0, languages="any")


def test_a_string_is_the_text_itself() -> None:
    (only,) = analyze("I am so angry about this", model=TinyRecogniser())
    assert only.clip_id == "1"
    assert set(only.scores) == set(LABELS)
    assert only.abstained is None


def test_list_generator_mappings_clips_and_files_agree(tmp_path: Path) -> None:
    lines = tmp_path / "a.txt"
    lines.write_text("\n".join(TEXTS) + "\n")
    table = tmp_path / "a.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *([i, t] for i, t in enumerate(TEXTS, 1))])
    objects = tmp_path / "a.jsonl"
    objects.write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    tiny = TinyRecogniser()
    expected = analyze(TEXTS, model=tiny)
    assert expected[2].abstained == "empty"
    assert [p.abstained for p in expected].count(None) == 3
    for source in (
        (t for t in TEXTS),
        [{"id": i, "text": t} for i, t in enumerate(TEXTS, 1)],
        [Clip(id=str(i), text=t) for i, t in enumerate(TEXTS, 1)],
        lines,
        table,
        objects,
    ):
        assert analyze(source, model=tiny) == expected


def test_stream_takes_only_what_it_needs() -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "so angry"

    readings = stream(endless(), model=TinyRecogniser())
    assert [next(readings).clip.id for _ in range(3)] == ["1", "2", "3"]
    assert taken == 512


def test_order_is_kept_over_blocks_and_rows_that_are_not_read() -> None:
    tiny = TinyRecogniser()
    texts = [
        None if i % 7 == 0 else "Das ist aber ein wirklich schöner Tag" if i % 7 == 1 else f"text {i} of joy"
        for i in range(6000)
    ]
    got = analyze(texts, model=tiny)
    assert [p.clip_id for p in got] == [str(i) for i in range(1, 6001)]
    assert {p.abstained for p in got[::7]} == {"NaN or missing"}
    assert all((p.abstained or "").startswith("language not covered by the model: de") for p in got[1::7])
    assert sum(tiny.sizes) == sum(i % 7 > 1 for i in range(6000))
    assert max(tiny.sizes) <= 4096


def test_policy() -> None:
    tiny = TinyRecogniser()
    low = analyze("Hmm, why not try", model=tiny, policy=Policy(min_confidence=0.9))[0]
    assert low.abstained == "low confidence: 0.062, the policy asks for 0.900"
    assert low.labels == () and low.scores
    assert analyze("Hooray, a good idea", model=tiny)[0].abstained is None
    assert analyze("Why try", model=tiny, policy=Policy(min_confidence=0))[0].abstained is None
    assert (analyze("Tsk, hymns", model=tiny)[0].abstained or "").startswith("low confidence: 0.000")
    german = "Das ist aber ein wirklich schöner Tag"
    assert analyze(german, model=tiny)[0].abstained is not None
    assert analyze(german, model=tiny, policy=ANY)[0].abstained is None
    told = analyze([Clip("1", "hello there", language="de"), Clip("2", german, language="en")], model=tiny)
    assert [p.abstained for p in told] == ["language not covered by the model: de (given)", None]
    with pytest.raises(InputError, match="not between 0 and 1"):
        Policy(min_confidence=2)
    with pytest.raises(UnknownNameError, match="'card'"):
        Policy(languages="crd")  # type: ignore[arg-type]


def test_other_spaces_are_reached_over_maps() -> None:
    tiny = TinyRecogniser()
    got = analyze("What a joyful and happy surprise", model=tiny, space="plutchik", policy=ANY)[0]
    assert got.space == "plutchik"
    assert "trust" in got.scores
    with pytest.raises(UnknownNameError, match="'plutchik'"):
        analyze("x", model=tiny, space="plutchick")


def test_strict_ends_at_the_first_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,n\nfine,1\nragged\n")
    with pytest.raises(InputError, match=r"ragged row: 1 cells, 2 expected \(.*a\.csv:3\)"):
        analyze(path, model=TinyRecogniser(), strict=True)
    assert analyze(path, model=TinyRecogniser())[1].abstained == "ragged row: 1 cells, 2 expected"


# --- files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "speaker", "date"])
        for i in range(700):
            writer.writerow(
                [f"r{i}", TEXTS[i % 4] + (f" no. {i}" if i % 4 != 2 else ""), 'Ann; "Bo"', f"2020-01-{i % 28 + 1:02}"]
            )
    return path


def test_outputs_hold_the_same_rows(table: Path, tmp_path: Path) -> None:
    tiny = TinyRecogniser()
    expected = [r.row for r in stream(table, model=tiny)]
    done = analyze(table, model=tiny, out=tmp_path / "o.jsonl")
    assert (done.rows, done.abstained, done.bad) == (700, {"empty": 175}, {"empty": 175})
    assert done.places[0] == f"{table}:4: empty"
    assert list(jsonl.read(tmp_path / "o.jsonl")) == expected
    first = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    assert first == json.loads(json.dumps(asdict(expected[0])))

    analyze(table, model=tiny, out=tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))
    assert [r["id"] for r in flat] == [r.id for r in expected]
    assert float(flat[0]["score.anger"]) == (expected[0].scores or {})["anger"]
    assert flat[0]["labels"].split(";") == expected[0].labels
    assert (flat[0]["valence.low"], flat[0]["valence.high"], flat[0]["arousal.low"]) == ("1.0", "5.0", "")
    assert flat[2]["abstained"] == "empty" and flat[2]["score.anger"] == ""
    assert flat[0]["speaker"] == 'Ann; "Bo"' and flat[0]["time"] == "2020-01-01"

    analyze(table, model=tiny, out=tmp_path / "o.parquet")
    typed = pq.read_table(tmp_path / "o.parquet").to_pylist()
    assert [r["text"] for r in typed] == [r.text for r in expected]
    assert typed[0]["score.joy"] == (expected[0].scores or {})["joy"]
    assert typed[0]["labels"] == expected[0].labels
    assert typed[2]["score.joy"] is None and typed[2]["evidence"] == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "o.csv", "o.jsonl", "o.parquet"]


def test_report_holds_the_rows(table: Path, tmp_path: Path) -> None:
    analyze(table, model=TinyRecogniser(), out=tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()
    assert "<html" in page and "tiny" in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.csv", "o.html"]


def test_several_files_are_one_run(table: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.txt"
    more.write_text("one more of joy\n")
    from affekt.media.text import FileSource

    tiny = TinyRecogniser()
    seen: list[Progress] = []
    source = open_input([FileSource(table), FileSource(more)])
    done = write(source, tmp_path / "o.jsonl", Analyzer(model=tiny), progress=seen.append)
    assert done.rows == 701
    rows = list(jsonl.read(tmp_path / "o.jsonl"))
    assert rows[0].id == "r0" and rows[-1].id == f"{more}:1"
    assert [p.rows for p in seen] == [512, 701]
    assert seen[-1].fraction == 1.0


def test_output_must_be_possible_before_anything_is_read(table: Path, tmp_path: Path) -> None:
    tiny = TinyRecogniser()
    with pytest.raises(InputError, match="The output is the input"):
        analyze(table, model=tiny, out=table)
    with pytest.raises(InputError, match=r"Unknown output extension '\.xlsx'.*\.csv"):
        analyze(table, model=tiny, out=tmp_path / "o.xlsx")
    with pytest.raises(UnknownNameError, match="'parquet'"):
        format_of(Path("x"), "parket")
    assert tiny.sizes == []


def test_columns_and_encoding_options(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("wer;was;x\nZoë;I am glad;1\n".encode("cp1252"))
    options = ReadOptions(columns=Columns(speaker="wer"), encoding="cp1252")
    (reading,) = stream(path, column="was", model=TinyRecogniser(), options=options)
    assert make_row(*reading).speaker == "Zoë"


# --- on a terminal --------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_on_a_terminal_readings_are_shown_and_progress_goes_away(table: Path, tmp_path: Path) -> None:
    import os
    import pty

    def on_terminal(*arguments: str | Path) -> str:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", "from affekt.cli.main import main; main()", "analyze", *arguments],
            stdout=theirs,
            stderr=theirs,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
        )
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while chunk := os.read(ours, 65536):
                said += chunk
        os.close(ours)
        assert process.wait(timeout=60) == 0, said
        return said.decode()

    one = on_terminal("I can't thank you enough for all of this!")
    assert "gratitude" in one and "valence" in one and "{" not in one
    many = on_terminal(table)
    assert "700 readings" in many and "text from 'text'" in many and "--out FILE keeps all" in many
    assert on_terminal("Thank you!", "--json").startswith('{"id":"1"')
    written = on_terminal(table, "--out", tmp_path / "o.jsonl")
    assert "700 rows" in written and "Written: " in written


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Peak memory of a fresh process for 10,000 and for 150,000 rows."""
    program = (
        "import sys, resource; from pathlib import Path; sys.path.insert(0, sys.argv[3])\n"
        "from tiny import TinyRecogniser; from affekt.analysis import analyze\n"
        "analyze(Path(sys.argv[1]), model=TinyRecogniser(), out=Path(sys.argv[2]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    for kind in ("parquet",):
        peak = []
        for n in (10_000, 150_000):
            source = tmp_path / f"{n}.csv"
            with source.open("w") as file:
                file.write("text,n\n")
                file.writelines(f"I am so happy about number {i} of this table,{i}\n" for i in range(n))
            done = subprocess.run(
                [sys.executable, "-c", program, source, tmp_path / f"out.{kind}", Path(__file__).parent],
                capture_output=True,
                text=True,
                check=True,
            )
            peak.append(int(done.stdout))
        assert peak[1] <= 1.3 * peak[0], (kind, peak)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
def test_dimensions_other_than_vad_are_written(name, tmp_path):
    class Appraiser:
        spec = RecogniserSpec(
            id="appraiser",
            version="1",
            space="enisear-appraisals",
            spaces=("enisear-appraisals",),
            dimensions=("suddenness", "control"),
            languages=("en",),
            licence="Apache-2.0",
        )

        def predict(self, clips, *, space=None):
            given = {"suddenness": 4.25, "control": 1.5}
            return [Prediction(c.id, self.spec.space, dimensions=given, model="appraiser@1") for c in clips]

    source = open_input(["The lamp fell on my foot"])
    write(source, tmp_path / name, Analyzer(model=Appraiser(), policy=ANY))
    if name.endswith("jsonl"):
        (row,) = (json.loads(line) for line in (tmp_path / name).read_text("utf-8").splitlines())
        assert row["dimensions"] == {"suddenness": 4.25, "control": 1.5} and row["valence"] is None
        return
    if name.endswith("csv"):
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            (row,) = csv.DictReader(file)
    else:
        (row,) = pq.read_table(tmp_path / name).to_pylist()
    assert (float(row["dimension.suddenness"]), float(row["dimension.control"])) == (4.25, 1.5)
