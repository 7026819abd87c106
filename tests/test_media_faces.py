"""Faces: found where they are, upright again, told apart; what is no face, or cannot be read, is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from films import face, scene

from affekt.media.faces import Face, FaceFinder, People, crop_of, overlap, quality_of
from affekt.media.video import Video

ONE = face()
OTHER = face(skin=(140, 100, 80), hair=(20, 20, 20), smile=1)
GIVEN = pytest.mark.skipif(not os.environ.get("AFFEKT_DATA"), reason="AFFEKT_DATA is not set")


def turned(face_: Face) -> tuple[int, bool]:
    return face_.quarters, face_.eyes


@pytest.mark.parametrize("quarters", range(4))
def test_a_face_is_found_whichever_way_up(quarters: int) -> None:
    picture = np.ascontiguousarray(np.rot90(scene((60, 40, ONE)), -quarters))
    (found,) = FaceFinder().find(picture)
    assert turned(found) == (quarters, True)
    here = np.zeros(picture.shape[:2])
    here[found.y : found.y + found.height, found.x : found.x + found.width] = 1
    drawn = np.zeros((240, 320))
    drawn[60:180, 80:200] = 1  # the middle of the drawing
    drawn = np.rot90(drawn, -quarters)
    assert (here * drawn).sum() / np.maximum(here, drawn).sum() > 0.6
    upright = crop_of(picture, found, size=64).astype(float)
    as_drawn = crop_of(scene((60, 40, ONE)), FaceFinder().find(scene((60, 40, ONE)))[0], size=64)
    assert np.abs(upright - as_drawn).mean() < 6


def test_the_eyes_are_set_level() -> None:
    import cv2

    picture = scene((60, 40, ONE))
    matrix = cv2.getRotationMatrix2D((140, 120), 12, 1)
    tilted = cv2.warpAffine(picture, matrix, (320, 240), borderValue=(90, 100, 110))
    (found,) = FaceFinder().find(tilted)
    assert found.tilt == pytest.approx(12, abs=5)


def test_nothing_is_found_where_nobody_is() -> None:
    random = np.random.RandomState(0)
    assert FaceFinder().find(random.randint(0, 255, (240, 320, 3)).astype(np.uint8)) == []
    assert FaceFinder().find(scene()) == []
    assert FaceFinder().find(np.zeros((8, 8, 3), np.uint8)) == []


def test_several_people_keep_their_names() -> None:
    finder, people, names = FaceFinder(), People(), []
    for k in range(12):
        # They move past one another; from 8 on, after a cut, the other one alone.
        shown = (
            scene((4 * k, 40, ONE), (160 - 4 * k, 240, OTHER), size=(320, 420))
            if k < 8
            else scene((70, 30, OTHER), ground=(20, 60, 20))
        )
        faces = finder.follow(k / 4, shown)
        names.append(dict(zip(people.tell(k / 4, faces, shown), (f.y < 150 for f in faces), strict=True)))
    assert all(set(seen) == {"person 1", "person 2"} for seen in names[:8])
    assert len({seen["person 1"] for seen in names[:8]}) == 1, "each stays above or beneath"
    below = "person 1" if not names[0]["person 1"] else "person 2"
    assert [list(seen) for seen in names[8:]] == [[below]] * 4, "known again after a cut"


def test_what_cannot_be_read_says_why() -> None:
    import cv2

    (found,) = FaceFinder().find(scene((60, 40, ONE)))
    crop = crop_of(scene((60, 40, ONE)), found)
    good = quality_of(crop, size=found.width)
    assert good.problem is None and good.weight > 0.5
    assert str(quality_of(crop, size=12).problem).startswith("face too small: 12 pixels wide")
    assert str(quality_of((crop * 0.02).astype(np.uint8), size=120).problem).startswith("face too dark")
    blurred = cv2.GaussianBlur(crop, (0, 0), 9)
    assert str(quality_of(blurred, size=120).problem).startswith("face blurred")
    assert quality_of(blurred, size=120).weight == 0


def test_overlap() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0


@pytest.mark.data
@GIVEN
@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("face_noface.mov", 0.0, 2.4), ("noface_face.mov", 4.2, 6.4), ("no_face.mp4", None, None)],
)
def test_a_real_face_is_seen_while_it_is_there(name: str, first: float | None, last: float | None) -> None:
    finder, seen = FaceFinder(), []
    for frame in Video(Path(os.environ["AFFEKT_DATA"], "pyfeat_samples", name)).frames(rate=2):
        seen += [frame.time for _ in finder.follow(frame.time, frame.pixels)]
    if first is None or last is None:
        assert seen == []
    else:
        assert first <= seen[0] < first + 0.6 and last - 0.8 < seen[-1] <= last and len(seen) >= 4


@pytest.mark.data
@GIVEN
def test_a_real_group() -> None:
    (frame,) = Video(Path(os.environ["AFFEKT_DATA"], "pyfeat_samples", "multi_face.jpg")).frames(longest=1280)
    found = FaceFinder().find(frame.pixels)
    assert len(found) == 5 and all(quality_of(crop_of(frame.pixels, f), size=f.width).problem is None for f in found)
