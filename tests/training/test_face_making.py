"""A small network learns drawn expressions; what comes out is a model folder. Needs the `train` extra."""

from __future__ import annotations

import json
import shutil

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("cv2", reason="needs the test extra")

from drawn import EXPRESSIONS, face, jpeg, write_fer2013  # noqa: E402

from affekt.bench import run_task  # noqa: E402
from affekt.catalog.recipes import Disturbance, FaceRecipe, View, recipe, text_recipe  # noqa: E402
from affekt.cli.train import command as train  # noqa: E402
from affekt.core.errors import CatalogError, InputError, ModelError, UnknownNameError  # noqa: E402
from affekt.explain.face import REGIONS, covered, face_evidence, occlusion_map  # noqa: E402
from affekt.explain.face_faithfulness import check_faces  # noqa: E402
from affekt.models.face import FaceRecogniser, grey_square  # noqa: E402
from affekt.models.registry import load, load_any, load_voice  # noqa: E402
from affekt.train.face.alike import groups, learnable  # noqa: E402
from affekt.train.face.augment import disturb, standard  # noqa: E402
from affekt.train.face.fit import fit, logits_of  # noqa: E402
from affekt.train.face.graph import face_graph  # noqa: E402
from affekt.train.face.make import make_face  # noqa: E402

