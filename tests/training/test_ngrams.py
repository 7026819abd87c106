"""Models that count n-grams: what is counted, the graph, and a model from nothing but texts.

Needs the `train` extra.
"""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from train_data import make_corpora

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

import onnxruntime as ort
from click.testing import CliRunner
from tokenizers import Tokenizer

from affekt.catalog.recipes import Ngrams, Part, Teachers, recipe
from affekt.cli.main import cli
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError
from affekt.models.text import TextRecogniser
from affekt.train.make import make_model
from affekt.train.ngrams import count
from affekt.train.ngrams.characters import character_tokenizer
from affekt.train.ngrams.graph import table_graph
from affekt.train.ngrams.table import MODULUS, STEP, choose, grams
from affekt.train.plain import plain_recipe

SIGNS = 6
ALIAS = np.arange(1, SIGNS + 1)
texts = st.lists(st.lists(st.integers(0, SIGNS - 1), min_size=1, max_size=12), min_size=1, max_size=6)


def arrays(rows):
    return [np.array(row, np.int64) for row in rows]


def number_of(signs):
    """The number of an n-gram, from its definition, in Python's integers."""
    out = 0
    for sign in signs:
        out = (out * STEP + sign + 1) % MODULUS
    return out


def substrings(row, longest):
    return Counter(tuple(row[i : i + n]) for n in range(1, longest + 1) for i in range(len(row) - n + 1))


@given(texts, st.integers(1, 5))
def test_every_substring_is_counted_and_none_across_two_texts(rows, longest):
    number, owner = grams(arrays(rows), ALIAS, longest)
    for i, row in enumerate(rows):
        wanted = Counter()
        for gram, n in substrings(row, longest).items():
            wanted[number_of(gram)] += n
        assert Counter(number[owner == i].tolist()) == wanted


def table_of(rows, longest=3, least=1, slots=1 << 12):
    gold = np.arange(len(rows), dtype=float)[:, None] % 2
    every = [(np.arange(len(rows)), gold)]
    return choose(arrays(rows), every, alias=ALIAS, longest=longest, least=least, slots=slots)


@settings(deadline=None)
@given(texts)
def test_features_are_counts_weighted_by_rarity_over_their_length(rows):
    table = table_of(rows)
    found = table.features(arrays(rows)).toarray()
    seen = [substrings(row, 3) for row in rows]
    for i, counts in enumerate(seen):
        weight = {g: np.log((1 + len(rows)) / (1 + sum(g in s for s in seen))) + 1 for g in counts}
        values = sorted(n * weight[g] for g, n in counts.items())
        length = np.sqrt(sum(n * weight[g] ** 2 for g, n in counts.items()))
        # The weights are held in 255 steps; in 4,096 slots a handful of n-grams hardly ever meet.
        kept = sorted(found[i][found[i] > 0])
        if len(kept) == len(values):
            assert kept == pytest.approx([v / length for v in values], rel=0.02)


def test_unseen_ngrams_count_for_nothing():
    table = table_of([[0, 1], [2, 3]])
    assert table.features(arrays([[5, 4, 5]])).nnz == 0


def test_the_more_telling_ngram_keeps_a_slot():
    # 40 texts, half of them with the sign that tells the column; all else is in every text.
    rows = [[0, 1, 2, 4 if i % 2 else 5] for i in range(40)]
    gold = np.array([[float(i % 2)] for i in range(40)])
    table = choose(arrays(rows), [(np.arange(40), gold)], alias=ALIAS, longest=1, least=1, slots=2)
    told = table.features(arrays([[4], [0]])).toarray()
    assert told[0].any()


