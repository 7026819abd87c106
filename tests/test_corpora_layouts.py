"""Layouts, splits, contexts, votes and exports: small corpora that are nothing but a TOML file and their data."""

from __future__ import annotations

import csv
import json
import string

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from affekt.catalog.corpora import corpora, corpus, variants
from affekt.catalog.spaces import space
from affekt.cli.corpora import command
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, DataError, UnknownNameError
from affekt.corpora import checksums as reading_checksums
from affekt.corpora import ratings, read
from affekt.corpora.check import check, stats
from affekt.corpora.export import export
from affekt.corpora.splits import fold_of

HEAD = """
title = "Notes"
description = "Notes that were written for this test."
folder = "notes"
home = "https://example.org/notes"
release = "1"
languages = ["en"]
licence = "CC0-1.0"
commercial = "yes"
commercial_note = "None."

[citation]
title = "Notes"
authors = "Nobody"
year = 2026
url = "https://example.org/notes"
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write a TOML entry into a catalogue of one's own, and its files; give the data folder."""
    (tmp_path / "catalog" / "corpora").mkdir(parents=True)
    (tmp_path / "data" / "notes").mkdir(parents=True)
    monkeypatch.setenv("AFFEKT_CATALOG", str(tmp_path / "catalog"))
    monkeypatch.setenv("AFFEKT_DATA", str(tmp_path / "data"))
    count = iter(range(1000))

    def write(entry: str, **files: str) -> str:
        # A name of its own, since entries are read once.
        name = f"{tmp_path.name.replace('_', '-')}-{next(count)}"
        top, tables = entry.split("\n[", 1) if "\n[" in entry else (entry, "")
        text = top + HEAD + (f"\n[{tables}" if tables else "")
        (tmp_path / "catalog" / "corpora" / f"{name}.toml").write_text(text, encoding="utf-8")
        for path, content in files.items():
            file = tmp_path / "data" / "notes" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return name

    return write


def rows(name, split="train"):
    return list(read(name, split=split))


# --- a TOML only


SIMPLE = """
layout = "table"
space = "ekman"
gold = { labels = "feeling", separator = ";" }
columns = { id = "nr", text = "note", facts = { place = "where" } }

[[files]]
path = "notes.csv"

[splits]
train = { rows = 2 }
"""


def test_a_new_corpus_is_a_toml_only(make):
    name = make(SIMPLE, **{"notes.csv": 'nr,note,feeling,where\n1,"oh, well",sadness,home\n2,ha,joy;surprise,\n'})
    assert name in corpora()
    (first, gold), (second, both) = rows(name)
    assert (first.id, first.text, first.language, dict(first.facts)) == ("1", "oh, well", "en", {"place": "home"})
    assert gold.labels == ("sadness",)
    assert both.labels == ("joy", "surprise")
    assert second.facts == {}
    assert second.source == "notes/notes.csv:3"
    assert check(name).state == "well"
    run = CliRunner().invoke
    assert run(command, ["check", name]).stdout.startswith(f"{name}: train 2 rows, as stated")
    assert name in run(command, ["list"]).stdout
    assert "Notes" in run(command, ["show", name]).stdout


def test_an_entry_of_ones_own_stands_in_place_of_one_of_the_same_id(make, tmp_path, monkeypatch):
    name = make(SIMPLE)
    entries = tmp_path / "catalog" / "corpora"
    (entries / "kote.toml").write_text((entries / f"{name}.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert corpus("kote").title == "Notes"
    monkeypatch.delenv("AFFEKT_CATALOG")
    assert corpus("kote").title == "KOTE"
    monkeypatch.setenv("AFFEKT_CATALOG", str(tmp_path / "nowhere"))
    with pytest.raises(CatalogError, match="AFFEKT_CATALOG"):
        corpora()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (SIMPLE.replace('labels = "feeling"', 'labls = "feeling"'), "labls"),
        (SIMPLE.replace('space = "ekman"', 'space = "ekmann"'), "ekman"),
        (SIMPLE.replace("separator", 'names = { a = "angre" }, separator'), "angre.*Nearest: anger"),
        (SIMPLE.replace("[splits]", "[splits]\ndev = { rows = 1 }"), "which row is in which"),
    ],
)
def test_a_wrong_entry_is_named(make, entry, message):
    name = make(entry, **{"notes.csv": "nr,note,feeling,where\n1,a,joy,b\n"})
    with pytest.raises((CatalogError, UnknownNameError), match=message):
        rows(name)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("1,a,joi,b", "not a label of 'ekman'"),
        ("1,a,joy", "3 cells where the header has 4"),
    ],
)
def test_a_wrong_row_is_named_and_its_text_is_not(make, cells, message):
    name = make(SIMPLE, **{"notes.csv": f"nr,note,feeling,where\n1,secret,joy,b\n{cells}\n"})
    with pytest.raises(DataError, match=message) as caught:
        rows(name)
    assert "notes.csv, line 3" in str(caught.value)
    assert "secret" not in str(caught.value)


