"""Small nets learn to read turns of made dialogues from vectors; what comes out is a model folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs the train extra")

import torch
from train_data import empathetic_talks, make_corpora, talks_of_two

import affekt
from affekt.bench import run_task
from affekt.catalog.corpora import corpus
from affekt.catalog.recipes import TurnNet, TurnPart, TurnsRecipe, recipe, text_recipe
from affekt.cli.train import command as train
from affekt.core.clip import Clip, Dialogue
from affekt.core.errors import CatalogError, DataError, ModelError, UnknownNameError
from affekt.models.registry import load
from affekt.models.turns import TurnRecogniser
from affekt.models.vectors import SentenceVectors
from affekt.train.turns import fit
from affekt.train.turns.fit import train_nets, turns_of
from affekt.train.turns.make import make_turns

NET = TurnNet(around="before", epochs=20, hidden=32, dropout=0.1, masked=0.1, rate=1e-2, members=2, adjusted=True)
SMALL = msgspec.structs.replace(recipe("meld-turns"), net=NET)
PLAIN, GLAD, SAD = "The table is over there.", "I am so happy about this!", "I feel so sad and lonely."


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Dialogues of one who speaks alone, whose plain lines feel as the line before, and a model of them."""
    folder = tmp_path_factory.mktemp("talks")
    talks_of_two(folder / "data", names="A", train=120, dev=30, test=40)
    make_turns(SMALL, "talks", folder / "model", data=folder / "data")
    return folder


def test_a_turn_is_read_from_those_before_it_and_its_run_is_stored(made):
    run = run_task("meld", load(made / "model"), out=made / "run", data=made / "data", samples=50)
    assert run.scores["weighted_f1"].value > 0.97
    glad, sad, alone = load(made / "model").predict(
        [Clip("a", PLAIN, context=(GLAD,)), Clip("b", PLAIN, context=(SAD,)), Clip("c", PLAIN)]
    )
    assert (glad.top, sad.top) == ("joy", "sadness") and glad.scores["joy"] > 0.8
    assert alone.scores["joy"] < 0.7  # nothing was said before


def test_a_reading_hangs_on_nothing_but_its_own_conversation(made):
    reader = TurnRecogniser(made / "model", jobs=2)
    rng = np.random.default_rng(1)
    lines = [PLAIN, GLAD, SAD, "You make me furious!", "Well."]
    clips = [
        Clip(f"{k}", lines[k % 5], context=tuple(rng.choice(lines, int(rng.integers(0, 9))).tolist()))
        for k in range(200)
    ]
    together = reader.predict(clips)
    for k in (0, 7, 63, 199):
        (own,) = reader.predict([clips[k]])
        assert own.labels == together[k].labels
        assert own.scores == pytest.approx(together[k].scores, abs=1e-5)


def test_a_conversation_is_analysed_turn_by_turn(made):
    turns = [Clip(f"{k}", text, speaker="A") for k, text in enumerate((GLAD, PLAIN, "...", SAD))]
    found = affekt.analyze(Dialogue("talk", tuple(turns)), model=made / "model")
    assert [p.top for p in found] == ["joy", "joy", None, "sadness"]
    assert found[2].abstained == "no language content"
    assert found[1].space == "meld" and found[1].model == "talks@1.0"


def test_a_long_turn_is_read_in_windows_and_words_can_be_left_out(made):
    reader = load(made / "model")
    (found,) = reader.predict([Clip("long", " ".join([GLAD] * 40 + [SAD] * 200))])
    assert len(found.trajectory) > 2
    assert found.trajectory[0].scores["joy"] > 0.8 > 0.2 > found.trajectory[-1].scores["joy"]
    whole, without = reader.read_bare([f"{GLAD} [SEP] {PLAIN}", PLAIN])
    joy = reader.space().labels.index("joy")
    assert whole[joy] > without[joy] + 0.2