SMALL = msgspec.structs.replace(
    recipe("face"),
    stem=6,
    widths=(12, 24),
    blocks=(1, 1),
    sizes=(24, 48),
    epochs=14,
    batch=16,
    rate=0.01,
    average=0.95,
    alike=0.9999,
    disturbance=Disturbance(turn=3, scale=0.03, shift=0.02, cover=0.2),
    precision="float32",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of drawn faces, and a model of it."""
    folder = tmp_path_factory.mktemp("faces")
    write_fer2013(folder / "data", rows=60)
    make_face(SMALL, "drawn", folder / "model", data=folder / "data")
    return folder


def test_the_model_tells_drawn_expressions_apart_and_its_run_is_stored(made):
    run = run_task("fer2013", FaceRecogniser(made / "model"), out=made / "run", data=made / "data", samples=50)
    assert run.scores["accuracy"].value > 0.9
    assert run.scores["accuracy"].n == 180
    card = json.loads((made / "model" / "affekt.json").read_text())
    assert card["facts"]["figures"]["dev"]["accuracy"][0] > 0.9
    assert card["licence_note"] and "research" in (made / "model" / "LICENSE").read_text()
    assert not (made / "model" / "training").exists()
    with pytest.raises(InputError, match="learned from 'fer2013'"):
        run_task("fer2013", FaceRecogniser(made / "model"), out=made / "run", data=made / "data", split="train")


def test_a_reading_hangs_on_no_other_face_and_holds_for_colour_and_size(made):
    eye = FaceRecogniser(made / "model", jobs=1)
    rng = np.random.default_rng(9)
    faces = [face(EXPRESSIONS[k % 3], rng) for k in range(70)]
    together = eye.predict(faces, ids=[f"f{k}" for k in range(70)])
    assert sum(p.top == EXPRESSIONS[k % 3] for k, p in enumerate(together)) > 60
    for k in (0, 33, 69):
        (alone,) = eye.predict([faces[k]])
        assert alone.scores == together[k].scores
    assert together[5].clip_id == "f5" and together[5].space == "fer2013"
    assert sum(together[5].scores.values()) == pytest.approx(1)
    low, high = together[5].intervals["valence"]
    assert 1 <= low <= together[5].dimensions["valence"] <= high <= 9
    happy, sad = (next(p for p in together if p.top == name).dimensions["valence"] for name in ("happy", "sad"))
    assert happy > sad
    (coloured,) = eye.predict([np.dstack([faces[0]] * 3)])
    assert coloured.scores["happy"] == pytest.approx(together[0].scores["happy"], abs=0.1)
    (even,) = eye.predict([np.full((40, 40), 9, np.uint8)])
    assert even.abstained and not even.scores
    assert eye.predict([]) == []
    for wrong in (faces[0].astype(float), faces[0][None, None], faces[0][:0]):
        with pytest.raises(InputError, match="uint8"):
            eye.predict([wrong])
    with pytest.raises(ValueError, match="1 faces have 2 ids"):
        eye.predict(faces[:1], ids=["a", "b"])
    with pytest.raises(UnknownNameError):
        eye.predict(faces[:1], space="ravdess")


def test_what_moved_a_label_is_named_and_costs_it_more_than_what_lies_elsewhere(made):
    eye = FaceRecogniser(made / "model", jobs=1)
    rng = np.random.default_rng(12)
    faces = [face(EXPRESSIONS[k % 3], rng) for k in range(30)]
    found = face_evidence(eye, [*faces, np.full((48, 48), 9, np.uint8)], times=[*range(31)])
    assert found[30] == ()
    assert sum(map(bool, found)) >= 10
    for k, each in enumerate(found[:30]):
        assert [e.start for e in each] == [k] * len(each)
        assert [abs(e.weight) for e in each] == sorted((abs(e.weight) for e in each), reverse=True)
        for e in each:
            assert e.cue.endswith(f" at {k:.1f} s")
            box = REGIONS[e.cue.removeprefix("the region of the ").partition(" at ")[0]]
            whole, without = eye.predict([faces[k], covered(faces[k], box)])
            assert e.label == whole.top
            assert e.weight == pytest.approx(whole.scores[e.label] - without.scores[e.label])
    checked = check_faces(eye, faces)
    assert checked.rows == 30 and sum(checked.named.values()) == pytest.approx(1)
    assert checked.gains["covered"][1] > 0
    assert checked.falls["covered"]["least"][0] < checked.falls["covered"]["named"][0]
    seen = occlusion_map(eye, faces[0], "happy", cells=4)
    assert seen.shape == (4, 4) and np.abs(seen).max() <= 1
    with pytest.raises(InputError, match="no faces"):
        check_faces(eye, [])


def test_a_model_of_faces_is_loaded_as_one_and_as_nothing_else(made):
    assert isinstance(load_any(made / "model"), FaceRecogniser)
    for other in (load, load_voice):
        with pytest.raises(ModelError, match="reads"):
            other(made / "model")
    with pytest.raises(ModelError, match="reads no faces"):
        FaceRecogniser(load().folder)
    broken = made / "broken"
    shutil.copytree(made / "model", broken)
    (broken / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match="cannot be loaded"):
        FaceRecogniser(broken).predict([np.zeros((48, 48), np.uint8)])


def test_the_graph_says_what_the_network_says_and_the_mean_over_its_views(tmp_path):
    import onnxruntime as ort

    rng = np.random.default_rng(3)
    faces = np.stack([face(EXPRESSIONS[k % 3], rng) for k in range(96)])
    gold = np.arange(96) % 3
    net, _ = fit(msgspec.structs.replace(SMALL, epochs=1), faces, gold, (faces[:6], gold[:6]), tmp_path, labels=3)
    seen = standard(torch.from_numpy(faces[:9])[:, None])
    left = torch.cat([seen[..., 12:], seen[..., -1:].expand(-1, -1, -1, 12)], dim=3)
    with torch.no_grad():
        whole, mirror, moved = (net.eval()(x).numpy() for x in (seen, seen.flip(3), left))
    aside = View(across=-0.25)
    for views, wanted in (
        ((View(),), whole),
        ((View(), View(mirrored=True)), (whole + mirror) / 2),
        ((aside, View()), (moved + whole) / 2),
    ):
        graph = face_graph(net, size=48, views=views).SerializeToString()
        session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
        np.testing.assert_allclose(session.run(None, {"faces": faces[:9, None]})[0], wanted, atol=1e-4)
    np.testing.assert_allclose(logits_of(net, faces[:9]), whole, atol=1e-4)


def test_too_few_pictures_are_named(made, tmp_path):
    with pytest.raises(InputError, match=r"\d+ pictures are left"):
        make_face(SMALL, "drawn", tmp_path / "model", data=made / "data", limit=12)


def test_training_that_was_broken_off_ends_in_the_same_weights(tmp_path):
    rng = np.random.default_rng(4)
    faces = np.stack([face(EXPRESSIONS[k % 3], rng) for k in range(96)])
    gold = np.arange(96) % 3
    short = msgspec.structs.replace(SMALL, epochs=3, batch=32)
    whole, history = fit(short, faces, gold, (faces[:9], gold[:9]), tmp_path / "whole", labels=3)

    def stop(what, step, total, loss):
        if step == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(short, faces, gold, (faces[:9], gold[:9]), tmp_path / "broken", labels=3, progress=stop)
    again, told = fit(short, faces, gold, (faces[:9], gold[:9]), tmp_path / "broken", labels=3)
    assert told == history
    for key, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key


def test_copies_are_found_though_they_were_moved_and_compressed_anew():
    rng = np.random.default_rng(6)
    faces = [face(EXPRESSIONS[k % 3], rng) for k in range(30)]
    import cv2

    close = cv2.imdecode(np.frombuffer(jpeg(faces[4]), np.uint8), cv2.IMREAD_GRAYSCALE)
    brighter = np.clip(faces[9].astype(int) + 20, 0, 255).astype(np.uint8)
    even = np.full((48, 48), 7, np.uint8)
    table = np.stack([*faces, close, brighter, even, even])
    found = groups(table, alike=0.99)
    assert found[30] == found[4] == 4 and found[31] == found[9] == 9
    assert len(set(found.tolist())) == 32
    labels = np.arange(34) % 3
    labels[30], labels[31] = labels[4], (labels[9] + 1) % 3
    rows = learnable(table, labels, np.stack([faces[0]]), alike=0.99).tolist()
    # Not the one kept out, the second of two alike, either of two with other labels, nor the even ones.
    assert set(range(34)) - set(rows) == {0, 30, 9, 31, 32, 33}


def test_a_disturbed_picture_is_the_picture_where_nothing_is_done():
    rng = np.random.default_rng(7)
    faces = standard(torch.from_numpy(np.stack([face("happy", rng) for _ in range(4)]))[:, None])
    still = msgspec.structs.replace(SMALL.disturbance, turn=0, scale=0, shift=0, mirror=0, cover=0)
    source = torch.Generator().manual_seed(1)
    assert torch.allclose(disturb(faces, still, size=48, random=source), faces, atol=1e-4)
    mirrored = msgspec.structs.replace(still, mirror=1.0)
    assert torch.allclose(disturb(faces, mirrored, size=48, random=source), faces.flip(3), atol=1e-4)
    covered = disturb(faces, msgspec.structs.replace(still, cover=1.0), size=48, random=source)
    assert all(64 <= n <= 576 for n in (covered == 0).sum((1, 2, 3)).tolist())
    assert disturb(faces, SMALL.disturbance, size=32, random=source).shape == (4, 1, 32, 32)


def test_a_crop_is_cut_to_its_middle_and_scaled_with_its_detail_averaged():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (255, 255, 255)
    assert grey_square(wide, 5).tolist() == [[255] * 5] * 5
    stripes = np.tile(np.array([0, 200], np.uint8), (96, 48))
    assert np.ptp(grey_square(stripes, 48)[:, 2:-2].astype(int)) <= 2
    assert grey_square(np.full((13, 13), 77, np.uint8), 48).tolist() == [[77] * 48] * 48


def test_the_command_says_what_a_recipe_of_faces_does_not_take(tmp_path):
    for options in (["--epochs", "3"], ["--corpus", "fer2013"], ["--encoder", "x"]):
        result = CliRunner().invoke(train, ["face", *options, "--out", str(tmp_path / "m")])
        assert isinstance(result.exception, InputError), options
    assert isinstance(recipe("face"), FaceRecipe)
    with pytest.raises(CatalogError, match="of faces"):
        text_recipe("face")
