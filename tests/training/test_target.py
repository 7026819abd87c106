"""Targets: mentions found, marked and hidden; places mapped back; reliance on names; the generated corpus."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from affekt.bench.reliance import reliance
from affekt.catalog.corpora import corpus
from affekt.cli.bench import command
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.corpora.check import check
from affekt.corpora.export import export
from affekt.corpora.read import checksums, read
from affekt.media.text import Columns, FileSource, ReadOptions, read_items
from affekt.models.target import CLOSE, HIDDEN, OPEN, aimed, mentions, renamed


def test_mentions_are_whole_words_of_any_case_and_parts_only_where_there_is_no_whole():
    assert mentions("Ford fords the ford.", "ford") == [(0, 4), (15, 19)]
    assert mentions("Acme  Foods rose, ACME FOODS fell", "Acme Foods") == [(0, 11), (18, 28)]
    assert mentions("삼성전자가 올랐다", "삼성전자") == [(0, 4)]
    assert mentions("C++ is fine", "C++") == [(0, 3)]
    assert mentions("nothing", " ") == [] and mentions("nothing", "x") == []


def test_targets_are_marked_hidden_or_left():
    clip = Clip("1", "Acme rose while Bolt fell; acme again", target="Acme")
    assert aimed(clip, "plain").clip == clip
    assert aimed(clip, "masked").clip.text == "[MASK] rose while Bolt fell; [MASK] again"
    assert aimed(clip, "marked").clip.text == "[TGT] Acme [/TGT] rose while Bolt fell; [TGT] acme [/TGT] again"
    absent = Clip("1", "Shares rose", target="Acme")
    assert aimed(absent, "marked").clip.text == "[TGT] Acme [/TGT] Shares rose"
    assert aimed(absent, "masked").clip.text == "Shares rose"
    without = Clip("1", "Shares rose")
    assert aimed(without, "marked").clip == without and aimed(Clip("1", None, target="x"), "masked").clip.text is None


@given(
    st.lists(st.sampled_from(["Acme", "rose", "fell,", "ACME", "and", "bolt."]), min_size=1, max_size=12),
    st.sampled_from(["marked", "masked"]),
)
def test_places_of_a_marked_text_lead_back_to_the_text_as_it_was(words, aim):
    text = " ".join(words)
    found = aimed(Clip("1", text, target="Acme"), aim)
    new = found.clip.text
    places = [found.origin(i) for i in range(len(new) + 1)]
    assert places == sorted(places) and places[0] == 0 and places[-1] == len(text)
    bare = new.replace(f"{OPEN} ", "").replace(f" {CLOSE}", "")
    if "Acme" in text or "ACME" in text:
        for i, character in enumerate(new):
            if character in "rfabd.,":  # of words that are no mention and no marker
                inside = any(new[max(0, i - 8) : i + 8].find(m) >= 0 for m in (OPEN, CLOSE, HIDDEN))
                assert inside or text[places[i]] == character
    if aim == "marked":
        assert bare.endswith(text)


def test_a_target_is_renamed_everywhere_or_not_at_all():
    clip = Clip("1", "Acme rose; they love ACME", target="Acme")
    new = renamed(clip, "Bolt")
    assert (new.text, new.target) == ("Bolt rose; they love Bolt", "Bolt")
    assert renamed(Clip("1", "They rose", target="Acme"), "Bolt") is None and renamed(Clip("1", "x"), "Bolt") is None


def test_a_column_names_the_target_and_is_never_guessed(tmp_path):
    file = tmp_path / "news.csv"
    file.write_text("text,target\nAcme rose,Acme\nBolt fell,\n", "utf-8")

    def targets(columns):
        return [read.clip.target for read in FileSource(file, ReadOptions(columns=columns))]

    assert targets(Columns(target="target")) == ["Acme", None] and targets(Columns()) == [None, None]
    rows = [{"text": "Acme rose", "about": "Acme"}]
    assert [r.clip.target for r in read_items(rows, Columns(target="about"))] == ["Acme"]
    parquet = tmp_path / "news.parquet"
    pq.write_table(pa.table({"text": ["Acme rose"], "about": ["Acme"]}), parquet)
    assert [r.clip.target for r in FileSource(parquet, ReadOptions(columns=Columns(target="about")))] == ["Acme"]


# --- the generated corpus


def test_the_generated_corpus_is_the_same_each_time_and_is_as_stated():
    found = check("entity-prior")
    assert found.state == "well", found.problems
    first, again = (list(read("entity-prior", split="dev")) for _ in range(2))
    assert first == again
    assert checksums("entity-prior", split="dev") == checksums("entity-prior", split="dev")
    assert checksums("entity-prior", split="dev").keys() == {"entity-prior/dev"}
    for clip, gold in first:
        assert mentions(clip.text, clip.target) and mentions(clip.text, clip.facts["other"])
        assert len(gold.labels) == 1


def test_reputations_hold_until_the_test_and_then_turn():
    counts = {split: Counter() for split in corpus("entity-prior").splits}
    for split, found in counts.items():
        for clip, gold in read("entity-prior", split=split):
            found[clip.target, gold.labels[0]] += 1
    names = sorted({name for name, _ in counts["train"]})
    reputation = {n: max(("positive", "negative"), key=lambda label: counts["train"][n, label]) for n in names}
    assert len(names) == 20 and Counter(reputation.values()) == {"positive": 10, "negative": 10}
    for split, found in counts.items():
        spoken = sum(found[n, label] for n in names for label in ("positive", "negative"))
        follows = sum(found[n, reputation[n]] for n in names) / spoken
        stated = corpus("entity-prior").generated.follow[split]
        assert follows == pytest.approx(stated, abs=4 * np.sqrt(0.09 / spoken))


def test_the_target_of_a_row_is_exported(tmp_path):
    export("entity-prior", out=tmp_path, to="jsonl")
    rows = [json.loads(line) for line in (tmp_path / "dev.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 300 and all(mentions(row["text"], row["target"]) for row in rows)


# --- reliance


class Reader:
    """Says what a rule says of (text, target)."""

    def __init__(self, rule):
        self.rule = rule

    @property
    def spec(self):
        return RecogniserSpec("rule", "1", "sentiment", ("sentiment",), (), ("en",), "Apache-2.0")

    def predict(self, clips, *, space=None):
        out = []
        for clip in clips:
            label = self.rule(clip.text, clip.target)
            if label is None:
                out.append(Prediction(clip.id, "sentiment", abstained="no language content", model="rule"))
            else:
                scores = {k: float(k == label) for k in ("positive", "neutral", "negative")}
                out.append(Prediction(clip.id, "sentiment", scores=scores, labels=(label,), model="rule"))
        return out


def test_who_goes_by_the_name_is_found_out_and_who_reads_is_not():
    told = {(clip.text, clip.target): gold.labels[0] for clip, gold in read("entity-prior", split="test")}
    masked = {text.replace(target, "X"): label for (text, target), label in told.items()}
    names = sorted({target for _, target in told})
    by_name = {name: ("positive", "negative")[i % 2] for i, name in enumerate(names)}

    gossip = reliance("entity-prior", Reader(lambda text, target: by_name[target]), samples=50)
    reader = reliance(
        "entity-prior",
        Reader(lambda text, target: None if text == target else masked[text.replace(target, "X")]),
        samples=50,
    )
    assert reader.rows == gossip.rows == 600 and reader.swapped == 600
    # Two rows with the same words and other names may have other labels, where the words are silent.
    assert reader.right.value > 0.9 and reader.flipped.value == 0.0
    assert reader.name_only_answered == 0.0 and np.isnan(reader.name_only.value)
    assert gossip.name_only_answered == 1.0 and gossip.name_only.value == gossip.right.value
    assert gossip.flipped.value == pytest.approx(0.5, abs=0.08)  # half of the names have the other label
    assert gossip.flipped.low < gossip.flipped.value < gossip.flipped.high
    most = Counter(label for label in told.values()).most_common(1)[0][1] / 600
    assert reader.chance == pytest.approx(most)
    assert reader.as_json()["name_only"] == [None, None, None]


def test_reliance_needs_targets():
    with pytest.raises(InputError, match="labels of a target"):
        reliance("goemotions", Reader(lambda text, target: "joy"))


def test_the_verb_says_what_the_name_alone_tells():
    found = CliRunner().invoke(command, ["reliance", "entity-prior", "--model", "text-en", "--bootstrap", "20"])
    assert found.exit_code == 0, found.output
    assert "label flips, name exchanged" in found.output and "600" in found.output
