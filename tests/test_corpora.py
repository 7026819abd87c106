"""Readers of corpora: small ones in the authors' layout, broken ones, and the real ones where they are here."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter

import numpy as np
import pytest
from bench_helpers import write_emobank, write_goemotions, write_xed
from click.testing import CliRunner
from msgspec.structs import replace

from affekt import corpora as reading
from affekt.catalog.corpora import corpora, corpus, variants
from affekt.catalog.load import names
from affekt.catalog.spaces import space
from affekt.cli.corpora import command
from affekt.core.errors import DataError, UnknownNameError
from affekt.corpora.check import check, readings
from affekt.corpora.gold import GoldReader
from affekt.corpora.read import split_of

HAS_DATA = bool(os.environ.get("AFFEKT_DATA"))
needs_data = pytest.mark.skipif(not HAS_DATA, reason="AFFEKT_DATA is not set")


@pytest.fixture
def goemotions(tmp_path):
    return write_goemotions(
        tmp_path,
        {
            "train": ["thank you so much\t15\tt0", "ok\t27\tt1", "wow… great\t0,26\tt2"],
            "dev": ["thank you so much\t15\td0"],
            "test": ["I am, like, sad\t25\te0", "  two  spaces \t9,25\te1"],
        },
    )


# --- the entries


EVERY = tuple(v for name in corpora() for v in (name, *variants(name)))


@pytest.mark.parametrize("name", EVERY)
def test_entries_fit_together(name):
    entry = corpus(name)
    assert entry.id == name
    assert entry.licence
    assert entry.commercial_note
    assert entry.citation.url.startswith("https://")
    for part in entry.parts:
        GoldReader(replace(part, label_file=""))  # names of labels and dimensions are those of the space
        gold = space(part.space) if part.space else None
        assert not part.label_ids or set(part.label_ids) == set(gold.labels)
        assert part.languages or part.columns.picture  # a face speaks no language
        assert all(re.fullmatch("[a-z]{2,3}", code) for code in part.languages)
        assert all("{" not in f.path for f in (*part.files, *part.ratings))
        assert len(part.splits) > 1 or not part.hash_split
    if entry.matrix:
        assert {s: f.rows for s, f in entry.splits.items()} == {
            s: sum(p.splits[s].rows for p in entry.parts if s in p.splits) for s in entry.splits
        }
    assert all(f.split in ("", *entry.splits) for f in entry.files)
    assert all(facts.rows > 0 for facts in entry.splits.values()) or not entry.verified
    assert set(entry.works) <= set(names("works"))


# --- GoEmotions' layout


def test_label_numbers_become_labels_in_the_order_of_the_space(goemotions):
    rows = list(reading.read("goemotions", split="train", data=goemotions))
    assert [(clip.id, clip.text, gold.labels) for clip, gold in rows] == [
        ("t0", "thank you so much", ("gratitude",)),
        ("t1", "ok", ("neutral",)),
        ("t2", "wow… great", ("admiration", "surprise")),
    ]
    assert rows[2][0].source == "goemotions/original/train.tsv:3"
    assert rows[0][0].language == "en"


def test_texts_are_kept_as_they_are(goemotions):
    texts = [clip.text for clip, _ in reading.read("goemotions", split="test", data=goemotions)]
    assert texts == ["I am, like, sad", "  two  spaces "]


def test_rows_are_streamed(goemotions):
    file = goemotions / "goemotions" / "original" / "train.tsv"
    file.write_text("fine\t27\ta\nbroken\n", encoding="utf-8")
    rows = reading.read("goemotions", split="train", data=goemotions)
    assert next(rows)[0].text == "fine"
    with pytest.raises(DataError):
        next(rows)


def test_texts_in_two_splits_are_counted_from_both_sides(goemotions):
    found = reading.overlap("goemotions", data=goemotions)
    assert found["dev", "train"] == 1
    assert found["train", "dev"] == 1
    assert found["test", "train"] == 0


def test_checksums_name_the_files_of_the_split_only(goemotions):
    file = goemotions / "goemotions" / "original" / "dev.tsv"
    expected = {"goemotions/original/dev.tsv": hashlib.sha256(file.read_bytes()).hexdigest()}
    assert reading.checksums("goemotions", split="dev", data=goemotions) == expected


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("only a text", "1 columns where 3 are expected"),
        ("text\t3\tid\tmore", "4 columns where 3 are expected"),
        ("text\tjoy\tid", "not a label number"),
        ("text\t\tid", "not a label number"),
        ("text\t28\tid", "28 is not in 0..27"),
        ("text\t-1\tid", "-1 is not in 0..27"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line_and_its_text_is_not_shown(tmp_path, row, message):
    write_goemotions(tmp_path, {"dev": ["fine\t3\ta", row]})
    with pytest.raises(DataError, match=message) as caught:
        list(reading.read("goemotions", split="dev", data=tmp_path))
    assert "dev.tsv, line 2" in str(caught.value)
    assert "only a text" not in str(caught.value)


def test_bytes_that_are_not_utf8_are_named_by_line(goemotions):
    file = goemotions / "goemotions" / "original" / "dev.tsv"
    file.write_bytes(b"fine\t3\ta\nbad \xff\xfe\t3\tb\n")
    with pytest.raises(DataError, match=r"UTF-8.*dev\.tsv, line 2"):
        list(reading.read("goemotions", split="dev", data=goemotions))


def test_a_changed_label_order_is_refused_before_any_row_is_read(goemotions):
    file = goemotions / "goemotions" / "original" / "labels.txt"
    labels = file.read_text(encoding="utf-8").split()
    labels[3], labels[4] = labels[4], labels[3]
    file.write_text("\n".join(labels), encoding="utf-8")
    with pytest.raises(DataError, match="at number 3"):
        next(reading.read("goemotions", split="dev", data=goemotions))


# --- what is not there


def test_no_data_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("AFFEKT_DATA", raising=False)
    with pytest.raises(DataError, match="Set AFFEKT_DATA"):
        list(reading.read("goemotions", split="dev"))
    monkeypatch.setenv("AFFEKT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"does not exist.*nowhere.*Correct AFFEKT_DATA"):
        list(reading.read("goemotions", split="dev"))


def test_a_missing_corpus_says_where_to_get_it(tmp_path):
    with pytest.raises(DataError, match=r"no EmoBank.*emobank.*JULIELab"):
        list(reading.read("emobank", split="dev", data=tmp_path))


def test_a_missing_file_is_named(goemotions):
    (goemotions / "goemotions" / "original" / "test.tsv").unlink()
    with pytest.raises(DataError, match=r"missing.*original/test\.tsv"):
        list(reading.read("goemotions", split="test", data=goemotions))


def test_the_folder_of_the_corpus_itself_may_be_named(goemotions):
    assert len(list(reading.read("goemotions", split="train", data=goemotions / "goemotions"))) == 3


def test_the_environment_names_the_folder(monkeypatch, goemotions):
    monkeypatch.setenv("AFFEKT_DATA", str(goemotions))
    assert len(list(reading.read("goemotions", split="dev"))) == 1


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(UnknownNameError, match="goemotions"):
        reading.read("go-emotions", split="dev")
    with pytest.raises(UnknownNameError, match="'test'"):
        reading.read("goemotions", split="tests")


# --- EmoBank's layout


def test_dimensions_are_read_by_column_name(tmp_path):
    write_emobank(tmp_path, 9)
    rows = list(reading.read("emobank", split="dev", data=tmp_path))
    assert [clip.id for clip, _ in rows] == ["s_1", "s_4", "s_7"]
    clip, gold = rows[0]
    assert clip.text == 'thanks, she said "1"'
    assert gold.dimensions == pytest.approx({"valence": 3.74, "arousal": 3.18, "dominance": 3.18})
    assert list(gold.dimensions) == ["valence", "arousal", "dominance"]
    assert gold.labels == ()


def test_a_quoted_text_may_run_over_lines_and_errors_still_name_the_right_one(tmp_path):
    write_emobank(tmp_path, 3, extra='x1,dev,3,3,3,"two\nlines"\nx2,dev,3,3\n')
    rows = reading.read("emobank", split="dev", data=tmp_path)
    assert [next(rows)[0].text for _ in range(2)][1] == "two\nlines"
    with pytest.raises(DataError, match=r"4 cells where the header has 6.*line 7"):
        next(rows)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("x,dev,5.2,3,3,hm\n", r"valence rating 5\.2 is outside 1 to 5"),
        ("x,dev,3,high,3,hm\n", "arousal rating is not a number"),
        ("x,dev,3,nan,3,hm\n", "arousal rating nan is outside"),
        ("x,validation,3,3,3,hm\n", "none of train, dev, test"),
        ('x,dev,3,3,3,"never closed\n', "Not valid CSV"),
    ],
)
def test_malformed_cells_are_named_by_line(tmp_path, extra, message):
    write_emobank(tmp_path, 3, extra=extra)
    with pytest.raises(DataError, match=message) as caught:
        list(reading.read("emobank", split="dev", data=tmp_path))
    assert "emobank.csv, line 5" in str(caught.value)


def test_a_wrong_header_and_an_empty_file_are_named(tmp_path):
    write_emobank(tmp_path, 3, header="id,split,Valence,A,D,text")
    with pytest.raises(DataError, match=r"lacks 'V'.*Valence"):
        list(reading.read("emobank", split="dev", data=tmp_path))
    (tmp_path / "emobank" / "emobank.csv").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="empty"):
        list(reading.read("emobank", split="dev", data=tmp_path))


def test_single_ratings_keep_every_judgement(tmp_path):
    write_emobank(tmp_path, 6)
    one, both = (
        reading.ratings("emobank", perspective="reader", data=tmp_path),
        reading.ratings("emobank", data=tmp_path),
    )
    assert len(one) == 12
    assert len(both) == 24
    assert both.items == tuple(f"s_{i}" for i in range(6))
    assert both.channels == ("valence", "arousal", "dominance")
    mine = one.values[one.item == 1]
    np.testing.assert_array_equal(mine, [[4, 3, 3], [5, 3, 3]])
    with (tmp_path / "emobank" / "individual_reader_ratings.csv").open("a", encoding="utf-8") as stream:
        stream.write("s_1,1,1,1\ns_1,1,1,2\n")  # the first stands for "not rated"
    assert len(reading.ratings("emobank", perspective="reader", data=tmp_path)) == 13
    with pytest.raises(UnknownNameError, match="reader"):
        reading.ratings("emobank", perspective="readers", data=tmp_path)
    with pytest.raises(DataError, match="without single annotators"):
        reading.ratings("goemotions", data=tmp_path)


# --- XED's layout


def in_split(split: str, n: int) -> list[str]:
    rule = corpus("xed").hash_split
    return [t for t in (f"Line {i}." for i in range(400)) if split_of(t, rule) == split][:n]


def test_duplicate_lines_are_joined_and_neutral_lines_have_no_labels(tmp_path):
    a, b, c = in_split("test", 3)
    write_xed(tmp_path, [f" {a} \t5, 8", f"{b}\t1", f"{a}\t3,5"], [f"9\t{c}", f"9\t{b}\t\t\t", "\t\t\t\t"])
    rows = list(reading.read("xed", split="test", data=tmp_path))
    assert [(clip.text, set(gold.labels)) for clip, gold in rows] == [
        (a, {"disgust", "joy", "trust"}),
        (b, {"anger"}),
        (c, set()),
    ]
    assert list(reading.read("xed", split="dev", data=tmp_path)) == []


def test_the_split_is_by_the_hash_of_the_lower_cased_line():
    rule = corpus("xed").hash_split
    for text in ("Hello.", "I don't KNOW!", "…"):
        part = int(hashlib.sha256(text.lower().encode()).hexdigest()[:8], 16) % 10
        assert split_of(text, rule) == {0: "test", 1: "dev"}.get(part, "train")
        assert split_of(text.upper(), rule) == split_of(text, rule)


def test_the_splits_do_not_share_lines_and_ids_do_not_depend_on_the_order(tmp_path):
    lines = [f"{'Oh' if i % 2 else 'oh'} {i // 2}\t{i % 8 + 1}" for i in range(200)]
    write_xed(tmp_path / "one", lines, [])
    write_xed(tmp_path / "two", lines[::-1], [])
    seen = {}
    for split in ("train", "dev", "test"):
        one = {clip.id: clip.text for clip, _ in reading.read("xed", split=split, data=tmp_path / "one")}
        assert one == {clip.id: clip.text for clip, _ in reading.read("xed", split=split, data=tmp_path / "two")}
        for text in one.values():
            assert seen.setdefault(text.lower(), split) == split
    assert sum(reading.overlap("xed", data=tmp_path / "one").values()) == 0


# --- the command


def test_the_command_lists_shows_and_checks(goemotions):
    run = CliRunner().invoke
    listed = json.loads(run(command, ["list", "--json", "--data", str(goemotions)]).stdout)
    assert {row["id"]: row["here"] for row in listed} == {
        name: name == "goemotions" or corpus(name).layout == "generated" for name in corpora()
    }
    shown = run(command, ["show", "goemotions"])
    assert "Apache-2.0" in shown.stdout
    assert "Known defects" in shown.stdout
    assert json.loads(run(command, ["show", "xed", "--json"]).stdout)["splits"]["test"]["rows"] == 2711
    checked = run(command, ["check", "goemotions", "--data", str(goemotions)])
    assert checked.exit_code == 5
    assert "train has 3 rows where the entry states 43,410" in checked.stdout
    assert "1 rows of dev stand word for word in train too" in checked.stdout


# --- the real ones


@pytest.mark.data
@needs_data
@pytest.mark.parametrize("name", readings())
def test_each_corpus_here_has_the_sizes_that_its_entry_states_and_unique_ids(name):
    found = check(name)
    assert found.state in ("well", "not at hand"), found.problems


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "dev_in_train", "test_in_train", "test_in_dev"),
    [("goemotions", 43, 37, 13), ("emobank", 25, 18, 6), ("xed", 0, 0, 0)],
)
def test_texts_on_both_sides_of_the_split_are_as_stated(name, dev_in_train, test_in_train, test_in_dev):
    found = reading.overlap(name)
    assert (found["dev", "train"], found["test", "train"], found["test", "dev"]) == (
        dev_in_train,
        test_in_train,
        test_in_dev,
    )
    stated = " ".join(corpus(name).defects)
    assert all(f"{n} " in stated for n in (dev_in_train, test_in_train, test_in_dev) if n)


@pytest.mark.data
@needs_data
def test_goemotions_labels_are_as_counted():
    counts = Counter(label for _, gold in reading.read("goemotions", split="test") for label in gold.labels)
    assert (counts["neutral"], counts["grief"]) == (1787, 6)
    assert sum(counts.values()) == 6329


@pytest.mark.data
@needs_data
def test_emobank_single_ratings_average_to_the_published_gold():
    rows = reading.ratings("emobank")
    assert len(rows) == 53_055 + 53_118 - 9_939
    sums = np.zeros((len(rows.items), 4))
    np.add.at(sums, rows.item, np.column_stack([rows.values, np.ones(len(rows))]))
    means = dict(zip(rows.items, sums[:, :3] / sums[:, 3:], strict=True))
    for split in ("train", "dev", "test"):
        gold = {clip.id: list(g.dimensions.values()) for clip, g in reading.read("emobank", split=split)}
        gaps = np.abs(np.array([means[i] for i in gold]) - np.array(list(gold.values())))
        assert gaps.max() < 0.0101  # the release rounds to two digits, twice
