"""What a recording is like, whoever speaks in it: level, noise, clipping, bandwidth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from affekt.core.works import implements
from affekt.features.frames import RATE
from affekt.media.speech import levels

__all__ = ["bandwidth", "noise_level", "quality"]

_FRAME = 512  # samples: 32 ms
_SILENT = -80.0  # dB of full scale; what is below is no room but a gap that somebody cut or muted
_QUIETEST = 0.1  # share of the frames that are taken for the noise
_ACTIVE = 15.9  # dB below the mean of what is heard that still counts as speech (ITU-T P.56)
_LOUDEST = 60.0  # no ratio above this is told apart: the noise of 16-bit recordings is near
_EDGE = 35.0  # dB below the loudest band
_BAND = 250.0  # Hz

Floats = NDArray[np.float32]


def noise_level(around: Iterable[float] | Floats) -> float:
    """Level of the noise under speech, in dB of full scale, from the levels of the frames in and around it.

    The quietest tenth of the frames: in speech with its pauses, there nobody speaks. Frames below -80 dB are left out,
    since they are gaps that were muted. NaN where no other is there.
    """
    found = np.asarray(around, dtype=np.float64)
    found = found[found > _SILENT]
    return float(np.quantile(found, _QUIETEST)) if len(found) else float("nan")


def bandwidth(samples: Floats) -> float:
    """Up to which frequency there is sound, in Hz, at most 8000: the last band within 35 dB of the loudest.

    Bands are 250 Hz wide and weighted by their frequency, as speech falls by some 6 dB an octave. NaN for less than
    32 ms.
    """
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return float("nan")
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32)))).mean(0)
    hertz = np.arange(len(power)) * RATE / _FRAME
    bands = np.bincount((hertz[1:-1] / _BAND).astype(int), power[1:-1] * np.maximum(hertz[1:-1], 500.0) ** 2)
    heard = np.flatnonzero(10 * np.log10(np.maximum(bands, 1e-20)) >= 10 * np.log10(max(bands.max(), 1e-20)) - _EDGE)
    return float((heard[-1] + 1) * _BAND)


@implements(works=["naturalvoices"])
def quality(samples: Floats, *, noise: float | None = None) -> dict[str, float]:
    """Measures of a stretch of speech.

    The active level is the mean power of the frames that are less than 15.9 dB below the mean of all, as in ITU-T P.56;
    pauses do not count. The ratio of signal to noise is that of this power, less the noise, to the noise.

    Args:
        samples: Mono at 16 kHz, full scale 1, shape (n,).
        noise: Level of the noise around it, see `noise_level`; default from the stretch alone.

    Returns:
        `level_db`: active level in dB of full scale; `snr_db`: from 0 to 60; `clipped`: share of samples at full
        scale, 0 to 1; `bandwidth_hz`. NaN where nothing can be told.
    """
    found = levels(samples).astype(np.float64)
    power = 10 ** (found / 10)
    active = power[power >= power.mean() * 10 ** (-_ACTIVE / 10)] if len(power) else power
    speech = float(active.mean()) if len(active) else float("nan")
    floor = noise_level(found) if noise is None else noise
    ratio = float("nan")
    if not np.isnan(speech):
        # Muted to nothing around speech: no noise is left to be heard.
        under = 10 ** (floor / 10) if not np.isnan(floor) else 1e-12
        ratio = float(np.clip(10 * np.log10(max(speech - under, 1e-12) / under), 0.0, _LOUDEST))
    return {
        "level_db": 10 * float(np.log10(speech)) if speech > 0 else float("nan"),
        "snr_db": ratio,
        "clipped": float(np.mean(np.abs(samples) >= 0.999)) if len(samples) else float("nan"),
        "bandwidth_hz": bandwidth(samples),
    }
