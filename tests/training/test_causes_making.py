"""A model of causes, made on conversations in which the cause is plain to see.

Needs the `train` extra.
"""

from __future__ import annotations

import json
import tracemalloc

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from tokenizers import Tokenizer

from affekt.bench.runs import run_causes
from affekt.catalog.recipes import Fresh, Recipe, recipe
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, ModelError
from affekt.corpora.causes import read_causes
from affekt.models.causes import CauseRecogniser, Writer, best_span
from affekt.models.registry import load, load_causes, read_card
from affekt.train.causes import cases_of, train_causes
from affekt.train.floors import nearest
from affekt.train.make import make_model
from affekt.train.plain import plain_recipe
from affekt.train.start import fresh_folder

FRESH = Fresh(corpora=("reccon",), vocabulary=400, width=32, layers=2, attention_heads=2, inner=64)
THINGS = ("keys", "coat", "dog", "job", "bike")
IDLE = ("the train is here .", "it rains again .", "we sit down now .", "what time is it ?", "come in please .")


def talk(rng):
    """Idle turns, one of which says that something was lost; the last is sad about it, or about its own words."""
    turns = [[("A", "B")[i % 2], str(rng.choice(IDLE)), "neutral", []] for i in range(int(rng.integers(2, 5)))]
    at = int(rng.integers(len(turns)))
    span = f"lost the {rng.choice(THINGS)}"
    turns[at][1] = f"{rng.choice(IDLE)} {turns[at][0]} {span} today ."
    turns[-1][2], turns[-1][3] = "sadness", [(at + 1, span)]
    kind = "no-context" if at == len(turns) - 1 else "inter-personal"
    return turns, kind


def write_talks(folder, seed, count):
    rng, talks = np.random.default_rng(seed), {}
    for number in range(count):
        turns, kind = talk(rng)
        rows = []
        for i, (who, text, emotion, causes) in enumerate(turns, 1):
            row = {"turn": i, "speaker": who, "utterance": text, "emotion": emotion}
            if causes:
                row["expanded emotion cause evidence"] = [c for c, _ in causes]
                row["expanded emotion cause span"] = [s for _, s in causes]
                row["type"] = [kind]
            rows.append(row)
        talks[f"tr_{seed}{number}"] = [rows]
    folder.write_text(json.dumps(talks), encoding="utf-8")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    folder = root / "reccon" / "original_annotation"
    folder.mkdir(parents=True)
    for seed, (split, count) in enumerate({"train": 160, "valid": 24, "test": 24}.items()):
        write_talks(folder / f"dailydialog_{split}.json", seed, count)
    return root


@pytest.fixture(scope="module")
def encoder(data, tmp_path_factory):
    return fresh_folder(FRESH, tmp_path_factory.mktemp("encoder") / "start", data=data)


def plan(encoder, **changed):
    return msgspec.convert(
        {
            "title": "t",
            "licence": "CC-BY-NC-SA-4.0",
            "languages": ["en"],
            "encoder": str(encoder),
            "max_tokens": 96,
            "causes": {"corpus": "reccon:spans", "back": 4},
            "heads": {"kind": {"space": "reccon-causes"}},
            "stages": [{"epochs": 14, "rate": 4e-3, "head_rate": 1e-2, "batch": 16, "dropout": 0.0}],
            **changed,
        },
        Recipe,
    )


