"""Sounds whose pitch, formants, loudness and pulses are known because they are made here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 16_000
Sound = NDArray[np.float32]


def pulses(times: NDArray[np.float64], heights: NDArray[np.float64] | float = 1.0, *, seconds: float) -> Sound:
    """Band-limited pulses at given seconds: their spectrum falls by 6 dB an octave above 100 Hz, up to 7 kHz."""
    n = int(seconds * RATE)
    hertz = np.fft.rfftfreq(n, 1 / RATE)
    heights = np.broadcast_to(heights, times.shape)
    spectrum = np.zeros(len(hertz), dtype=complex)
    for at, height in zip(times, heights, strict=True):
        spectrum += height * np.exp(-2j * np.pi * hertz * at)
    spectrum *= (hertz < 7000) / (1 + 1j * hertz / 100)
    sound = np.fft.irfft(spectrum, n)
    return (0.3 * sound / np.abs(sound).max()).astype(np.float32)


def harmonics(f0: float, levels_db: list[float], *, seconds: float = 1.0, peak: float = 0.3) -> Sound:
    """Sines at multiples of F0 with given levels."""
    t = np.arange(int(seconds * RATE)) / RATE
    sound = sum(
        10 ** (level / 20) * np.sin(2 * np.pi * f0 * (n + 1) * t + 0.7 * n * n) for n, level in enumerate(levels_db)
    )
    return (peak * sound / np.abs(sound).max()).astype(np.float32)


def resonate(sound: Sound, frequencies: list[float], bandwidths: list[float]) -> Sound:
    """Two-pole resonators in a row, by their impulse responses."""
    out = sound.astype(np.float64)
    t = np.arange(2048) / RATE
    for f, b in zip(frequencies, bandwidths, strict=True):
        out = np.convolve(out, np.exp(-np.pi * b * t) * np.sin(2 * np.pi * f * (t + 1 / RATE)))[: len(sound)]
    return (0.3 * out / np.abs(out).max()).astype(np.float32)


def vowel(f0: float, frequencies: list[float], bandwidths: list[float], *, seconds: float = 0.6) -> Sound:
    """Source and filter: glottal pulses of constant pitch through resonators."""
    return resonate(
        pulses(np.arange(0.01, seconds, 1 / f0), seconds=seconds), [*frequencies, 3500, 4500], [*bandwidths, 250, 300]
    )


def noise(seed: int, *, seconds: float = 1.0, peak: float = 0.1) -> Sound:
    """White noise."""
    drawn = np.random.default_rng(seed).normal(size=int(seconds * RATE))
    return (peak * drawn / np.abs(drawn).max()).astype(np.float32)


def silence(seconds: float) -> Sound:
    """Digital silence."""
    return np.zeros(int(seconds * RATE), dtype=np.float32)


def talk(seed: int, *, seconds: float = 2.0) -> Sound:
    """Something like speech: vowels of gliding pitch with pauses and hiss between them, over faint noise."""
    rng = np.random.default_rng(seed)
    parts: list[Sound] = []
    while sum(map(len, parts)) < seconds * RATE:
        length = rng.uniform(0.12, 0.4)
        low, high = np.sort(rng.uniform(100, 300, 2))
        path = np.cumsum(1 / np.linspace(low, high, int(length * high)))
        said = resonate(
            pulses(path[path < length], seconds=length),
            [rng.uniform(300, 800), rng.uniform(1000, 2200), 2700, 3600],
            [80, 100, 150, 200],
        )
        ramp = np.minimum(1, np.minimum(np.arange(len(said)), np.arange(len(said))[::-1]) / 240)
        parts += [
            (said * ramp * rng.uniform(0.3, 1)).astype(np.float32),
            noise(int(rng.integers(1 << 30)), seconds=rng.uniform(0.02, 0.1), peak=0.05),
            silence(rng.uniform(0.05, 0.3)),
        ]
    whole = np.concatenate(parts)[: int(seconds * RATE)]
    return whole + noise(seed + 1, seconds=seconds, peak=1e-4)[: len(whole)]
