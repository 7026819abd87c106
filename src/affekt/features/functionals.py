"""From frames to one row of numbers for a stretch of sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import HOP, RATE
from affekt.features.names import FUNCTIONALS, Frames, column, functional
from affekt.features.pitch import USUAL, PitchRange
from affekt.features.rhythm import rhythm, runs, turns
from affekt.features.stream import Descriptors, stream

__all__ = ["describe", "functionals"]

Reals = NDArray[np.float64]

_FRAME = HOP / RATE
_TURN = 0.1  # a contour turns where it goes back by this share of its range
_MODULATION = (0.5, 2.0, 4.0, 8.0, 16.0, 32.0)  # edges of the bands of the modulation spectrum in Hz


def smoothed(values: Reals) -> Reals:
    """Mean of each frame and its two neighbours, by columns; what is undefined stays so and counts nowhere."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0)
    sums, counts = filled.copy(), known.astype(np.int64)
    sums[1:] += filled[:-1]
    sums[:-1] += filled[1:]
    counts[1:] += known[:-1]
    counts[:-1] += known[1:]
    return np.where(known, sums / np.maximum(counts, 1), np.nan)


class _Contours:
    """Smoothed descriptors over all, the voiced or the unvoiced frames, with their statistics; each computed once."""

    def __init__(self, values: Reals) -> None:
        self.values = smoothed(values)
        known = ~np.isnan(self.values)
        self.known = known.sum(0)
        some = np.maximum(self.known, 1)
        filled = np.where(known, self.values, 0)
        self.mean = np.where(self.known > 0, filled.sum(0) / some, np.nan)
        spread = np.where(known, self.values - self.mean, 0)
        self.sd = np.where(self.known > 0, np.sqrt((spread**2).sum(0) / some), np.nan)
        self._sorted: dict[int, Reals] = {}
        self._slopes: dict[int, dict[str, float]] = {}

    def contour(self, of: int) -> Reals:
        """The defined values of a descriptor, one after the other."""
        values = self.values[:, of]
        return values[~np.isnan(values)]

    def quantile(self, of: int, share: float) -> float:
        """Quantile by linear interpolation."""
        if not self.known[of]:
            return np.nan
        if of not in self._sorted:
            self._sorted[of] = np.sort(self.contour(of))
        values = self._sorted[of]
        place = share * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return float(values[low] + (place - low) * (values[high] - values[low]))

    def slopes(self, of: int) -> dict[str, float]:
        """Mean and standard deviation of the slopes between the turns of a contour, a second."""
        if of not in self._slopes:
            values = self.contour(of)
            at = turns(values, _TURN * np.ptp(values) if len(values) else 0)
            slope = np.diff(values[at]) / (np.diff(at) * _FRAME) if len(at) > 1 else np.empty(0)
            found = {}
            for name, some in (("rise", slope[slope > 0]), ("fall", -slope[slope < 0])):
                found[f"{name}_mean"] = float(some.mean()) if len(some) else np.nan
                found[f"{name}_sd"] = float(some.std()) if len(some) else np.nan
            self._slopes[of] = found
        return self._slopes[of]

    def statistic(self, of: int, name: str) -> float:
        """A statistic of a descriptor by its name; NaN where too few frames have it."""
        if name == "mean":
            return float(self.mean[of])
        if name == "sd":
            return float(self.sd[of])
        if name == "variation":
            return float(self.sd[of] / self.mean[of]) if self.mean[of] else np.nan
        if name == "range":
            return self.quantile(of, 0.8) - self.quantile(of, 0.2)
        if name[0] == "p":
            return self.quantile(of, int(name[1:]) / 100)
        if name.startswith(("rise_", "fall_")):
            return self.slopes(of)[name]
        if name == "delta_sd":
            steps = np.diff(self.values[:, of])
            steps = steps[~np.isnan(steps)]
            return float(steps.std()) if len(steps) else np.nan
        values = self.contour(of)
        if len(values) < 3:
            return np.nan
        if name == "slope":
            time = (np.arange(len(values)) - (len(values) - 1) / 2) * _FRAME
            return float(time @ values / (time @ time))
        kind, _, order = name.partition("_")
        if kind == "dct":
            wave = np.cos(np.pi * int(order) * (np.arange(len(values)) + 0.5) / len(values))
            return float(2 * wave @ values / len(values))
        if kind == "mod":
            return _modulation(values, int(order))
        raise AssertionError(f"no statistic is called {name!r}")