@pytest.fixture(scope="module")
def folder(data, encoder, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "causes"
    out.mkdir()
    made = make_model(plan(encoder), "causes", out, data=data)
    assert made["causes"]["dev_macro_f1"] > 0.9
    return out


def turns(*texts, speakers="ABABABAB"):
    return [Clip(str(i), text, speaker=s) for i, (text, s) in enumerate(zip(texts, speakers, strict=False))]


def test_turn_and_words_are_found(folder):
    model = CauseRecogniser(folder)
    said = turns("it rains again .", "the train is here . B lost the bike today .", "come in please .")
    (cause,) = model.causes_of(said, 2, "sadness")
    assert cause.turn == 1
    assert said[1].text[cause.start : cause.end] == "lost the bike"
    assert cause.score > 0.8
    reading = model.read(said, {2: "sadness"})[2]
    assert [c.turn for c in reading.candidates] == [0, 1, 2]
    assert reading.kinds["inter-personal"] > reading.kinds["no-context"]
    own = model.read(turns("come in please .", "it rains again . B lost the dog today ."), {1: "sadness"})[1]
    assert own.kinds["no-context"] > own.kinds["inter-personal"]


def test_answers_do_not_hang_on_what_is_read_with_them(folder):
    model = CauseRecogniser(folder)
    said = turns("it rains again . A lost the job today .", "we sit down now .", "", "what time is it ?")
    every = model.read(said, {0: "sadness", 1: "anger", 2: "sadness", 3: "fear"})
    for i, emotion in {0: "sadness", 1: "anger", 2: "sadness", 3: "fear"}.items():
        alone = model.read(said, {i: emotion})[i]
        assert [c.turn for c in alone.candidates] == [c.turn for c in every[i].candidates]
        assert [c.score for c in alone.candidates] == pytest.approx([c.score for c in every[i].candidates], abs=1e-5)
        assert [(c.start, c.end) for c in alone.candidates] == [(c.start, c.end) for c in every[i].candidates]
    # A turn without words is no candidate, and may have an emotion all the same.
    assert [c.turn for c in every[2].candidates] == [0, 1]


def test_one_turn_unknown_speakers_and_turns_that_are_not_there(folder):
    model = CauseRecogniser(folder)
    assert model.causes_of([Clip("0", "")], 0, "joy") == []
    assert len(model.read([Clip("0", "A lost the dog today .")], {0: "joy"})[0].candidates) == 1
    assert model.read([], {}) == {}
    with pytest.raises(IndexError, match="has 1 turns"):
        model.causes_of([Clip("0", "x")], 1, "joy")


def test_the_work_on_a_turn_does_not_grow_with_the_conversation(folder):
    model = CauseRecogniser(folder)
    said = turns(*("it rains again . A lost the coat today . " * 40,) * 8) * 1250
    seen = model.read(said, {9_000: "sadness"})[9_000]
    assert [c.turn for c in seen.candidates] == sorted(c.turn for c in seen.candidates)
    assert {9_000 - c.turn for c in seen.candidates} <= {0, 1, 2, 3, 4}
    tracemalloc.start()
    model.causes_of(said, 9_000, "sadness")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_the_folder_says_what_it_is(folder):
    card = read_card(folder)
    assert card.main == "dailydialog"
    assert card.causes is not None
    assert 0 < card.causes.threshold < 1
    assert card.facts["data"] == {"reccon:spans": "CC-BY-NC-SA-4.0"}
    assert load_causes(folder).name == "causes@1"
    with pytest.raises(ModelError, match="finds causes"):
        load(folder)
    with pytest.raises(ModelError, match="finds no causes"):
        load_causes("text-en")
    assert not (folder / "training").exists()


def test_it_beats_the_floor_on_the_test_split(folder, data, tmp_path):
    model = load_causes(folder)
    for task, key in (("reccon-entailment", "cause_f1"), ("reccon-span", "span_f1_pos")):
        run = run_causes(task, model.links, model=model.name, out=tmp_path / task, weights=[folder], data=data)
        name, find = nearest(task, data=data)
        floor = run_causes(task, find, model=name, out=tmp_path / f"floor {task}", data=data)
        assert run.scores[key].value > 0.85 > floor.scores[key].value
        assert any(k.startswith("sha256 weights/causes/model.onnx") for k in run.versions)


def test_a_run_that_was_broken_off_ends_in_the_same_weights(encoder, data, tmp_path):
    class Stop(Exception):
        pass

    def stop(_what, step, steps, _loss):
        if step > steps // 2:
            raise Stop

    short = plan(encoder, stages=[{"epochs": 2, "batch": 16, "rate": 1e-3}])
    whole, _ = train_causes(short, tmp_path / "whole", data=data, limit=64)
    with pytest.raises(Stop):
        train_causes(short, tmp_path / "broken", data=data, limit=64, progress=stop)
    resumed, _ = train_causes(short, tmp_path / "broken", data=data, limit=64)
    assert [h["epoch"] for h in resumed.history] == [1, 2]
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(value, resumed.weights[name], err_msg=name)


def test_what_is_read_fits_and_holds_the_gold(encoder, data):
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    dialogues = list(read_causes("reccon:spans", split="train", data=data))
    writer = Writer(tokenizer, back=2, ahead=0, most=64)
    cases = cases_of(dialogues, writer, ("no-context", "inter-personal"))
    assert max(len(c.layout.ids) for c in cases) <= 64
    assert any(c.missed for c in cases)
    for c, d in zip(cases, dialogues, strict=True):
        assert c.holds.sum() + c.missed == 1
        assert c.kinds.sum() == 1
        if not c.holds.any():
            continue
        (first, last), wanted = c.layout.spans[int(c.holds.argmax())], d.links[0].text
        assert first <= c.start.argmax() <= c.end.argmax() < last
        words = tokenizer.decode(list(c.layout.ids[c.start.argmax() : c.end.argmax() + 1]))
        assert words.strip() == wanted


def test_followers_are_read_where_that_is_asked_for(encoder):
    writer = Writer(Tokenizer.from_file(str(encoder / "tokenizer.json")), back=1, ahead=1, most=64)
    pieces = [writer.pieces(t) for t in ("one", "two", "three", "four")]
    assert writer.layout(pieces, ["A", None, "A", "B"], 2, "joy").turns == (2, 3, 1)
    assert writer.layout(pieces, ["A", "B", "A", "B"], 0, "joy").turns == (0, 1)


def test_the_best_span_is_the_best_pair_in_order():
    rng = np.random.default_rng(0)
    for _ in range(20):
        start, end = rng.normal(size=(2, 7))
        first, last = best_span(start, end)
        every = {(i, j): start[i] + end[j] for i in range(7) for j in range(i, 7)}
        assert (first, last - 1) == max(every, key=every.__getitem__)


def test_recipes_that_do_not_hold_together_are_refused(encoder, data, tmp_path):
    with pytest.raises(CatalogError, match="one stage"):
        train_causes(plan(encoder, stages=[]), tmp_path, data=data)
    with pytest.raises(CatalogError, match="no dev split"):
        train_causes(plan(encoder, causes={"corpus": "ecf:causes"}), tmp_path, data=data)


def test_the_plain_recipes_and_the_bundled_one_are_for_causes():
    assert plain_recipe("reccon-span", epochs=2).stages[0].epochs == 2
    ecf = plain_recipe("ecf").causes
    assert ecf is not None
    assert (ecf.corpus, ecf.held_out, ecf.ahead) == ("ecf:causes", 8, 2)
    bundled = recipe("causes-en").causes
    assert bundled is not None
    assert bundled.words


def test_counting_words_learns_the_same_without_an_encoder(data, tmp_path):
    pytest.importorskip("sklearn", reason="needs the train extra")
    counted = plan("", heads={}, stages=[], causes={"corpus": "reccon:spans", "back": 4, "words": True})
    figures = make_model(counted, "counted", tmp_path / "model", data=data)
    assert figures["causes"]["dev_macro_f1"] > 0.9
    model = load_causes(tmp_path / "model")
    said = turns("it rains again .", "the train is here . B lost the bike today .", "come in please .")
    (cause,) = model.causes_of(said, 2, "sadness")
    assert cause.turn == 1
    assert "lost the bike" in said[1].text[cause.start : cause.end]
    run = run_causes("reccon-entailment", model.links, model=model.name, out=tmp_path / "run", data=data)
    assert run.scores["cause_f1"].value > 0.85
    cut = read_card(tmp_path / "model").causes.span_threshold
    assert 0.1 <= cut <= 0.6
    given = model.spans(said, {2: "sadness"})[2]
    assert all(link.score >= cut and link.text == said[link.cause].text[link.start : link.end] for link in given)
    with pytest.raises(CatalogError, match="no heads"):
        make_model(plan("", causes={"corpus": "reccon:spans", "words": True}), "x", tmp_path / "x", data=data)
