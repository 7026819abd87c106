"""From sound to descriptors, block by block: what is kept is 10 ms grids of numbers, never the sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from affekt.features import formants, pitch, spectral, voice
from affekt.features.frames import HOP, RATE, SHORT, Floats, as_samples, count, framed
from affekt.features.names import DESCRIPTORS, column
from affekt.features.pitch import USUAL, PitchRange

__all__ = ["Descriptors", "descriptors", "stream"]

# Sound on both sides of a frame's centre that it may look at.
_MARGIN = 1280
# Long sound is cut into chunks where it is quietest between these numbers of frames (8 to 12 s), so that the path of
# the pitch is not torn. The cuts depend on the sound alone, never on how it arrived.
_LEAST, _MOST = 800, 1200


@dataclass(frozen=True)
class Descriptors:
    """What was measured in each frame of 10 ms.

    Attributes:
        values: Shape (n, len(DESCRIPTORS)), NaN where undefined; columns in the order of `DESCRIPTORS`.
        start: Seconds from the beginning of the sound to that of the first frame.
        seconds: Length of the sound that the frames stand for.
    """

    values: Floats
    start: float
    seconds: float

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, name: str) -> Floats:
        """One descriptor by its name, shape (n,)."""
        return self.values[:, column(name)]

    @property
    def times(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Middle of each frame in seconds, shape (n,)."""
        return self.start + (np.arange(len(self.values)) * HOP + SHORT / 2) / RATE


def descriptors(samples: Any, *, rate: int = RATE, within: PitchRange = USUAL) -> Descriptors:
    """Measure all frames of a sound.

    Args:
        samples: Mono sound, float, full scale 1; shape (n,).
        rate: Samples a second; must be 16000.
        within: Where to look for the pitch.

    Returns:
        One row for each 10 ms; none for sound shorter than 20 ms.

    Raises:
        InputError: The sound is not what is said above.
    """
    parts = list(stream([samples], rate=rate, within=within))
    values = np.concatenate([part.values for part in parts])
    return Descriptors(values, 0.0, sum(part.seconds for part in parts))


def stream(blocks: Iterable[Any], *, rate: int = RATE, within: PitchRange = USUAL) -> Iterator[Descriptors]:
    """Measure sound that arrives in blocks, in memory that does not grow.

    The rows are those of `descriptors` of the whole, however the sound is cut into blocks.

    Args:
        blocks: Consecutive pieces of one mono sound, each of shape (n,), any lengths.
        rate: Samples a second; must be 16000.
        within: Where to look for the pitch.

    Yields:
        Descriptors of 8 to 12 seconds of sound each, the last one of what is left.

    Raises:
        InputError: A block is not what is said above.
    """
    measure = _Measure(within)
    total = 0
    for block in blocks:
        piece = as_samples(block, rate=rate)
        total += len(piece)
        measure.hear(piece)
        while measure.ready >= _MOST:
            yield measure.next()
    left = count(total) - measure.done
    measure.hear(np.zeros(_MARGIN + SHORT, dtype=np.float32))
    while left > _MOST:
        found = measure.next()
        left -= len(found)
        yield found
    found = measure.next(left)
    yield Descriptors(found.values, found.start, total / RATE - found.start)


class _Measure:
    """Sound that was heard and not yet measured, and what must be known of the frames before."""

    def __init__(self, within: PitchRange) -> None:
        self.within = within
        self.done = 0  # frames measured so far
        # The sound held begins _MARGIN samples before the centre of the next frame; at first there is silence.
        self._held = [np.zeros(_MARGIN - SHORT // 2, dtype=np.float32)]
        self._length = len(self._held[0])
        self._before: Floats | None = None

    @property
    def ready(self) -> int:
        """Frames that can be measured, with all the sound around them."""
        return (self._length - 2 * _MARGIN) // HOP + 1

    def hear(self, piece: Floats) -> None:
        """Append sound."""
        self._held.append(piece)
        self._length += len(piece)

    def next(self, frames: int | None = None) -> Descriptors:
        """Measure that many frames, or up to the quietest one from 8 to 12 s on, and let go of their sound."""
        sound = np.concatenate(self._held)
        if frames is None:
            inner = framed(sound, centre=_MARGIN + _LEAST * HOP, size=SHORT, frames=_MOST - _LEAST)
            frames = _LEAST + int(np.einsum("nk,nk->n", inner, inner).argmin())
        values = self._rows(sound, frames)
        found = Descriptors(values, self.done * HOP / RATE, frames * HOP / RATE)
        self.done += frames
        self._held, self._length = [sound[frames * HOP :].copy()], len(sound) - frames * HOP
        return found

    def _rows(self, sound: Floats, frames: int) -> Floats:
        """Descriptors of the first frames of the sound held, shape (frames, len(DESCRIPTORS))."""
        rows = np.full((frames, len(DESCRIPTORS)), np.nan, dtype=np.float32)
        if not frames:
            return rows
        put = {each.name: rows[:, i] for i, each in enumerate(DESCRIPTORS)}
        short = framed(sound, centre=_MARGIN, size=SHORT, frames=frames)
        power = spectral.spectrum(short)
        bands = power @ spectral.mel_bank()[0]
        put["loudness"][:] = spectral.loudness(bands)
        put["level_db"][:] = 10 * np.log10(np.einsum("nk,nk->n", short, short) / SHORT + np.float32(1e-12))
        put["alpha_ratio_db"][:], put["hammarberg_db"][:] = spectral.tilt(power)
        put["slope_0_500"][:], put["slope_500_1500"][:] = spectral.slopes(power).T
        put["flux"][:] = spectral.flux(power, before=self._before)
        put["centroid_hz"][:] = spectral.centroid(power)
        first = column("mfcc_1")
        rows[:, first : first + spectral.CEPSTRA] = spectral.mfcc(bands)
        self._before = power[-1].copy()

        long = pitch.long_spectrum(framed(sound, centre=_MARGIN, size=pitch.LONG, frames=frames))
        track = pitch.track(long, np.abs(short).max(1), within=self.within)
        put["voiced_probability"][:] = track.probability
        voiced = np.flatnonzero(~np.isnan(track.f0))
        if not len(voiced):
            return rows
        f0 = track.f0[voiced]
        put["f0_hz"][voiced] = f0
        put["f0_semitone"][voiced] = 12 * np.log2(f0 / 27.5)
        put["hnr_db"][voiced] = voice.hnr(track.periodicity[voiced])
        put["jitter"][voiced], put["shimmer_db"][voiced] = voice.jitter_shimmer(sound, _MARGIN + HOP * voiced, f0)
        frequency, bandwidth = formants.formants(long[voiced])
        harmonics = voice.harmonic_levels(long[voiced], f0, frequency)
        put["h1_h2_db"][voiced], put["h1_a3_db"][voiced] = harmonics.h1_h2, harmonics.h1_a3
        for n in range(formants.FORMANTS):
            put[f"f{n + 1}_hz"][voiced] = frequency[:, n]
            put[f"f{n + 1}_bandwidth_hz"][voiced] = bandwidth[:, n]
            put[f"f{n + 1}_level_db"][voiced] = harmonics.formants[:, n]
        return rows
