"""How a stretch of speech departs from its speaker's own manner, in numbers and in words.

Each property is compared with the same speaker's other stretches: the departure from their median is divided by how
far stretches of one unmoved voice lie apart, an estimate in which the speaker's own spread, stretches that the median
absolute deviation tells to be outlying left out, and what was measured on neutral speech are weighed by what each is
worth. Properties of the voice move with pitch and tempo for
reasons of measurement alone (a frame of 40 ms holds more of a faster voice); what was measured of that on real voices
whose pitch or tempo alone had been changed is taken off, and its spread over voices widens the limit. What is named
is chosen over all stretches and properties of a speaker at once, so that at most one in ten of what is named is
expected to be chance (Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57).

Words, limits and spreads are data: `catalog/cues.toml`.

Example:
    >>> CUES[0].name, CUES[0].more
    ('pitch', 'higher')
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from affekt.features.frames import HOP, RATE
from affekt.features.names import column
from affekt.features.rhythm import pauses, rhythm, speech_floor
from affekt.features.stream import Descriptors

__all__ = ["CUES", "LEAST_SECONDS", "LEAST_STRETCHES", "Cue", "Departure", "cue_values", "departures", "sentence"]

Reals = NDArray[np.float64]

LEAST_STRETCHES = 6
"""So many stretches a speaker must have spoken; of fewer, nothing is named."""

LEAST_SECONDS = 0.8
"""Shorter stretches are not compared: they hold a word or two."""

_CHANCE = 0.1  # expected share of chance among what is named
_SLIGHT = 2.0  # nothing below so many standard deviations is named, however many others are
_MAD = 1.4826  # standard deviation of a normal distribution whose median absolute deviation is 1
_OUTLYING = 3.0  # stretches further than so many of these from the median are not the speaker's usual manner
_EFFICIENCY = 0.8  # degrees of freedom that one of the others is worth
_LEAST_VOICED = 20  # frames
_FRAME = HOP / RATE
_LAGS = 40  # frames
_CEPSTRA = tuple(f"mfcc_{i}" for i in range(1, 13))


class Spread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was measured of a property on real voices; see `scripts/measure_cues.py`.

    Attributes:
        sd: Standard deviation over long stretches of one neutral voice.
        seconds: A stretch so long has twice that variance.
        worth: So many stretches of the speaker's own that estimate is worth.
        pitch: By how much the property moves where the pitch alone rises by a semitone, and how that spreads.
        rate: The same, where the logarithm of the tempo rises by 1.
    """

    sd: float
    seconds: float
    worth: float
    pitch: tuple[float, float]
    rate: tuple[float, float]


