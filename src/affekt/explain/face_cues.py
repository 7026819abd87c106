"""In what a face departs from how its person usually looks, by where its landmarks lie.

In a video, each property is compared with the same person's median over all frames, with few frames or in a picture
with that of neutral faces of others. Three frames in a row speak together, so that blinks and slips of the mesh do not
count. Departures are claims about the face and about no label, like those of `affekt.explain.voice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.prediction import Evidence
from affekt.features.landmarks import FACE_CUES, cue_table

__all__ = ["Usual", "face_departures", "usual_look"]

_MAD = 1.4826  # standard deviations of a normal distribution in one median absolute deviation
_MOST = 4  # departures that are kept of a stretch

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Usual:
    """What a face is compared with.

    Attributes:
        median: Of each property, shape (len(FACE_CUES),).
        sd: How far readings lie apart around it.
        own: Whether it is the person's own look, and not that of neutral faces.
    """

    median: Reals
    sd: Reals
    own: bool


def usual_look(values: Any) -> Usual:
    """How somebody usually looks.

    Args:
        values: From `affekt.features.landmarks.face_cue_values` of each frame, shape (frames, len(FACE_CUES)); NaN
            where a face was turned too far.

    Returns:
        The median and the robust spread of the frames, no less than that of one unmoved face; of neutral faces where
        fewer than `frames` of the catalogue could be measured.
    """
    table = cue_table()
    measured = [table.measured[cue.name] for cue in FACE_CUES]
    frame = np.array([each.frame for each in measured])
    seen = np.asarray(values, dtype=np.float64).reshape(-1, len(FACE_CUES))
    seen = seen[np.isfinite(seen).all(1)]
    if len(seen) < table.frames:
        medians, spreads = (np.array([getattr(each, name) for each in measured]) for name in ("median", "sd"))
        return Usual(medians, np.hypot(spreads, frame), False)
    middle = np.median(seen, 0)
    return Usual(middle, np.maximum(_MAD * np.median(np.abs(seen - middle), 0), frame), True)


def face_departures(times: Sequence[float], values: Any, usual: Usual, *, step: float = 0.0) -> tuple[Evidence, ...]:
    """Where a face departs from what is usual.

    Args:
        times: Seconds of each frame of a stretch, ascending.
        values: As for `usual_look`, of these frames.
        usual: What they are compared with.
        step: Seconds from one frame to the next; 0 in a picture.

    Returns:
        At most four, strongest first, one for each property at most: from the first to the last frame around its
        strongest moment that depart by `slight` standard deviations or more. `cue` is such as "height of the lip
        corners 3.1 SD above this person's usual", `z` the strongest departure.
    """
    table = cue_table()
    seen = np.asarray(values, dtype=np.float64).reshape(-1, len(FACE_CUES))
    known = np.isfinite(seen).all(1)
    at, seen = np.asarray(times, dtype=np.float64)[known], seen[known]
    if not len(seen):
        return ()
    if len(seen) > 2:
        padded = np.pad(seen, ((1, 1), (0, 0)), mode="reflect")
        seen = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), 0)
    z = (seen - usual.median) / usual.sd
    found = []
    for j, cue in enumerate(FACE_CUES):
        peak = int(np.abs(z[:, j]).argmax())
        value = float(z[peak, j])
        if abs(value) < table.slight:
            continue
        beyond = np.sign(value) * z[:, j] >= table.slight
        first = last = peak
        while first > 0 and beyond[first - 1]:
            first -= 1
        while last + 1 < len(beyond) and beyond[last + 1]:
            last += 1
        text = (table.own if usual.own else table.others).format(
            of=cue.of, z=f"{abs(value):.1f}", side=table.above if value > 0 else table.below
        )
        start, end = round(float(at[first]), 3), round(float(at[last]) + step, 3)
        found.append(Evidence("face", text, start, end, 0.0, None, cue.name, "above" if value > 0 else "below", value))
    return tuple(sorted(found, key=lambda e: -abs(e.z or 0.0))[:_MOST])
