from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.media.text import Columns, FileSource, ReadOptions, read_items


def rows(path: Path, **options: object) -> list[tuple[str, str | None, str | None]]:
    """Id, text and problem of every row."""
    read = FileSource(path, ReadOptions(**options))  # type: ignore[arg-type]
    return [(r.clip.id, r.clip.text, r.problem) for r in read]


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- lines ----------------------------------------------------------------------------------------------------


def test_a_line_is_a_row_and_blank_lines_are_kept(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "one\r\n\ntwo\n  \nlast without an end")
    assert rows(path) == [
        ("1", "one", None),
        ("2", "", "empty"),
        ("3", "two", None),
        ("4", "  ", "empty"),
        ("5", "last without an end", None),
    ]
    assert [r.clip.source for r in FileSource(path)][2] == f"{path}:3"


def test_whole_file_is_one_document(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "one\ntwo\n")
    assert rows(path, whole=True) == [("1", "one\ntwo\n", None)]
    assert rows(path, whole=True, max_characters=5)[0][1:] == (None, "too long: 8 characters, the limit is 5")


def test_a_longer_line_is_refused_whole_and_the_next_one_read(tmp_path: Path) -> None:
    path = file(tmp_path, "a.txt", "x" * 300_000 + "\nnext\n" + "y" * 10 + "\n" + "z" * 11)
    assert rows(path, max_characters=10) == [
        ("1", None, "too long: 300,000 characters in one line, the limit is 10"),
        ("2", "next", None),
        ("3", "y" * 10, None),
        ("4", None, "too long: 11 characters in one line, the limit is 10"),
    ]


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30), min_size=1))
@settings(max_examples=60)
@example(["\0"])  # looks like UTF-32 at first
def test_every_line_comes_out_as_it_went_in(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = file(tmp_path_factory.mktemp("lines"), "a.txt", "\n".join([*lines, "end"]).encode("utf-16"))
    assert [text for _, text, _ in rows(path)] == [*lines, "end"]


# --- encodings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_encodings_are_found(tmp_path: Path, encoding: str) -> None:
    content = "text,id\nhow lovely naïve ☕,7\n"
    path = file(tmp_path, "a.csv", content.encode(encoding))
    assert rows(path) == [("7", "how lovely naïve ☕", None)]


def test_wrong_bytes_are_replaced_and_told_only_where_they_are(tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", b"text,city\ncaf\xe9,Paris\nfine,Orl\xe9ans\n")
    assert rows(path) == [("1", "caf�", "invalid UTF-8 (bytes replaced)"), ("2", "fine", None)]
    assert rows(path, encoding="cp1252") == [("1", "café", None), ("2", "fine", None)]
    with pytest.raises(InputError, match="Unknown encoding"):
        FileSource(path, ReadOptions(encoding="utf-9"))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "a PNG image"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (bytes(range(256)) * 4, "binary data"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what):
        FileSource(file(tmp_path, "a.txt", content))


def test_texts_that_begin_like_a_magic_number_are_read(tmp_path: Path) -> None:
    assert rows(file(tmp_path, "a.txt", "RIFFs and solos\n")) == [("1", "RIFFs and solos", None)]


# --- tables ---------------------------------------------------------------------------------------------------


def test_ragged_missing_and_quoted_rows(tmp_path: Path) -> None:
    content = (
        "id,text,score\n"
        'a,"said ""hi"", twice\nand again",1\n'
        "b,short\n"
        "c,one,2,more\n"
        "d,trailing,3,,\n"
        "e,nan,4\n"
        "\n"
        "f,,5\n"
        "g,null,6\n"
        "h,None,7\n"
    )
    path = file(tmp_path, "a.csv", content)
    assert rows(path) == [
        ("a", 'said "hi", twice\nand again', None),
        ("b", "short", "ragged row: 2 cells, 3 expected"),
        ("c", "one", "ragged row: 4 cells, 3 expected"),
        ("d", "trailing", None),
        ("e", None, "NaN or missing"),
        ("f", "", "empty"),
        ("g", None, "NaN or missing"),
        ("h", "None", None),
    ]
    assert [r.clip.source for r in FileSource(path)][1] == f"{path}:4"


def test_one_open_quotation_mark_does_not_eat_the_rest(tmp_path: Path) -> None:
    lines = [f"row {i},{i}" for i in range(2000)]
    lines[3] = '"never closed,3'
    lines[7] = '"Well" he said,7'
    got = rows(file(tmp_path, "a.csv", "text,n\n" + "\n".join(lines)))
    assert len(got) == 2000
    assert got[3][1] == '"never closed'
    assert got[7][1] == '"Well" he said'
    assert got[1999] == ("2000", "row 1999", None)


def test_an_open_quotation_mark_is_found_within_the_limit(tmp_path: Path) -> None:
    lines = ["text,n", '"open,0', *(f"row {i},{i}" for i in range(5000))]
    assert len(rows(file(tmp_path, "a.csv", "\n".join(lines)), max_characters=100)) == 5001


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([["when", "comment"], ["1; 2", "so, so | good"], ["3", "a\tb"]])
    assert [text for _, text, _ in rows(file(tmp_path, "a.csv", buffer.getvalue()))] == ["so, so | good", "a\tb"]


def test_tsv_with_plain_quotation_marks_and_no_header(tmp_path: Path) -> None:
    path = file(tmp_path, "a.tsv", 'A "quoted" word\t27\tx1\n"Start" only\t4\tx2\n"whole cell"\t5\tx3\n')
    got = rows(path, header=False, columns=Columns(text="1", id="3"))
    assert got == [("x1", 'A "quoted" word', None), ("x2", '"Start" only', None), ("x3", "whole cell", None)]


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\r\t"), max_size=20)


@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=20))
@settings(max_examples=80)
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([("text", "other"), *table])
    got = rows(file(tmp_path_factory.mktemp("csv"), "a.csv", buffer.getvalue()))
    assert [text for _, text, _ in got] == [
        None if text.strip() in {"nan", "NaN", "NAN", "<NA>", "#N/A", "null", "NULL"} else text for text, _ in table
    ]