def _modulation(values: Reals, band: int) -> float:
    """Share of a contour's movement in one band of modulation frequency: power over that of 0.5 to 32 Hz."""
    power = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)), max(256, len(values)))) ** 2
    hertz = np.arange(len(power)) / (max(256, len(values)) * _FRAME)
    low, high = _MODULATION[band - 1 : band + 1]
    whole = power[(hertz >= _MODULATION[0]) & (hertz < _MODULATION[-1])].sum()
    return float(power[(hertz >= low) & (hertz < high)].sum() / whole) if whole > 0 else np.nan


def _timing(found: Descriptors, contours: dict[Frames, _Contours]) -> dict[str, float]:
    """Measures of the course in time. Runs are those of frames; NaN where there is no frame."""
    if not len(found):
        return dict.fromkeys(
            ("loudness_peaks", "voiced_rate", "voiced_mean", "voiced_sd", "unvoiced_mean", "unvoiced_sd", "level"),
            np.nan,
        )
    loud = contours["all"].contour(column("loudness"))
    at = turns(loud, _TURN * np.ptp(loud))
    peaks = int((np.diff(loud[at]) > 0).sum())
    voiced = ~np.isnan(found["f0_hz"])
    timing = {"loudness_peaks": peaks / found.seconds}
    for name, frames in (("voiced", voiced), ("unvoiced", ~voiced)):
        starts, ends = runs(frames)
        lengths = (ends - starts) * _FRAME
        timing[f"{name}_rate"] = len(lengths) / found.seconds
        timing[f"{name}_mean"] = float(lengths.mean()) if len(lengths) else np.nan
        timing[f"{name}_sd"] = float(lengths.std()) if len(lengths) else np.nan
    energy = 10 ** (found["level_db"].astype(np.float64) / 10)
    return {**timing, "level": 10 * float(np.log10(energy.mean()))}


def functionals(found: Descriptors, *, names: Sequence[str] = FUNCTIONALS) -> Reals:
    """Functionals of a stretch of sound.

    Descriptors are smoothed over three frames first. "Voiced" and "unvoiced" functionals look at the frames that have
    a pitch and at the others.

    Args:
        found: What was measured in its frames.
        names: Which; `FUNCTIONALS` (the 88 of eGeMAPS), `FULL`, or any of their names.

    Returns:
        Shape (len(names),); NaN where nothing defines the value, such as the pitch of a whisper.

    Raises:
        UnknownNameError: There is no such functional; the nearest names are given.
    """
    wanted = [functional(name) for name in names]
    values = found.values.astype(np.float64)
    voiced = ~np.isnan(values[:, column("f0_hz")])
    masks: dict[Frames, NDArray[np.bool_]] = {
        "all": np.ones(len(values), dtype=bool),
        "voiced": voiced,
        "unvoiced": ~voiced,
    }
    contours = {frames: _Contours(np.where(mask[:, None], values, np.nan)) for frames, mask in masks.items()}
    timing = _timing(found, contours)
    beat = rhythm(found) if any(each.of == "rhythm" for each in wanted) else None
    row = np.empty(len(wanted))
    for i, each in enumerate(wanted):
        if each.of == "timing":
            row[i] = timing[each.statistic]
        elif each.of == "rhythm":
            row[i] = getattr(beat, each.statistic)
        else:
            row[i] = contours[each.frames].statistic(column(each.of), each.statistic)
    return row


def describe(
    sound: Any, *, rate: int = RATE, names: Sequence[str] = FUNCTIONALS, within: PitchRange = USUAL
) -> dict[str, float]:
    """Functionals of a sound by their names.

    Args:
        sound: Mono samples, shape (n,); or an iterable of consecutive blocks of them, which is read once. Of blocks
            only the descriptors are kept (15 kB for each second of sound), never the sound.
        rate: Samples a second; must be 16000.
        names: Which functionals.
        within: Where to look for the pitch.

    Returns:
        Value by name, in the order of `names`; NaN where undefined.

    Raises:
        InputError: The sound is not what is said above.
        UnknownNameError: There is no such functional.
    """
    blocks: Iterable[Any] = [sound] if isinstance(sound, np.ndarray) else sound
    parts = list(stream(blocks, rate=rate, within=within))
    whole = Descriptors(np.concatenate([part.values for part in parts]), 0.0, sum(part.seconds for part in parts))
    return dict(zip(names, functionals(whole, names=names).tolist(), strict=True))
