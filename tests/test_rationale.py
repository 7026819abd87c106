"""Explanations: sentences from evidence, and the check that takes out what evidence does not bear."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from browser import browser_test
from click.testing import CliRunner
from sounds import voice, write

import affekt
from affekt.analysis import Policy
from affekt.catalog.spaces import space
from affekt.cli.explain import command
from affekt.core.channel import Channel, Conflict, Statement
from affekt.core.prediction import Evidence, Prediction
from affekt.explain.face_cues import face_departures, usual_look
from affekt.explain.rationale import check_statement, explain_channels, rationale, valid_share
from affekt.features.landmarks import FACE_CUES
from affekt.report.terminal import render

SCORES = {"anger": 0.1, "fear": 0.62, "joy": 0.04, "sadness": 0.24}
EVIDENCE = (
    Evidence("text", "scared", 3, 9, 0.41, "fear"),
    Evidence("text", "fine", 20, 24, -0.12, "fear"),
    Evidence("voice", "pitch 2.8 SD above this speaker's median", 12.4, 13.9, 0.0, None, "pitch", "above", 2.8),
    Evidence("voice", "12.9 to 13.4 s", 12.9, 13.4, 0.2, "fear"),
    Evidence("face", "raised brows", 12.6, 13.0, 0.15, "fear"),
    Evidence("scene", "dark", 12.0, 14.0, 0.0),
)
READ = Prediction("1", "ekman", SCORES, ("fear",), confidence=0.6, evidence=EVIDENCE)


def test_each_kind_of_clue_has_its_sentence():
    found = explain_channels(READ)
    assert [s.evidence for s in found] == [(2,), (0,), (3,), (4,), (1,), (5,), (0, 3, 4)]
    said = [s.sentence for s in found]
    assert said[0].startswith("From 12.4 to 13.9 s this voice departs from its usual manner: higher")
    assert said[1] == 'The word "scared" speaks for fear (+0.41).'
    assert said[4] == 'The word "fine" speaks against fear (-0.12).'
    assert said[-1] == "Taken together, this is read as fear (62 %)."
    assert valid_share([replace(READ, explanation=found)]) == 1


def test_channels_say_what_each_says_alone():
    channels = {"text": Channel({"fear": 0.7, "joy": 0.3}, 0.6), "voice": Channel({"anger": 0.8, "fear": 0.2}, 0.4)}
    said = {s.sentence: s.evidence for s in explain_channels(replace(READ, channels=channels))}
    assert said["The voice by itself says anger (80 %)."] == (2, 3)
    assert said["The text by itself says fear (70 %)."] == (0, 1)
    assert not any("do not carry" in sentence for sentence in said)
    apart = replace(READ, channels=channels, conflict=Conflict(0.83, ("text", "voice")))
    told = {s.sentence: s.evidence for s in explain_channels(apart)}
    sentence = "The text says fear and the voice says anger: most likely they do not carry the same emotion (83 %)."
    assert told[sentence] == (0, 1, 2, 3)
    assert told.keys() - {sentence} == said.keys()
    agreeing = explain_channels(replace(apart, conflict=Conflict(0.2, ("text", "voice"))))
    assert {s.sentence for s in agreeing} == said.keys()


def test_nothing_is_said_without_evidence_or_answer():
    assert explain_channels(replace(READ, evidence=())) == ()
    assert explain_channels(READ.abstain("low confidence")) == ()
    (only,) = explain_channels(replace(READ, labels=(), evidence=EVIDENCE[5:]))
    assert only.sentence == "In the scene: dark."
    near = explain_channels(replace(READ, labels=(), evidence=EVIDENCE[:1]))[-1]
    assert near.sentence == "Taken together, no label reaches its threshold; fear (62 %) comes nearest."


# What a language model might write: sentence, evidence, and what is wrong with it.
WRITTEN = [
    ("She is afraid.", [0], None),
    ('The word "scared" says so.', [0], None),
    ("The pitch is higher between 12.4 and 13.9 s.", [2], None),
    ("She does not sound joyful; she is frightened.", [3], "speaks against"),
    ('"fine" speaks against fear.', [1], None),
    ("The brows are raised at 12.8 s.", [4], None),
    ("She is afraid.", [], "rests on nothing"),
    ("She is afraid.", [9], "does not exist"),
    ('The word "terrified" says so.', [0], "quotes words"),
    ("Tears run down the cheeks.", [0, 3], "speaks of the face"),
    ("She whispers.", [0], "speaks of the voice"),
    ("The voice is lower than usual.", [2], "'lower'"),
    ("The voice is louder.", [2], "'louder'"),
    ("The voice is heard from 20.0 to 21.0 s.", [3], "outside"),
    ("She is angry.", [0], "speaks for angry"),
    ("The higher pitch makes it fear.", [2], "speaks for fear"),
]


@pytest.mark.parametrize(("sentence", "evidence", "wrong"), WRITTEN)
def test_a_sentence_is_held_against_its_evidence(sentence, evidence, wrong):
    found = check_statement(Statement(sentence, tuple(evidence)), READ)
    assert (found is None) if wrong is None else (found is not None and wrong in found), found


class Scripted:
    """Answers with what it is given, and keeps what it was asked."""

    def __init__(self, answer: str) -> None:
        self.answer, self.asked = answer, []

    def complete(self, messages):
        self.asked = list(messages)
        return self.answer


def test_a_writer_is_checked_sentence_by_sentence():
    writer = Scripted("Here:\n" + json.dumps([{"sentence": s, "evidence": e} for s, e, _ in WRITTEN]))
    found = rationale(READ, writer=writer)
    assert [s.sentence for s in found.statements] == [s for s, _, wrong in WRITTEN if wrong is None]
    assert len(found.removed) == sum(wrong is not None for _, _, wrong in WRITTEN)
    assert valid_share([replace(READ, explanation=found.statements)]) == 1
    told = writer.asked[-1]["content"]
    assert '[0] text: "scared"; for fear, +0.41' in told and "[4] face, 12.6 to 13.0 s: raised brows" in told


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("I cannot say.", "not a list"),
        ("[1, 2]", "not a list"),
        ('[{"sentence": "She is afraid.", "evidence": "0"}]', "no sentence holds"),
        ("[" * 5000, "not a list"),
        ('[{"sentence": "He weeps", "evidence": [true]}]', "no sentence holds"),
    ],
)
def test_templates_stand_in_for_an_answer_that_cannot_be_used(answer, why):
    found = rationale(READ, writer=Scripted(answer))
    assert why in found.refused and found.statements == explain_channels(READ)


TEXTS = [
    "Thank you so much, I love it! But I am not happy with the delay.",
    'He said "what a disgusting idea" and left.',
    "I am scared of tomorrow, and a bit excited.",
    "The train leaves at nine.",
]


@pytest.fixture(scope="module")
def read():
    return affekt.analyze(TEXTS, explain=True, policy=Policy(min_confidence=0), model="text-en")


def test_real_readings_are_explained_and_all_holds(read):
    assert all(p.explanation for p in read) and valid_share(read) == 1
    assert any("gratitude" in s.sentence for s in read[0].explanation)
    assert all(not p.explanation for p in affekt.analyze(TEXTS[:1], model="text-en"))


def test_readings_in_another_space_are_explained_there():
    (p,) = affekt.analyze(TEXTS[:1], explain=True, model="text-en", space="ekman")
    assert (
        valid_share([p]) == 1 and "joy" in p.explanation[-1].sentence and "gratitude" not in p.explanation[-1].sentence
    )


def test_the_terminal_shows_the_sentences(read):
    from rich.console import Console

    from affekt.catalog.spaces import space
    from affekt.core.clip import Clip

    console = Console(width=100, record=True, highlight=False, file=io.StringIO())
    render([(Clip("1", TEXTS[0]), read[0])], console=console, space=space("goemotions"))
    assert "Taken together, this is read as gratitude" in " ".join(console.export_text().split())


@browser_test
def test_the_report_shows_the_sentences(show, tmp_path):
    file = tmp_path / "report.html"
    affekt.analyze(TEXTS, explain=True, out=file, policy=Policy(min_confidence=0), model="text-en")
    page = show(file)
    page.locator("text=Thank you so much").first.click()
    why = page.locator("#panel h3", has_text="Why")
    assert why.count() == 1
    said = page.locator("#panel ol.p-cues li").all_inner_texts()
    assert said[0] == 'The word "Thank" speaks for gratitude (+0.95).' and said[-1].startswith("Taken together")


def test_a_language_model_behind_an_address_writes_and_is_checked():
    said = [
        {"sentence": 'She says "Thank", which is gratitude.', "evidence": [0]},
        {"sentence": "Her eyes [bold]shine[/bold] with tears.", "evidence": [0]},
    ]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(said) if asked["model"] == "good" else "I would rather not."
            assert asked["max_tokens"] >= 300 and '"Thank"' in asked["messages"][-1]["content"]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"choices": [{"message": {"content": content}}]}).encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        where = f"http://127.0.0.1:{server.server_port}/v1"
        asked = [TEXTS[0], "--model", "text-en", "--writer"]
        good = CliRunner().invoke(command, [*asked, f"{where}#good"])
        bad = CliRunner().invoke(command, [*asked, f"{where}#bad"])
    finally:
        server.shutdown()
        server.server_close()
    assert good.exit_code == bad.exit_code == 0, good.output + bad.output
    shown, instead = (" ".join(r.output.split()) for r in (good, bad))
    assert 'She says "Thank", which is gratitude.' in shown and "this is read as" not in shown
    assert "Taken out, speaks of the face, and its evidence does not: Her eyes [bold]shine[/bold]" in shown
    assert "Taken together, this is read as gratitude" in instead and "Templates stand in" in instead


def test_stretches_of_a_recording_are_explained(tmp_path):
    write(tmp_path / "talk.wav", voice(3.0, seed=1), rate=16_000, codec="pcm_s16le")
    found = [p for p in affekt.analyze(tmp_path / "talk.wav", explain=True) if p.evidence and p.abstained is None]
    assert found and all(p.explanation for p in found) and valid_share(found) == 1
    assert "is heard from" in found[0].explanation[0].sentence


def test_what_a_face_does_is_told_and_held_against_its_evidence():
    smile = Evidence("face", "lip corners up", 2.0, 3.5, 0.0, None, "lip_corners", "above", 4.2)
    joy = Prediction("1", "ekman-neutral", {"joy": 0.8, "fear": 0.2}, ("joy",), evidence=(smile,))
    said = [(s.sentence, s.evidence) for s in explain_channels(joy)]
    assert said == [
        ("From 2.0 to 3.5 s this face stands out: lip corners raised (lip corners up).", (0,)),
        ("EMFACS lists that for joy: lip corners raised.", (0,)),
    ]
    still = replace(joy, evidence=(replace(smile, start=0.0, end=0.0, direction="below"),))
    assert [s.sentence for s in explain_channels(still)] == [
        "This face stands out: lip corners lowered (lip corners up)."
    ]
    for sentence, wrong in (
        ("Lip corners raised is joyful.", None),
        ("Lip corners raised: fear.", "speaks for fear"),
        ("The mouth moves, jaw dropped.", "says 'jaw dropped' of a face"),
        ("The lips are seen, lip corners lowered.", "says 'lip corners lowered' of a face"),
    ):
        found = check_statement(Statement(sentence, (0,)), joy)
        assert (found is None) if wrong is None else (found is not None and wrong in found), found


@pytest.mark.parametrize("step", [0.0, 0.25])
def test_every_cue_of_a_face_can_be_told(step):
    """Words of the catalogue are no words of emotion, which the check would take for claims."""
    usual = usual_look([])
    usual = replace(usual, own=step > 0)
    for sign in (-1, 1):
        found = [
            e
            for j in range(len(FACE_CUES))
            for e in face_departures(
                [2.0], usual.median + sign * 5 * usual.sd * np.eye(len(FACE_CUES))[j], usual, step=step
            )
        ]
        assert [e.name for e in found] == [cue.name for cue in FACE_CUES]
        for e in found:
            scores = dict.fromkeys(space("ekman-neutral").labels, 1 / 7)
            told = rationale(Prediction("1", "ekman-neutral", scores, ("joy",), evidence=(e,)))
            assert told.statements and not told.removed
