"""What everyday recording does to speech, simulated: noise, rooms, distance, walls, telephone bands, clipping, tempo.

Each function takes sound and gives sound of the same rate; where chance is in it, it takes the generator. Nothing is
recorded: noises and rooms are made. `disturb` applies a condition of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.conditions import Condition
from affekt.core.errors import InputError
from affekt.media.sound import Sound

__all__ = [
    "Babble",
    "at_distance",
    "banded",
    "clipped",
    "disturb",
    "faster",
    "impulse_response",
    "noise",
    "reverberated",
    "telephoned",
    "with_noise",
]

Samples = NDArray[np.float32]
Babble = Callable[[int, np.random.Generator], Samples]
"""Gives so many samples of several other people speaking at once."""

_QUIET = 1e-10  # power of what counts as silent
_SPEED = 343.0  # metres a second
# A person who speaks sends more to the front than to all sides (Kuttruff, Room Acoustics, section 5.1).
_DIRECTIVITY = 1.7
# Noise of room and recorder lies this many dB below the speech at 1 m: 60 dB against 30 dB in a quiet living room.
_FLOOR = 30.0


def noise(count: int, colour: str, random: np.random.Generator) -> Samples:
    """Noise of power 1.

    Args:
        count: Number of samples.
        colour: `white`, of equal power at all frequencies, or `pink`, of equal power in each octave.
        random: Where its chance comes from.

    Raises:
        ValueError: There is no such colour.
    """
    if colour not in ("white", "pink"):
        raise ValueError(f"there is no noise called {colour!r}; white and pink there are")
    line = random.standard_normal(count)
    if colour == "pink":
        spectrum = np.fft.rfft(line)
        line = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), count)
    return np.asarray(line / np.sqrt(max(_power(line), _QUIET)), np.float32)


def with_noise(sound: Sound, added: Samples, *, snr: float) -> Sound:
    """Sound with noise under it, at a ratio of their mean powers in dB; silence stays as it is."""
    power = _power(sound.samples)
    if power < _QUIET:
        return sound
    gain = np.sqrt(power / max(_power(added), _QUIET)) * 10 ** (-snr / 20)
    return _with(sound, sound.samples + gain * added[: len(sound)])


def impulse_response(
    rt60: float, distance: float, random: np.random.Generator, *, rate: int, volume: float = 60.0
) -> NDArray[np.float64]:
    """What a room makes of a click: the direct sound, weaker by distance, and a tail of noise that dies away.

    The tail falls by 60 dB in `rt60` seconds and has the same power wherever one stands; at the critical distance,
    0.057 * sqrt(directivity * volume / rt60) metres, it is as strong as the direct sound (Polack 1988; Kuttruff, Room
    Acoustics). Single early reflections are not in it.

    Args:
        rt60: Reverberation time in seconds.
        distance: Metres from mouth to microphone, above 0. At 1 m the direct sound is 1.
        random: Where its chance comes from.
        rate: Samples a second.
        volume: Of the room, in cubic metres; default a living room.

    Returns:
        Shape (n,), the direct sound first.

    Raises:
        ValueError: Time, distance or volume is not above 0.
    """
    if min(rt60, distance, volume) <= 0:
        raise ValueError("reverberation time, distance and volume have to be above 0")
    critical = 0.057 * np.sqrt(_DIRECTIVITY * volume / rt60)
    time = np.arange(round(rt60 * rate)) / rate
    tail = random.standard_normal(len(time)) * 10 ** (-3.0 * time / rt60)
    # The first reflection comes about as late as a way twice as high as a room is.
    tail[: round(2.5 / _SPEED * rate)] = 0.0
    tail *= 1 / critical / np.sqrt(max(float(np.sum(tail**2)), _QUIET))
    tail[0] = 1 / distance
    return tail


def reverberated(sound: Sound, response: NDArray[np.float64]) -> Sound:
    """Sound as it is heard through an impulse response; what rings on after its end is cut off."""
    count = len(sound) + len(response) - 1
    size = 1 << (count - 1).bit_length()
    through = np.fft.irfft(np.fft.rfft(sound.samples, size) * np.fft.rfft(response, size), size)
    return _with(sound, through[: len(sound)])


def banded(sound: Sound, gain: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Sound:
    """Sound with each frequency in Hz multiplied by what `gain` gives for it, without delay."""
    hertz = np.asarray(np.fft.rfftfreq(len(sound), 1 / sound.rate), np.float64)
    made: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(sound.samples) * gain(hertz), len(sound)).astype(np.float64)
    return _with(sound, made)


def at_distance(
    sound: Sound, metres: float, random: np.random.Generator, *, rt60: float = 0.5, obstacle: float | None = None
) -> Sound:
    """Speech that was recorded close by, as a microphone further away in the room would have it.

    The direct sound falls with distance while the room's answer does not, and under both lies pink noise of fixed
    strength, 30 dB below the speech at 1 m.

    Args:
        sound: Recorded close by; its level is taken for that at 1 m.
        metres: Distance, above 0.
        random: Where its chance comes from.
        rt60: Reverberation time in seconds.
        obstacle: Where a wall or a closed door is between, how many dB it takes at 125 Hz; it takes 6 dB more with each
            octave (law of mass).
    """
    power = _power(sound.samples)
    if power < _QUIET:
        return sound
    heard = reverberated(sound, impulse_response(rt60, metres, random, rate=sound.rate))
    if obstacle is not None:
        heard = banded(heard, lambda f: np.power(10.0, -(obstacle + 6.0 * np.log2(np.maximum(f, 125.0) / 125.0)) / 20))
    floor = np.sqrt(power) * 10 ** (-_FLOOR / 20)
    return _with(sound, heard.samples + floor * noise(len(sound), "pink", random))


def telephoned(sound: Sound) -> Sound:
    """Sound through a telephone: 300 to 3400 Hz, 8 bits on the mu law."""

    def band(f: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip((f - 200.0) / 100.0, 0.0, 1.0) * np.clip((3800.0 - f) / 400.0, 0.0, 1.0)

    narrow = banded(sound, band).samples.astype(np.float64)
    peak = max(float(np.abs(narrow).max(initial=0.0)), 1e-9)  # lines are set to their range
    pressed = np.sign(narrow) * np.log1p(255.0 * np.abs(narrow) / peak) / np.log(256.0)
    steps = np.round(pressed * 127.0) / 127.0
    return _with(sound, np.sign(steps) * np.expm1(np.abs(steps) * np.log(256.0)) / 255.0 * peak)


def clipped(sound: Sound, share: float) -> Sound:
    """Sound so loud that this share of its samples (0..1) is cut off at full scale."""
    top = float(np.quantile(np.abs(sound.samples), 1.0 - share)) if len(sound) else 0.0
    return _with(sound, sound.samples / max(top, 1e-5))


def faster(sound: Sound, factor: float) -> Sound:
    """Sound played faster by a factor (slower below 1), pitch and formants with it; band-limited."""
    count = max(round(len(sound) / factor), 1)
    return _with(sound, np.fft.irfft(np.fft.rfft(sound.samples), count) * (count / max(len(sound), 1)))


def disturb(
    sound: Sound, condition: Condition, level: float, random: np.random.Generator, *, babble: Babble | None = None
) -> Sound:
    """Sound under a condition of the catalogue.

    Args:
        sound: The sound.
        condition: What is done to it.
        level: How much of it, in the condition's unit.
        random: Where its chance comes from.
        babble: Other people, for conditions of that kind.

    Raises:
        InputError: The condition is of babble and none is given.
    """
    match condition.kind:
        case "babble":
            if babble is None:
                raise InputError("There is nobody else whose babble could be added", where=condition.name)
            return with_noise(sound, babble(len(sound), random), snr=level)
        case "white" | "pink":
            return with_noise(sound, noise(len(sound), condition.kind, random), snr=level)
        case "reverberation":
            return reverberated(sound, impulse_response(level, condition.distance, random, rate=sound.rate))
        case "distance":
            return at_distance(sound, level, random, rt60=condition.rt60, obstacle=condition.obstacle)
        case "telephone":
            return telephoned(sound)
        case "clipping":
            return clipped(sound, level)
        case "gain":
            return _with(sound, sound.samples * 10 ** (level / 20))
        case "speed":
            return faster(sound, level)


def _power(samples: NDArray[Any]) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def _with(sound: Sound, samples: NDArray[Any]) -> Sound:
    return replace(sound, samples=np.clip(samples, -1.0, 1.0).astype(np.float32))
