"""What the cues of a face say where its features are moved by known distances, and where only the head is turned.

A real face (a picture by NASA that scikit-image carries) is warped (`tests/warped.py`) by up to a fifth of the distance
between the eyes; then it is turned, scaled and shifted, which must change nothing.

Usage:
    python benchmarks/face_cues.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from warped import WARPS, astronaut, turned, warp

from affekt.features.landmarks import FACE_CUES, cue_table, face_cue_values
from affekt.media.landmarks import LandmarkFinder

DISTANCES = (0.05, 0.1, 0.15, 0.2)
TURNS = [(d, s) for d in (-30, -20, -10, 0, 10, 20, 30) for s in (0.7, 0.85, 1.0, 1.15)]


def main() -> None:
    finder, picture, measured = LandmarkFinder(), astronaut(), cue_table().measured
    points = finder.fit(picture)
    assert points is not None
    plain = face_cue_values(points)
    moved = [finder.fit(turned(picture, degrees, scale)) for degrees, scale in TURNS]
    turns = np.stack([face_cue_values(p) for p in moved if p is not None]) - plain
    print(f"{len(turns)} of {len(TURNS)} turned and scaled pictures have landmarks\n")
    print("| cue | moved by " + " | ".join(map(str, DISTANCES)) + " | turned and scaled: sd | largest | sd of people |")
    print("|---|" + "---|" * (len(DISTANCES) + 3))
    for j, cue in enumerate(FACE_CUES):
        changes = []
        for distance in DISTANCES:
            seen = finder.fit(warp(picture, points, cue.name, distance))
            changes.append(float("nan") if seen is None else face_cue_values(seen)[j] - plain[j])
        side = cue.more.said if WARPS[cue.name][3] > 0 else cue.less.said
        numbers = [*(f"{c:+.3f}" for c in changes), f"{turns[:, j].std():.3f}", f"{np.abs(turns[:, j]).max():.3f}"]
        print(f"| {side} | " + " | ".join(numbers) + f" | {measured[cue.name].sd:.3f} |")


if __name__ == "__main__":
    main()