# --- states of a folder


def test_check_names_what_is_wrong(make, tmp_path):
    name = make(SIMPLE)
    assert "A file of Notes is missing" in check(name).problems[0]
    make(SIMPLE, **{"notes.csv": "nr,note,feeling,where\n1,a,joy,b\n1,c,,d\n"})
    found = check(name)
    assert found.state == "wrong"
    assert found.problems == ["1 ids stand for several rows."]
    assert found.splits["train"].unlabelled == 1
    (tmp_path / "data" / "notes" / "notes.csv").unlink()
    (tmp_path / "data" / "notes").rmdir()
    assert check(name).state == "absent"
    assert CliRunner().invoke(command, ["check", name]).exit_code == 5


def test_a_corpus_whose_layout_was_never_verified_may_be_absent(make, tmp_path):
    name = make("verified = false\n" + SIMPLE.replace("notes.csv", "x/notes.csv"))
    (tmp_path / "data" / "notes").rmdir()
    assert check(name).state == "not at hand"
    assert "unverified" in CliRunner().invoke(command, ["show", name]).stdout


def test_fewer_files_than_the_release_has(make):
    entry = SIMPLE.replace('path = "notes.csv"', 'path = "n*.csv"\ncount = 2')
    name = make(entry, **{"n1.csv": "nr,note,feeling,where\n1,a,joy,b\n"})
    with pytest.raises(DataError, match=r"1 files n\*\.csv where the release has 2"):
        rows(name)


def test_check_all_says_who_is_absent_and_ends_with_one_line(make):
    name = make(SIMPLE, **{"notes.csv": "nr,note,feeling,where\n1,a,joy,b\n2,a,,b\n"})
    result = CliRunner().invoke(command, ["check", "--all"])
    last = result.stdout.rstrip().splitlines()[-1]
    assert result.exit_code == 5
    assert f"{name}: train 2 rows, as stated" in result.stdout
    made = sum(corpus(other).layout == "generated" for other in corpora())
    assert last.startswith(f"{1 + made} of ")
    assert "goemotions" in last and "absent" in last
    assert CliRunner().invoke(command, ["check"]).exit_code == 2


# --- layouts


def test_json_turns_know_what_was_said_before(make):
    talks = [
        {
            "id": 7,
            "topic": "rain",
            "talk": [{"who": "a", "say": "oh no", "feel": "sadness"}, {"who": "b", "say": "it is", "feel": None}],
        },
        {"id": 8, "topic": "sun", "talk": [{"who": "a", "say": ["so", "warm"], "feel": "joy"}]},
    ]
    name = make(
        """
layout = "json"
space = "ekman"
json = { turns = "talk" }
gold = { labels = "feel" }
asked = { who = "a" }

[columns]
id = ["^id", "@turn"]
text = "say"
dialogue = "^id"
speaker = "who"
facts = { topic = "^topic" }

[[files]]
path = "talks.json"

[splits]
train = { rows = 2 }

[views.answers]
asked = { who = "b" }
splits = { train = { rows = 1 } }
""",
        **{"talks.json": json.dumps(talks)},
    )
    (one, gold), (two, _) = rows(name)
    assert (one.id, one.dialogue, one.turn, one.context, one.speaker) == ("7_0", "7", 0, (), "a")
    assert gold.labels == ("sadness",)
    assert (two.id, two.text, two.context, dict(two.facts)) == ("8_0", "so warm", (), {"topic": "sun"})
    ((answer, none),) = rows(f"{name}:answers")
    assert (answer.context, answer.turn, none.labels) == (("oh no",), 1, ())
    assert (one.context_speakers, answer.context_speakers) == ((), ("a",))
    assert variants(name) == (f"{name}:answers",)


