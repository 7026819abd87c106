"""Faces that are drawn by a rule, so that it is known which action units they show: pictures and short clips.

A face is a few parabolas and ellipses that action units move, in shades of grey. Each person has proportions and
attributes of their own, and a resting face that is not quite neutral; each picture has its light, its place, its noise,
and at times something in front of it. What is learned from these says how a method works, and nothing of people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.face_units import NEUTRAL, face_units

__all__ = ["DrawnFaces", "draw", "drawn_faces"]

Reals = NDArray[np.float32]
Some = NDArray[np.floating[Any]] | float  # one number, or one for each face, shape (faces, 1, 1)
_CHUNK = 64  # pictures that are drawn at once: as many as stay in the cache of a processor
_WEAKEST = 0.5  # intensity of a unit that is shown, of 1
_STRAY = 0.1  # of the units that a combination does not need, so many are shown besides
_STRAY_NEUTRAL = 0.15


@dataclass(frozen=True)
class DrawnFaces:
    """Faces and what they show.

    Attributes:
        pictures: Shades, 0 black to 1 white, shape (faces, frames, size, size).
        intensities: How strongly each unit is shown at its strongest, 0 to 1, shape (faces, units).
        attributes: Which attributes there are, shape (faces, attributes).
        emotions: Place of the emotion in `face_units().labels`, which is what the units imply, shape (faces,).
        people: Who it is, shape (faces,).
    """

    pictures: Reals
    intensities: Reals
    attributes: NDArray[np.bool_]
    emotions: NDArray[np.int64]
    people: NDArray[np.int64]

    @property
    def units(self) -> NDArray[np.bool_]:
        """Which units are shown, shape (faces, units)."""
        out: NDArray[np.bool_] = self.intensities > 0
        return out


def drawn_faces(
    people: int,
    each: int,
    *,
    seed: int,
    frames: int = 1,
    size: int = 32,
    noise: float = 0.04,
    occluded: float = 0.1,
) -> DrawnFaces:
    """Draw faces of people who are drawn too.

    The emotion is drawn first, and then one of the combinations that stand for it; of all other units some stray ones
    are shown besides, which never change what the units imply. With several frames the units rise from nothing
    together, stay, and fall again.

    Args:
        people: Number of people; those of one seed are not those of another.
        each: Faces of each of them.
        seed: Seed of everything.
        frames: Frames of a clip; 1 gives pictures at the apex.
        size: Pixels of a side.
        noise: Standard deviation of the noise in each pixel.
        occluded: Share of faces before which something is held; in a clip it moves.

    Raises:
        ValueError: A number is too small to draw anything, or a share is none.
    """
    if min(people, each, frames) < 1 or size < 16 or noise < 0 or not 0 <= occluded <= 1:
        raise ValueError("people, each and frames begin at 1, size at 16, noise at 0; occluded is a share")
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), each)
    emotions = rng.integers(0, len(face_units().labels), len(who))
    intensities = np.stack([_intensities(rng, int(emotion)) for emotion in emotions])
    attributes = _attributes(rng, people)[who]
    count = len(who)
    gaze = [k for k, a in enumerate(face_units().attributes.values()) if a.of == "gaze"]
    attributes[:, gaze] = np.eye(len(gaze), dtype=bool)[rng.integers(0, len(gaze), count)]
    looks = _looks(rng, people)
    place = {
        "turn": rng.normal(0, 0.05, count),
        "x": rng.normal(0, 0.025, count),
        "y": rng.normal(0, 0.025, count),
        "scale": rng.uniform(0.88, 0.94, count),
        "ground": rng.uniform(0.1, 0.9, count),
        "light_x": rng.normal(0, 0.1, count),
        "light_y": rng.normal(0, 0.1, count),
    }
    time = np.array([0.5]) if frames == 1 else np.linspace(0, 1, frames)
    begin, end = rng.uniform(0.05, 0.3, (2, count, 1))
    course = np.clip(np.minimum((time - begin / 2) / begin, (1 - end / 2 - time) / end), 0, 1)
    shown = intensities[:, None] * (course[..., None] if frames > 1 else 1.0)
    flat = {name: np.repeat(v, frames).astype(np.float32) for name, v in place.items()}
    flat |= {name: np.repeat(v[who], frames).astype(np.float32) for name, v in looks.items()}
    shown = shown.reshape(count * frames, -1).astype(np.float32)
    pictures = draw(shown, np.repeat(attributes, frames, 0), flat, size=size).reshape(count, frames, size, size)
    _occlude(rng, pictures, occluded)
    pictures += rng.normal(0, noise, pictures.shape).astype(np.float32)
    return DrawnFaces(np.clip(pictures, 0, 1), intensities, attributes, emotions, who)


def _intensities(rng: np.random.Generator, emotion: int) -> Reals:
    known = face_units()
    names, label = list(known.units), known.labels[emotion]
    while True:
        shown = rng.random(len(names)) < (_STRAY_NEUTRAL if label == NEUTRAL else _STRAY)
        if label != NEUTRAL:
            ways = known.emotions[label]
            shown[[names.index(unit) for unit in ways[rng.integers(len(ways))]]] = True
        if known.implied(name for name, there in zip(names, shown, strict=True) if there) == label:
            return np.where(shown, rng.uniform(_WEAKEST, 1, len(names)), 0).astype(np.float32)


def _attributes(rng: np.random.Generator, people: int) -> NDArray[np.bool_]:
    """Attributes of people: one of each kind, and of the rest any."""
    known = face_units().attributes
    out = rng.random((people, len(known))) < 0.35
    for kind in {a.of for a in known.values()} - {""}:
        at = [k for k, a in enumerate(known.values()) if a.of == kind]
        out[:, at] = np.eye(len(at), dtype=bool)[rng.integers(0, len(at), people)]
    return out


def _looks(rng: np.random.Generator, people: int) -> dict[str, NDArray[np.float64]]:
    """Proportions and shades of people."""

    def about(mean: float, spread: float) -> NDArray[np.float64]:
        return rng.normal(mean, spread, people)

    return {
        "width": about(0.76, 0.04),
        "skin": rng.uniform(0.45, 0.85, people),
        "dark": rng.uniform(0.02, 0.2, people),
        "eyes": about(0.32, 0.02),
        "eye_line": about(-0.16, 0.02),
        "brow_line": about(-0.36, 0.02),
        "brow_tilt": about(0.0, 0.025),
        "brow_thick": np.abs(about(0.045, 0.008)),
        "mouth_line": about(0.5, 0.02),
        "mouth_width": about(0.25, 0.02),
        "corners": about(0.0, 0.02),
        "nose": about(0.2, 0.02),
    }


def draw(intensities: Reals, attributes: NDArray[np.bool_], looks: dict[str, Reals], *, size: int) -> Reals:
    """Draw faces, without noise.

    Args:
        intensities: Of each unit, 0 to 1, shape (faces, units).
        attributes: Shape (faces, attributes).
        looks: Proportions, shades, place and light of each face, shape (faces,) each, as `drawn_faces` draws them.
        size: Pixels of a side.

    Returns:
        Shape (faces, size, size).
    """
    out = np.empty((len(intensities), size, size), np.float32)
    for at in range(0, len(out), _CHUNK):
        part = slice(at, at + _CHUNK)
        out[part] = _drawn(intensities[part], attributes[part], {k: v[part] for k, v in looks.items()}, size)
    return out


class _Canvas:
    """Pictures in the coordinates of each face: x to the right and y down, the head 2 high around 0."""

    def __init__(self, looks: dict[str, Reals], size: int) -> None:
        grid = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        x, y = grid[None, None, :], grid[None, :, None]
        turn, scale, dx, dy = (looks[k][:, None, None] for k in ("turn", "scale", "x", "y"))
        cos, sin = np.cos(turn), np.sin(turn)
        self.x = (cos * (x - dx) + sin * (y - dy)) / scale
        self.y = (cos * (y - dy) - sin * (x - dx)) / scale
        self.light = 1 + looks["light_x"][:, None, None] * x + looks["light_y"][:, None, None] * y
        self.pixel = 2 / size / 0.9
        self.shade = np.broadcast_to(looks["ground"][:, None, None], self.x.shape).copy()

    def soft(self, inside: NDArray[np.floating[Any]]) -> Reals:
        """From a distance, more being deeper inside, to how much of a pixel is covered."""
        out: Reals = np.clip(inside / self.pixel + 0.5, 0, 1)
        return out

    def ellipse(self, x: Some, y: Some, across: Some, up: Some) -> Reals:
        """How much is inside of an ellipse."""
        far = np.sqrt(((self.x - x) / across) ** 2 + ((self.y - y) / up) ** 2)
        return self.soft((1 - far) * np.minimum(across, up))

    def stroke(
        self,
        strength: Some,
        ends: tuple[Some, Some],
        heights: tuple[Some, Some],
        arch: Some,
        thick: Some,
        shade: Some,
    ) -> None:
        """Draw a parabola from one end to the other, lifted by `arch` between them and `thick` to each side."""
        rows = np.flatnonzero(np.broadcast_to(strength, (len(self.x), 1, 1)))
        if not len(rows):
            return
        # Most units are not shown in most faces: those that are drawn are a few of many.
        strength, left, right, start, stop, arch, thick, shade = (
            v[rows] if isinstance(v, np.ndarray) else v for v in (strength, *ends, *heights, arch, thick, shade)
        )
        along = (self.x[rows] - left) / (right - left)
        height = start + along * (stop - start - 4 * arch * (1 - along))
        slope = (stop - start - 4 * arch * (1 - 2 * along)) / (right - left)
        inside = thick - np.abs(self.y[rows] - height) / np.sqrt(1 + slope * slope)
        beyond = (0.5 - np.abs(along - 0.5)) * np.abs(right - left)
        cover = self.soft(inside) * self.soft(beyond)
        self.shade[rows] += strength * cover * (shade - self.shade[rows])

    def paint(self, cover: Reals, shade: Some) -> None:
        """Put a shade where something is."""
        self.shade += cover * (shade - self.shade)


def _drawn(intensities: Reals, attributes: NDArray[np.bool_], looks: dict[str, Reals], size: int) -> Reals:
    """The face from behind to the front."""
    known = face_units()
    au = {name: intensities[:, k, None, None] for k, name in enumerate(known.units)}
    has = {name: attributes[:, k, None, None].astype(np.float32) for k, name in enumerate(known.attributes)}
    of = {name: v[:, None, None] for name, v in looks.items()}
    on = _Canvas(looks, size)
    skin, dark = of["skin"], of["dark"]
    line = dark + 0.35 * (skin - dark)  # of wrinkles and folds
    width, chin = of["width"], 0.08 * au["AU26"]

    # Hair behind, head, hair in front, beard.
    on.paint(on.ellipse(0, -0.1, width + 0.16, 1.0) * has["long-hair"], dark)
    head = on.ellipse(0, chin / 2, width, 0.95 + chin / 2)
    on.paint(head, skin)
    on.paint(head * on.soft(-0.66 - on.y) * (1 - has["bald"]), dark)
    mouth = of["mouth_line"]
    on.paint(0.6 * head * on.soft(on.y - mouth + 0.22 - 0.2 * np.abs(on.x)) * has["beard"], dark)

    for k in (0.0, 0.07):
        on.stroke(0.6 * au["AU1"], (-0.2, 0.2), (-0.58 + k,) * 2, 0.03, 0.012, line)
        for side in (-1, 1):
            on.stroke(0.5 * au["AU2"], (side * 0.25, side * 0.55), (-0.56 + k,) * 2, 0.04, 0.012, line)
    for side in (-1, 1):
        _half(on, side, au, has, of, line)
    _nose(on, au, of, line)
    _mouth(on, au, of, line, chin)
    for side in (-1, 1):
        eye = side * of["eyes"], of["eye_line"] + 0.01
        ring = on.ellipse(*eye, 0.235, 0.185) - on.ellipse(*eye, 0.18, 0.135)
        on.paint(np.clip(ring, 0, 1) * has["glasses"], 0.05)
    on.stroke(has["glasses"], (-0.12, 0.12), (of["eye_line"],) * 2, 0.02, 0.025, 0.05)
    out: Reals = np.clip(on.shade * on.light, 0, 1).astype(np.float32)
    return out


def _half(
    on: _Canvas, side: int, au: dict[str, Reals], has: dict[str, Reals], of: dict[str, Reals], line: Reals
) -> None:
    """Brow, eye and cheek of one side."""
    eye, level = of["eyes"], of["eye_line"]
    inner = of["brow_line"] + of["brow_tilt"] - 0.15 * au["AU1"] + 0.13 * au["AU4"] + 0.04 * au["AU9"]
    outer = of["brow_line"] - of["brow_tilt"] - 0.15 * au["AU2"] + 0.05 * au["AU4"]
    near = 0.14 - 0.06 * au["AU4"]
    # Below the lids: what a lid covers is skin.
    up = 0.085 + 0.06 * au["AU5"] - 0.03 * au["AU7"]
    low = 0.06 - 0.045 * au["AU7"] - 0.03 * au["AU6"]
    middle, high = level + (low - up) / 2, (low + up) / 2
    white = on.ellipse(side * eye, middle, 0.15, high)
    on.paint(white, 0.95)
    to = eye * side + 0.07 * (has["gaze-right"] - has["gaze-left"])
    on.paint(white * on.ellipse(to, level, 0.06, 0.085), 0.02)
    lids = on.ellipse(side * eye, middle, 0.18, high + 0.035) - white
    on.paint(0.8 * np.clip(lids, 0, 1), of["dark"])
    on.stroke(1.0, (side * near, side * 0.52), (inner, outer), 0.035, of["brow_thick"], of["dark"])
    on.paint(0.8 * au["AU4"] * on.soft(0.012 - np.abs(on.x - side * 0.05)) * on.soft(0.09 - np.abs(on.y + 0.3)), line)
    # Cheeks and crow's feet; the bag below a lid that is tightened.
    on.stroke(0.9 * au["AU6"], (side * 0.14, side * 0.52), (level + 0.17,) * 2, -0.06, 0.02, line)
    for k in (-1, 1):
        ends = (side * (eye + 0.17), side * (eye + 0.31))
        on.stroke(0.9 * au["AU6"], ends, (level + 0.02 * k, level + 0.08 * k), 0, 0.014, line)
    on.stroke(0.7 * au["AU7"], (side * 0.2, side * 0.44), (level + 0.1,) * 2, -0.02, 0.012, line)
    # From the nose to the corner of the mouth.
    fold = np.clip(0.8 * au["AU10"] + 0.5 * au["AU12"] + 0.3 * au["AU9"], 0, 1)
    on.stroke(fold, (side * 0.12, side * 0.33), (0.2, of["mouth_line"] - 0.08), 0.02, 0.016, line)


def _nose(on: _Canvas, au: dict[str, Reals], of: dict[str, Reals], line: Reals) -> None:
    base = of["nose"] - 0.05 * au["AU9"]
    on.stroke(0.7, (-0.1, 0.1), (base - 0.03,) * 2, -0.05, 0.02, line)
    for k in (-0.12, -0.05, 0.02):
        on.stroke(au["AU9"], (-0.1, 0.1), (k,) * 2, 0.03, 0.016, line)


def _mouth(on: _Canvas, au: dict[str, Reals], of: dict[str, Reals], line: Reals, chin: Reals) -> None:
    level = of["mouth_line"]
    half = of["mouth_width"] + 0.05 * au["AU12"] + 0.11 * au["AU20"] - 0.07 * au["AU23"]
    corner = level + of["corners"] - 0.13 * au["AU12"] + 0.13 * au["AU15"] + chin / 2
    opened = 0.09 * au["AU25"] + 0.2 * au["AU26"]
    lip = 0.045 * (1 - 0.6 * au["AU23"]) * (1 - 0.3 * au["AU20"])
    upper = level - 0.015 - 0.2 * opened - 0.08 * au["AU10"]
    lower = level + 0.015 + 0.9 * opened - 0.05 * au["AU17"]
    bend = np.clip((on.x / half) ** 2, 0, 1)
    above, below = upper + (corner - upper) * bend, lower + (corner - lower) * bend
    across = on.soft(half - np.abs(on.x))
    red = of["skin"] * 0.55
    on.paint(across * on.soft(on.y - above + lip) * on.soft(below + lip - on.y), red)
    on.paint(across * on.soft(on.y - above) * on.soft(below - on.y), 0.02)
    for side in (-1, 1):
        ends = (side * (half - 0.02), side * (half + 0.08))
        on.stroke(0.8 * au["AU15"], ends, (corner, corner + 0.12), 0, 0.016, line)
    on.stroke(0.9 * au["AU17"], (-0.16, 0.16), (0.74 + chin,) * 2, 0.07, 0.02, line)
    on.paint(0.5 * au["AU17"] * on.ellipse(0, 0.82 + chin, 0.1, 0.05), line)
    on.stroke(0.8 * au["AU23"], (-0.2, 0.2), (level - 0.1,) * 2, 0, 0.012, line)


def _occlude(rng: np.random.Generator, pictures: Reals, share: float) -> None:
    """Hold something before some faces; from frame to frame it moves on."""
    count, frames, size, _ = pictures.shape
    wide, high = rng.integers(size // 5, size // 3, (2, count))
    left, top = rng.integers(0, size, (2, count))
    step: NDArray[np.int64] = rng.integers(2, size // 4, count)
    shades, drawn = rng.random((2, count))
    for k in np.flatnonzero(drawn < share):
        for t in range(frames):
            x, y = (left[k] + t * step[k]) % size, top[k]
            pictures[k, t, y : y + high[k], x : x + wide[k]] = shades[k]
