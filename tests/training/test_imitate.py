"""Machines that learn to write like a corpus, and the corpus that they make.

Needs the `train` extra.
"""

from __future__ import annotations

import csv
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.cli.corpora import command
from affekt.core.clip import Clip
from affekt.core.errors import InputError

pytest.importorskip("torch", reason="needs the train extra")

from affekt.train.imitate.ngram import NGram
from affekt.train.imitate.recurrent import Recurrent
from affekt.train.imitate.words import END, joined, passages, words

TALE = ["The king had a daughter .", "She went into the wood .", "The wolf saw her !", "He was hungry , and old ."]
texts = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8), min_size=1, max_size=6)


@settings(deadline=None)
@given(texts, st.integers(1, 4), st.lists(st.sampled_from("abcde"), max_size=4))
def test_probabilities_of_the_next_word_sum_to_one(said, order, before):
    model = NGram(said, order=order)
    seen = {w for text in said for w in text}
    assert sum(model.probability(before, w) for w in seen) == pytest.approx(1)


def test_words_are_drawn_as_often_as_they_are_probable():
    model = NGram([list("aab"), list("abc"), list("bca")], order=2)
    rng = np.random.default_rng(0)
    writer = model.write(rng)
    drawn = list(islice(writer, 20_000))
    after_a = Counter(b for a, b in pairwise(drawn) if a == "a")
    for word in "abc":
        assert after_a[word] / after_a.total() == pytest.approx(model.probability(["a"], word), abs=0.02)


def test_settings_out_of_range_are_refused():
    for bad in ({"order": 0}, {"discount": 1.0}):
        with pytest.raises(InputError):
            NGram([["a"]], **bad)
    with pytest.raises(InputError):
        NGram([[]])
    with pytest.raises(InputError):
        Recurrent([["a", END]], seed=1)


def test_passages_do_not_run_over_the_end_of_a_document():
    clips = [Clip(f"{d}{i}", TALE[i], dialogue=d) for d in "xy" for i in range(3)]
    found = passages(clips, 2)
    assert len(found) == 2 and all(p.count(END) == 2 for p in found)
    assert joined(found[0]) == " ".join(w for s in TALE[:2] for w in words(s))


def test_a_recurrent_network_writes_words_that_it_knows_and_the_same_for_the_same_seed():
    said = [[*words(s), END] for s in TALE * 20]
    one, two = (Recurrent(said, seed=3, steps=150, width=24, least=1) for _ in range(2))
    rng = np.random.default_rng
    first = list(islice(one.write(rng(0)), 60))
    assert first == list(islice(two.write(rng(0)), 60))
    assert set(first) <= {w for text in said for w in text}
    assert one.loss < 0.8 * np.log(len(one.words))  # that of words which are all equally likely


@pytest.fixture
def tales(tmp_path):
    folder = tmp_path / "alm_va_trajectories" / "aligned_here"
    folder.mkdir(parents=True)
    with (folder / "alm_va_with_text.csv").open("w", newline="", encoding="utf-8") as file:
        w = csv.writer(file)
        w.writerow(["ID", "partition", "story", "author", "splitter", "lexicon_r", "text", "V_EWE", "A_EWE"])
        for split, n in (("train", 40), ("val", 12), ("test", 10)):
            for i in range(n):
                w.writerow([f"{split}{i}", split, f"{split}-tale", "grimm", 0, 0.5, f"{TALE[i % 4]} {split}", 0.5, 0.5])
    return tmp_path


def test_people_and_machines_stand_in_equal_numbers_and_the_second_machine_in_one_split(tales, tmp_path):
    out = tales / "human-or-machine"
    done = CliRunner().invoke(command, ["imitate", "alm-va", "--out", str(out), "--data", str(tales)])
    assert done.exit_code == 0, done.output
    with (out / "passages.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    count = Counter((r["split"], r["by"]) for r in rows)
    assert count == {
        ("train", "people"): 20,
        ("train", "n-gram"): 20,
        ("dev", "people"): 6,
        ("dev", "n-gram"): 6,
        ("test", "people"): 5,
        ("test", "n-gram"): 5,
        ("unseen", "people"): 5,
        ("unseen", "recurrent"): 5,
    }
    people = {s: [r["text"] for r in rows if (r["split"], r["by"]) == (s, "people")] for s in ("test", "unseen")}
    assert people["test"] == people["unseen"]
    learned = {w for s in TALE for w in words(s)} | {"train"}
    assert all(set(r["text"].split()) <= learned for r in rows if r["author"] == "machine")

    from affekt.corpora import read

    found = list(read("human-or-machine", split="unseen", data=tales))
    assert len(found) == 10 and {label for _, gold in found for label in gold.labels} == {"human", "machine"}


def test_a_corpus_that_is_to_be_made_says_how(tmp_path):
    done = CliRunner().invoke(command, ["show", "human-or-machine"])
    assert "affekt corpora imitate" in done.stdout.replace("\n", " ")
    done = CliRunner().invoke(command, ["check", "human-or-machine", "--data", str(tmp_path)])
    assert "Make it" in done.stdout
