"""Repositories of labelled turns: built, stored, searched, and read by."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest
from click.testing import CliRunner

from affekt.cli.demonstrations import command
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError, ModelError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser, RecogniserSpec
from affekt.corpora import read
from affekt.models.demonstrations import Demonstrations, Facts, Interpolated, NearestDemonstrations, labelled
from affekt.models.vectors import SentenceVectors
from affekt.train.nearest import choose_nearest, choose_share

ROWS = [
    {"dialogue": "a", "speaker": "Ana", "text": "I got the job!", "label": "joy"},
    {"dialogue": "a", "speaker": "Ben", "text": "Congratulations, I am so happy for you!", "label": "joy"},
    {"dialogue": "b", "speaker": "Cleo", "text": "My dog died this morning.", "label": "sadness"},
    {"dialogue": "b", "speaker": "Dov", "text": "I am so sorry for your loss.", "label": "sadness"},
    {"dialogue": "c", "speaker": "Esi", "text": "He stole my bike and laughed at me.", "label": "anger"},
    {"dialogue": "c", "speaker": "Finn", "text": "The meeting is at ten.", "label": "neutral"},
]


@pytest.fixture(scope="module")
def encoder():
    return SentenceVectors(jobs=1)


@pytest.fixture(scope="module")
def held(encoder):
    return Demonstrations.build(
        labelled(ROWS, where="rows"), facts=Facts(space="ekman-neutral", source="rows"), encoder=encoder
    )


def test_vectors_are_of_length_1_and_do_not_depend_on_what_stands_beside(encoder):
    texts = ["I lost my cat.", "My cat ran away and I cry.", "The bus leaves at nine.", ""]
    found = encoder.vectors(texts)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert found[0] @ found[1] > found[0] @ found[2] + 0.1
    for text, vector in zip(texts, found, strict=True):
        assert np.abs(encoder.vectors([text])[0] - vector).max() < 1e-5
    assert encoder.vectors(["word " * 3000]).shape == (1, found.shape[1])  # cut, not refused
    with pytest.raises(ModelError, match="no vectors of texts"):
        SentenceVectors("text-multi")


def test_what_feels_alike_is_found_and_never_of_the_conversation_that_is_asked_about(held):
    (found,) = held.search([Clip("q", "My father passed away yesterday.")], most=2)
    assert [f.demonstration.labels for f in found] == [("sadness",), ("sadness",)]
    assert found[0].similarity >= found[1].similarity
    asked = Clip("q", "My father passed away yesterday.", dialogue="b")
    (others,) = held.search([asked], most=6)
    assert len(others) == 4 and all(f.demonstration.dialogue != "b" for f in others)
    assert others[0].demonstration.before == () or others[0].demonstration.before_speakers
    (itself,) = held.search([Clip("row-1", "I got the job!")], most=6)
    assert "row-1" not in [f.demonstration.id for f in itself]


def test_stored_and_read_again_it_answers_the_same(held, tmp_path):
    held.save(tmp_path / "r")
    again = Demonstrations.load(tmp_path / "r", jobs=1)
    assert again.rows == held.rows and again.facts == held.facts and again.counts() == held.counts()
    asked = [Clip("q", "Somebody broke into my car!"), Clip("r", "What a lovely present!", context=("Here, for you.",))]
    before, after = held.search(asked, most=3), again.search(asked, most=3)
    assert [[f.demonstration for f in one] for one in before] == [[f.demonstration for f in one] for one in after]
    (tmp_path / "r" / "vectors.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="no repository"):
        Demonstrations.load(tmp_path / "r")
    with pytest.raises(DataError, match="no repository"):
        Demonstrations.load(tmp_path)


def test_rows_of_ones_own_are_refused_where_they_are_wrong(encoder):
    with pytest.raises(InputError, match="row 2"):
        labelled([{"text": "a", "label": "joy"}, {"words": "b"}], where="mine.csv")
    wrong = labelled([{"text": "a", "label": "hapiness"}], where="mine.csv")
    with pytest.raises(UnknownNameError, match="hapiness"):
        Demonstrations.build(wrong, facts=Facts(space="dailydialog", source="mine.csv"), encoder=encoder)
    with pytest.raises(InputError, match="both words and a label"):
        Demonstrations.build([(Clip("1", " "), ("joy",))], facts=Facts(space="meld", source="mine"), encoder=encoder)


def test_the_nearest_read_better_than_drawn_ones_and_do_so_one_by_one(encoder):
    train, dev, test = (
        [(clip, gold.labels) for clip, gold in islice(read("shifting", split=split), n)]
        for split, n in (("train", 400), ("dev", 150), ("test", 150))
    )
    facts = Facts(space="dailydialog", source="shifting")
    held = Demonstrations.build(train, facts=facts, encoder=encoder)
    nearest = choose_nearest(held, dev, score="weighted_f1")
    assert isinstance(nearest, Recogniser)

    def right(reader):
        said = reader.predict([clip for clip, _ in test])
        assert all(abs(sum(p.scores.values()) - 1) < 1e-6 for p in said)
        return np.mean([p.labels == gold for p, (_, gold) in zip(said, test, strict=True)])

    drawn = NearestDemonstrations(held, most=nearest.most, drawn=1)
    assert right(nearest) > right(drawn) + 0.3
    clips = [clip for clip, _ in test[:5]]
    for reader in (nearest, drawn):
        alone = [reader.predict([clip])[0] for clip in clips]
        for p, q in zip(reader.predict(clips), alone, strict=True):
            assert p.scores == pytest.approx(q.scores, abs=1e-5)
    assert nearest.predict([Clip("e", "  ")])[0].abstained == "empty"

    class Uniform:
        spec = RecogniserSpec("uniform", "1", "dailydialog", ("dailydialog",), (), ("en",), "Apache-2.0")

        def predict(self, clips, *, space=None):
            labels = ("no emotion", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
            return [Prediction(c.id, "dailydialog", scores=dict.fromkeys(labels, 1 / 7)) for c in clips]

    share = choose_share(Uniform(), nearest, dev)
    assert share > 0.5  # who knows nothing yields to what is near
    mixed = Interpolated(Uniform(), nearest, share=share)
    assert right(mixed) == pytest.approx(right(nearest))


def test_the_command_builds_searches_and_shows(tmp_path):
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    run = CliRunner()
    made = run.invoke(command, ["build", str(file), "--space", "ekman-neutral", "--out", str(tmp_path / "r")])
    assert made.exit_code == 0 and "joy 2, neutral 1, sadness 2" in made.output
    told = run.invoke(command, ["show", str(tmp_path / "r"), "--json"])
    assert json.loads(told.output)["turns"] == 6 and json.loads(told.output)["dialogues"] == 3
    asked = ["search", str(tmp_path / "r"), "We won the prize, I am thrilled!", "--most", "1"]
    (row,) = json.loads(run.invoke(command, [*asked, "--json"]).output)
    assert row["labels"] == ["joy"] and row["similarity"] > 0.3
    assert row["text"] in run.invoke(command, asked).output
    assert isinstance(run.invoke(command, ["build", str(file), "--out", str(tmp_path / "s")]).exception, InputError)
    again = run.invoke(command, ["build", str(file), "--space", "meld", "--out", str(tmp_path / "r")])
    assert isinstance(again.exception, InputError)


def test_conversations_that_are_made_shift_as_often_as_they_say():
    rows = [(clip, gold.labels[0]) for clip, gold in read("shifting", split="train")]
    assert len(rows) == 3000 and rows == [(c, g.labels[0]) for c, g in read("shifting", split="train")]
    last, shifts = {}, {}
    for clip, label in rows:
        key = clip.dialogue, clip.speaker
        if key in last:
            shifts.setdefault(float(clip.facts["rate"]), []).append(last[key] != label)
        last[key] = label
    assert set(shifts) == {0.0, 0.1, 0.2, 0.4, 0.6}
    assert all(np.mean(each) == pytest.approx(rate, abs=0.06) for rate, each in shifts.items())
