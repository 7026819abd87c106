"""Dimensions from the lower layers of an encoder: the teacher, the rounding, the net, and the model folder."""

from __future__ import annotations

import json
import zlib
from itertools import product

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch", reason="needs the train extra")

import torch
from test_families import saved
from train_data import make_corpora, rainy_emobank

from affekt.bench import run_task
from affekt.catalog.recipes import DimensionNet, DimensionsRecipe, Kernel, Texts, recipe, text_recipe
from affekt.cli.train import command as train
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError
from affekt.models.registry import load
from affekt.train.dimensions.make import make_dimensions
from affekt.train.dimensions.teacher import Teacher, layer_means
from affekt.train.families import as_bert
from affekt.train.start import Start
from affekt.train.writing import per_channel

NET = DimensionNet(hidden=16, epochs=30, rate=1e-2, batch=16, dropout=0.0)
GIVEN = {"net": NET, "layers": 1, "texts": (Texts(corpus="xed", rows=40),), "teacher": Kernel(ridge=0.1)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of rain, which is unpleasant, and of sun; a tiny encoder; and a model of its first layer."""
    folder = tmp_path_factory.mktemp("weather")
    rainy_emobank(make_corpora(folder / "data"))
    saved(folder / "encoder", "mpnet")
    chosen = msgspec.structs.replace(recipe("vad-en"), encoder=str(folder / "encoder"), **GIVEN)
    figures = make_dimensions(chosen, "weather", folder / "model", data=folder / "data")
    return folder, chosen, figures


def test_what_was_learned_is_read_and_its_run_is_stored(made):
    folder, _, figures = made
    reader = load(folder / "model")
    assert reader.spec.space == "emobank" and reader.spec.dimensions == ("valence", "arousal", "dominance")
    wet, dry, nothing = reader.predict([Clip("a", "rain again 3"), Clip("b", "sun again 3"), Clip("c", "...")])
    assert wet.dimensions["valence"] < 2.6 and dry.dimensions["valence"] > 3.4
    assert wet.scores == {} and wet.labels == () and nothing.abstained == "no language content"
    low, high = wet.intervals["valence"]
    assert low < wet.dimensions["valence"] < high
    run = run_task("emobank", reader, out=folder / "run", data=folder / "data", samples=50)
    assert run.scores["pcc_valence"].value > 0.95
    assert figures["emobank"]["with_teacher"][0] > 0.9 and figures["emobank"]["texts"] > 180


def test_an_answer_hangs_on_no_neighbour(made):
    reader = load(made[0] / "model", jobs=2)
    texts = [f"{w} again {i} {' '.join(['dinner was fine'] * i)}" for w, i in product(("rain", "sun"), range(8))]
    alone = [reader.run([text]).logits["emobank"][0] for text in texts]
    assert np.allclose(alone, reader.run(texts).logits["emobank"], atol=1e-4)


def test_the_same_recipe_makes_the_same_model(made, tmp_path):
    folder, chosen, _ = made
    make_dimensions(chosen, "weather", tmp_path / "again", data=folder / "data")
    assert (tmp_path / "again" / "model.onnx").read_bytes() == (folder / "model" / "model.onnx").read_bytes()
    card = json.loads((folder / "model" / "affekt.json").read_bytes())
    assert card["facts"]["recipe"]["layers"] == 1 and set(card["facts"]["data"]) == {"emobank", "xed"}
    assert "Pearson's r" in (folder / "model" / "README.md").read_text()


def test_more_layers_than_there_are_and_what_a_recipe_says_itself_are_refused(made, tmp_path):
    folder, chosen, _ = made
    with pytest.raises(CatalogError, match="has 2 layers, and 3 are to be kept"):
        make_dimensions(msgspec.structs.replace(chosen, layers=3), "weather", tmp_path, data=folder / "data")
    with pytest.raises(CatalogError, match="of dimensions alone"):
        text_recipe("vad-en")
    said = CliRunner().invoke(train, ["vad-en", "--epochs", "3", "--out", str(tmp_path / "m")])
    assert "says what it learns from" in str(said.exception)


def test_the_means_of_layers_are_those_of_transformers(tmp_path):
    theirs, tokenizer = saved(tmp_path, "mpnet")
    folder = as_bert(tmp_path, tmp_path / "start")
    ours = Start(folder, folder / "tokenizer.json", {}).model({}, seed=1).eval().enc
    rows = [np.array(tokenizer.encode(t).ids) for t in ("that film scared me", "the rain", "dinner " * 40)]
    found = layer_means(ours, rows)
    with torch.no_grad():
        states = [theirs(torch.from_numpy(row)[None], output_hidden_states=True).hidden_states for row in rows]
    wanted = np.array([[layer[0].mean(0).numpy() for layer in each] for each in states])
    # Computed in bfloat16, which has three digits.
    assert found.shape == (3, 3, 32) and np.abs(found - wanted).max() < 0.05


def test_the_teacher_is_kernel_ridge_and_no_text_speaks_for_itself():
    from sklearn.kernel_ridge import KernelRidge

    rng = np.random.default_rng(0)
    means, others = (rng.normal(size=(n, 3, 8)).astype(np.float16) for n in (60, 9))
    gold = rng.normal(size=(60, 2))
    plan = Kernel(breadth=0.7, ridge=0.4, folds=4)
    teacher = Teacher(plan, means, gold, seed=1)

    def view(x):
        flat = means.reshape(60, -1).astype(float)
        z = ((x.reshape(len(x), -1) - flat.mean(0)) / flat.std(0)).reshape(x.shape)
        return (z / np.linalg.norm(z, axis=2, keepdims=True) / 3**0.5).reshape(len(x), -1)

    reference = KernelRidge(alpha=0.4, kernel="rbf", gamma=0.7).fit(view(means), gold - gold.mean(0))
    assert np.allclose(teacher.answers(others), reference.predict(view(others)) + gold.mean(0), atol=1e-3)
    moved = gold.copy()
    moved[5] += 100
    before, after = teacher.unseen(), Teacher(plan, means, moved, seed=1).unseen()
    changed = np.abs(after - before).max(1) > 1e-6
    assert not changed[5] and changed.sum() >= 40  # all texts of the other folds hear of it


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_a_coarse_step_keeps_within_half_of_it_and_compresses(step):
    weight = np.random.default_rng(0).normal(size=(400, 300)).astype(np.float32) * np.linspace(0.01, 3, 300)
    ints, scale = per_channel(weight, 8, step)
    off = np.abs(ints * scale - weight) / np.sqrt(np.square(weight).mean(0))
    assert off.max() <= step / 2 + 1e-5
    packer = zlib.compressobj(9, zlib.DEFLATED, 31, 9, zlib.Z_HUFFMAN_ONLY)
    bits = 8 * len(packer.compress(ints.tobytes()) + packer.flush()) / ints.size
    # The entropy of a normal variable in such steps is log2(sqrt(2 pi e) / step); codes have whole bits.
    assert bits < np.log2(np.sqrt(2 * np.pi * np.e) / step) + 0.25


def test_the_recipe_of_the_bundled_model_is_one_of_dimensions():
    assert isinstance(recipe("vad-en"), DimensionsRecipe)