def test_turns_of_a_dialogue_that_do_not_stand_together_are_refused(make):
    entry = SIMPLE.replace('id = "nr"', 'id = "nr", dialogue = "where"')
    name = make(entry, **{"notes.csv": "nr,note,feeling,where\n1,a,joy,x\n2,b,joy,y\n3,c,joy,x\n"})
    with pytest.raises(DataError, match=r"do not stand together.*line 4"):
        rows(name)


def test_blank_lines_part_stanzas_and_poems(make):
    name = make(
        """
layout = "table"
space = "ekman"
table = { delimiter = "\\t", quoted = false, header = false, blocks = true, columns = ["text", "one", "two"] }
columns = { dialogue = "@block", facts = { stanza = "@part" } }
gold = { labels = ["one", "two"], separator = " / " }
where = { one = "*" }

[[files]]
path = "poems.tsv"

[[ratings]]
path = "poems.tsv"
id = ""
annotators = ["one", "two"]
labels = "{annotator}"
where = { one = "*" }

[splits]
train = { rows = 4 }
""",
        **{
            "poems.tsv": "A title\t\t\n\nthe sea\tjoy\tjoy\nthe night\tfear\tjoy / fear\n\n"
            "and then\tjoy\tjoy\n\n\nThe other\t\t\n\nand so\tanger\tanger\n"
        },
    )
    clips = rows(name)
    assert [c.dialogue for c, _ in clips] == ["poems_0"] * 3 + ["poems_1"]
    assert [len(c.context) for c, _ in clips] == [0, 1, 2, 0]
    assert len({c.facts["stanza"] for c, _ in clips}) == 3
    assert clips[1][1].labels == ("fear", "joy")
    assert clips[1][1].intensities["joy"] == 0.5
    judged = ratings(name)
    assert judged.annotators == ("one", "two")
    assert judged.items == tuple(c.id for c, _ in clips)
    assert stats(name).alpha["anger"] == 1.0


def test_names_of_recordings_are_taken_apart(make):
    name = make(
        """
layout = "files"
space = "emodb"
code = { column = "@file", pattern = '(?P<who>\\d\\d)(?P<feel>[WF])' }
columns = { id = "@file", text = "", speaker = "who", facts = { file = "@path" } }
gold = { labels = "feel", names = { W = "anger", F = "happiness" } }

[[files]]
path = "wav/*.[fw]*"
count = 2

[splits]
train = { rows = 2 }
""",
        **{"wav/03W.wav": "", "wav/11F.flac": ""},
    )
    assert [(c.id, c.text, c.speaker, g.labels) for c, g in rows(name)] == [
        ("03W", None, "03", ("anger",)),
        ("11F", None, "11", ("happiness",)),
    ]
    make(SIMPLE, **{"wav/11F.flac": "", "wav/notes.wav": ""})
    with pytest.raises(DataError, match="where the release has 2"):
        rows(name)


def test_strengths_votes_and_what_nobody_was_asked(make):
    table = "nr,note,j,a,d\n1,x,3,0,0\n2,y,0,1,2\n3,z,1,1,0\n"
    body = """
layout = "table"
columns = { id = "nr", text = "note" }
space = "SPACE"
gold = { GOLD }

[[files]]
path = "notes.csv"

[splits]
train = { rows = 3 }
"""
    columns = 'columns = { joy = "j", anger = "a", disgust = "d" }'
    strengths = make(
        body.replace("SPACE", "brighter-intensity").replace("GOLD", columns + ', unrated = ["fear"]'),
        **{"notes.csv": table},
    )
    (_, first), (_, second), _ = rows(strengths)
    assert first.intensities == {"joy": 3.0, "anger": 0.0, "disgust": 0.0}
    assert first.labels == ("joy",)
    assert second.labels == ("anger", "disgust")
    assert first.unrated == ("fear",)
    presence = make(body.replace("SPACE", "brighter").replace("GOLD", columns + ", at_least = 2"))
    assert [g.labels for _, g in rows(presence)] == [("joy",), ("disgust",), ()]
    with pytest.raises(DataError, match="neither 0 nor 1"):
        rows(make(body.replace("SPACE", "brighter").replace("GOLD", columns)))
    votes = make(
        body.replace("SPACE", "carer").replace("GOLD", 'votes = true, columns = { joy = "j", anger = "a", fear = "d" }')
    )
    targets = [g for _, g in rows(votes)]
    assert [g.labels for g in targets] == [("joy",), ("fear",), ()]
    assert targets[1].intensities["fear"] == pytest.approx(2 / 3)
    assert sum(targets[2].intensities.values()) == pytest.approx(1)