def test_the_card_says_what_it_is_made_of(made):
    card = json.loads((made / "model" / "affekt.json").read_text())
    assert card["turns"]["encoder"].startswith("text-en@") and card["licence"] == "GPL-3.0"
    assert set(card["files"]) == {"model.onnx", "turns.onnx", "tokenizer.json"}
    assert card["facts"]["parameters"] > 100_000 and 0 <= card["facts"]["share_of_log_frequencies"] <= 0.7
    assert sum(card["heads"]["meld"]["offset"]) >= 0  # rare labels are raised, none is lowered below zero
    shown = (made / "model" / "README.md").read_text("utf-8")
    assert "weighted f1" in shown and "## Not for" in shown and "text-en@" in shown


def test_dimensions_are_those_of_the_encoder_in_the_turn_alone(made):
    texts = [PLAIN, GLAD, SAD]
    alone = load("text-en").predict([Clip(t, t) for t in texts])
    after = load(made / "model").predict([Clip(t, t, context=(SAD, GLAD)) for t in texts])
    for own, found in zip(alone, after, strict=True):
        assert found.dimensions == pytest.approx(own.dimensions, abs=1e-5)
        assert found.intervals["arousal"] == pytest.approx(own.intervals["arousal"], abs=1e-5)


def test_a_model_without_an_encoder_is_read_with_the_bundled_one(made, tmp_path):
    lean = msgspec.structs.replace(SMALL, carries_encoder=False)
    make_turns(lean, "talks", tmp_path / "lean", data=made / "data")
    assert {f.name for f in (tmp_path / "lean").iterdir()} == {"turns.onnx", "affekt.json", "README.md"}
    clips = [Clip(f"{k}", PLAIN, context=(said,)) for k, said in enumerate((GLAD, SAD))]
    copied, shared = load(made / "model").predict(clips), load(tmp_path / "lean").predict(clips)
    assert [p.scores for p in shared] == [pytest.approx(p.scores, abs=1e-6) for p in copied]
    # It is of one version of the encoder, and says so where there is another.
    file = tmp_path / "lean" / "affekt.json"
    card = json.loads(file.read_text())
    card["turns"]["encoder"] = "text-en@0.1"
    file.write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"talks reads with the encoder of text-en@0\.1.*not 0\.1"):
        load(tmp_path / "lean")
    # What has no copy of its own gives its vectors none the less; what is no bundled encoder cannot be left out.
    texts = [PLAIN, GLAD]
    assert (SentenceVectors("talk-en").vectors(texts) == SentenceVectors("text-en").vectors(texts)).all()
    own = msgspec.structs.replace(lean, net=msgspec.structs.replace(NET, encoder=str(made / "model")))
    with pytest.raises(CatalogError, match="bundled"):
        make_turns(own, "talks", tmp_path / "own", data=made / "data")


def test_several_corpora_are_learned_at_once(tmp_path):
    empathetic_talks(make_corpora(tmp_path))
    net = TurnNet(around="before")
    comments = TurnPart(corpus="goemotions", mapped=True, rows=50)
    talks = TurnPart(corpus="empatheticdialogues:speakers", mapped=True, weight=0.5)
    found, (middle, _) = turns_of(net, [comments, talks], wanted="ekman-neutral", data=tmp_path)
    # Comments stand alone, and those whose labels lead to several emotions are left out; talks are three turns long.
    one = found.lengths == 1
    assert 30 < int(one.sum()) <= 50 and set(found.lengths.tolist()) == {1, 3}
    assert found.weights[one].tolist() == [1.0] * int(one.sum()) and set(found.weights[~one].tolist()) == {0.5}
    # The listener's turn is heard in its place, and has no label.
    assert (found.labels[~one] >= 0).tolist() == [[True, False, True]] * int((~one).sum())
    assert (found.order[~one] >= 0).all() and (found.order[one][:, 1:] == -1).all()
    assert found.vectors.shape == (int(found.order.max()) + 2, len(middle)) and not found.vectors[-1].any()
    # The standard is that of the turns as they come, so that each counts as often as it is said.
    assert found.vectors[found.order[found.order >= 0]].mean(0).abs().max() < 1e-3
    again, _ = turns_of(net, [comments], wanted="ekman-neutral", seed=1, data=tmp_path)
    assert again.truth.tolist() != found.labels[one][:, 0].tolist()  # another seed draws others
    with pytest.raises(DataError, match="mapped = true"):
        turns_of(net, [TurnPart(corpus="empatheticdialogues")], wanted="ekman-neutral", data=tmp_path)
    assert {p.corpus for p in recipe("talk-en").parts} >= {"reccon"} and corpus("reccon").commercial == "no"


