"""Clues, triggers, statements and signals in words: judges, overlap, faults, what can be read back."""

from __future__ import annotations

import json
import math
import os

import numpy as np
import pytest

from affekt.bench.judges import EncoderJudge, WordJudge, YesNoJudge, clues_of, listed_triggers
from affekt.bench.statements import KINDS, accuracies, claims, told_by, told_by_polarity
from affekt.catalog.emotion_words import wheel_groupings
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Evidence, Prediction
from affekt.corpora.read import read
from affekt.explain.open_words import named
from affekt.explain.rationale import fault_rates, rationale
from affekt.features import descriptors
from affekt.features.contour import SHAPES, intonation
from affekt.features.cues import CUES
from affekt.features.textual import read_back, scales, textualise
from affekt.metrics.setwise import coverage, groundedness, reaction_diversity

needs_data = pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")

CLUES = [
    "His shoulders drop.",
    "The voice trembles at the end.",
    "He says that nobody called him.",
    "He turns to the window.",
    "A plate lies broken on the floor.",
]


def test_overlap_falls_as_clues_are_left_out_or_exchanged():
    judge = WordJudge()
    for at in range(len(CLUES) + 1):
        left = CLUES[at:]
        put = [f"Something else, number {i}" for i in range(at)] + left
        kept = (len(CLUES) - at) / len(CLUES)
        assert coverage(similarities=[judge.compare(CLUES, left)], at_least=0.5) == pytest.approx(kept)
        assert groundedness(similarities=[judge.compare(CLUES, put)], at_least=0.5) == pytest.approx(kept)
    assert math.isnan(coverage(similarities=[np.zeros((0, 3))], at_least=0.5))
    assert groundedness(similarities=[np.zeros((3, 0)), np.ones((1, 1))], at_least=0.5) == 0.5


def test_the_encoder_takes_a_paraphrase_for_the_same_where_words_do_not():
    truth = ["I am so happy that you came."]
    said = ["I am delighted that you are here.", "The invoice is due on Friday."]
    by_meaning, by_word = EncoderJudge().compare(truth, said), WordJudge().compare(truth, said)
    assert by_meaning[0, 0] >= EncoderJudge().at_least > by_meaning[0, 1] and by_word[0, 0] < 0.5
    assert EncoderJudge().compare([], said).shape == (0, 2)


def test_a_judge_that_is_asked():
    judge = YesNoJudge(lambda question: "Yes." if question.count("door") == 2 else "No.")
    assert judge.compare(["the door slams", "he weeps"], ["a slammed door"]).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("answer", "found"),
    [("1. Loss\n2. A torn  letter\n2. Loss", ["Loss", "A torn letter"]), ("Rain\n\nCold", ["Rain", "Cold"]), ("", [])],
)
def test_triggers_of_a_list(answer, found):
    assert listed_triggers(answer) == found


@needs_data
def test_lists_of_triggers_are_read_and_coverage_falls_with_them():
    every = [listed_triggers(clip.text) for clip, _ in read("eibench:triggers", split="test")][::40]
    judge = WordJudge()

    def covered(share: float) -> float:
        said = [t[: round(share * len(t))] for t in every]
        return coverage(similarities=[judge.compare(t, s) for t, s in zip(every, said, strict=True)], at_least=0.9)

    found = [covered(share) for share in (1, 0.75, 0.5, 0.25)]
    assert min(map(len, every)) >= 2 and found[0] == 1 and all(np.diff(found) < -0.1)


@needs_data
def test_clues_and_labels_of_the_332_descriptions_fall_together():
    rows = [clip.text for clip, _ in read("emer:reasons", split="test")]
    assert len(rows) == 332
    clues = [clues_of(text) for text in rows[::8]]
    judge = WordJudge(at_least=0.9)
    steps = []
    for step in (0, 2, 4):
        said = [c[: max(0, len(c) - step)] for c in clues]
        sims = [judge.compare(c, s) for c, s in zip(clues, said, strict=True)]
        words = [len(named(" ".join(s))) / max(1, len(named(" ".join(c)))) for c, s in zip(clues, said, strict=True)]
        steps.append((coverage(similarities=sims, at_least=0.9), float(np.mean(words))))
    assert steps[0] == (1, 1) and steps[0] > steps[1] > steps[2]


# --- invented and unrelated clues


class Faulty:
    """Writes three right sentences, and with some chance one of each fault."""

    name = "faulty"

    def __init__(self, seed: int) -> None:
        self.draw, self.planted = np.random.default_rng(seed), {"invented": 0, "unrelated": 0, "unfounded": 0}
        self.written = 0

    def complete(self, messages):
        said = [{"sentence": 'The word "alone" weighs on him.', "evidence": [0]}] * 3
        for kind, sentence, at in (
            ("invented", "Tears fill his eyes.", [0]),
            ("unrelated", "The slow talk shows his joy.", [1]),
            ("unfounded", "He has lost somebody.", []),
        ):
            if self.draw.random() < 0.4:
                said.append({"sentence": sentence, "evidence": at})
                self.planted[kind] += 1
        self.written += len(said)
        return json.dumps(said)


