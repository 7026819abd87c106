"""The bundled text model: answers that hang on the text alone, whole reading of long texts, honest abstention."""

from __future__ import annotations

import gzip
import random
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from affekt.core.clip import Clip
from affekt.core.errors import ModelError, UnknownNameError
from affekt.media.segment import pieces
from affekt.models import session
from affekt.models.registry import bundled, load, model_folder, read_card
from affekt.models.session import graph_of
from affekt.models.vectors import SentenceVectors

OPENINGS = ["Honestly,", "So", "Well,", "My sister says", "Nobody told me that", "After all these years"]
MIDDLES = [
    "the trip was wonderful",
    "I lost my keys again",
    "this film bored me",
    "they fixed the roof",
    "he lied to us",
]
ENDINGS = ["!", ".", " and I can't stop smiling 😂", ", which scares me a little.", "?! What now?", " :("]
TEXTS = [f"{a} {b}{c}" for a in OPENINGS for b in MIDDLES for c in ENDINGS]


@pytest.fixture(scope="module")
def model():
    return load()


def clips(texts):
    return [Clip(str(i), t) for i, t in enumerate(texts)]


def matrix(predictions):
    return np.array([list(p.scores.values()) for p in predictions])


def test_an_answer_does_not_depend_on_its_neighbours(model):
    alone = [model.predict([c])[0] for c in clips(TEXTS)]
    together = model.predict(clips(TEXTS))
    order = random.Random(0).sample(range(len(TEXTS)), len(TEXTS))
    shuffled = model.predict([clips(TEXTS)[i] for i in order])
    batches = [p for k in range(0, len(TEXTS), 64) for p in model.predict(clips(TEXTS)[k : k + 64])]
    for other in (together, batches, [shuffled[order.index(i)] for i in range(len(TEXTS))]):
        assert np.abs(matrix(alone) - matrix(other)).max() <= 1e-3
        assert [p.labels for p in alone] == [p.labels for p in other]
        assert np.allclose(
            [list(p.dimensions.values()) for p in alone], [list(p.dimensions.values()) for p in other], atol=1e-3
        )


def test_long_neighbours_change_nothing_either(model):
    long = "It rained all week. " * 300
    (alone,) = model.predict(clips(["I am so proud of you"]))
    beside = model.predict(clips([long, "I am so proud of you", long]))[1]
    assert alone.scores == pytest.approx(beside.scores, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Thank you so much for your help!", "gratitude"),
        ("I love you more than anything.", "love"),
        ("That is hilarious, I can't stop laughing 😂", "amusement"),
        ("I'm so sorry, it was my fault.", "remorse"),
        ("I am terrified of the results.", "fear"),
        ("Congratulations, you did great!", "admiration"),
    ],
)
def test_plain_cases(model, text, label):
    (prediction,) = model.predict(clips([text]))
    assert label in prediction.labels


def test_negation_turns_valence(model):
    happy, not_happy = model.predict(clips(["I am happy with it.", "I am not happy with it."]))
    assert happy.dimensions["valence"] - not_happy.dimensions["valence"] > 0.5
    assert happy.scores["joy"] > not_happy.scores["joy"] + 0.3


def test_a_long_text_is_read_to_its_end(model):
    text = "We waited for hours in the rain. " * 40 + "Then she said yes and I was the happiest man alive!"
    (prediction,) = model.predict(clips([text]))
    windows = prediction.trajectory
    assert len(windows) > 5
    assert windows[0].start == 0 and windows[-1].end == len(text)
    for before, after in pairwise(windows):
        assert before.end <= after.start and not text[before.end : after.start].strip()
    assert windows[-1].scores["joy"] > 5 * windows[0].scores["joy"]
    assert windows[-1].dimensions["valence"] > windows[0].dimensions["valence"]


def test_scores_of_a_long_text_are_the_weighted_mean_of_its_windows(model):
    (p,) = model.predict(clips(["What a mess. I hate this place. " * 20]))
    every = np.array([list(w.scores.values()) for w in p.trajectory])
    assert (np.array(list(p.scores.values())) <= every.max(0) + 1e-9).all()
    assert (np.array(list(p.scores.values())) >= every.min(0) - 1e-9).all()


def test_text_without_spaces_is_cut_and_read(model):
    (p,) = model.predict(clips(["sad,sorry," * 1050]))
    assert p.abstained is None and p.top in ("sadness", "remorse") and p.trajectory[-1].end == 10500


def test_a_word_of_thousands_of_letters_is_no_language(model):
    (p,) = model.predict(clips(["x" * 5000]))
    assert p.abstained == "no language content"


@pytest.mark.parametrize(
    ("text", "reason"), [("", "empty"), ("  \n", "empty"), ("?!... 123", "no language content"), (None, "empty")]
)
def test_nothing_to_read_is_an_abstention(model, text, reason):
    (p,) = model.predict([Clip("x", text)])
    assert (p.abstained, p.scores, p.labels, p.confidence) == (reason, {}, (), None)


