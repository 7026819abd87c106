"""What is heard, in numbers: pitch, loudness, spectrum, voice, formants, rhythm, and their functionals.

Sound comes as an array of mono samples at 16 kHz with full scale 1.

Example:
    >>> import numpy as np
    >>> seconds = np.arange(16000) / 16000
    >>> tone = sum(np.sin(2 * np.pi * 200 * n * seconds) / n for n in range(1, 20)) / 10
    >>> found = describe(tone)
    >>> round(27.5 * 2 ** (found["F0semitoneFrom27.5Hz_sma3nz_amean"] / 12))
    200
"""

from affekt.features.cues import CUES, Cue, Departure, cue_values, departures, sentence
from affekt.features.frames import HOP, RATE
from affekt.features.functionals import describe, functionals
from affekt.features.names import DESCRIPTORS, FULL, FUNCTIONALS, functional
from affekt.features.pitch import PitchRange
from affekt.features.rhythm import Rhythm, rhythm
from affekt.features.stream import Descriptors, descriptors, stream

__all__ = [
    "CUES",
    "DESCRIPTORS",
    "FULL",
    "FUNCTIONALS",
    "HOP",
    "RATE",
    "Cue",
    "Departure",
    "Descriptors",
    "PitchRange",
    "Rhythm",
    "cue_values",
    "departures",
    "describe",
    "descriptors",
    "functional",
    "functionals",
    "rhythm",
    "sentence",
    "stream",
]