# --- columns --------------------------------------------------------------------------------------------------


def chosen(folder: Path, content: str, **names: str) -> dict[str, str]:
    return FileSource(file(folder, "a.csv", content), ReadOptions(columns=Columns(**names))).chosen


def test_columns_are_found_by_name_or_as_the_only_text(tmp_path: Path) -> None:
    assert chosen(tmp_path, "ID,Comment,User,Date\n1,x,y,2020\n") == {
        "text": "Comment",
        "id": "ID",
        "speaker": "User",
        "time": "Date",
    }
    assert chosen(tmp_path, "n,what they said,stars\n1,fine,5\n2,bad,1\n") == {"text": "what they said"}
    assert chosen(tmp_path, "anything\n5\n") == {"text": "anything"}
    assert chosen(tmp_path, "text,other\na,b\n", text="other")["text"] == "other"


def test_wrong_and_doubtful_columns_name_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'comment'"):
        chosen(tmp_path, "comment,stars\nx,1\n", text="coment")
    with pytest.raises(UnknownNameError, match="'speakr'"):
        chosen(tmp_path, "comment,speaker\nx,1\n", speaker="speakr")
    with pytest.raises(InputError, match=r"More than one column.*--column.*pro, contra"):
        chosen(tmp_path, "pro,contra,n\ngood,bad,1\n")
    with pytest.raises(InputError, match="No column holds text"):
        chosen(tmp_path, "a,b\n1,2\n")
    with pytest.raises(InputError, match="'text' occurs 2 times"):
        chosen(tmp_path, "text,text\nx,y\n")
    assert chosen(tmp_path, "text,n,n\nx,1,2\n") == {"text": "text"}


def test_very_many_columns(tmp_path: Path) -> None:
    names = [f"c{i}" for i in range(20_000)]
    content = ",".join([*names, "text"]) + "\n" + ",".join(["1"] * 20_000 + ["glad"]) + "\n"
    assert rows(file(tmp_path, "a.csv", content)) == [("1", "glad", None)]
    with pytest.raises(UnknownNameError) as caught:
        chosen(tmp_path, content, text="qqqqqq")
    assert len(str(caught.value)) < 400


# --- JSON Lines -----------------------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "a.jsonl",
        b'{"id": 1, "text": "fine", "speaker": "Ann"}\n'
        b'{"id": 2, "text": NaN}\n'
        b'{"id": 3}\n'
        b"\n"
        b'{"id": 4, "text": 5}\n'
        b"not json\n"
        b'["text"]\n'
        b'{"id": 7, "text": "caf\xe9"}\n'
        b'{"id": 8, "text": "ok", "city": "Orl\xe9ans"}\n'
        b'{"id": 9, "text": "\\ud83d alone"}\n'
        b'{"id": 10, "text": "cut off\n',
    )
    assert rows(path) == [
        ("1", "fine", None),
        ("2", None, "NaN or missing"),
        ("3", None, "NaN or missing"),
        ("4", None, "not a text: int"),
        ("5", None, "not JSON: expecting value at column 1"),
        ("6", None, "not a JSON object"),
        ("7", "caf�", "invalid UTF-8 (bytes replaced)"),
        ("8", "ok", None),
        ("9", "? alone", "invalid Unicode (lone surrogates replaced)"),
        ("10", None, "not JSON: unterminated string starting at column 20"),
    ]
    assert next(iter(FileSource(path))).clip.speaker == "Ann"


