"""What a recording looks like: its waveform and its spectrogram, small however long it is.

Sound comes in blocks. Each picture begins with short columns; whenever there are more of them than it may have,
neighbours are joined, so that neither memory nor the picture grows with the recording.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import RATE, SHORT, Floats
from affekt.features.spectral import FFT, spectrum

__all__ = ["BANDS", "Picture"]

BANDS = 40
"""Bands of the spectrogram, in even steps on the mel scale, from 30 to 8000 Hz."""

_PEAKS, _COLUMNS = 16_384, 4_096
_PEAK = 80  # samples of the shortest column of the waveform: 5 ms
_RANGE = 65.0  # dB from black to white
_QUIETEST = -45.0  # dB: sound whose loudest bands are below this is not stretched to full white


class Picture:
    """Waveform and spectrogram of a recording at 16 kHz that is heard block by block.

    Args:
        share: Part of the usual number of columns to take, 0..1; for pictures of many recordings.

    Attributes:
        samples: Number of samples that were heard.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.samples = 0
        self._waveform = _Columns(_even(share * _PEAKS), 1, lambda runs: runs.max(axis=1))
        self._spectrogram = _Columns(_even(share * _COLUMNS), BANDS, lambda runs: runs.mean(axis=1))
        self._rest = np.zeros(0, np.float32)  # what fills no window of 20 ms yet, which is four of 5 ms

    def hear(self, samples: Floats) -> None:
        """Append samples of shape (n,), full scale 1."""
        self.samples += len(samples)
        line = np.concatenate([self._rest, samples])
        whole = len(line) // SHORT * SHORT
        self._add(line[:whole])
        self._rest = line[whole:].copy()

    def _add(self, line: Floats) -> None:
        self._waveform.add(np.abs(line.reshape(-1, _PEAK)).max(axis=1)[:, None])
        # Two seconds at a time stay in the processor's cache, which makes it six times as fast as ten.
        for first in range(0, len(line), 2 * RATE):
            frames = line[first : first + 2 * RATE].reshape(-1, SHORT)
            self._spectrogram.add(_bands(frames))

    @property
    def seconds(self) -> float:
        """Length of what was heard."""
        return self.samples / RATE

    def waveform(self) -> tuple[float, NDArray[np.uint8]]:
        """Seconds of a column, and of each the square root of its greatest amplitude, 255 at full scale; shape (n,)."""
        each, found = self._waveform.all(np.abs(self._rest).max(initial=0.0, keepdims=True)[None][: len(self._rest)])
        peaks = np.sqrt(np.clip(found[:, 0], 0, 1))
        return each * _PEAK / RATE, np.rint(255 * peaks).astype(np.uint8)

    def spectrogram(self) -> tuple[float, NDArray[np.uint8]]:
        """Seconds of a column, and its mean power in each band in steps of about 1 dB; shape (n, BANDS), 0..63.

        63 are the loudest columns, 0 is 65 dB below them or less.
        """
        padded = np.pad(self._rest, (0, SHORT - len(self._rest)))[None]
        each, found = self._spectrogram.all(_bands(padded)[: len(self._rest)])
        decibels = 10 * np.log10(found + 1e-12)
        top = max(float(np.quantile(decibels.max(axis=1), 0.995)), _QUIETEST) if len(found) else 0.0
        levels = np.clip(1 + (decibels - top) / _RANGE, 0, 1)
        return each * SHORT / RATE, np.rint(63 * levels).astype(np.uint8)


@cache
def _edges() -> NDArray[np.intp]:
    """First bin of the spectrum in each band, shape (BANDS,): even steps on the mel scale, whole bins."""
    top = 1127 * math.log1p(RATE / 2 / 700)
    hertz = 700 * np.expm1(np.arange(BANDS) * top / BANDS / 1127)
    return np.maximum.accumulate(np.maximum(np.rint(hertz * FFT / RATE), 1 + np.arange(BANDS))).astype(np.intp)


def _bands(frames: Floats) -> Floats:
    """Power of windows of 20 ms in bands with straight edges; no product of matrices, which may start threads."""
    return np.add.reduceat(spectrum(frames), _edges(), axis=1)


def _even(columns: float) -> int:
    return 2 * max(math.ceil(columns / 2), 8)


class _Columns:
    """At most `most` columns (an even number), each standing for the same number of rows that came in."""

    def __init__(self, most: int, width: int, join: Callable[[Floats], Floats]) -> None:
        self._join = join  # (runs, rows of a run, width) to (runs, width)
        self._held = np.zeros((most, width), np.float32)
        self._n = 0
        self._each = 1
        self._rest = np.zeros((0, width), np.float32)

    def add(self, rows: Floats) -> None:
        rest = np.concatenate([self._rest, rows])
        while len(rest) >= self._each:
            if self._n == len(self._held):
                self._halve()
                continue
            runs = min(len(rest) // self._each, len(self._held) - self._n)
            taken = rest[: runs * self._each].reshape(runs, self._each, -1)
            self._held[self._n : self._n + runs] = self._join(taken)
            self._n += runs
            rest = rest[runs * self._each :]
        self._rest = rest.copy()

    def _halve(self) -> None:
        self._n //= 2
        self._held[: self._n] = self._join(self._held.reshape(self._n, 2, -1))
        self._each *= 2

    def all(self, last: Floats) -> tuple[int, Floats]:
        """Rows that a column stands for, and the columns, the last one of rows that fill none and of `last`."""
        rest = np.concatenate([self._rest, last])
        left = [self._join(rest[None])] if len(rest) else []
        return self._each, np.concatenate([self._held[: self._n], *left])
