"""The quality of the voice: how regular the glottis closes, and how the harmonics fall off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import RATE, Floats

__all__ = ["Harmonics", "harmonic_levels", "hnr", "jitter_shimmer"]

# Samples around a pulse, by period: 3.5 periods are looked at, of 55 Hz at the lowest.
_SIZES = np.array([256, 384, 512, 768, 1152])
_STRAY = 0.25  # a neighbouring pulse is sought this share of a period around its place
_PERIOD_RATIO, _AMPLITUDE_RATIO = 1.3, 1.6  # neighbours that differ by more are not of one voice (Praat's limits)


def hnr(periodicity: Floats) -> Floats:
    """Harmonics-to-noise ratio in dB, from the height r of the normalised autocorrelation at the period.

    10 log10(r / (1 - r)) (Boersma 1993, equation 4), within -40 to 40 dB; NaN stays NaN. Shape as given.
    """
    r = np.clip(periodicity, 1e-4, 1 - 1e-4)
    return np.asarray(10 * np.log10(r / (1 - r)), dtype=np.float32)


def _parabola(values: NDArray[Any], at: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Place and height of the top of the parabola through three neighbours, of each row."""
    at = np.clip(at, 1, values.shape[1] - 2)
    left, middle, right = (values[np.arange(len(at)), at + side] for side in (-1, 0, 1))
    bend = left - 2 * middle + right
    curved = np.isfinite(bend) & (bend < 0)
    shift = np.zeros_like(bend)
    shift[curved] = np.clip(0.5 * (left[curved] - right[curved]) / bend[curved], -1, 1)
    return at + shift, np.where(curved, middle - 0.25 * np.where(curved, left - right, 0) * shift, middle)


def jitter_shimmer(samples: Floats, centres: NDArray[np.intp], f0: Floats) -> tuple[Floats, Floats]:
    """Local jitter and shimmer around each voiced frame, from three glottal pulses.

    The pulse of a frame is the highest peak within half a period of its centre. The pulses before and after it are
    where the waveform correlates best with the period around it; the difference of the two periods over their mean is
    the jitter, the mean change of the periods' root mean square in dB the shimmer (local jitter and shimmer of Praat,
    averaged over frames instead of pulses).

    Args:
        samples: The sound, shape (n,), with at least 1024 samples before the first and after the last centre.
        centres: Middle sample of each voiced frame, shape (m,).
        f0: Pitch of these frames in Hz, shape (m,), at least 55.

    Returns:
        Jitter (a ratio) and shimmer (dB), each shape (m,), NaN where the neighbours are no periods of one voice.
    """
    jitter = np.full(len(f0), np.nan, dtype=np.float32)
    shimmer = jitter.copy()
    period = RATE / f0
    # Frames of like periods together, so that one deep voice does not make all windows long.
    size_of = np.searchsorted(_SIZES, 3.6 * period + 8)
    for n in np.unique(size_of):
        rows = np.flatnonzero(size_of == n)
        jitter[rows], shimmer[rows] = _three_pulses(samples, centres[rows], period[rows], int(_SIZES[n]))
    return jitter, shimmer


