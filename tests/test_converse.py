"""Conversations that are made: courses of emotion, speakers, the filter, what is written, and voices."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from itertools import islice, pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from affekt.catalog.dialogues import talk
from affekt.cli.main import cli
from affekt.core.errors import InputError, MissingExtraError, ModelError, UnknownNameError
from affekt.train.converse.courses import counted, course
from affekt.train.converse.speakers import Asked, Said, Templates, open_speaker
from affekt.train.converse.talks import kept, talks, voiced, write_talks
from affekt.train.converse.thread import SIGNS, held_together, signs

espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")


def test_a_course_goes_as_emotions_follow_one_another():
    labels, counts = talk().course.labels, np.array(talk().course.counts)
    assert course(1, np.random.default_rng(1), start="fear") == ["fear"]
    seen = Counter(pairwise(course(40_000, np.random.default_rng(1), start="joy")))
    for i, before in enumerate(labels):
        times = sum(seen[before, after] for after in labels)
        for j, after in enumerate(labels):
            share = counts[i, j] / counts[i].sum()
            assert abs(seen[before, after] / times - share) < 4 * np.sqrt(share / times) + 0.005
    with pytest.raises(UnknownNameError, match="joy"):
        course(3, np.random.default_rng(1), start="jo")


@pytest.mark.data
@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_the_course_was_counted_on_meld():
    assert counted("meld").tolist() == [list(row) for row in talk().course.counts]


def test_speakers_say_their_emotion_about_the_domain():
    domain = talk().domains["cars"]
    for name in ("steady", "lively"):
        speaker = Templates(name)
        rng = np.random.default_rng(2)
        for emotion, sentences in talk().speakers[name].says.items():
            text = speaker.say(Said(domain, emotion, ["The garage is closed."]), rng)
            assert text in {s.format(thing=thing) for s in sentences for thing in domain.things}
        stays = [
            "garage" in speaker.say(Said(domain, "joy", ["The garage is closed."]), rng).lower() for _ in range(400)
        ]
        keeps = talk().speakers[name].keeps
        assert abs(np.mean(stays) - (keeps + (1 - keeps) / len(domain.things))) < 0.08
    with pytest.raises(UnknownNameError, match="steady"):
        open_speaker("stead")


class Echo:
    """A language model that answers with what it was told last."""

    name = "echo"

    def __init__(self, says):
        self.says, self.asked = says, []

    def complete(self, messages):
        self.asked.append(messages)
        return self.says


def test_a_language_model_is_told_the_emotion_and_what_was_said():
    model = Echo("\n  I knew it!  \nB: and so on")
    said = Said(talk().domains["pets"], "surprise", ["The dog spoke.", "It did what?"])
    assert Asked(model).say(said, np.random.default_rng(1)) == "I knew it!"
    system, user = model.asked[0]
    assert "surprise" in system["content"] and "aquarium" in system["content"]
    assert user["content"] == "A: The dog spoke.\nB: It did what?"
    with pytest.raises(ModelError, match="nothing"):
        Asked(Echo(" \n")).say(said, np.random.default_rng(1))


def test_the_filter_sees_a_thread_and_not_its_vectors():
    talked = ["My engine broke on the road.", "Which engine was it?", "It was the old engine.", "Well, that engine!"]
    dealt = ["My engine broke on the road.", "The soup is cold.", "I like your hat.", "Tuesday, then."]
    last, earlier, again, answers = signs(talked)
    assert last == pytest.approx((1 / 1 + 1 / 1 + 1 / 2) / 3, abs=0.35) and last > 0.4 and earlier > 0.2
    assert again == 0 and answers > 0
    assert signs(["So?", "So?"])[2] == 1
    assert list(signs(dealt)[:3]) == [0, 0, 0]
    assert held_together(talked) > 0.8 > 0.5 > held_together(dealt)
    assert set(talk().filter.weights) == set(SIGNS)
    found = list(islice(talks([(Templates("steady"), Templates("lively"))], seed=5), 11))
    held = np.array([one.held for one in found])
    assert kept(found).sum() == 6 and held[kept(found)].min() >= held[~kept(found)].max()
    assert kept(found, 0.0).sum() == 0 and kept(found, 1.0).all()


def test_conversations_are_written_as_turns_that_are_read_again(tmp_path):
    said = CliRunner().invoke(
        cli,
        [
            "corpora",
            "converse",
            "--out",
            str(tmp_path / "a"),
            "--dialogues",
            "6",
            "--domain",
            "pets",
            "--emotion",
            "fear",
        ],
    )
    assert said.exit_code == 0 and "6 conversations made, 3 kept, 24 turns" in said.output
    rows = [json.loads(line) for line in (tmp_path / "a" / "turns.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["domain"] for row in rows} == {"pets"} and {r["emotion"] for r in rows if r["turn"] == 0} == {"fear"}
    assert [row["by"] for row in rows[:4]] == ["steady", "lively", "steady", "lively"]
    pair = (Templates("steady"), Templates("lively"))
    write_talks(tmp_path / "b", [pair], count=6, domains=["pets"], start="fear")
    assert (tmp_path / "b" / "turns.jsonl").read_bytes() == (tmp_path / "a" / "turns.jsonl").read_bytes()
    with pytest.raises(InputError, match="not empty"):
        write_talks(tmp_path / "a", [pair], count=2)
    for wrong, hint in (("--domain", "pets"), ("--emotion", "fear"), ("--speakers", "two speakers")):
        given = CliRunner().invoke(cli, ["corpora", "converse", "--out", str(tmp_path / "c"), wrong, "pet"])
        assert given.exit_code != 0 and not (tmp_path / "c").exists()
        assert hint in str(given.exception) + str(getattr(given.exception, "hint", ""))


@espeak
def test_a_turn_is_louder_in_anger_than_in_sadness(tmp_path):
    pair = (Templates("steady"), Templates("steady"))
    felt = {}
    for one in islice(talks([pair], turns=6, start="anger", seed=3), 6):
        for turn, (voice, sound) in zip(one.turns, voiced(one, seed=3), strict=True):
            assert voice.startswith("en") and sound.rate == 16_000 and sound.duration > 0.5
            felt.setdefault(turn.emotion, []).append(20 * np.log10(np.sqrt(np.mean(np.square(sound.samples)))))
    assert np.mean(felt["anger"]) > np.mean(felt["sadness"]) + 2
    flat = list(voiced(next(talks([pair], start="anger", seed=3)), seed=3, flat=True))
    assert len({voice for voice, _ in flat}) == 2


def test_without_the_program_a_voice_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    pair = (Templates("steady"), Templates("lively"))
    with pytest.raises(MissingExtraError, match="espeak-ng"):
        write_talks(tmp_path / "d", [pair], count=1, keep=1.0, sound=True)
