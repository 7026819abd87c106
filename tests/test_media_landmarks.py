"""Landmarks of a real face: cues follow what its features do, and not the camera. Needs MediaPipe 0.10.21."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from affekt.core.errors import MissingExtraError
from affekt.features.landmarks import FACE_CUES, cue_table, face_cue_values
from affekt.media.landmarks import LandmarkFinder

NAMES = [cue.name for cue in FACE_CUES]
MESH = importlib.util.find_spec("mediapipe") is not None and importlib.util.find_spec("skimage") is not None
needs_mesh = pytest.mark.skipif(not MESH, reason="needs mediapipe==0.10.21 and scikit-image")
pytestmark = pytest.mark.filterwarnings("ignore")  # what other packages warn of is not ours


def test_without_mediapipe_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtraError, match=r"MediaPipe 0.10.21") as raised:
        LandmarkFinder()
    assert "--no-deps mediapipe==0.10.21" in str(raised.value.hint)


@pytest.fixture(scope="module")
def finder() -> LandmarkFinder:
    return LandmarkFinder()


@needs_mesh
def test_cues_follow_the_features_of_a_face(finder: LandmarkFinder):
    from warped import WARPS, astronaut, warp

    picture = astronaut()
    points = finder.fit(picture)
    assert points is not None and points.shape == (478, 3)
    plain = face_cue_values(points)
    assert set(WARPS) == set(NAMES)
    for name, (*_, sign) in WARPS.items():
        j = NAMES.index(name)
        changes = [0.0]
        for distance in (0.05, 0.1):
            moved = finder.fit(warp(picture, points, name, distance))
            assert moved is not None
            changes.append(sign * float(face_cue_values(moved)[j] - plain[j]))
        assert (np.diff(changes) > 0).all(), (name, changes)
        assert changes[-1] > cue_table().measured[name].frame, (name, changes)


@needs_mesh
def test_turning_the_picture_and_its_size_do_not_count(finder: LandmarkFinder):
    from warped import astronaut, turned

    plain = face_cue_values(finder.fit(astronaut()))
    spread = np.array([cue_table().measured[name].sd for name in NAMES])
    for degrees, scale in ((-25, 1.0), (20, 0.8), (0, 0.7), (10, 1.15)):
        moved = finder.fit(turned(astronaut(), degrees, scale))
        assert moved is not None
        assert (np.abs(face_cue_values(moved) - plain) < spread).all()


@needs_mesh
def test_nothing_is_seen_where_there_is_no_face(finder: LandmarkFinder):
    assert finder.fit(np.full((256, 256, 3), 90, np.uint8)) is None


@needs_mesh
def test_a_smile_in_a_video_is_evidence_with_its_time(finder: LandmarkFinder, tmp_path: Path, capfd):
    import cv2
    from films import film
    from warped import astronaut, warp

    from affekt.analysis import Policy
    from affekt.models.registry import load_face
    from affekt.opening import open_input
    from affekt.watching import Watcher
    from affekt.writing import write

    picture = astronaut()
    raised = warp(picture, finder.fit(picture), "lip_corners", 0.12)

    def draw(number: int) -> np.ndarray:
        shown = np.roll(raised if 40 <= number < 52 else picture, number % 3, 1)
        return cv2.resize(shown, (460, 460), interpolation=cv2.INTER_CUBIC)

    using = Watcher(face=load_face(jobs=1), policy=Policy(min_confidence=0), explain=True)
    path = film(tmp_path / "a.mp4", draw, frames=96, rate=8)
    write(open_input(path), tmp_path / "r.jsonl", using)
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    found = [e for r in rows for e in r["evidence"] if e["name"] == "lip_corners"]
    assert [(e["modality"], e["direction"], e["label"], e["weight"]) for e in found] == [("face", "above", None, 0)]
    assert found[0]["start"] == pytest.approx(5.0, abs=0.5) and found[0]["end"] == pytest.approx(6.5, abs=0.5)
    said = [s["sentence"] for r in rows for s in r["explanation"]]
    assert any("this face stands out: lip corners raised" in sentence for sentence in said)
    assert "EMFACS lists that for joy: lip corners raised." in said
    assert not capfd.readouterr().err