# --- parts


def test_parts_of_a_matrix_are_read_alone_and_together(make):
    name = make(
        """
layout = "table"
space = "ekman"
columns = { id = "nr", text = "note_{name}" }
gold = { labels = "feeling" }

[[files]]
path = "{name}/train.csv"
split = "train"

[[files]]
path = "{name}/test.csv"
split = "test"

[splits]
train = { rows = 0 }

[matrix.fi]
languages = ["fi"]
splits = { train = { rows = 1 }, test = { rows = 1 } }

[matrix.sv]
languages = ["sv"]
splits = { test = { rows = 1 } }
""",
        **{
            "fi/train.csv": "nr,note_fi,feeling\n1,voi,joy\n",
            "fi/test.csv": "nr,note_fi,feeling\n2,ai,fear\n",
            "sv/test.csv": "nr,note_sv,feeling\n2,oj,anger\n",
        },
    )
    assert {s: f.rows for s, f in corpus(name).splits.items()} == {"train": 1, "test": 2}
    assert corpus(name).languages == ("fi", "sv")
    assert [(c.id, c.language) for c, _ in rows(name, "test")] == [("fi:2", "fi"), ("sv:2", "sv")]
    assert [(c.id, c.text) for c, _ in rows(f"{name}:sv", "test")] == [("2", "oj")]
    assert list(corpus(f"{name}:sv").splits) == ["test"]
    assert check(name).state == "well"
    with pytest.raises(UnknownNameError, match="'fi'"):
        corpus(f"{name}:fin")


# --- splits


@given(st.text(max_size=30), st.integers(2, 20))
def test_folds_do_not_depend_on_case_and_cover_all(text, folds):
    assert 0 <= fold_of(text, folds) < folds
    assert fold_of(text, folds) == fold_of(text.lower(), folds)


def test_a_split_by_group_keeps_groups_on_one_side(make):
    entry = SIMPLE.replace(
        "[splits]\ntrain = { rows = 2 }", "[splits]\ntrain = { rows = 9 }\ndev = { rows = 9 }\ntest = { rows = 9 }"
    )
    entry = 'hash_split = { modulo = 3, dev = [1], test = [2], by = "where" }\n' + entry
    lines = "".join(f"{i},note {i},joy,{string.ascii_letters[i % 20]}\n" for i in range(200))
    name = make(entry, **{"notes.csv": "nr,note,feeling,where\n" + lines})
    sides = {}
    for split in ("train", "dev", "test"):
        for clip, _ in rows(name, split):
            assert sides.setdefault(clip.facts["place"], split) == split
    assert len(sides) == 20
    assert set(sides.values()) == {"train", "dev", "test"}


def test_a_list_in_the_release_may_tell_the_splits(make):
    entry = SIMPLE.replace(
        "[splits]\ntrain = { rows = 2 }",
        "[splits]\ntrain = { rows = 1 }\ndev = { rows = 1, values = ['valid'] }",
    )
    entry = 'left_out = ["both"]\nsplit_list = { path = "split.csv", id = "n", split = "part", of = "nr" }\n' + entry
    name = make(
        entry,
        **{
            "notes.csv": "nr,note,feeling,where\n1,a,joy,x\n2,b,joy,x\n3,c,fear,x\n",
            "split.csv": "n,part\n1,valid\n2,train\n3,both\n",
        },
    )
    assert [[c.id for c, _ in rows(name, s)] for s in ("train", "dev")] == [["2"], ["1"]]


