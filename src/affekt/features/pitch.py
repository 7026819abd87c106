"""Fundamental frequency: candidates from the autocorrelation, the best path through them by dynamic programming.

After Boersma, "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled
sound", Proceedings of the Institute of Phonetic Sciences 17, 1993: the autocorrelation of the windowed frame is divided
by that of the window, so that a periodic sound has a peak of 1 at its period whatever the window; each frame has a
few candidates and the choice to be unvoiced; leaps in pitch and changes of voicing cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import InputError
from affekt.features.frames import RATE, Floats

__all__ = ["LONG", "USUAL", "PitchRange", "Track", "long_spectrum", "track"]

LONG = 640
"""Samples of the window for periodicity and harmonics (40 ms: three periods of 75 Hz)."""

FFT = 1024
_REACH = 8  # neighbours on each side that the autocorrelation is interpolated from
CANDIDATES = 6
_VOICING = 0.45  # a candidate must be stronger than this to be voiced
_SILENCE = 0.03  # and the frame's peak above this share of the loudest one
_OCTAVE = 0.01  # an octave higher is worth so much: of two peaks alike, the shorter period
_LEAP = 0.35  # cost of a leap of one octave between frames
_SWITCH = 0.14  # cost of a change between voiced and unvoiced
_FLOOR = 1e-5  # below -100 dB of full scale there is nothing to hear


@dataclass(frozen=True)
class PitchRange:
    """Where to look for the fundamental, in Hz. At least 55, at most 1000, the ceiling at least twice the floor."""

    floor: float = 75.0
    ceiling: float = 600.0

    def __post_init__(self) -> None:
        if not (self.floor >= 55 and self.ceiling <= 1000 and self.ceiling >= 2 * self.floor):
            raise InputError(
                f"A pitch range of {self.floor:g} to {self.ceiling:g} Hz cannot be searched",
                hint="The floor must be at least 55 Hz, the ceiling at most 1000 Hz and twice the floor or more.",
            )


USUAL = PitchRange()
"""75 to 600 Hz: speech of men, women and most children."""


@dataclass(frozen=True)
class Track:
    """Pitch of n frames.

    Attributes:
        f0: Fundamental frequency in Hz, NaN where unvoiced; shape (n,).
        probability: How likely the frame is voiced by itself, 0 to 1, whatever the path; shape (n,).
        periodicity: Height of the normalised autocorrelation at the period, 0 to 1, NaN where unvoiced; shape (n,).
    """

    f0: Floats
    probability: Floats
    periodicity: Floats


@cache
def _window() -> tuple[Floats, Floats]:
    """Hann window of 40 ms, and its normalised autocorrelation, shape (1024,)."""
    hann = np.hanning(LONG + 2)[1:-1]
    own = np.fft.irfft(np.abs(np.fft.rfft(hann, 2 * FFT)) ** 2)[:FFT]
    return hann.astype(np.float32), (own / own[0]).astype(np.float32)


@cache
def _halfway() -> Floats:
    """Weights on 16 neighbours that give the value between the middle two: a windowed sinc; shape (16,)."""
    from_middle = np.arange(-_REACH, _REACH) + 0.5
    weights = np.sinc(from_middle) * (0.5 + 0.5 * np.cos(np.pi * from_middle / (_REACH + 0.5)))
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def long_spectrum(frames: Floats) -> Floats:
    """Power spectrum of windows of 40 ms without their mean.

    Args:
        frames: Shape (n, 640).

    Returns:
        Shape (n, 513), bins of 15.625 Hz.
    """
    padded = np.zeros((len(frames), FFT), dtype=np.float32)
    np.subtract(frames, frames.mean(1, keepdims=True), out=padded[:, :LONG])
    padded[:, :LONG] *= _window()[0]
    bins = np.fft.rfft(padded)
    return np.asarray(bins.real**2 + bins.imag**2, dtype=np.float32)


def _candidates(power: Floats, within: PitchRange) -> tuple[Floats, Floats]:
    """Frequencies and heights of the strongest peaks of the autocorrelation, each (n, 6); height 0 where none."""
    shortest, longest = int(RATE / within.ceiling), int(np.ceil(RATE / within.floor))
    kept = longest + _REACH + 2
    r = np.fft.irfft(power)[:, :kept]
    sounding = r[:, 0] > 0
    r /= np.where(sounding, r[:, 0], 1)[:, None] * _window()[1][:kept]
    r[~sounding] = 0
    middle = r[:, shortest : longest + 1]
    peak = (middle > r[:, shortest - 1 : longest]) & (middle >= r[:, shortest + 1 : longest + 2])
    worth = _OCTAVE * np.log2(np.arange(shortest, longest + 1, dtype=np.float32))
    score = np.where(peak & (middle > _VOICING / 2), middle - worth, -np.inf)
    best = np.argpartition(score, -CANDIDATES, axis=1)[:, -CANDIDATES:]
    there = np.isfinite(np.take_along_axis(score, best, 1))
    # Around each peak the autocorrelation is brought to steps of half a sample, then a parabola laid through its top.
    near = best[:, :, None] + shortest + np.arange(-_REACH, _REACH + 1)
    values = np.take_along_axis(r, np.abs(near).reshape(len(r), -1), 1).reshape(near.shape)
    before, after = values[:, :, :-1] @ _halfway(), values[:, :, 1:] @ _halfway()
    five = np.stack([values[:, :, _REACH - 1], before, values[:, :, _REACH], after, values[:, :, _REACH + 1]], axis=-1)
    top = five[:, :, 1:4].argmax(-1)[:, :, None]
    left, at, right = (np.take_along_axis(five, top + side, 2)[:, :, 0] for side in (0, 1, 2))
    bend = left - 2 * at + right
    curved = there & (bend < 0)
    shift = np.where(curved, 0.5 * (left - right) / np.where(curved, bend, -1), 0)
    height = np.where(there, at - 0.25 * (left - right) * shift, 0)
    # Above 1 the correlation of a short noisy frame is turned down, as in the paper.
    height = np.where(height > 1, 1 / np.maximum(height, 1), height)
    lag = best + shortest + 0.5 * (top[:, :, 0] - 1 + shift)
    return np.asarray(RATE / lag, np.float32), np.asarray(height, np.float32)


def _path(frequency: Floats, height: Floats, unvoiced: Floats, within: PitchRange) -> NDArray[np.intp]:
    """Index of the chosen candidate of each frame, 0 for unvoiced; shape (n,)."""
    octaves = np.log2(frequency)
    reward = np.concatenate(
        [unvoiced[:, None], np.where(height > 0, height + _OCTAVE * (octaves - np.log2(within.ceiling)), -9)], axis=1
    )
    states = reward.shape[1]
    cost = np.full((len(reward) - 1, states, states), _SWITCH, dtype=np.float32)
    cost[:, 0, 0] = 0
    cost[:, 1:, 1:] = _LEAP * np.abs(octaves[:-1, :, None] - octaves[1:, None, :])
    came = np.empty((len(cost), states), dtype=np.intp)
    total, column = reward[0], np.arange(states)
    for i, step in enumerate(cost):
        reached = total[:, None] - step
        came[i] = back = reached.argmax(0)
        total = reached[back, column] + reward[i + 1]
    chosen = np.empty(len(reward), dtype=np.intp)
    chosen[-1] = total.argmax()
    for i in range(len(came) - 1, -1, -1):
        chosen[i] = came[i, chosen[i + 1]]
    return chosen


def track(power: Floats, peaks: Floats, *, within: PitchRange = USUAL) -> Track:
    """Follow the pitch through a stretch of frames.

    Args:
        power: Spectrum of 40 ms, shape (n, 513).
        peaks: Highest absolute sample around each frame, shape (n,).
        within: Range to search.

    Returns:
        Pitch, voicing and periodicity of the frames.
    """
    frequency, height = _candidates(power, within)
    loudest = peaks.max(initial=0)
    height[peaks < _FLOOR] = 0
    relative = peaks / max(float(loudest), _FLOOR)
    unvoiced = _VOICING + np.maximum(0, 2 - relative * (1 + _VOICING) / _SILENCE)
    chosen = _path(frequency, height, unvoiced.astype(np.float32), within)
    rows, voiced = np.arange(len(chosen)), chosen > 0
    f0 = np.where(voiced, frequency[rows, chosen - 1], np.nan)
    periodicity = np.where(voiced, height[rows, chosen - 1], np.nan)
    strongest = np.where(voiced, periodicity, height.max(1))
    probability = 1 / (1 + np.exp(-(strongest - unvoiced) / 0.08))
    return Track(*(np.asarray(each, dtype=np.float32) for each in (f0, probability, periodicity)))
