"""Faces that are drawn, what is written about them, and trees of that."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from affekt.catalog.face_units import face_units
from affekt.core.errors import InputError, UnknownNameError
from affekt.corpora.drawn_faces import drawn_faces
from affekt.metrics.trees import Tree, tree_edit_distance, tree_similarity
from affekt.models.face_reasons import FaceReason, read_reason

REFERENCE = Path(__file__).parent / "reference"
KNOWN = face_units()

small_trees = st.recursive(
    st.builds(Tree, st.sampled_from("abc")),
    lambda inner: st.builds(Tree, st.sampled_from("abc"), st.lists(inner, max_size=3).map(tuple)),
    max_leaves=6,
)


def test_distances_between_trees_are_those_of_zss(monkeypatch):
    monkeypatch.syspath_prepend(str(REFERENCE))
    import make_trees

    def tree(nested):
        return Tree(nested[0], tuple(map(tree, nested[1:])))

    stored = json.loads((REFERENCE / "trees.json").read_text(encoding="utf-8"))
    found = [
        tree_edit_distance(truth=tree(one), prediction=tree(other)) for one, other in make_trees.trees(stored["seed"])
    ]
    assert found == stored["distances"]
    assert len(set(found)) > 5


@given(small_trees, small_trees, small_trees)
def test_the_distance_is_one(a, b, c):
    between = tree_edit_distance(truth=a, prediction=b)
    assert (between == 0) == (a == b)
    assert between == tree_edit_distance(truth=b, prediction=a)
    assert abs(a.size - b.size) <= between <= max(a.size, b.size) + min(a.size, b.size) - (a.label == b.label)
    assert tree_edit_distance(truth=a, prediction=c) <= between + tree_edit_distance(truth=b, prediction=c)
    assert 0 <= tree_similarity(truth=a, prediction=b) <= 1
    assert tree_similarity(truth=a, prediction=a) == 1


def test_a_long_chain_is_no_trouble():
    chain = Tree("0")
    for k in range(1, 3 * sys.getrecursionlimit()):
        chain = Tree(str(k), (chain,))
    assert chain.size == 3 * sys.getrecursionlimit()
    assert tree_edit_distance(truth=Tree("x"), prediction=chain) == chain.size


def test_units_imply_an_emotion_by_their_largest_combination():
    for emotion, ways in KNOWN.emotions.items():
        assert {KNOWN.implied(units) for units in ways} == {emotion}
    assert KNOWN.implied([]) == KNOWN.implied(["AU1", "AU25"]) == "neutral"
    assert KNOWN.implied(["AU6", "AU12", "AU15"]) is None, "a smile and corners drawn down"
    assert KNOWN.implied(["AU1", "AU2", "AU5", "AU9"]) == "surprise", "three units count for more than one"
    with pytest.raises(UnknownNameError, match="Did you mean 'AU12'"):
        KNOWN.implied(["AU12x"])
    assert {u.part for u in KNOWN.units.values()} | {a.part for a in KNOWN.attributes.values()} == set(KNOWN.parts)


units = st.frozensets(st.sampled_from(sorted(KNOWN.units)))


@given(units, st.sampled_from(KNOWN.labels), st.sampled_from([None, frozenset(), frozenset({"glasses", "bald"})]))
def test_what_is_written_is_read(shown, emotion, attributes):
    reason = FaceReason(shown, emotion, attributes)
    assert read_reason(str(reason), attributes=attributes is not None) == reason
    tree = reason.tree()
    assert tree.size == 6 + len(attributes or ())
    assert tree.label == emotion
    assert reason.consistent == (KNOWN.implied(shown) == emotion)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "ends where <units> should begin"),
        ("<units> AU1 <emotion> fear </emotion>", "<units> is not closed"),
        ("AU1 <units> </units>", "Word 1 is 'AU1' where <units> should begin"),
        ("<units> AU1 </units>", "ends where <emotion> should begin"),
        ("<units> AU1 AU1 </units> <emotion> fear </emotion>", "AU1 stands twice"),
        ("<units> AU11 </units> <emotion> fear </emotion>", "Did you mean 'AU1' or"),
        ("<units> </units> <emotion> joy fear </emotion>", "Unknown word in <emotion> 'joy'"),
        ("<units> </units> <emotion> fear anger </emotion>", "There are 2 emotions"),
        ("<units> </units> <emotion> </emotion>", "There are 0 emotions"),
        ("<units> </units> <emotion> fear </emotion> indeed", "Words follow after </emotion>"),
        ("<attributes> </attributes> <units> </units> <emotion> fear </emotion>", "Word 1 is '<attributes>'"),
    ],
)
def test_what_cannot_be_read_says_why(text, says):
    with pytest.raises(InputError, match=re.escape(says)):
        read_reason(text)


def test_attributes_that_exclude_one_another_are_refused():
    text = "<attributes> bald long-hair </attributes> <units> </units> <emotion> fear </emotion>"
    with pytest.raises(InputError, match="one hair"):
        read_reason(text, attributes=True)


def test_faces_show_what_they_are_said_to_show():
    faces = drawn_faces(40, 3, seed=5)
    assert faces.pictures.shape == (120, 1, 32, 32)
    assert faces.pictures.min() >= 0
    assert faces.pictures.max() <= 1
    names = list(KNOWN.units)
    for shown, emotion in zip(faces.units, faces.emotions, strict=True):
        assert KNOWN.implied(np.array(names)[shown]) == KNOWN.labels[emotion]
    assert set(faces.emotions) == set(range(len(KNOWN.labels)))
    for kind in ("hair", "gaze"):
        at = [k for k, a in enumerate(KNOWN.attributes.values()) if a.of == kind]
        assert (faces.attributes[:, at].sum(1) == 1).all()
    again = drawn_faces(40, 3, seed=5)
    assert np.array_equal(faces.pictures, again.pictures)
    # One who wears a beard wears it in every picture.
    beard = list(KNOWN.attributes).index("beard")
    assert (faces.attributes.reshape(40, 3, -1)[:, :, beard].std(1) == 0).all()


def test_each_unit_and_attribute_changes_the_picture():
    from affekt.corpora.drawn_faces import draw

    looks = {"turn": 0, "x": 0, "y": 0, "scale": 0.9, "ground": 0.2, "light_x": 0, "light_y": 0, "width": 0.76}
    looks |= {"skin": 0.7, "dark": 0.1, "eyes": 0.32, "eye_line": -0.16, "brow_line": -0.36, "brow_tilt": 0}
    looks |= {"brow_thick": 0.045, "mouth_line": 0.5, "mouth_width": 0.25, "corners": 0, "nose": 0.2}
    units, attributes = len(KNOWN.units), len(KNOWN.attributes)
    shown = np.zeros((1 + units + attributes, units), np.float32)
    seen = np.zeros((len(shown), attributes), bool)
    shown[1 : 1 + units], seen[1 + units :] = np.eye(units), np.eye(attributes, dtype=bool)
    pictures = draw(shown, seen, {k: np.full(len(shown), v, np.float32) for k, v in looks.items()}, size=32)
    upper = np.abs(pictures - pictures[0])[:, :18].sum((1, 2))
    lower = np.abs(pictures - pictures[0])[:, 18:].sum((1, 2))
    changed = dict(zip((*KNOWN.units, *KNOWN.attributes), zip(upper[1:], lower[1:], strict=True), strict=True))
    for name, unit in KNOWN.units.items():
        above, below = changed[name]
        assert above + below > 1
        assert (above > below) == (unit.part in ("brows", "eyes") or name == "AU9")
    unseen = {name for name, (above, below) in changed.items() if above + below == 0}
    assert unseen == {"short-hair", "gaze-ahead"}, "which are what a face has where nothing else is said"


def test_a_clip_rises_and_falls():
    clip = drawn_faces(30, 2, seed=7, frames=7, noise=0.0, occluded=0.0)
    assert clip.pictures.shape == (60, 7, 32, 32)
    moved = np.abs(clip.pictures - clip.pictures[:, :1]).sum((2, 3))
    strong = clip.intensities.sum(1) > 2
    assert (moved[strong, 3] >= moved[strong, 1]).all()
    assert (moved[strong, 3] > moved[strong, 1]).any(), "and not all begin at once"
    assert np.allclose(moved[:, -1], 0, atol=1e-3)
    still = clip.intensities.sum(1) == 0
    assert (moved[still] == 0).all()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="begin at 1"):
        drawn_faces(0, 1, seed=1)
    with pytest.raises(ValueError, match="occluded is a share"):
        drawn_faces(1, 1, seed=1, occluded=2)
