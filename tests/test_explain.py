"""Evidence: the words that moved a reading, negation, and the check of faithfulness."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from affekt.analysis import Policy, analyze
from affekt.cli.main import cli
from affekt.core.errors import ModelError
from affekt.explain.attribution import explain, units, weigh, without
from affekt.explain.faithfulness import check
from affekt.models.registry import load


@pytest.fixture(scope="module")
def model():
    return load()


def evidence(model, text):
    (p,) = analyze(text, model=model, explain=True, policy=Policy(min_confidence=0, languages="any"))
    return p.evidence


def test_the_word_that_says_it_is_the_strongest(model):
    found = evidence(model, "The parcel came on Tuesday and I am so grateful, thank you.")
    best = max((e for e in found if e.label == "gratitude"), key=lambda e: e.weight)
    assert best.cue in ("thank", "grateful")


def test_places_are_those_of_the_cue(model):
    text = "  Ugh — that was   disgusting, honestly 🤢!"
    for e in evidence(model, text):
        assert text[int(e.start) : int(e.end)] == e.cue


def test_a_negation_is_read_with_what_it_negates(model):
    found = evidence(model, "I am not happy with this.")
    assert any(e.cue == "not happy" and e.weight > 0.1 for e in found)
    assert not any(e.cue in ("not", "happy") for e in found)


def test_without_negation_there_is_no_pair(model):
    assert any(e.cue == "happy" and e.weight > 0.1 for e in evidence(model, "I am happy with this."))


def test_weights_are_what_words_add(model):
    """The definition, worked out by hand for a text of two words."""
    whole, first, second, nothing = model.read_bare(["love songs", "love", "songs", ""])
    label = model.space().index("love")
    (weighted,) = weigh(model, ["love songs"])
    added = ((first - nothing) + (whole - second)) / 2
    assert weighted.weights[0, label] == pytest.approx((whole - second + added)[label] / 2, abs=1e-6)


def test_saying_it_twice_hides_neither(model):
    found = {e.cue: e.weight for e in evidence(model, "thank you, I am so grateful") if e.label == "gratitude"}
    assert found["thank"] > 0.1 and found["grateful"] > 0.1


def test_long_texts_are_explained_window_by_window(model):
    text = "It was a day like any other. " * 30 + "Thank you, thank you, I am so grateful!"
    found = [e for e in evidence(model, text) if e.weight > 0]
    for e in found:
        assert text[int(e.start) : int(e.end)] == e.cue


def test_a_model_that_cannot_be_asked_is_refused():
    class Other:
        spec = load().spec

    with pytest.raises(ModelError, match="cannot be explained"):
        explain(Other(), [], [])


@given(st.text(alphabet=st.sampled_from("ab n't no not .,!é😀 \n"), max_size=60))
def test_units_lie_in_the_text_in_order(text):
    words, joined = units(text)
    at = 0
    for u in words:
        assert at <= u.start < u.end <= len(text) and not text[u.start : u.end].isspace()
        at = u.end
    for u in joined:
        assert len(u.spans) == 2 and u.spans[0][1] <= u.spans[1][0]


@pytest.mark.parametrize(
    "words",
    [
        ["मला", "खूप", "आनंद", "झाला", "।"],
        ["আমি", "ক্ষুব্ধ", "!"],
        ["שָׁלוֹם", "لَكُم"],
        ["می\u200cخواهم", "❤️", "🙏🏽"],
        ["cafe\u0301", "don’t"],
    ],
)
def test_marks_belong_to_the_word_that_they_stand_on(words):
    text = " ".join(words)
    found, _ = units(text)
    assert [text[u.start : u.end] for u in found] == words


@given(st.text(max_size=40), st.data())
def test_taking_out_all_or_nothing(text, data):
    words, _ = units(text)
    assert without(text, []) == " ".join(text.split())
    assert not any(c.isalnum() for c in without(text, [u.spans[0] for u in words]))


def test_explanations_are_faithful(model):
    texts = [
        f"{a} {b}"
        for a in ("I am so grateful that", "It makes me furious how", "I'm afraid that", "How funny that", "Sadly")
        for b in (
            "they came back today",
            "the neighbours moved out",
            "nobody answered the letter",
            "it rained all week",
        )
    ]
    found = check(model, texts)
    assert found.rows == len(texts)
    assert found.gain[1] > 0
    c, s = found.comprehensiveness, found.sufficiency
    assert c["explained"][0] > c["random"][0] > c["reverse"][0]
    assert s["explained"][0] < s["random"][0]


def test_nothing_to_check(model):
    found = check(model, ["word"])
    assert found.rows == 0 and math.isnan(found.gain[0])


def test_command_shows_and_checks(tmp_path):
    runner = CliRunner()
    other = json.loads(runner.invoke(cli, ["explain", "Мне очень страшно за детей", "--json"]).stdout)
    assert other["model"].startswith("text-multi") and other["evidence"][0]["cue"] == "страшно"
    shown = runner.invoke(cli, ["explain", "I am not happy with this.", "--json"])
    assert shown.exit_code == 0 and "not happy" in [e["cue"] for e in json.loads(shown.output)["evidence"]]
    table = tmp_path / "notes.csv"
    table.write_text(
        "text\n" + "\n".join(["Thank you for the lovely evening", "I hate waiting in the cold"] * 4) + "\n"
    )
    checked = runner.invoke(cli, ["explain", str(table), "--check", "--json"])
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)["rows"] == 8


def test_dimensions_alone_are_shown_and_there_is_no_label_to_weigh_words_for(tmp_path):
    runner = CliRunner()
    shown = json.loads(
        runner.invoke(cli, ["explain", "Fire! Everybody out, now!", "--model", "vad-en", "--json"]).stdout
    )
    assert shown["scores"] is None and shown["evidence"] == [] and shown["arousal"] > 3.3
    calm = json.loads(runner.invoke(cli, ["explain", "The lake was still.", "--model", "vad-en", "--json"]).stdout)
    assert calm["arousal"] < shown["arousal"] - 0.5
    table = tmp_path / "notes.csv"
    table.write_text("text\nThank you for the lovely evening\n")
    refused = runner.invoke(cli, ["explain", str(table), "--check", "--model", "vad-en"])
    assert refused.exit_code != 0 and "vad-en@1.0 gives dimensions alone" in str(refused.exception)