def test_planted_faults_are_counted():
    evidence = (
        Evidence("text", "alone", 0, 5, 0.3, "sadness"),
        Evidence("voice", "0.1 to 0.9 s", 0.1, 0.9, 0.2, "sadness"),
    )
    read_ = Prediction("1", "ekman", {"joy": 0.1, "sadness": 0.8}, ("sadness",), evidence=evidence)
    writer = Faulty(0)
    found = fault_rates([rationale(read_, writer=writer) for _ in range(100)])
    assert found == pytest.approx({kind: n / writer.written for kind, n in writer.planted.items()})
    assert found["invented"] > 0.05 and math.isnan(fault_rates([])["invented"])


# --- reactions


def test_reactions_are_as_different_as_their_groups():
    groups = wheel_groupings(1)
    same, other = [[("happy",), ("cheerful",), ("joyful",)]], [[("happy",), ("furious",), ("frightened",)]]
    assert reaction_diversity(same, groupings=groups) < 0.05 < 0.9 < reaction_diversity(other, groupings=groups)
    assert math.isnan(reaction_diversity([[("happy",)], [("qwerty",), ("sad",)]], groupings=groups))


# --- statements


def test_statements_tell_judges_apart():
    words = {f"s{i}": w for i, w in enumerate([("happy", "proud"), ("angry", "sad"), ("scared", "worried")] * 10)}
    made = claims(words)
    assert {c.kind for c in made} == set(KINDS) and made == claims(words) != claims(words, seed=1)
    for kind in KINDS:
        assert sum(c.true for c in made if c.kind == kind) * 2 == sum(c.kind == kind for c in made)
    oracle = accuracies(made, lambda c: told_by(c, words[c.id]))
    assert oracle == dict.fromkeys(KINDS, 1.0)
    floor = accuracies(made, lambda c: told_by_polarity(c, words[c.id]))
    assert floor == {"polarity": 1.0, "interpretation": 0.5, "subjectivity": 0.5}
    partial = accuracies(made, lambda c: told_by(c, words[c.id][:1]))
    assert floor["subjectivity"] <= partial["subjectivity"] < 1 and partial["polarity"] == 1
    assert all(math.isnan(v) for v in accuracies([], lambda c: True).values())


# --- signals in words


@pytest.mark.parametrize("scale", sorted(scales()))
def test_what_is_said_is_read_back_as_the_range_of_the_number(scale):
    names = [cue.name for cue in CUES] if scale == "departure" else ["AU01", "AU12"]
    low = scales()[scale].bands[0].start
    draw = np.random.default_rng(0)
    for _ in range(100):
        values = {name: float(v) for name, v in zip(names, draw.normal(0, 3, len(names)), strict=True)}
        values = {name: abs(v) % 5 if low == 0 else v for name, v in values.items()}
        found = read_back(textualise(values, scale=scale), scale=scale)
        assert found.keys() == values.keys()
        assert all(a <= values[name] < b for name, (a, b) in found.items())


def test_bands_meet_and_what_cannot_be_said_is_refused():
    for scale in scales().values():
        starts = [band.start for band in scale.bands]
        assert starts == sorted(set(starts))
    assert textualise({"pitch": math.nan}, scale="departure") == "pitch: not known"
    assert read_back("pitch: not known", scale="departure") == {}
    with pytest.raises(InputError, match="below the scale"):
        textualise({"AU12": -1}, scale="action_unit")
    with pytest.raises(InputError, match="does not say"):
        read_back("pitch: enormous", scale="departure")
    with pytest.raises(InputError, match="colon"):
        textualise({"a: b": 1}, scale="share")
    with pytest.raises(UnknownNameError, match="departure"):
        textualise({"pitch": 1}, scale="departures")


def _spoken(shape: str, seed: int) -> np.ndarray:
    """A vowel whose pitch moves in a shape, in semitones over 110 to 220 Hz."""
    draw = np.random.default_rng(seed)
    rate, t = 16_000, np.linspace(-1, 1, 24_000)
    size = draw.uniform(4, 8)
    moves = {
        "level": 0 * t, "rising": size * t / 2, "falling": -size * t / 2, "rise-fall": size * (1 - t**2),
        "fall-rise": size * t**2, "wavering": size * np.sin(3.3 * np.pi * t) / 1.5,
    }  # fmt: skip
    f0 = draw.uniform(110, 220) * 2 ** (moves[shape] / 12)
    phase = 2 * np.pi * np.cumsum(f0) / rate
    sound = sum(np.sin(k * phase) / k**1.5 for k in range(1, 16))
    return (0.2 * sound / np.abs(sound).max() + 1e-4 * draw.standard_normal(len(t))).astype(np.float32)


def test_the_shape_of_the_pitch_is_told():
    right = [
        intonation(descriptors(_spoken(shape, seed), rate=16_000)) == shape for seed in range(3) for shape in SHAPES
    ]
    assert np.mean(right) > 0.9  # chance is one in six
    hiss = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 1e-3
    assert intonation(descriptors(hiss, rate=16_000)) is None