def test_json_lines_without_objects(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="JSON object"):
        FileSource(file(tmp_path, "a.jsonl", "hello\nworld\n"))


# --- Parquet --------------------------------------------------------------------------------------------------


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table(
        {"comment": ["fine", None, ""], "when": pa.array([0, 1, 2], pa.timestamp("s")), "x": [1.0, 2.0, 3.0]}
    )
    pq.write_table(table, path)
    source = FileSource(path, ReadOptions(columns=Columns(time="when")))
    assert source.total == 3
    read = list(source)
    assert [(r.clip.text, r.problem) for r in read] == [("fine", None), (None, "NaN or missing"), ("", "empty")]
    assert read[1].clip.time == "1970-01-01 00:00:01"
    assert source.fraction == 1.0
    pq.write_table(pa.table({"text": [float("nan"), 1.5]}), path)
    assert [problem for _, _, problem in rows(path)] == ["NaN or missing", "not a text: float"]
    with pytest.raises(InputError, match="damaged"):
        FileSource(file(tmp_path, "b.parquet", path.read_bytes()[:100]))


# --- files that are not there ---------------------------------------------------------------------------------


def test_missing_folder_unknown_and_empty(tmp_path: Path) -> None:
    file(tmp_path, "reviews.csv", "text\nx\n")
    with pytest.raises(InputError, match=r"There is no such file.*reviews\.csv"):
        FileSource(tmp_path / "review.csv")
    with pytest.raises(InputError, match="no such folder"):
        FileSource(tmp_path / "nowhere" / "a.csv")
    with pytest.raises(InputError, match="a folder, not a file"):
        FileSource(tmp_path)
    with pytest.raises(InputError, match=r"Unknown file extension '\.docx'.*--input-format"):
        FileSource(file(tmp_path, "a.docx", "x"))
    for name in ("a.txt", "a.csv", "a.jsonl", "a.parquet"):
        with pytest.raises(InputError, match="nothing in it"):
            FileSource(file(tmp_path, name, b""))
    assert rows(file(tmp_path, "b.csv", "text,n\n")) == []
    with pytest.raises(InputError, match="cannot be read: not a directory"):
        FileSource(Path("/dev/null/a.csv"))


# --- Python objects -------------------------------------------------------------------------------------------


def test_objects() -> None:
    given_clip = Clip(id="c", text="hello", speaker="Bo")
    read = list(
        read_items(["plain", None, float("nan"), given_clip, {"id": 9, "text": "mapped", "author": "Cy"}, 5, "a\ud800"])
    )
    assert [(r.clip.id, r.clip.text, r.problem) for r in read] == [
        ("1", "plain", None),
        ("2", None, "NaN or missing"),
        ("3", None, "NaN or missing"),
        ("c", "hello", None),
        ("9", "mapped", None),
        ("6", None, "not a text: int"),
        ("7", "a?", "invalid Unicode (lone surrogates replaced)"),
    ]
    assert read[3].clip is given_clip
    assert read[4].clip.speaker == "Cy"
    with pytest.raises(UnknownNameError, match="Did you mean 'text'"):
        list(read_items([{"text": "x"}], Columns(text="txt")))


def test_a_data_frame_is_refused_with_advice() -> None:
    with pytest.raises(InputError, match="one column"):
        list(read_items(pa.table({"text": ["x"]})))  # type: ignore[arg-type]


def test_generators_are_read_only_as_far_as_needed() -> None:
    taken = []

    def texts() -> object:
        for i in range(10**9):
            taken.append(i)
            yield f"text {i}"

    reads = read_items(texts())  # type: ignore[arg-type]
    assert [next(reads).clip.text for _ in range(3)] == ["text 0", "text 1", "text 2"]
    assert taken == [0, 1, 2]


def test_rows_of_our_own_output_can_be_read_again(tmp_path: Path) -> None:
    line = json.dumps({"id": "x", "text": "once more", "speaker": None, "time": "2020", "scores": {"joy": 0.5}})
    read = next(iter(FileSource(file(tmp_path, "a.jsonl", line + "\n"))))
    assert (read.clip.id, read.clip.text, read.clip.time, read.clip.speaker) == ("x", "once more", "2020", None)
    assert sys.getsizeof(read) < 200
