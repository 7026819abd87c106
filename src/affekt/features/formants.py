"""Resonances of the vocal tract by linear prediction."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import RATE, Floats

__all__ = ["FORMANTS", "formants", "predictor"]

FORMANTS = 3
ORDER = 10
_TOP = 5500.0  # the band that is modelled; five resonances are expected in it
_PRE = float(np.exp(-2 * np.pi * 50 / RATE))
_LOWEST, _HIGHEST = 50.0, 5450.0


@cache
def _transform(bins: int) -> NDArray[np.float64]:
    """From the power spectrum up to 5.5 kHz to the autocorrelation at 11 kHz, lags 0 to 10."""
    step = RATE / (2 * (bins - 1))
    kept = round(_TOP / step) + 1
    weights = np.full(kept, 2.0)
    weights[[0, -1]] = 1.0
    # Pre-emphasis from 50 Hz up, so that the fall of the glottal source does not take poles for itself.
    weights *= 1 + _PRE**2 - 2 * _PRE * np.cos(2 * np.pi * np.arange(kept) * step / RATE)
    angle = np.pi * np.outer(np.arange(kept) / (kept - 1), np.arange(ORDER + 1))
    return np.asarray(weights[:, None] * np.cos(angle))


def predictor(autocorrelation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of linear prediction by the recursion of Levinson and Durbin, all frames at once.

    Args:
        autocorrelation: Lags 0 to p, shape (n, p + 1).

    Returns:
        `a` of the inverse filter 1 + a1 z^-1 + ... + ap z^-p, shape (n, p); 0 where there is no energy.
    """
    rows, size = autocorrelation.shape
    a = np.zeros((rows, size))
    a[:, 0] = 1
    left = autocorrelation[:, 0] * (1 + 1e-9) + 1e-30
    for order in range(1, size):
        reflection = -np.einsum("nk,nk->n", a[:, :order], autocorrelation[:, order:0:-1]) / left
        a[:, 1 : order + 1] += reflection[:, None] * a[:, order - 1 :: -1][:, :order]
        left = left * (1 - reflection**2)
    return a[:, 1:]


def formants(power: Floats) -> tuple[Floats, Floats]:
    """Frequencies and bandwidths of the three lowest resonances.

    The sound up to 5.5 kHz is pre-emphasised and modelled by 10 poles, from its power spectrum; a resonance is a pair
    of poles between 50 and 5450 Hz (Markel and Gray, "Linear Prediction of Speech", 1976, section 7).

    Args:
        power: Power spectrum, shape (n, bins) from 0 to 8 kHz.

    Returns:
        Hz, each shape (n, 3); NaN where there are fewer resonances.
    """
    transform = _transform(power.shape[1])
    a = predictor(power[:, : len(transform)].astype(np.float64) @ transform)
    companion = np.zeros((len(a), ORDER, ORDER))
    companion[:, 0] = -a
    companion[:, np.arange(1, ORDER), np.arange(ORDER - 1)] = 1
    poles = np.linalg.eigvals(companion)
    hertz = np.angle(poles) * _TOP / np.pi
    with np.errstate(divide="ignore"):
        wide = -np.log(np.abs(poles)) * 2 * _TOP / np.pi
    hertz[(hertz < _LOWEST) | (hertz > _HIGHEST)] = np.nan
    order = np.argsort(hertz, axis=1)[:, :FORMANTS]
    frequency = np.take_along_axis(hertz, order, 1)
    bandwidth = np.where(np.isnan(frequency), np.nan, np.take_along_axis(wide, order, 1))
    return frequency.astype(np.float32), bandwidth.astype(np.float32)