# --- single ratings


def test_long_tables_of_ratings_are_matched_by_text(make):
    name = make(
        """
layout = "table"
space = "brighter-intensity"
columns = { id = "nr", text = "note" }
gold = { mean = true }

[[files]]
path = "notes.csv"

[[ratings]]
path = "votes.csv"
id = "t"
match = "text"
channel = "emotion"
annotators = ["A", "B"]
channels = { Joy = "joy", Fear = "fear", None = "" }

[splits]
train = { rows = 2 }
""",
        **{
            "notes.csv": "nr,note\n1,so  Good\n2,so bad\n",
            "votes.csv": "t,text,emotion,A,B\n9,So good ,Joy,3,2\n9,So good ,None,0,1\n9,So good ,Fear,0,\n"
            "8,so bad,Joy,,0\n8,so bad,Fear,,2\n5,other,Joy,1,1\n",
        },
    )
    judged = ratings(name)
    assert judged.items == ("1", "2", "votes.csv:5")
    assert judged.annotators == ("A", "B")
    targets = [g for _, g in rows(name)]
    assert targets[0].intensities["joy"] == 2.5
    assert targets[1].intensities["fear"] == 2.0
    assert targets[1].labels == ("fear",)


# --- exports


def test_parquet_comes_back_with_names_of_labels(make, tmp_path):
    name = make(SIMPLE, **{"notes.csv": "nr,note,feeling,where\n1,a,sadness;joy,home\n2,b,,\n"})
    assert export(name, out=tmp_path / "out") == {"train": 2}
    table = pq.read_table(tmp_path / "out" / "train.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    names = features["labels"]["feature"]["names"]
    assert names == list(space("ekman").labels)
    first = table.to_pylist()[0]
    assert [names[i] for i in first["labels"]] == ["joy", "sadness"]
    assert (first["id"], first["text"], first["fact_place"]) == ("1", "a", "home")
    assert set(features) == set(table.column_names)
    assert "CC0-1.0" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_csv_of_recordings_has_the_index_of_audformat(make, tmp_path):
    entry = SIMPLE.replace(
        'text = "note", facts = { place = "where" }', 'text = "", start = "note", facts = { file = "where" }'
    )
    name = make(entry, **{"notes.csv": 'nr,note,feeling,where\n1,"00:01:02,5",joy,a.wav\n'})
    result = CliRunner().invoke(command, ["export", name, "--to", "csv", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    with (tmp_path / "out" / "train.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert list(row)[:3] == ["file", "start", "end"]
    assert (row["file"], float(row["start"]), json.loads(row["labels"])) == ("a.wav", 62.5, ["joy"])


def test_json_lines_hold_what_was_read(make, tmp_path):
    name = make(SIMPLE, **{"notes.csv": "nr,note,feeling,where\n1,día,joy,\n"})
    export(name, out=tmp_path / "out", to="jsonl")
    (line,) = (tmp_path / "out" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "día"
    assert json.loads(line)["labels"] == ["joy"]


def test_stats_tell_lengths_and_agreement(make):
    name = make(
        SIMPLE.replace(
            "[splits]", '[[ratings]]\npath = "votes.csv"\nid = "nr"\nannotator = "by"\nlabels = "feeling"\n\n[splits]'
        ),
        **{
            "notes.csv": "nr,note,feeling,where\n1,abc,joy,\n2,abcde,fear,\n",
            "votes.csv": "nr,by,feeling\n1,x,joy\n1,y,joy\n2,x,fear\n2,y,fear;joy\n",
        },
    )
    found = stats(name)
    assert list(found.checked.splits["train"].characters) == [3, 5]
    assert (found.annotators, found.judgements, found.rated, found.each) == (2, 4, 2, (2, 2.0, 2))
    assert found.alpha["fear"] == 1.0
    assert np.isnan(found.alpha["anger"])
    printed = CliRunner().invoke(command, ["stats", name]).stdout
    assert "4 of 2 items by 2 annotators" in printed
    assert json.loads(CliRunner().invoke(command, ["stats", name, "--json"]).stdout)["alpha"]["anger"] is None


def test_a_clip_with_facts_can_stand_in_a_set():
    assert len({Clip("1", facts={"a": "b"}), Clip("1", facts={"a": "b"}), Clip("1", facts={"a": "c"})}) == 2


# --- turns within turns, pieces, and files beside


def test_json_turns_are_found_through_lists_of_lists(make):
    shows = {"shows": [{"show": "a", "scenes": [{"id": 1, "said": [{"t": "x", "f": "joy"}]}, {"id": 2}]}]}
    name = make(
        """
layout = "json"
space = "ekman"
json = { records = "shows", turns = "scenes.*.said" }
gold = { labels = "f" }
columns = { id = ["@key", "^id", "@turn"], text = "t" }
files = [{ path = "n.json" }]

[splits]
train = { rows = 1 }
""",
        **{"n.json": json.dumps(shows)},
    )
    ((clip, gold),) = rows(name)
    assert (clip.id, clip.text, gold.labels) == ("1_1_0", "x", ("joy",))
    make("", **{"n.json": json.dumps({"shows": [{"scenes": {"id": 1}}]})})
    with pytest.raises(DataError, match="no list at 'scenes"):
        rows(name)


def test_pieces_of_a_text_and_values_of_an_object_are_turns(make):
    poems = "".join(json.dumps(p) + "\n" for p in [{"poem": "a|b", "by": "x", "f": {"line1": "joy", "line2": "fear"}}])
    name = make(
        """
layout = "json"
space = "ekman"
json = { lines = true, turns = "poem", between = "|" }
gold = { labels = "^f.line{nr}" }
columns = { text = ".", speaker = "^by", dialogue = "@line" }
files = [{ path = "n.jsonl" }]

[splits]
train = { rows = 2 }
""",
        **{"n.jsonl": poems},
    )
    (first, joy), (second, fear) = rows(name)
    assert (first.text, joy.labels, second.text, fear.labels) == ("a", ("joy",), "b", ("fear",))
    assert second.context == ("a",)
    name = make(
        """
layout = "json"
space = "sentiment"
json = { lines = true, turns = "event" }
gold = { labels = "@turn" }
columns = { text = ".", context = "^scene" }
files = [{ path = "n.jsonl" }]

[splits]
train = { rows = 2 }
""",
        **{"n.jsonl": json.dumps({"scene": "s", "event": {"positive": "up", "negative": "down"}}) + "\n"},
    )
    assert [(c.text, c.context, g.labels) for c, g in rows(name)] == [
        ("up", ("s",), ("positive",)),
        ("down", ("s",), ("negative",)),
    ]


def test_turns_before_in_columns_have_their_speakers_in_columns(make, tmp_path):
    entry = """
layout = "table"
space = "sentiment"
gold = { labels = "feeling" }
columns = { text = "third", speaker = "who", context = ["first", "second"], context_speakers = ["who", "whom"] }
files = [{ path = "t.csv" }]

[splits]
train = { rows = 3 }
"""
    lines = (
        "first,second,third,who,whom,feeling\nhi,hello,bye,Ann,Ben,positive\n"
        ",hello,yes,Ann,Ben,neutral\nhi,hello,no,,,negative\n"
    )
    name = make(entry, **{"t.csv": lines})
    assert [(c.context, c.context_speakers) for c, _ in rows(name)] == [
        (("hi", "hello"), ("Ann", "Ben")),
        (("hello",), ("Ben",)),
        (("hi", "hello"), ()),
    ]
    export(name, out=tmp_path / "out", to="parquet")
    table = pq.read_table(tmp_path / "out" / "train.parquet")
    assert table["context_speakers"].to_pylist() == [["Ann", "Ben"], ["Ben"], []]
    with pytest.raises(CatalogError, match="context has 2 columns and context_speakers 1"):
        rows(make(entry.replace('["who", "whom"]', '"who"'), **{"t.csv": lines}))
    with pytest.raises(ValueError, match="1 speakers for the 2 turns"):
        Clip("1", "so", context=("a", "b"), context_speakers=("Ann",))


def test_several_codes_are_taken_apart(make):
    name = make(
        """
layout = "json"
space = "ekman"
json = { turns = "pairs" }
code = [
  { column = "0", pattern = '(?P<nr>[0-9]+)_(?P<what>.+)' },
  { column = "1", pattern = '(?P<of>[0-9]+)_(?P<span>.+)' },
]
gold = { labels = "what" }
columns = { id = ["nr", "of"], text = "span" }
files = [{ path = "n.json" }]

[splits]
train = { rows = 1 }
""",
        **{"n.json": json.dumps([{"pairs": [["3_joy", "2_so nice"]]}])},
    )
    ((clip, gold),) = rows(name)
    assert (clip.id, clip.text, gold.labels) == ("3_2", "so nice", ("joy",))


BESIDE = """
layout = "table"
space = "ekman"
table = { delimiter = "", quoted = false, header = false, columns = ["text"], turns = "/" }
gold = { labels = "feeling" }
columns = { dialogue = "@line" }
files = [{ path = "t.txt", beside = { feeling = "f.txt" } }]

[splits]
train = { rows = 3 }
"""


def test_a_file_beside_holds_a_value_for_each_turn(make):
    name = make(BESIDE, **{"t.txt": "a / b /\nc /\n", "f.txt": "joy fear\nanger \n"})
    found = rows(name)
    assert [(c.text, c.context, g.labels) for c, g in found] == [
        ("a", (), ("joy",)),
        ("b", ("a",), ("fear",)),
        ("c", (), ("anger",)),
    ]
    assert [c.id for c, _ in found] == ["t.txt:1.0", "t.txt:1.1", "t.txt:2.0"]
    assert set(reading_checksums(name, split="train")) == {"notes/t.txt", "notes/f.txt"}


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ("joy\nanger\n", "2 turns have 1 values"),
        ("joy fear\n", "no such line"),
        ("joy fear\nanger\njoy\n", "goes on where the other ends"),
    ],
)
def test_a_file_beside_that_does_not_fit_is_named(make, beside, message):
    name = make(BESIDE, **{"t.txt": "a / b /\nc /\n", "f.txt": beside})
    with pytest.raises(DataError, match=message):
        rows(name)


def test_each_split_has_a_list_of_its_own(make):
    name = make(
        """
layout = "table"
space = "ekman"
gold = { labels = "feeling" }
columns = { id = "nr", text = "note" }
files = [{ path = "n.csv" }]

[split_list]
path = "split/{split}.txt"
id = "song"
of = "nr"
table = { delimiter = "", quoted = false, header = false, columns = ["song"] }

[splits]
train = { rows = 1 }
dev = { rows = 1, values = ["validation"] }
""",
        **{"n.csv": "nr,note,feeling\n1,a,joy\n2,b,fear\n", "split/train.txt": "2\n", "split/validation.txt": "1\n"},
    )
    assert [c.text for c, _ in rows(name)] == ["b"]
    assert [c.text for c, _ in rows(name, "dev")] == ["a"]


def test_a_list_of_lists_is_a_list_for_each_annotator(make):
    name = make(
        """
layout = "json"
space = "ekman"
json = { lines = true }
gold = { labels = "who", names = { joy = "joy", fear = "fear", None = "" } }
files = [{ path = "n.jsonl" }]

[splits]
train = { rows = 1 }
""",
        **{"n.jsonl": json.dumps({"text": "a", "who": [["joy"], ["joy", "fear"], ["None"], ["joy"]]}) + "\n"},
    )
    ((_, gold),) = rows(name)
    assert gold.labels == ("fear", "joy")
    assert gold.intensities["joy"] == 0.75


def test_rows_that_nobody_published_are_counted_and_an_optional_corpus_may_be_absent(make, tmp_path):
    files = {"notes.csv": "nr,note,feeling,where\n1,a,joy,b\n"}
    name = make("optional = true\n" + SIMPLE.replace("train = { rows = 2 }", "train = { rows = 0 }"), **files)
    assert check(name).state == "well"
    run = CliRunner().invoke
    assert "train of unknown size" in run(command, ["show", name]).stdout
    assert "layout" not in run(command, ["show", name]).stdout
    (tmp_path / "data" / "notes" / "notes.csv").unlink()
    (tmp_path / "data" / "notes").rmdir()
    assert check(name).state == "not at hand"