def test_a_word_is_read_though_an_emoji_hangs_on_it(model):
    (p,) = model.predict(clips(["lol😂"]))
    assert p.top == "amusement"


def test_an_emoji_colours_the_words_beside_it(model):
    texts = ("He fell again", "She called me", "We met at noon", "My exam is tomorrow")
    laughing, crying = (model.predict(clips([f"{text} {emoji}" for text in texts])) for emoji in "😂😢")
    for one, other in zip(laughing, crying, strict=True):
        a, b = one.scores["sadness"], other.scores["sadness"]
        assert b / (1 - b) > 1.3 * a / (1 - a)
    assert sum(p.dimensions["valence"] for p in crying) < sum(p.dimensions["valence"] for p in laughing) - 0.1


def test_emoji_alone_are_not_read(model):
    (p,) = model.predict(clips(["😂😂😂"]))
    assert p.abstained == "no language content"


def test_intervals_lie_on_the_scale_and_hold_the_centre(model):
    for p in model.predict(clips(TEXTS[:40])):
        for name, (low, high) in p.intervals.items():
            assert 1 <= low <= p.dimensions[name] <= high <= 5


def test_the_second_head(model):
    (p,) = model.predict(clips(["I trust him with my life"]), space="plutchik")
    assert p.space == "plutchik" and len(p.scores) == 8


def test_an_unknown_head_names_the_nearest(model):
    with pytest.raises(UnknownNameError, match="plutchik"):
        model.predict(clips(["x"]), space="plutchick")


def test_unknown_model():
    with pytest.raises(UnknownNameError, match="text-en"):
        model_folder("text-em")


def test_version_of_a_bundled_model():
    with pytest.raises(ModelError, match="version"):
        model_folder("text-en@99")


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ModelError, match=r"affekt\.json"):
        load(tmp_path)


def test_a_broken_model_file(tmp_path):
    for f in bundled()["text-en"].iterdir():
        if f.is_file():
            (tmp_path / f.name).write_bytes(f.read_bytes()[:5000] if f.suffix == ".onnx" else f.read_bytes())
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(tmp_path)


def test_files_are_those_of_the_card():
    import hashlib

    for folder in bundled().values():
        for name, digits in read_card(folder).files.items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digits
        assert sum(f.stat().st_size for f in folder.iterdir() if f.is_file()) < 30e6
        assert {"README.md", "LICENSE"} <= {f.name for f in folder.iterdir()}


def compressed(folder: Path) -> Path:
    """A copy of text-en whose graph lies compressed."""
    folder.mkdir()
    for f in bundled()["text-en"].iterdir():
        if f.name == "model.onnx":
            (folder / "model.onnx.gz").write_bytes(gzip.compress(f.read_bytes(), 1))
        elif f.is_file():
            shutil.copyfile(f, folder / f.name)
    return folder


def test_a_compressed_graph_is_read_as_the_plain_one(model, tmp_path):
    own, texts = load(compressed(tmp_path / "own")), ["I love this!", "What a dreadful, dreadful day."]
    plain, packed = model.run(texts).logits, own.run(texts).logits
    assert plain.keys() == packed.keys()
    assert all(np.array_equal(plain[name], packed[name]) for name in plain)
    assert np.array_equal(SentenceVectors(own.folder).vectors(texts), SentenceVectors("text-en").vectors(texts))
    # Where it lies both ways, the plain one is read.
    (own.folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(own.folder)


def test_a_compressed_graph_that_cannot_be_read_says_why(tmp_path, monkeypatch):
    file, packed = tmp_path / "model.onnx", tmp_path / "model.onnx.gz"
    content = b"weights " * 1000

    def why() -> str:
        with pytest.raises(ModelError) as caught:
            graph_of(file)
        assert caught.value.where is not None
        assert caught.value.where.startswith(str(file))
        assert caught.value.hint
        return caught.value.what

    assert why() == "The model's graph is not there"
    whole = gzip.compress(content)
    packed.write_bytes(whole)
    assert graph_of(file) == content
    for damaged in (b"no gzip", whole[:20] + b"?" + whole[21:], whole[:-8] + bytes(8)):
        packed.write_bytes(damaged)
        assert why() == "The model's graph is damaged"
    for short in (b"", whole[:-1]):
        packed.write_bytes(short)
        assert why() == "The model's graph ends too early"
    packed.write_bytes(whole)
    monkeypatch.setattr(session, "MOST", len(content))
    assert graph_of(file) == content
    monkeypatch.setattr(session, "MOST", len(content) - 1)
    assert why() == "The model's graph has more than 7,999 bytes"


def test_pieces_keep_every_character():
    text = "Dr. Adams came.  He left!\n\nWhy? " + "x" * 1500 + " end"
    spans = list(pieces(text))
    assert text[slice(*spans[0])] == "Dr. Adams came."
    kept = "".join(text[a:b] for a, b in spans)
    assert kept.replace(" ", "") == "".join(text.split())
    assert max(b - a for a, b in spans) <= 600
