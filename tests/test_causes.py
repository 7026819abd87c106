"""The bundled model of causes, and what counting words looks at."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from affekt.bench.runs import run_causes
from affekt.core.clip import Clip
from affekt.core.errors import ModelError
from affekt.models.cause_words import PLACES, Weights, places_of, seen_of_pair, spans_of
from affekt.models.causes import known_emotion
from affekt.models.registry import load, load_causes, read_card
from affekt.train.floors import nearest

needs_data = pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")

TALK = [
    Clip("0", "Good morning . Did you sleep well ?", speaker="Ana"),
    Clip("1", "Not really . I lost my wallet in the tram yesterday .", speaker="Ben"),
    Clip("2", "Oh no ! I am so sorry to hear that .", speaker="Ana"),
]


@pytest.fixture(scope="module")
def model():
    return load_causes()


def test_the_bundled_model_finds_turn_and_words(model):
    found = model.causes_of(TALK, 2, "sadness")
    by_turn = {c.turn: TALK[c.turn].text[c.start : c.end] for c in found}
    assert set(by_turn) == {1, 2}
    assert by_turn[1] == "I lost my wallet in the tram yesterday ."
    assert all(0.0 <= c.score <= 1.0 for c in found)
    assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_candidates_are_all_turns_of_the_window_and_those_alone(model):
    reading = model.read(TALK, {1: "sadness"})[1]
    assert [c.turn for c in reading.candidates] == [0, 1]
    turns = [Clip(str(i), "Well , that is it .", speaker="AB"[i % 2]) for i in range(40)]
    back = read_card(model.folder).causes.back
    assert [c.turn for c in model.read(turns, {30: "anger"})[30].candidates] == list(range(30 - back, 31))
    assert model.causes_of([Clip("0", ""), Clip("1", "  ")], 1, "anger") == []
    with pytest.raises(IndexError, match="has 3 turns"):
        model.causes_of(TALK, 3, "anger")


def test_time_grows_with_the_number_of_emotions_and_no_faster(model):
    def seconds(count):
        turns = [Clip(str(i), TALK[i % 3].text, speaker="AB"[i % 2]) for i in range(count)]
        begun = time.process_time()
        found = model.links(turns, dict.fromkeys(range(count), "sadness"))
        assert len(found) == count
        return time.process_time() - begun

    seconds(20)
    assert seconds(400) < 8 * seconds(100)


def test_emotions_of_other_spaces_are_read_by_their_names_here(model):
    assert known_emotion("joy", "dailydialog") == "happiness"
    assert known_emotion("annoyance", "dailydialog") == "anger"
    assert known_emotion("anger", "dailydialog") == "anger"
    assert known_emotion("homesickness", "dailydialog") == "homesickness"
    joy, happiness = (model.read(TALK, {2: name})[2] for name in ("joy", "happiness"))
    assert joy == happiness
    assert model.read(TALK, {2: "homesickness"})[2].candidates


def test_spans_begin_and_end_with_clauses():
    text = " I am late , because the tram broke down ! Sorry . "
    found = [text[a:b] for a, b in spans_of(text)]
    assert found[0] == text.strip()
    assert len(found) == len(set(found))
    for wanted in ("I am late", "because the tram broke down !", "the tram broke down", "Sorry"):
        assert wanted in found
    assert spans_of("   ") == []
    # What is very long is read in part, and the work stays bounded.
    assert len(spans_of("and so , " * 100_000)) < 10_000


def test_what_is_seen_has_its_place_and_does_not_hang_on_its_order():
    seen = seen_of_pair(TALK, 2, 1, "sadness")
    at, value = places_of(seen)
    back, same = places_of(reversed(seen))
    np.testing.assert_array_equal(at, back)
    assert value == same == pytest.approx(5 / np.sqrt(len(at)))
    assert at.max() < PLACES
    assert "near lost my" in seen
    assert "back 1 same False" in seen


def test_weights_that_are_damaged_are_refused(tmp_path):
    file = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match="cannot be read"):
        Weights.load(file)
    file.write_bytes(b"PK no")
    with pytest.raises(ModelError, match="cannot be read"):
        Weights.load(file)
    Weights(np.zeros(3, np.float32), np.zeros(3, np.float32), (0.0, 0.0)).save(file)
    with pytest.raises(ModelError, match="another shape"):
        Weights.load(file)


def test_the_folder_has_its_own_licence_and_card(model):
    card = read_card(model.folder)
    assert card.licence == "CC-BY-NC-SA-4.0"
    assert "reccon" in card.works
    for name in ("LICENSE", "README.md"):
        assert "DailyDialog" in (model.folder / name).read_text(encoding="utf-8")
    assert sum(f.stat().st_size for f in Path(model.folder).iterdir()) < 1_000_000
    with pytest.raises(ModelError, match="finds causes"):
        load("causes-en")


@pytest.mark.data
@needs_data
def test_the_bundled_model_beats_the_floor_on_the_official_test_split(model, tmp_path):
    for task, keys in (("reccon-entailment", ("cause_f1",)), ("reccon-span", ("span_f1_pos", "span_em_pos"))):
        find = model.spans if task == "reccon-span" else model.links
        run = run_causes(task, find, model=model.name, out=tmp_path / task, samples=20)
        name, floor = nearest(task)
        beside = run_causes(task, floor, model=name, out=tmp_path / f"{task} floor", samples=20)
        for key in keys:
            assert run.scores[key].value > beside.scores[key].value
