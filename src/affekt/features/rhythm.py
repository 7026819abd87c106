"""Syllables and pauses: how fast somebody speaks, and how much they hold back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import HOP, RATE
from affekt.features.stream import Descriptors

__all__ = ["Rhythm", "pauses", "rhythm", "runs", "speech_floor", "turns"]

_BELOW_LOUDEST = 25.0  # dB below the loudest that still counts as speech
_DIP = 2.0  # dB that the level falls between two nuclei
_PAUSE = 0.15  # seconds; shorter closures belong to consonants
_SMOOTHING = 5  # frames


@dataclass(frozen=True)
class Rhythm:
    """Syllables and pauses of a stretch of sound.

    Attributes:
        syllable_rate: Syllable nuclei a second of sound.
        articulation_rate: Syllable nuclei a second of sound outside pauses; NaN where all is pause.
        pause_share: Share of the sound that is pauses, those at its edges too; 0 to 1.
        pause_rate: Pauses a second of sound.
        pause_mean: Mean length of a pause in seconds; NaN where there is none.
    """

    syllable_rate: float
    articulation_rate: float
    pause_share: float
    pause_rate: float
    pause_mean: float


def runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First frame of each run of true frames, and the first one after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2]


def speech_floor(level: NDArray[np.float64]) -> float:
    """Level in dB from which on frames count as speech: 25 dB below the loudest ones (their 99th percentile)."""
    return max(float(np.quantile(level, 0.99)) - _BELOW_LOUDEST, -90.0)


def pauses(quiet: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Lengths in seconds of runs of quiet frames that are no closures of consonants."""
    starts, ends = runs(quiet)
    lengths = (ends - starts) * HOP / RATE
    return lengths[lengths >= _PAUSE]


def turns(values: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Where a contour turns: its alternating lows and highs, each further than `threshold` from the one before.

    Begins with the first value's side and ends with the last extreme reached; empty for a contour that moves by less.
    """
    if len(values) < 2 or not np.ptp(values) > max(threshold, 0):
        return np.empty(0, dtype=np.intp)
    steps = np.diff(values)
    moving = np.flatnonzero(steps)
    corner = moving[1:][np.sign(steps[moving[1:]]) != np.sign(steps[moving[:-1]])]
    at = np.concatenate([[0], corner, [len(values) - 1]]).tolist()
    level = values[at].tolist()
    found: list[int] = []
    low = high = 0
    heading = 0
    for i in range(1, len(at)):
        if heading >= 0 and level[i] > level[high]:
            high = i
        if heading <= 0 and level[i] < level[low]:
            low = i
        if heading >= 0 and level[high] - level[i] > threshold:
            found.append(at[high])
            heading, low = -1, i
        elif heading <= 0 and level[i] - level[low] > threshold:
            found.append(at[low])
            heading, high = 1, i
    found.append(at[high] if heading > 0 else at[low])
    return np.asarray(found, dtype=np.intp)


def rhythm(found: Descriptors) -> Rhythm:
    """Count syllable nuclei and pauses.

    A nucleus is a peak of the level that is voiced, within 25 dB of the loudest frames (their 99th percentile), and at
    least 2 dB above the dips around it (after de Jong and Wempe, "Praat script to detect syllable nuclei and measure
    speech rate automatically", Behavior Research Methods 41(2), 2009). A pause is 0.15 s or more below that level.

    Args:
        found: What was measured in the frames of the sound.

    Returns:
        Rates and pauses; NaN throughout where there is no frame.
    """
    if not len(found):
        return Rhythm(*[float("nan")] * 5)
    level = found["level_db"].astype(np.float64)
    floor = speech_floor(level)
    lengths = pauses(level < floor)
    half = _SMOOTHING // 2
    padded = np.pad(level, half, mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHING).mean(1)
    at = turns(smooth, _DIP)
    high = np.zeros(len(at), dtype=bool)
    if len(at) > 1:
        rising = np.diff(smooth[at]) > 0
        high[1:], high[0] = rising, not rising[0]
    peaks = at[high]
    nuclei = int(((smooth[peaks] >= floor) & ~np.isnan(found["f0_hz"][peaks])).sum())
    paused = float(lengths.sum())
    spoken = found.seconds - paused
    return Rhythm(
        syllable_rate=nuclei / found.seconds,
        articulation_rate=nuclei / spoken if spoken > 0 else float("nan"),
        pause_share=min(1.0, paused / found.seconds),
        pause_rate=len(lengths) / found.seconds,
        pause_mean=float(lengths.mean()) if len(lengths) else float("nan"),
    )
