"""Cues of the face: what they do on faces of known geometry, and what is said of them. No MediaPipe is needed here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from affekt.catalog.spaces import space
from affekt.explain.face_cues import face_departures, usual_look
from affekt.features.landmarks import FACE_CUES, cue_table, face_cue_values, frontal

NAMES = [cue.name for cue in FACE_CUES]
TABLE = cue_table()


def face() -> NDArray[np.float64]:
    """The points that matter, placed by hand as on a face that looks straight ahead, 100 pixels between the eyes."""
    points = np.zeros((478, 3))
    points[list(TABLE.frame.still)] = np.array(TABLE.still.places) * 100
    sides = {107: (-20, 32), 55: (-21, 22), 63: (-66, 40), 105: (-52, 45)}
    lids = {158: (-43, 6), 159: (-50, 7), 160: (-57, 6), 153: (-43, -6), 145: (-50, -7), 144: (-57, -6)}
    mirror = {107: 336, 55: 285, 63: 293, 105: 334, 158: 385, 159: 386, 160: 387, 153: 380, 145: 374, 144: 373}
    for point, (x, y) in (sides | lids).items():
        points[point], points[mirror[point]] = (x, y, 10), (-x, y, 10)
    for point, x, y in ((2, 0, -55), (61, -37, -92), (291, 37, -92), (13, 0, -90), (14, 0, -92), (17, 0, -108)):
        points[point] = (x, y, 15)
    for point, x, y in ((82, -8, -90), (312, 8, -90), (87, -8, -92), (317, 8, -92)):
        points[point] = (x, y, 15)
    return points * (1, -1, -1) + (320, 240, 0)


def turned(points: NDArray[np.float64], yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """The head turned by degrees, about its middle; the camera is far away."""
    y, p, r = np.radians([yaw, pitch, roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    flip = np.array([1, -1, -1])
    return ((points * flip) @ (about_z @ about_x @ about_y).T) * flip


def test_neither_place_nor_size_nor_turn_of_a_head_changes_what_its_face_does():
    plain = face_cue_values(face())
    assert np.isfinite(plain).all()
    for yaw, pitch, roll in ((0, 0, 0), (0, 0, 35), (15, 0, -60), (-20, 15, 10), (10, -15, 170)):
        moved = 2.7 * turned(face(), yaw, pitch, roll) + (50, -80, 9)
        _, pose = frontal(moved)
        assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)
        assert face_cue_values(moved) == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(("yaw", "pitch"), [(40, 0), (-40, 0), (0, 35), (0, -35)])
def test_beyond_the_limits_nothing_is_measured(yaw: float, pitch: float):
    assert np.isnan(face_cue_values(turned(face(), yaw, pitch, 5))).all()


MOVES = [
    ("inner_brows", [107, 55, 336, 285], (0, -1), 1),
    ("outer_brows", [63, 105, 293, 334], (0, -1), 1),
    ("brows_apart", [55, 107], (1, 0), -1),
    ("eyes", [158, 159, 160, 385, 386, 387], (0, 1), -1),
    ("lip_corners", [61, 291], (0, -1), 1),
    ("lip_corners", [61, 291], (0, 1), -1),
    ("mouth_width", [61], (-1, 0), 1),
    ("lips_parted", [14, 87, 317], (0, 1), 1),
    ("jaw", [17], (0, 1), 1),
]


@pytest.mark.parametrize(("name", "points", "way", "sign"), MOVES)
def test_a_cue_follows_its_points(name: str, points: list[int], way: tuple[int, int], sign: int):
    values = []
    for pixels in (0, 2, 4, 8):
        moved = face()
        moved[points, :2] += pixels * np.array(way)
        values.append(face_cue_values(turned(moved, 8, -5, 12))[NAMES.index(name)])
    assert (sign * np.diff(values) > 0).all()


def test_points_of_another_shape_are_refused():
    for wrong in (np.zeros((478, 2)), np.zeros((68, 3)), np.zeros(9)):
        with pytest.raises(ValueError, match="landmarks have shape"):
            frontal(wrong)


def test_every_cue_is_measured_and_names_emotions_that_there_are():
    known = set(space("ekman").labels)
    assert set(TABLE.measured) == set(NAMES) and len(TABLE.still.places) == len(TABLE.frame.still)
    for cue in FACE_CUES:
        assert len(cue.points) == len(cue.origin) and max(cue.points + cue.origin) < 478
        assert set(cue.more.emotions) | set(cue.less.emotions) <= known
        measured = TABLE.measured[cue.name]
        assert 0 < measured.frame < measured.sd < 0.5


# --- departures


def frames(count: int, *, smile: slice | None = None, rise: float = 0.12, seed: int = 0) -> NDArray[np.float64]:
    """Values of frames of one face whose points are a little unsure, with raised lip corners in some."""
    spread = np.array([TABLE.measured[name].frame for name in NAMES])
    middle = np.array([TABLE.measured[name].median for name in NAMES])
    out = middle + spread * np.random.default_rng(seed).standard_normal((count, len(NAMES)))
    if smile is not None:
        out[smile, NAMES.index("lip_corners")] += rise
    return out


def test_what_departs_is_named_with_its_time():
    values = frames(60, smile=slice(30, 38))
    times = [k / 4 for k in range(60)]
    (found,) = face_departures(times, values, usual_look(values), step=0.25)
    assert (found.name, found.direction, found.label, found.weight) == ("lip_corners", "above", None, 0)
    assert found.start == pytest.approx(7.5, abs=0.5) and found.end == pytest.approx(9.5, abs=0.5)
    assert found.z is not None and found.z > 3
    assert found.cue == f"height of the lip corners {found.z:.1f} SD above this person's usual"


def test_an_unmoved_face_and_a_single_frame_say_nothing():
    named = 0
    for seed in range(40):
        values = frames(60, seed=seed)
        named += len(face_departures([k / 4 for k in range(60)], values, usual_look(values)))
    assert named <= 4, "of 320: 40 stretches of 15 s, with 8 properties each"
    blink = frames(60)
    blink[20, NAMES.index("eyes")] -= 0.3
    assert not [e for e in face_departures([k / 4 for k in range(60)], blink, usual_look(blink)) if e.name == "eyes"]


def test_a_person_who_always_smiles_does_not_depart_by_smiling_but_a_picture_of_it_does():
    always = frames(60, smile=slice(0, 60), rise=0.3)
    assert not face_departures([k / 4 for k in range(60)], always, usual_look(always))
    (found, *_) = face_departures([0.0], always[:1], usual_look(always[:1]))
    assert found.name == "lip_corners" and found.cue.endswith("SD above that of faces at rest")
    assert found.start == found.end == 0


def test_faces_that_are_turned_away_are_left_out():
    values = frames(40, smile=slice(10, 20))
    values[::2] = np.nan
    usual = usual_look(values)
    assert usual.own
    (found,) = face_departures([k / 4 for k in range(40)], values, usual, step=0.25)
    assert found.name == "lip_corners" and 2 <= found.start < found.end <= 5.5
    nothing = np.full((5, len(NAMES)), np.nan)
    assert face_departures([0, 1, 2, 3, 4], nothing, usual_look(nothing)) == ()
    assert face_departures([], [], usual_look([])) == ()
