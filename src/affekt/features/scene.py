"""What a picture is like, whoever is in it: brightness, colour, movement, cuts; and where something happens at once.

These are cues about the scene and no claims about anybody's emotion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.prediction import Evidence
from affekt.core.works import implements
from affekt.extras import need
from affekt.media.video import Frame, Video

__all__ = [
    "SCENE",
    "Look",
    "LookMeter",
    "Movement",
    "around_events",
    "at_cuts",
    "evenly",
    "movements",
    "scene_cues",
    "scene_of",
    "telling_tubes",
]

Bytes = NDArray[np.uint8]
Reals = NDArray[np.float64]

SCENE = ("brightness", "contrast", "saturation", "warmth", "motion", "cuts")
"""What `scene_of` gives, in its order."""

_SIDE = 64  # pixels of the longer side on which looks are taken
_CUT, _CUT_LEAST = 0.5, 0.08  # share of the colours that change, and change of brightness, from one frame to the next
_MAD = 1.4826
_LEAST_SEGMENTS = 6
_FLOW_SIDE = 96
_FLOW_RATE = 12.0
_USUAL = 2.0  # seconds around a moment that say what is usual there
_APART = 0.5  # seconds between two events
_EVENT = 6.0  # spreads above what is usual that make an event
_SHARE = 0.5  # of a budget of frames that goes to events
_STEP = 0.2  # seconds between the frames around an event


@dataclass(frozen=True, slots=True)
class Look:
    """One frame in numbers.

    Attributes:
        time: Its seconds.
        brightness: Mean of its luma (Rec. 601), 0..1.
        contrast: Standard deviation of its luma, 0..1.
        saturation: Mean difference between the strongest and the weakest of red, green and blue, 0..1.
        warmth: Mean of red less blue, -1..1.
        motion: Mean change of luma since the frame before, by second, 0 and more; NaN in the first and after a cut.
        cut: Whether it begins another shot.
    """

    time: float
    brightness: float
    contrast: float
    saturation: float
    warmth: float
    motion: float
    cut: bool


class LookMeter:
    """Takes the looks of frames, one after the other."""

    def __init__(self) -> None:
        self._last: tuple[float, Reals, Reals] | None = None

    def take(self, frame: Frame) -> Look:
        """The look of the next frame, of shape (height, width, 3)."""
        step = max(1, math.ceil(max(frame.pixels.shape[:2]) / _SIDE))
        small = frame.pixels[::step, ::step].astype(np.float64) / 255
        luma = small @ np.array([0.299, 0.587, 0.114])
        bins = (small * 3.999).astype(int) @ np.array([16, 4, 1])
        colours = np.bincount(bins.ravel(), minlength=64) / bins.size
        motion, cut = math.nan, False
        if self._last is not None and self._last[1].shape == luma.shape:
            before, last, had = self._last
            change = float(np.abs(luma - last).mean())
            cut = float(np.abs(colours - had).sum()) / 2 > _CUT and change > _CUT_LEAST
            if not cut and frame.time > before:
                motion = change / (frame.time - before)
        self._last = frame.time, luma, colours
        return Look(
            frame.time,
            float(luma.mean()),
            float(luma.std()),
            float((small.max(axis=2) - small.min(axis=2)).mean()),
            float((small[:, :, 0] - small[:, :, 2]).mean()),
            motion,
            cut,
        )


def scene_of(looks: Sequence[Look]) -> dict[str, float]:
    """What a segment is like: means over its frames, and its cuts; NaN where it has no frame.

    Returns:
        `brightness`, `contrast`, `saturation`, `warmth`, `motion` as in `Look`; `cuts`, how many there are.
    """
    out = {}
    for name in SCENE[:-1]:
        values = np.array([getattr(look, name) for look in looks], dtype=float)
        known = values[np.isfinite(values)]
        out[name] = float(known.mean()) if len(known) else math.nan
    out["cuts"] = float(sum(look.cut for look in looks)) if looks else math.nan
    return out


# Property -> what more and less of it is called.
_WORDS = {
    "brightness": ("brighter", "darker"),
    "saturation": ("more colourful", "paler"),
    "warmth": ("warmer in colour", "colder in colour"),
    "motion": ("more movement", "less movement"),
}


def scene_cues(
    segments: Sequence[tuple[float, float, Mapping[str, float]]], *, least: float = 2.5
) -> list[list[Evidence]]:
    """How each segment of a video departs from its others, and its cuts, as evidence that claims no label.

    A departure is taken from the median of all segments, in units of 1.4826 times their median absolute deviation.
    Of fewer than six segments none is named.

    Args:
        segments: Start, end, and what `scene_of` gives.
        least: Departures below are not named.
    """
    out: list[list[Evidence]] = [[] for _ in segments]
    for name, (more, less) in _WORDS.items():
        values = np.array([scene.get(name, math.nan) for _, _, scene in segments])
        known = values[np.isfinite(values)]
        if len(known) < _LEAST_SEGMENTS:
            continue
        middle = float(np.median(known))
        spread = max(_MAD * float(np.median(np.abs(known - middle))), 0.01)
        for found, (start, end, _), value in zip(out, segments, values, strict=True):
            z = float((value - middle) / spread)
            if abs(z) >= least:
                said = f"the picture is {more if z > 0 else less}, {abs(z):.1f} SD from this video's median"
                if name == "motion":
                    said = f"{more if z > 0 else less} in the picture, {abs(z):.1f} SD from this video's median"
                found.append(Evidence("scene", said, start, end, 0.0, None, name, "above" if z > 0 else "below", z))
    return out


# --- Which frames to look at ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Movement:
    """How much moves in a frame beside what the camera does.

    Attributes:
        time: Its seconds.
        strength: 95th percentile, over the points of the picture, of how far they moved beyond the median movement,
            in widths of the picture by second.
        cut: Whether it begins another shot, where movement means nothing.
    """

    time: float
    strength: float
    cut: bool


def movements(video: Video | Iterable[Frame], *, rate: float = _FLOW_RATE) -> list[Movement]:
    """Movement through a video, by dense optical flow (Farnebäck 2003) between small frames, so many a second.

    Args:
        video: A video, or frames in grey, the longer side of 96 pixels, that are at hand.
        rate: Frames a second that are taken of a video; of frames all are.

    Raises:
        InputError: It cannot be read.
        MissingExtraError: OpenCV or PyAV is not installed.
    """
    cv2: Any = need("cv2", extra="video")
    out: list[Movement] = []
    last: tuple[float, Bytes] | None = None
    frames = video.frames(rate=rate, longest=_FLOW_SIDE, grey=True) if isinstance(video, Video) else video
    for frame in frames:
        strength, cut = 0.0, False
        if last is not None and last[1].shape == frame.pixels.shape:
            flow = cv2.calcOpticalFlowFarneback(last[1], frame.pixels, None, 0.5, 2, 11, 2, 5, 1.1, 0)
            moved = flow.reshape(-1, 2) - np.median(flow.reshape(-1, 2), axis=0)
            far = float(np.quantile(np.hypot(moved[:, 0], moved[:, 1]), 0.95))
            strength = far / _FLOW_SIDE / max(frame.time - last[0], 1e-3)
            levels = [np.bincount(p.ravel() >> 4, minlength=16) / p.size for p in (last[1], frame.pixels)]
            cut = float(np.abs(levels[0] - levels[1]).sum()) / 2 > _CUT
        out.append(Movement(frame.time, 0.0 if cut else strength, cut))
        last = frame.time, frame.pixels
    return out


def evenly(seconds: float, budget: int) -> list[float]:
    """So many times through a video, each in the middle of an equal part of it.

    Raises:
        ValueError: The budget is below 1.
    """
    if budget < 1:
        raise ValueError(f"a budget of {budget} frames holds none")
    return [seconds * (k + 0.5) / budget for k in range(budget)]


def at_cuts(found: Iterable[Movement], *, seconds: float) -> list[float]:
    """The middle of each shot, by the cuts between them."""
    edges = [0.0, *(m.time for m in found if m.cut), seconds]
    return [(a + b) / 2 for a, b in pairwise(edges) if b > a]


@implements(works=["stimuvar"])
def around_events(found: Sequence[Movement], *, seconds: float, budget: int) -> list[float]:
    """So many times through a video, half of them around moments in which something moves abruptly, if there are any.

    A moment is such an event where the movement stands out from that of the seconds around it by six times what
    movement varies there (median absolute deviation), so that what moves all the time is none. The strongest come
    first, each with three frames; what is left of the budget is spread evenly. (StimuVAR takes frames where optical
    flow changes; which share goes there is ours.)

    Args:
        found: What `movements` gives.
        seconds: Length of the video.
        budget: Number of frames.

    Returns:
        Times in order; `budget` of them.

    Raises:
        ValueError: The budget is below 1.
    """
    even = evenly(seconds, budget)
    times = np.array([m.time for m in found])
    strength = np.array([m.strength for m in found])
    if len(found) < 3:
        return even
    excess = np.zeros(len(found))
    floor = max(float(np.median(strength)), 1e-3)
    for k, time in enumerate(times):
        near = strength[np.abs(times - time) <= _USUAL]
        usual = float(np.median(near))
        spread = max(_MAD * float(np.median(np.abs(near - usual))), 0.25 * floor)
        excess[k] = (strength[k] - usual) / spread
    chosen: list[float] = []
    most = max(round(_SHARE * budget), 1)
    while len(chosen) < most and excess.max() >= _EVENT:
        k = int(excess.argmax())
        around = [times[k], times[k] - _STEP, times[k] + _STEP][: most - len(chosen)]
        chosen += [float(min(max(t, 0.0), seconds)) for t in around]
        excess[np.abs(times - times[k]) <= _APART] = -math.inf
    rest = budget - len(chosen)
    return sorted([*chosen, *(evenly(seconds, rest) if rest else ())])


@implements(works=["stimuvar"])
def telling_tubes(frames: Bytes, before: Bytes, *, cell: int = 6, share: float = 0.1) -> NDArray[np.bool_]:
    """The small regions of a few frames in which most changes at once.

    A region counts by how far it is from the same region a moment before, light that changes everywhere taken off.
    After StimuVAR, which keeps those tubes of tokens that speak most for an emotion; here what moves abruptly is kept.

    Args:
        frames: Grey, shape (frames, height, width).
        before: The frame of the video before each, of the same shape.
        cell: Pixels of the side of a region.
        share: Share of all regions that is kept, of all frames together.

    Returns:
        Whether each is kept, shape (frames, height // cell, width // cell).

    Raises:
        ValueError: The shapes differ, a side is shorter than a cell, or the share is none.
    """
    count, tall, wide = frames.shape
    rows, columns = tall // cell, wide // cell
    if before.shape != frames.shape:
        raise ValueError(f"frames have shape {frames.shape}, those before them {before.shape}")
    if not (rows and columns and 0 < share <= 1):
        raise ValueError(f"frames of {tall} x {wide} pixels have no share of {share} of regions of {cell}")
    now, then = (v[:, : rows * cell, : columns * cell].astype(np.float64) for v in (frames, before))
    apart = (now - now.mean((1, 2), keepdims=True)) - (then - then.mean((1, 2), keepdims=True))
    change = np.abs(apart).reshape(count, rows, cell, columns, cell).mean(axis=(2, 4))
    kept = np.zeros(change.size, bool)
    kept[np.argsort(-change, axis=None, kind="stable")[: max(round(share * change.size), 1)]] = True
    return kept.reshape(change.shape)
