"""The shape of the pitch over a stretch of speech, in one of six words.

Prosody in tags, as speech emotion reasoning wants it (EmotionThinker, 2025): levels of pitch, energy and speed are
said by `affekt.features.textual`, the intonation here.
"""

from __future__ import annotations

import numpy as np

from affekt.core.works import implements
from affekt.features.stream import Descriptors

__all__ = ["SHAPES", "intonation"]

SHAPES = ("level", "rising", "falling", "rise-fall", "fall-rise", "wavering")

_LEAST_VOICED = 20  # frames
_STEP = 1.5  # semitones; less is not heard as a movement in running speech ('t Hart 1981)


@implements(works=["emotionthinker"])
def intonation(found: Descriptors) -> str | None:
    """The shape of the pitch from the first to the last voiced frame.

    The pitch, in semitones, is taken as a line and a bow over it. Rising and falling are lines of 1.5 semitones or more
    in all, rise-fall and fall-rise bows whose middle lies as far from the line of their ends; a pitch that is neither,
    though what is left over spreads by as much, wavers.

    Args:
        found: What was measured in the frames of the stretch.

    Returns:
        One of `SHAPES`; `None` where too little is voiced.
    """
    pitch = found["f0_semitone"].astype(np.float64)
    voiced = np.flatnonzero(np.isfinite(pitch))
    if len(voiced) < _LEAST_VOICED:
        return None
    place = 2 * (voiced - voiced[0]) / max(1, voiced[-1] - voiced[0]) - 1  # -1 to 1
    # Legendre polynomials are independent of one another over the stretch: twice the slope is what the line rises by,
    # and 1.5 times the bow how far its middle lies below its ends.
    _, slope, bow = np.polynomial.legendre.legfit(place, pitch[voiced], 2)
    line, bend = 2 * slope, 1.5 * bow
    if max(abs(line), abs(bend)) < _STEP:
        left = pitch[voiced] - np.polynomial.legendre.legval(place, [pitch[voiced].mean(), slope, bow])
        return "wavering" if np.std(left) >= _STEP else "level"
    if abs(bend) >= abs(line):
        return "fall-rise" if bend > 0 else "rise-fall"
    return "rising" if line > 0 else "falling"