def test_what_weighs_nothing_teaches_nothing_and_pieces_do_not_matter(made, monkeypatch):
    net = TurnNet(around="before", epochs=1, hidden=8, members=1)
    found, _ = turns_of(net, [TurnPart(corpus="meld")], wanted="meld", data=made / "data", limit=160)
    others = replace(found, labels=found.labels.where(found.labels < 0, 6 - found.labels))

    def told(turns):
        return fit.said(net, train_nets(net, turns, 7, seed=1), found)

    nothing = torch.zeros_like(found.weights)
    silent = told(replace(found, weights=nothing))
    assert (silent == told(replace(others, weights=nothing))).all()
    once = told(found)
    assert abs(once - told(others)).max() > 0.1 and abs(once - silent).max() > 0.1
    monkeypatch.setattr(fit, "_TALKS", 3)
    assert told(found) == pytest.approx(once, abs=1e-5)


def test_it_is_made_by_command_from_another_encoder(made, tmp_path):
    text = """\
    kind = "turns"
    title = "Talks"
    licence = "GPL-3.0"
    languages = ["en"]
    space = "meld"
    [net]
    around = "none"
    epochs = 2
    hidden = 8
    [[parts]]
    corpus = "meld"
    """
    file = tmp_path / "talks.toml"
    file.write_text(text)
    run = CliRunner()

    def asked(*more):
        return run.invoke(train, [str(file), "--data", str(made / "data"), *more])

    # A model of turns has an encoder too.
    done = asked("--out", str(tmp_path / "m"), "--encoder", str(made / "model"), "--limit", "400", "--seed", "3")
    assert done.exit_code == 0, done.output
    card = json.loads((tmp_path / "m" / "affekt.json").read_text())
    assert card["turns"]["encoder"] == "talks@1.0" and card["facts"]["recipe"]["seed"] == 3
    glad, sad = load(tmp_path / "m").predict([Clip("a", PLAIN, context=(GLAD,)), Clip("b", PLAIN, context=(SAD,))])
    assert glad.scores == pytest.approx(sad.scores, abs=1e-6)  # each turn is read alone
    assert "already" in str(asked("--out", str(tmp_path / "m")).exception)
    assert "for how long" in str(asked("--out", str(tmp_path / "n"), "--epochs", "2").exception)
    assert isinstance(asked("--out", str(tmp_path / "n"), "--encoder", "text-eng").exception, UnknownNameError)
    assert not (tmp_path / "n").exists()


def test_what_cannot_be_made_or_loaded_is_said(made, tmp_path):
    for net in (TurnNet(), TurnNet(around="before", speakers=True), TurnNet(around="before", layers="one")):
        with pytest.raises(CatalogError, match="those before a turn"):
            make_turns(msgspec.structs.replace(SMALL, net=net), "t", tmp_path / "t", data=made / "data")
    with pytest.raises(ModelError, match="no vectors"):
        net = TurnNet(encoder="text-multi", around="before")
        make_turns(msgspec.structs.replace(SMALL, net=net), "t", tmp_path / "t", data=made / "data")
    assert not (tmp_path / "t").exists()
    shutil.copytree(made / "model", tmp_path / "half")
    (tmp_path / "half" / "turns.onnx").unlink()
    with pytest.raises(ModelError, match="is not there"):
        load(tmp_path / "half")
    assert isinstance(recipe("meld-turns"), TurnsRecipe)
    with pytest.raises(CatalogError, match="of turns"):
        text_recipe("meld-turns")
