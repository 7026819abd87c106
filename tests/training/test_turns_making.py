"""Small nets learn to read turns of made dialogues from vectors; what comes out is a model folder."""

from __future__ import annotations

import json
import shutil

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs the train extra")

from train_data import talks_of_two

import affekt
from affekt.bench import run_task
from affekt.catalog.recipes import TurnNet, TurnsRecipe, recipe, text_recipe
from affekt.cli.train import command as train
from affekt.core.clip import Clip, Dialogue
from affekt.core.errors import CatalogError, ModelError, UnknownNameError
from affekt.models.registry import load
from affekt.models.turns import TurnRecogniser
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


def test_it_is_made_by_command_from_another_encoder(made, tmp_path):
    text = """\
    kind = "turns"
    title = "Talks"
    licence = "GPL-3.0"
    languages = ["en"]
    corpus = "meld"
    space = "meld"
    [net]
    around = "none"
    epochs = 2
    hidden = 8
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
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path / "half")
    assert isinstance(recipe("meld-turns"), TurnsRecipe)
    with pytest.raises(CatalogError, match="of turns"):
        text_recipe("meld-turns")
