"""Why a voice was read so: how it departs from its speaker's manner, and which parts of a stretch moved the label.

What a model hears can be taken from it only while the sound is there, and a speaker's manner is known only when the
recording is over. So a stretch is examined first, which keeps a few numbers of it and what the model heard of it
without each part; evidence is found from these later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from affekt.core.prediction import Evidence, Prediction
from affekt.features import cue_values, departures, descriptors

if TYPE_CHECKING:
    from affekt.core.clip import Clip
    from affekt.features import Departure
    from affekt.media.sound import Sound
    from affekt.models.voice import Baseline

__all__ = ["PARTS", "Ear", "Examined", "cues_of", "cut_out", "examine", "hushed", "manners", "moved_by", "parts_of"]

PARTS = 8
"""A stretch is taken apart into so many equal parts at most, which bounds what explaining it costs."""

_SHORTEST = 0.4  # seconds of a part
_MOVED, _MOST = 0.02, 4  # of the label's probability: less is noise of the reading, as for words; parts that are kept
_FADE = 160  # samples over which sound goes into what stands in its place
_QUIET = 0.05  # quantile of the levels of 20 ms that counts as the quiet of a stretch

Times = tuple[float, float]


class Ear(Protocol):
    """What is needed of a model of voices."""

    def hear(self, sound: Sound) -> NDArray[np.float32] | None:
        """What is kept of a stretch."""
        ...

    def judge(
        self,
        clip: Clip,
        vector: NDArray[np.float32] | None,
        *,
        baseline: Baseline | None = None,
        space: str | None = None,
    ) -> Prediction:
        """Read a stretch from what was kept."""
        ...


@dataclass(frozen=True, slots=True)
class Examined:
    """What is kept of a stretch to explain it.

    Attributes:
        seconds: Its length.
        values: Its properties, shape (len(CUES),); see `affekt.features.cue_values`.
        parts: Start and end of each part in seconds from its beginning, and what the model heard without it.
    """

    seconds: float
    values: NDArray[np.float64]
    parts: tuple[tuple[float, float, NDArray[np.float32] | None], ...] = ()


def parts_of(seconds: float) -> list[Times]:
    """Equal parts of a stretch, of 0.4 s or more and `PARTS` at most; none where there would be one only."""
    count = min(PARTS, int(seconds / _SHORTEST))
    edges = np.linspace(0, seconds, count + 1).tolist()
    return list(pairwise(edges)) if count > 1 else []


def _between(sound: Sound, part: Times) -> slice:
    return slice(*(round(seconds * sound.rate) for seconds in part))


def cut_out(sound: Sound, part: Times) -> Sound:
    """A stretch without a part, what is left joined; times are seconds from its beginning."""
    at = _between(sound, part)
    return replace(sound, samples=np.concatenate([sound.samples[: at.start], sound.samples[at.stop :]]))


def hushed(sound: Sound, part: Times) -> Sound:
    """A stretch with noise as loud as its quietest moments in place of a part; times as in `cut_out`."""
    at = _between(sound, part)
    samples = sound.samples.copy()
    size = sound.rate // 50
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    level = float(np.quantile(np.sqrt(np.square(frames).mean(1)), _QUIET)) if len(frames) else 0.0
    count = len(samples[at])
    noise = np.random.default_rng(0).standard_normal(count).astype(np.float32) * np.float32(level)
    fade = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / _FADE).astype(np.float32)
    samples[at] = fade * noise + (1 - fade) * samples[at]
    return replace(sound, samples=samples)


def examine(ear: Ear, sound: Sound, *, without: Callable[[Sound, Times], Sound] = cut_out) -> Examined:
    """Keep of a stretch what is needed to explain it.

    Args:
        ear: The model.
        sound: The stretch.
        without: How a part is taken out.
    """
    values = cue_values(descriptors(sound.samples, rate=sound.rate))
    parts = [(*part, ear.hear(without(sound, part))) for part in parts_of(sound.duration)]
    return Examined(sound.duration, values, tuple(parts))


def manners(examined: Sequence[Examined]) -> list[list[Departure]]:
    """How each stretch of one speaker departs from the others, strongest first; see `affekt.features.departures`."""
    if not examined:
        return []
    return departures(np.stack([e.values for e in examined]), [e.seconds for e in examined])


def cues_of(clip: Clip, found: Sequence[Departure]) -> list[Evidence]:
    """Departures of a stretch as evidence. They are claims about the voice, not about the label."""
    start, end = clip.start or 0.0, clip.end or 0.0
    return [
        Evidence("voice", d.text, start, end, 0.0, None, d.cue.name, "above" if d.z > 0 else "below", d.z)
        for d in found
    ]


def moved_by(
    ear: Ear, clip: Clip, examined: Examined, prediction: Prediction, *, baseline: Baseline | None
) -> list[Evidence]:
    """Parts of a stretch that moved its label, strongest first.

    A part's weight is what the probability of the label loses where the part is taken out.

    Args:
        ear: The model.
        clip: The stretch.
        examined: What was kept of it.
        prediction: Its reading, in a space of the model.
        baseline: What it was judged beside.
    """
    out = []
    for label in prediction.labels or ((prediction.top,) if prediction.top else ()):
        for start, end, vector in examined.parts:
            if vector is None:
                continue
            left = ear.judge(clip, vector, baseline=baseline, space=prediction.space).scores[label]
            weight = prediction.scores[label] - left
            if abs(weight) >= _MOVED:
                a, b = (round((clip.start or 0.0) + seconds, 3) for seconds in (start, end))
                out.append(Evidence("voice", f"{a:.1f} to {b:.1f} s", a, b, weight, label))
    return sorted(out, key=lambda e: -abs(e.weight))[:_MOST]
