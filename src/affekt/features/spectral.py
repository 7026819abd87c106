"""What is read off the spectrum of 20 ms: loudness, tilt, flux, centroid, cepstrum. One FFT for all of it.

Definitions are those of Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set (GeMAPS) for Voice Research and
Affective Computing", IEEE Transactions on Affective Computing 7(2), 2016, section 3.1.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from affekt.features.frames import RATE, SHORT, Floats

__all__ = ["CEPSTRA", "FFT", "centroid", "flux", "loudness", "mel_bank", "mfcc", "slopes", "spectrum", "tilt"]

FFT = 512
BANDS = 26
CEPSTRA = 13
_LOW, _HIGH = 20.0, 8000.0
# Puts loudness on the scale of openSMILE: the median ratio over frames of developing clips.
_LOUDNESS_SCALE = 0.0677
_TINY = np.float32(1e-12)


def _hertz() -> Floats:
    return np.asarray(np.arange(FFT // 2 + 1) * RATE / FFT, dtype=np.float32)


def spectrum(frames: Floats) -> Floats:
    """Power spectrum of windows of 20 ms.

    Args:
        frames: Shape (n, 320).

    Returns:
        Shape (n, 257), squared magnitude of the Hamming-windowed frame in bins of 31.25 Hz.
    """
    padded = np.zeros((len(frames), FFT), dtype=np.float32)
    np.multiply(frames, np.hamming(SHORT).astype(np.float32), out=padded[:, :SHORT])
    bins = np.fft.rfft(padded)
    return np.asarray(bins.real**2 + bins.imag**2, dtype=np.float32)


@cache
def mel_bank() -> tuple[Floats, Floats]:
    """26 triangles on the mel scale from 20 to 8000 Hz, shape (257, 26), and their centres in Hz, shape (26,)."""
    low, high = (1127 * math.log1p(hertz / 700) for hertz in (_LOW, _HIGH))
    edges = np.linspace(low, high, BANDS + 2)
    at = 1127 * np.log1p(_hertz().astype(np.float64) / 700)[:, None]
    rising = (at - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - at) / np.diff(edges)[1:]
    weights = np.clip(np.minimum(rising, falling), 0, None)
    centres = 700 * np.expm1(edges[1:-1] / 1127)
    return weights.astype(np.float32), centres.astype(np.float32)


@cache
def _equal_loudness() -> Floats:
    """Sensitivity of the ear at the centres of the bands: Hermansky, JASA 87(4), 1990, equations 7 and 8."""
    squared = (2 * np.pi * mel_bank()[1].astype(np.float64)) ** 2
    curve = (squared + 56.8e6) * squared**2 / ((squared + 6.3e6) ** 2 * (squared + 0.38e9))
    return np.asarray(curve / (1 + squared**3 / 9.58e26), dtype=np.float32)


def loudness(bands: Floats) -> Floats:
    """Perceived loudness: band energies weighted by the ear's sensitivity, to the power of 0.33, summed.

    Args:
        bands: Mel band energies, shape (n, 26).

    Returns:
        Shape (n,), at least 0; proportional to sone, on openSMILE's scale.
    """
    return np.asarray(_LOUDNESS_SCALE * ((bands * _equal_loudness()) ** np.float32(0.33)).sum(1), dtype=np.float32)


@cache
def _cosines() -> Floats:
    """Cosine transform of 26 log bands to coefficients 1 to 13, with the sine lifter of 22 of HTK; shape (26, 13)."""
    order = np.arange(1, CEPSTRA + 1)
    waves = np.cos(np.pi * np.outer(np.arange(BANDS) + 0.5, order) / BANDS) * np.sqrt(2 / BANDS)
    return np.asarray(waves * (1 + 11 * np.sin(np.pi * order / 22)), dtype=np.float32)


def mfcc(bands: Floats) -> Floats:
    """Mel-frequency cepstral coefficients 1 to 13, as HTK defines them; shape (n, 13).

    Band energies are those of samples in 16-bit steps, floored at 1, so that digital silence has coefficients of 0.
    """
    return np.asarray(np.log(np.maximum(bands * np.float32(32768.0**2), 1)) @ _cosines(), dtype=np.float32)


def tilt(power: Floats) -> tuple[Floats, Floats]:
    """Alpha ratio and Hammarberg index, in dB.

    Args:
        power: Power spectrum, shape (n, 257).

    Returns:
        Energy of 1 to 5 kHz over that of 50 Hz to 1 kHz, and the highest peak below 2 kHz over the highest from 2 to
        5 kHz; each shape (n,), NaN in digital silence.
    """
    sums = np.add.reduceat(power[:, :161], [2, 33], axis=1)
    low, high = power[:, :64].max(1), power[:, 64:160].max(1)
    silent = power.max(1) <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 10 * np.log10(sums[:, 1] / sums[:, 0])
        hammarberg = 10 * np.log10(low / high)
    alpha[silent], hammarberg[silent] = np.nan, np.nan
    return alpha, hammarberg


@cache
def _regressors() -> Floats:
    """Weights that turn 49 bins of dB into slopes of 0 to 500 and of 500 to 1500 Hz by least squares; shape (49, 2)."""
    hertz = _hertz()[:49].astype(np.float64)
    weights = np.zeros((49, 2))
    for column, inside in enumerate((hertz <= 500, hertz >= 500)):
        centred = hertz[inside] - hertz[inside].mean()
        weights[inside, column] = centred / (centred @ centred)
    return weights.astype(np.float32)


def slopes(power: Floats) -> Floats:
    """Slopes of the spectrum in dB/Hz within 0 to 500 and 500 to 1500 Hz, by regression; shape (n, 2).

    A flat spectrum has slope 0. (openSMILE's values depend on the level too, so they have another zero.) NaN in
    digital silence.
    """
    found = (10 * np.log10(power[:, :49] + _TINY)) @ _regressors()
    found[power.max(1) <= 0] = np.nan
    return np.asarray(found, dtype=np.float32)


def flux(power: Floats, *, before: Floats | None = None) -> Floats:
    """How far the magnitude spectrum up to 5 kHz moved since the frame before: root of the mean squared difference.

    Args:
        power: Shape (n, 257).
        before: Spectrum of the frame before the first, shape (257,); without one, the first frame has flux 0.

    Returns:
        Shape (n,).
    """
    magnitude = np.sqrt(power[:, :161])
    first = magnitude[:1] if before is None else np.sqrt(before[None, :161])
    moved = np.diff(magnitude, axis=0, prepend=first)
    return np.asarray(np.sqrt(np.einsum("nb,nb->n", moved, moved) / 161), dtype=np.float32)


def centroid(power: Floats) -> Floats:
    """Centre of gravity of the power spectrum in Hz, shape (n,); NaN in digital silence."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(power @ _hertz() / power.sum(1), dtype=np.float32)