def _three_pulses(
    samples: Floats, centres: NDArray[np.intp], period: NDArray[Any], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)
    middle = size // 2
    half = (period / 2).astype(np.intp)
    inside = np.abs(np.arange(size) - middle) <= half[:, None]
    near = np.where(inside, windows[centres - middle], 0)
    high, low = near.argmax(1), near.argmin(1)
    rows = np.arange(len(near))
    up = near[rows, high] >= -near[rows, low]
    around = windows[np.where(up, high, low) - middle + centres - middle]
    around = around * np.where(up, 1, -1).astype(np.float32)[:, None]
    around -= around.mean(1, keepdims=True)

    one = np.where(inside, around, 0)
    product = np.fft.irfft(np.fft.rfft(around) * np.conj(np.fft.rfft(one)), size)
    energy = np.zeros((len(around), size + 1), dtype=np.float32)
    np.cumsum(around * around, axis=1, out=energy[:, 1:])
    first = (period * (1 - _STRAY)).astype(np.intp)
    steps = np.arange(int((2 * _STRAY * period).max()) + 2)

    def local(lag: NDArray[np.intp]) -> Floats:
        """Energy of one period around each lag."""
        upper, lower = (np.clip(middle + lag + end, 0, size) for end in (half[:, None] + 1, -half[:, None]))
        return np.asarray(np.take_along_axis(energy, upper, 1) - np.take_along_axis(energy, lower, 1))

    own = np.maximum(local(np.zeros((len(rows), 1), dtype=np.intp))[:, 0], 1e-12)
    periods, changes = [], []
    for side in (-1, 1):
        lag = side * (first[:, None] + steps)
        power = np.maximum(local(lag), 1e-12)
        likeness = np.take_along_axis(product, lag % size, 1) / np.sqrt(power)
        likeness[steps > 2 * _STRAY * period[:, None] + 1] = -1
        best = likeness.argmax(1)
        place, _ = _parabola(likeness, best)
        periods.append(first + place)
        changes.append(np.sqrt(power[rows, best] / own))
    before, after = periods
    ratio = np.maximum(before, after) / np.minimum(before, after)
    jitter = np.where(ratio <= _PERIOD_RATIO, np.abs(before - after) / (0.5 * (before + after)), np.nan)
    change = np.stack(changes)
    of_one_voice = (change <= _AMPLITUDE_RATIO) & (change >= 1 / _AMPLITUDE_RATIO)
    decibel = np.abs(20 * np.log10(np.where(of_one_voice, change, 1)))
    known = of_one_voice.sum(0)
    return jitter, np.where(known > 0, decibel.sum(0) / np.maximum(known, 1), np.nan)


@dataclass(frozen=True)
class Harmonics:
    """Levels of voiced frames in dB, each shape (m,) but `formants`, (m, 3); NaN where the formant is not known.

    Attributes:
        h1_h2: First harmonic over the second.
        h1_a3: First harmonic over the strongest one of the third formant.
        formants: Strongest harmonic of formants 1 to 3 over the first harmonic.
    """

    h1_h2: Floats
    h1_a3: Floats
    formants: Floats


def _strongest(level: Floats, middle: Floats, reach: Floats, bin_hertz: float) -> Floats:
    """Top of the parabola through the highest level within `middle` plus or minus `reach` Hz, of each row."""
    first = np.floor((middle - reach) / bin_hertz).astype(np.intp)
    last = np.ceil((middle + reach) / bin_hertz).astype(np.intp)
    steps = np.arange(int((last - first).max(initial=0)) + 1)
    at = np.clip(np.minimum(first[:, None] + steps, last[:, None]), 1, level.shape[1] - 2)
    best = np.take_along_axis(at, np.take_along_axis(level, at, 1).argmax(1)[:, None], 1)[:, 0]
    return np.asarray(_parabola(level, best)[1], dtype=np.float32)


def harmonic_levels(power: Floats, f0: Floats, frequency: Floats) -> Harmonics:
    """Harmonics of voiced frames against each other (Eyben et al. 2016, section 3.1).

    Args:
        power: Spectrum of 40 ms of the voiced frames, shape (m, 513).
        f0: Pitch in Hz, shape (m,).
        frequency: Formants 1 to 3 in Hz, shape (m, 3), NaN where unknown.
    """
    bin_hertz = RATE / 2 / (power.shape[1] - 1)
    level = 10 * np.log10(power + np.float32(1e-12))
    first = _strongest(level, f0, 0.25 * f0, bin_hertz)
    second = _strongest(level, 2 * f0, 0.25 * f0, bin_hertz)
    known = np.isfinite(frequency)
    at = np.where(known, frequency, f0[:, None])
    # The window of one F0 around a formant holds one harmonic at least.
    tops = np.stack([_strongest(level, at[:, n], 0.5 * f0, bin_hertz) for n in range(frequency.shape[1])], axis=1)
    over = np.where(known, tops - first[:, None], np.nan).astype(np.float32)
    return Harmonics(first - second, -over[:, 2], over)
