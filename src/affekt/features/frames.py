"""The grid that everything here is measured on: one frame each 10 ms of sound at 16 kHz."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import InputError

__all__ = ["HOP", "RATE", "SHORT", "Floats", "as_samples", "count", "framed"]

Floats = NDArray[np.float32]

RATE = 16_000
"""Samples a second. Filters, windows and constants are set for this rate; other sound is resampled first."""

HOP = 160
"""Samples from one frame to the next (10 ms)."""

SHORT = 320
"""Samples of the window of all that is read off the spectrum (20 ms); frame `i` is centred on sample 160 i + 160."""


def as_samples(samples: Any, *, rate: int = RATE) -> Floats:
    """Mono sound as float32, or an error that says what is wrong with it.

    Args:
        samples: Shape (n,), real numbers; full scale is 1.
        rate: Samples a second.

    Raises:
        InputError: Another rate than 16 kHz, more than one channel, numbers that are not real or not finite.
    """
    if rate != RATE:
        raise InputError(
            f"Features are measured at {RATE} Hz, this sound has {rate} Hz", hint=f"Resample it to {RATE} Hz first."
        )
    array = np.asarray(samples)
    if array.ndim != 1:
        raise InputError(
            f"Sound must be one channel, shape (n,), not {array.shape}", hint="Take one channel, or their mean."
        )
    if array.dtype.kind not in "f":
        raise InputError(
            f"Samples must be floating-point with full scale 1, not {array.dtype}",
            hint="Divide 16-bit samples by 32768.",
        )
    array = array.astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array))[0])
        raise InputError("The sound holds a sample that is not a finite number", where=f"sample {first}")
    return array


def count(samples: int) -> int:
    """Number of frames of that many samples: none below 20 ms."""
    return max(0, (samples - SHORT) // HOP + 1)


def framed(samples: Floats, *, centre: int, size: int, frames: int) -> Floats:
    """A view of `frames` windows of `size` samples, the first centred on sample `centre`, one each 10 ms."""
    start = centre - size // 2
    return np.lib.stride_tricks.sliding_window_view(samples, size)[start::HOP][:frames]
