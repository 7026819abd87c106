"""The log-mel spectrogram that Whisper hears (Radford et al. 2022, section 2.2), in numpy.

80 bands on Slaney's mel scale, windows of 25 ms every 10 ms, logarithms to base 10, with a floor 8 below the highest
value of the sound. Equal to the feature extractor of transformers to rounding, for sound that is not padded.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import HOP, RATE

__all__ = ["BANDS", "log_mel"]

BANDS = 80

_WINDOW = 400
_FLOOR = 8.0


@cache
def _filters() -> NDArray[np.float32]:
    """Triangles of equal area, shape (frequencies, bands)."""
    # Slaney's scale: even to 1000 Hz in steps of 200/3 Hz, above it 27 steps for each factor of 6.4.
    top = 15.0 + 27.0 * np.log(RATE / 2 / 1000.0) / np.log(6.4)
    mels = np.linspace(0.0, top, BANDS + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp((mels - 15.0) * np.log(6.4) / 27.0))
    hertz = np.linspace(0.0, RATE / 2, _WINDOW // 2 + 1)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    out: NDArray[np.float32] = (np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)).astype(np.float32)
    return out


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spectrogram of mono sound at 16 kHz, shape (80, frames); a frame every 10 ms, about -1 to 2.

    Raises:
        ValueError: There are fewer samples than half a window.
    """
    if len(samples) <= _WINDOW // 2:
        raise ValueError(f"a spectrogram needs more than {_WINDOW // 2} samples, not {len(samples)}")
    padded = np.pad(np.asarray(samples, np.float64), _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP][: len(samples) // HOP]
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    bands = np.log10(np.maximum(power @ _filters(), 1e-10)).T
    out: NDArray[np.float32] = ((np.maximum(bands, bands.max() - _FLOOR) + 4.0) / 4.0).astype(np.float32)
    return out
