"""What a face does, by where its landmarks lie: cues in the style of action units, which are no coding of units.

The points of a face are turned until it looks straight ahead: those that no expression moves much are laid onto the
same points of the median face (Kabsch 1976, Acta Crystallographica A32). What is measured then is in distances between
the eyes, so that neither size nor the tilt of the head counts. Beyond limits of yaw and pitch nothing is measured.

Which points, words, limits and spreads are data: `catalog/face_cues.toml`.

Example:
    >>> FACE_CUES[0].name, FACE_CUES[0].more.said, FACE_CUES[0].more.units
    ('inner_brows', 'inner brows raised', 'AU1')
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.core.prediction import Direction
from affekt.core.space import Source

__all__ = ["FACE_CUES", "FaceCue", "Pose", "Side", "cue_table", "face_cue_values", "frontal"]

Reals = NDArray[np.float64]


class Side(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said of a face that has more, or less, of a property.

    Attributes:
        said: In words.
        units: The action units that look like that.
        emotions: Those, by Ekman's names, of whose expression that is a part.
    """

    said: str
    units: str
    emotions: tuple[str, ...]


class FaceCue(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"origin": "from"}):
    """A property of the face.

    Attributes:
        name: Short name.
        of: What it is called in a sentence.
        measure: How much higher the points are than those they are measured from, or how far apart they are; the mean
            over all pairs.
        points: Numbers of landmarks.
        origin: Numbers of those that they are measured from.
        more: What a face is that has more of it.
        less: What one is that has less.
    """

    name: str
    of: str
    measure: Literal["rise", "apart"]
    points: tuple[int, ...]
    origin: tuple[int, ...]
    more: Side
    less: Side

    def side(self, direction: Direction | None) -> Side:
        """What is said of a departure to that side."""
        return self.less if direction == "below" else self.more


class _Frame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    left: tuple[int, ...]
    right: tuple[int, ...]
    still: tuple[int, ...]


class _Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    yaw: float
    pitch: float


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured of a property.

    Attributes:
        median: That of neutral faces.
        sd: How far neutral faces of different people lie apart, in standard deviations.
        frame: How far readings of one unmoved face lie apart.
    """

    median: float
    sd: float
    frame: float


class _Still(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    places: tuple[tuple[float, float, float], ...]


class CueTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `catalog/face_cues.toml` says.

    Attributes:
        own: A departure from somebody's own look, in words.
        others: One from the look of neutral faces.
        above: The word for a departure upwards.
        below: The word for one downwards.
        slight: Standard deviations below which none is named.
        frames: How many of one person are needed to know that person's own look.
        limits: Degrees beyond which nothing is measured.
        frame: The points by which a face is turned.
        source: Where units and emotions are taken from.
        cues: The properties.
        still: Places of the points of `frame.still` in the median neutral face, seen from the front.
        measured: What was measured of each property, by its name.
    """

    own: str
    others: str
    above: str
    below: str
    slight: float
    frames: int
    limits: _Limits
    frame: _Frame
    source: Source
    cues: tuple[FaceCue, ...]
    still: _Still
    measured: dict[str, Measured]


@cache
def cue_table() -> CueTable:
    """The catalogue's table."""
    return msgspec.toml.decode((resources.files("affekt.catalog") / "face_cues.toml").read_bytes(), type=CueTable)


FACE_CUES: tuple[FaceCue, ...] = cue_table().cues
"""The properties that are measured, in the order of the values of `face_cue_values`."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head is turned, in degrees from the front.

    Attributes:
        yaw: To the side; positive where the left of the picture is nearer.
        pitch: Up or down; positive where the forehead is nearer.
        roll: Tilt; positive where the line between the eyes rises from left to right.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def reliable(self) -> bool:
        """Whether a face that is turned so can be measured."""
        limits = cue_table().limits
        return abs(self.yaw) <= limits.yaw and abs(self.pitch) <= limits.pitch


def frontal(points: Any, *, still: Any = None) -> tuple[Reals, Pose]:
    """Landmarks of a face as if it looked straight ahead.

    Args:
        points: Shape (478, 3) or (468, 3): x to the right, y down, z away from the camera, in one unit.
        still: Places of the points that no expression moves much in a face that looks straight ahead; default those
            of the median face.

    Returns:
        The same points with x to the right, y up and z towards the camera, between the eyes 0, in distances between the
        eyes; and how the head was turned.

    Raises:
        ValueError: They have another shape.
    """
    table = cue_table()
    raw = np.asarray(points, dtype=np.float64)
    if raw.ndim != 2 or raw.shape[1] != 3 or len(raw) < 468:
        raise ValueError(f"landmarks have shape (468, 3) or more points, not {raw.shape}")
    left, right, fixed = (list(some) for some in (table.frame.left, table.frame.right, table.frame.still))
    placed = raw * (1.0, -1.0, -1.0)
    placed = placed - placed[left + right].mean(0)
    seen, known = placed[fixed] - placed[fixed].mean(0), np.array(table.still.places if still is None else still)
    u, _, vt = np.linalg.svd(seen.T @ (known - known.mean(0)))
    turn = (u @ np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt).T
    # The inverse turn is that of the head: R = roll about z, then pitch about x, then yaw about y.
    head = turn.T
    yaw, pitch = np.arctan2(-head[2, 0], head[2, 2]), np.arcsin(np.clip(head[2, 1], -1, 1))
    pose = Pose(*(float(np.degrees(each)) for each in (yaw, pitch, np.arctan2(-head[0, 1], head[1, 1]))))
    turned = placed @ turn.T
    apart = turned[right].mean(0) - turned[left].mean(0)
    return turned / max(float(np.hypot(apart[0], apart[1])), 1e-9), pose


def face_cue_values(points: Any, *, still: Any = None) -> Reals:
    """The properties of a face.

    Args:
        points: As for `frontal`.
        still: As for `frontal`.

    Returns:
        Shape (len(FACE_CUES),), in distances between the eyes; NaN throughout where the head is turned too far.

    Raises:
        ValueError: As of `frontal`.
    """
    placed, pose = frontal(points, still=still)
    if not pose.reliable:
        return np.full(len(FACE_CUES), np.nan)
    out = np.empty(len(FACE_CUES))
    for k, cue in enumerate(FACE_CUES):
        between = placed[list(cue.points)] - placed[list(cue.origin)]
        out[k] = between[:, 1].mean() if cue.measure == "rise" else np.hypot(between[:, 0], between[:, 1]).mean()
    return out