class Cue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of the voice, and what is said of it.

    Attributes:
        name: Short name.
        of: What it is called in a sentence.
        more: What a voice is that has more of it than usual.
        less: What one is that has less.
        unit: Its unit.
        meaning: How it is measured.
    """

    name: str
    of: str
    more: str
    less: str
    unit: str
    meaning: str


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cue: str
    above: str
    below: str
    sentence: str
    joint: str
    cues: tuple[Cue, ...]
    measured: dict[str, Spread] = {}


@cache
def _table() -> _Table:
    return msgspec.toml.decode((resources.files("affekt.catalog") / "cues.toml").read_bytes(), type=_Table)


CUES: tuple[Cue, ...] = _table().cues
"""The properties that are compared, in the order of the values of `cue_values`."""

_AT = {cue.name: i for i, cue in enumerate(CUES)}


@dataclass(frozen=True, slots=True)
class Departure:
    """One property in which a stretch departs from its speaker's manner.

    Attributes:
        cue: The property.
        z: How far from the speaker's median, in standard deviations; negative where there is less of it.
    """

    cue: Cue
    z: float

    @property
    def text(self) -> str:
        """In words: "pitch 2.8 SD above this speaker's median"."""
        table = _table()
        side = table.above if self.z > 0 else table.below
        return table.cue.format(of=self.cue.of, z=f"{abs(self.z):.1f}", side=side)

    @property
    def word(self) -> str:
        """In a word: "higher"."""
        return self.cue.more if self.z > 0 else self.cue.less


def sentence(found: Sequence[Departure], *, start: float) -> str:
    """Departures of a stretch in one sentence, strongest first; empty where there are none.

    Args:
        found: The departures.
        start: When the stretch begins, in seconds of the recording.

    Example:
        >>> sentence([Departure(CUES[0], 2.8), Departure(CUES[2], 2.4)], start=12.4)
        "pitch 2.8 SD above this speaker's median from 12.4 s, louder"
    """
    if not found:
        return ""
    table = _table()
    first, *rest = sorted(found, key=lambda d: -abs(d.z))
    whole = table.sentence.format(cue=first.text, seconds=f"{start:.1f}")
    return table.joint.join([whole, *(d.word for d in rest)])


def cue_values(found: Descriptors) -> Reals:
    """The properties of a stretch of speech.

    Args:
        found: What was measured in its frames.

    Returns:
        Shape (len(CUES),), in the units of `CUES`; NaN where a property is not defined, and throughout for a stretch
        shorter than `LEAST_SECONDS`.
    """
    out = np.full(len(CUES), np.nan)
    if found.seconds < LEAST_SECONDS or not len(found):
        return out
    level = found["level_db"].astype(np.float64)
    floor = speech_floor(level)
    loud = np.flatnonzero(level >= floor)
    if not len(loud):
        return out
    out[_AT["loudness"]] = 10 * math.log10((10 ** (level[loud] / 10)).mean())
    inner = level[loud[0] : loud[-1] + 1]
    out[_AT["pauses"]] = pauses(inner < floor).sum() / (len(inner) * _FRAME)
    voiced = ~np.isnan(found["f0_hz"])
    if voiced.sum() < _LEAST_VOICED:
        return out
    low, middle, high = np.quantile(found["f0_semitone"][voiced].astype(np.float64), (0.2, 0.5, 0.8))
    out[_AT["pitch"]], out[_AT["pitch_range"]] = middle, high - low
    nuclei, change = rhythm(found).articulation_rate, _change_rate(found, level >= floor)
    if nuclei > 0 and change > 0:
        out[_AT["rate"]] = (math.log(nuclei) + math.log(change)) / 2

    def of(name: str) -> Reals:
        values = found[name][voiced].astype(np.float64)
        return values[~np.isnan(values)]

    parts = {name: of(name) for name in ("hnr_db", "h1_h2_db", "alpha_ratio_db", "jitter", "shimmer_db")}
    if all(len(values) >= _LEAST_VOICED for values in parts.values()):
        out[_AT["breathiness"]] = (parts["h1_h2_db"].mean() - parts["hnr_db"].mean()) / 2
        out[_AT["sharpness"]] = parts["alpha_ratio_db"].mean()
        jitter, shimmer = (max(float(np.median(parts[name])), 1e-4) for name in ("jitter", "shimmer_db"))
        out[_AT["roughness"]] = (math.log(jitter) + math.log(shimmer)) / 2
    return out


def _change_rate(found: Descriptors, spoken: NDArray[np.bool_]) -> float:
    """How fast the cepstrum changes, a second: one over the lag at which half of its likeness to itself is gone.

    Half-way in the mean square difference of frames that far apart, over that of frames 0.2 to 0.4 s apart. Where all
    is said twice as fast, it doubles.
    """
    values = found.values[:, [column(name) for name in _CEPSTRA]].astype(np.float64)
    if spoken.sum() < 2 * _LAGS:
        return math.nan
    values = (values - values[spoken].mean(0)) / (values[spoken].std(0) + 1e-9)
    rise = np.empty(_LAGS)
    for lag in range(1, _LAGS + 1):
        both = spoken[lag:] & spoken[:-lag]
        step = (values[lag:] - values[:-lag])[both]
        rise[lag - 1] = np.square(step).mean() if len(step) else np.nan
    share = rise / np.nanmean(rise[_LAGS // 2 :])
    over = np.flatnonzero(share >= 0.5)
    if not len(over):
        return math.nan
    k = int(over[0])
    before = share[k - 1] if k else 0.0
    lag = k + (0.5 - before) / (share[k] - before)
    return float(1 / (lag * _FRAME))


def departures(values: Any, seconds: Any) -> list[list[Departure]]:
    """In what each stretch of a speaker departs from the others.

    Args:
        values: What `cue_values` gave for each stretch, shape (stretches, len(CUES)).
        seconds: How long each stretch is, shape (stretches,).

    Returns:
        For each stretch what is to be named, strongest first; all empty where the speaker has spoken fewer than
        `LEAST_STRETCHES` stretches that can be compared.
    """
    z, freedom = standings(values, seconds)
    named = _beyond_chance(z, freedom)
    return [
        sorted((Departure(CUES[j], float(row[j])) for j in np.flatnonzero(chosen)), key=lambda d: -abs(d.z))
        for row, chosen in zip(z, named, strict=True)
    ]


def standings(values: Any, seconds: Any) -> tuple[Reals, Reals]:
    """How far each stretch stands from the speaker's others, and how surely that is known.

    Args:
        values: As in `departures`.
        seconds: As in `departures`.

    Returns:
        Standard deviations and degrees of freedom, each shape (stretches, len(CUES)); NaN where nothing can be said.
    """
    x, length = np.asarray(values, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    spreads = [_table().measured[cue.name] for cue in CUES]
    sd, half, worth = (np.array([getattr(s, name) for s in spreads]) for name in ("sd", "seconds", "worth"))
    pitch, rate = (np.array([getattr(s, name) for s in spreads]) for name in ("pitch", "rate"))
    # What a stretch of this length spreads by, over what a long one does.
    widen = np.sqrt(1 + half / np.maximum(length, _FRAME)[:, None])
    z, freedom = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    known = np.isfinite(x)
    for i in np.flatnonzero(known.any(1)):
        others = known.copy()
        others[i] = False
        count = others.sum(0)
        enough = known[i] & (count >= LEAST_STRETCHES - 1)
        if not enough.any():
            continue
        middle, apart, count = _manner(np.where(others & enough, x, np.nan), widen, floor=sd / 2)
        own = _EFFICIENCY * count
        freedom[i] = np.where(enough, worth + own, np.nan)
        variance = (
            (worth * sd**2 + own * apart**2) / (worth + own) * (widen[i] ** 2 + math.pi / 2 / np.maximum(count, 1))
        )
        shift = x[i] - middle
        # Where pitch or rate is not known, nothing is known of what they do to the rest.
        higher, faster = (np.nan_to_num(shift[_AT[name]]) for name in ("pitch", "rate"))
        shift = shift - pitch[:, 0] * higher - rate[:, 0] * faster
        variance = variance + (pitch[:, 1] * higher) ** 2 + (rate[:, 1] * faster) ** 2
        z[i] = shift / np.sqrt(variance)
    return z, freedom


def _manner(rest: Reals, widen: Reals, *, floor: Reals) -> tuple[Reals, Reals, Reals]:
    """Median of each column, the standard deviation around it of what is not outlying, and how many that is.

    What is outlying is told by the median absolute deviation, which stays put where nearly half of the stretches are
    out of the ordinary, but of a dozen stretches is no sure measure itself.
    """
    known = np.isfinite(rest)
    some = known.any(0)
    middle = np.full(rest.shape[1], np.nan)
    limit = middle.copy()
    middle[some] = np.nanmedian(rest[:, some], 0)
    distance = np.abs(rest - middle) / widen
    limit[some] = _OUTLYING * np.maximum(_MAD * np.nanmedian(distance[:, some], 0), floor[some])
    usual = known & (distance <= limit)
    count = usual.sum(0)
    square = np.where(usual, distance, 0) ** 2
    return middle, np.sqrt(square.sum(0) / np.maximum(count - 1, 1)), count


def _beyond_chance(z: Reals, freedom: Reals) -> NDArray[np.bool_]:
    tested = np.isfinite(z)
    named = np.zeros(z.shape, dtype=bool)
    if not tested.any():
        return named
    p = _two_sided(np.abs(z[tested]), freedom[tested])
    order = np.argsort(p)
    passing = np.flatnonzero(p[order] <= _CHANCE * np.arange(1, len(p) + 1) / len(p))
    chosen = np.zeros(len(p), dtype=bool)
    if len(passing):
        chosen[order[: passing[-1] + 1]] = True
    named[tested] = chosen & (np.abs(z[tested]) >= _SLIGHT)
    return named


def _two_sided(t: Reals, freedom: Reals) -> Reals:
    """Probability that Student's t is further from 0, by Wallace's normal approximation (1959)."""
    normal = np.sqrt(freedom * np.log1p(t**2 / freedom)) * (8 * freedom + 1) / (8 * freedom + 3)
    return np.array([math.erfc(x / math.sqrt(2)) for x in normal])
