"""Clips that are drawn by a rule, in which one thing happens at once among what always moves.

A patterned ground drifts as under a camera, light comes and goes, and figures swim at their own pace. For 0.4 s one
more darts across; what kind it is decides what somebody who watches is said to feel. All kinds also swim, so that to
see one says nothing: it has to be the one that darts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.media.video import Frame

__all__ = ["FEELINGS", "DrawnEvent", "drawn_events"]

FEELINGS = {"disc": "joy", "ring": "surprise", "cross": "fear", "bars": "disgust"}
"""Kind of figure -> what it is said to raise; the pairs mean nothing."""

_RATE, _WIDE, _TALL = 12, 96, 54
_LASTS, _PACE = 0.4, 180.0  # seconds; pixels by second


@dataclass(frozen=True)
class DrawnEvent:
    """A clip and what happens in it.

    Attributes:
        frames: Grey frames of 54 x 96 pixels, 12 a second.
        kind: Place in `FEELINGS` of the figure that darts.
        start: Seconds at which it begins.
        end: Seconds at which it is over.
        places: Where its middle is in each frame, x and y in pixels, shape (frames, 2); NaN where it is not there.
    """

    frames: tuple[Frame, ...]
    kind: int
    start: float
    end: float
    places: NDArray[np.float64]

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return len(self.frames) / _RATE


def drawn_events(count: int, *, seed: int, seconds: float = 6.0, swimmers: int = 3) -> Iterator[DrawnEvent]:
    """Draw clips, one after the other.

    Args:
        count: Number of clips.
        seed: Seed of everything.
        seconds: Length of each, 3 or more.
        swimmers: Figures that swim, of kinds that are drawn.

    Raises:
        ValueError: A clip is too short for something to happen in it.
    """
    if seconds < 3:
        raise ValueError("a clip of less than 3 seconds has no place for an event")
    for each in np.random.SeedSequence(seed).spawn(count):
        yield _drawn(np.random.default_rng(each), round(seconds * _RATE), swimmers)


def _figure(kind: int, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a figure covers the pixels at these distances from its middle."""
    far = np.hypot(x, y)
    near = (np.abs(x) < 8) & (np.abs(y) < 8)
    shapes = (far < 8, (far < 8) & (far > 4), near & ((np.abs(x) < 2.5) | (np.abs(y) < 2.5)), near & (y % 6 < 3))
    return shapes[kind]


def _drawn(rng: np.random.Generator, count: int, swimmers: int) -> DrawnEvent:
    y, x = np.mgrid[0:_TALL, 0:_WIDE].astype(float)
    waves = [(rng.uniform(0.05, 0.3, 2), rng.uniform(0, 6)) for _ in range(3)]
    drift, light = rng.uniform(-4, 4, 2), rng.uniform(0.2, 0.6)  # pixels and turns by second
    swim = [
        (int(rng.integers(len(FEELINGS))), rng.random(2) * (2 * _WIDE, 2 * _TALL), rng.uniform(-8, 8, 2))
        for _ in range(swimmers)
    ]
    kind, start = int(rng.integers(len(FEELINGS))), float(rng.uniform(1.2, count / _RATE - 1.5))
    side, level = rng.choice((-1, 1)), float(rng.uniform(12, _TALL - 12))
    frames, places = [], np.full((count, 2), np.nan)
    for number in range(count):
        t = number / _RATE
        ground = sum(np.sin(a * (x + drift[0] * t) + b * (y + drift[1] * t) + c) for (a, b), c in waves)
        grey = 100 + 10 * ground + 12 * np.sin(2 * np.pi * light * t)
        for what, place, pace in swim:
            # At the border they turn round: to come back on the other side would be an event too.
            px, py = np.abs((place + pace * t) % (2 * _WIDE, 2 * _TALL) - (_WIDE, _TALL))
            grey[_figure(what, x - px, y - py)] = 200
        if start <= t < start + _LASTS:
            places[number] = _WIDE / 2 + side * (t - start - _LASTS / 2) * _PACE, level
            grey[_figure(kind, x - places[number, 0], y - level)] = 200
        frames.append(Frame(t, np.clip(grey + rng.normal(0, 3, grey.shape), 0, 255).astype(np.uint8)))
    return DrawnEvent(tuple(frames), kind, start, start + _LASTS, places)