def session(model):
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("length", range(1, 9))
def test_the_graph_says_what_the_weights_say(length):
    rng = np.random.default_rng(length)
    rows = [rng.integers(0, SIGNS, rng.integers(1, 12)).tolist() for _ in range(20)]
    table = table_of(rows, longest=5)
    weights = {
        "labels": (rng.normal(size=(len(table.marks), 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)),
        "vad": (rng.normal(size=(len(table.marks), 2)).astype(np.float32), rng.normal(size=2).astype(np.float32)),
    }
    ids = rng.integers(0, SIGNS, (4, length))
    feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    plain, small = (session(table_graph(table, weights, bits=bits)) for bits in (32, 8))
    for name, (weight, offset) in weights.items():
        wanted = table.features(list(ids)) @ weight + offset
        (found,) = plain.run([name], feed)
        assert np.allclose(found, wanted, atol=1e-4)
        (rounded,) = small.run([name], feed)
        assert np.abs(rounded - wanted).max() < 0.1
        (alone,) = small.run([name], {k: v[:1] for k, v in feed.items()})
        assert np.array_equal(alone[0], rounded[0])


def test_characters_are_tokens_in_small_letters(tmp_path):
    file = character_tokenizer(["Ab  a\nb ﬁ Ж ж", "aa bb zz"], tmp_path / "tokenizer.json")
    found = Tokenizer.from_file(str(file)).encode("  A\t\tbЖ?")
    assert found.tokens == ["[CLS]", "a", " ", "b", "ж", "[UNK]", "[SEP]"]
    assert found.offsets[1] == (2, 3)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_corpora(tmp_path_factory.mktemp("data"))


@pytest.mark.parametrize("task", ["goemotions", "emobank", "xed"])
def test_a_task_becomes_a_model_that_is_read_as_any_other(data, tmp_path, task):
    chosen = plain_recipe(task, encoder="ngrams")
    make_model(chosen, task, tmp_path / "m", data=data)
    card = json.loads((tmp_path / "m" / "affekt.json").read_text("utf-8"))
    assert "scikit-learn" in card["facts"]["versions"] and card["facts"]["history"]
    model = TextRecogniser(tmp_path / "m")
    text = "The rain made me laugh"
    said = model.predict([Clip("a", text=text), Clip("b", text="")])
    assert said[1].abstained == "empty"
    assert said[0].dimensions if task == "emobank" else said[0].scores
    again = TextRecogniser(tmp_path / "m").predict([Clip("c", text="ein anderer Text"), Clip("a", text=text)])[1]
    assert again.scores == pytest.approx(said[0].scores) and again.dimensions == pytest.approx(said[0].dimensions)


def test_a_head_learns_from_parts_with_other_labels_by_name(data, tmp_path):
    base = plain_recipe("goemotions", encoder="ngrams")
    made = count(base, tmp_path, data=data)
    twice = msgspec.structs.replace(
        base,
        stages=(msgspec.structs.replace(base.stages[0], parts=(base.stages[0].parts[0],) * 2),),
        ngrams=Ngrams(strengths=(3.0,)),
    )
    # Each row twice at half the weight is each row once.
    half = tuple(msgspec.structs.replace(p, weight=0.5) for p in twice.stages[0].parts)
    twice = msgspec.structs.replace(twice, stages=(msgspec.structs.replace(twice.stages[0], parts=half),))
    once = msgspec.structs.replace(base, ngrams=Ngrams(strengths=(3.0,)))
    a, b = (count(r, tmp_path / n, data=data) for r, n in ((once, "once"), (twice, "twice")))
    tokens = [np.array(Tokenizer.from_file(str(a.tokenizer)).encode("what a day").ids)]
    assert np.allclose(a.answers(tokens)["main"], b.answers(tokens)["main"], atol=0.15)
    assert set(made.weights) == {"main"}


def test_what_counting_cannot_do_is_said(data, tmp_path):
    base = plain_recipe("goemotions", encoder="ngrams")
    stage = base.stages[0]

    def with_part(**changed):
        part = msgspec.structs.replace(stage.parts[0], **changed)
        return msgspec.structs.replace(base, stages=(msgspec.structs.replace(stage, parts=(part,)),))

    teachers = Teachers(seeds=(1,), stage=stage, heads=("main",))
    for broken, words in (
        (msgspec.structs.replace(base, encoder="somewhere"), "no encoder"),
        (msgspec.structs.replace(base, teachers=teachers), "no encoder"),
        (msgspec.structs.replace(base, stages=(stage, stage)), "one stage"),
        (msgspec.structs.replace(base, ngrams=Ngrams(strengths=())), "strengths"),
        (msgspec.structs.replace(base, ngrams=Ngrams(longest=0)), "longest"),
        (with_part(objective="focal"), "focal"),
        (with_part(repeats=2), "repeats"),
        (with_part(head="other"), "no head other"),
    ):
        with pytest.raises(CatalogError, match=words):
            count(broken, tmp_path, data=data)
    done = CliRunner().invoke(
        cli, ["train", "--task", "goemotions", "--encoder", "ngrams", "--epochs", "2", "--out", str(tmp_path / "x")]
    )
    assert done.exit_code and "one go" in str(done.output) + str(done.exception)


def test_the_bundled_recipe_counts():
    chosen = recipe("text-multi")
    assert chosen.ngrams and {p.head for p in chosen.stages[0].parts} == set(chosen.heads)
    assert all(isinstance(p, Part) and p.objective == "multi_label" for p in chosen.stages[0].parts)
