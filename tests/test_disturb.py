"""Simulated recording conditions: each does what its physics says, and no more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import voice

from affekt.catalog.conditions import condition, conditions
from affekt.core.errors import InputError, UnknownNameError
from affekt.features.disturb import (
    at_distance,
    clipped,
    disturb,
    faster,
    impulse_response,
    noise,
    reverberated,
    telephoned,
    with_noise,
)
from affekt.media.sound import Sound, sound_of

RATE = 16_000


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64)))


def speech(seconds: float = 2.0) -> Sound:
    return sound_of(0.2 * voice(seconds), rate=RATE)


def decibels(samples: np.ndarray, low: float, high: float) -> float:
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    return 10 * np.log10(spectrum[(hertz >= low) & (hertz < high)].sum() + 1e-20)


@settings(max_examples=30, deadline=None)
@given(st.floats(-5, 40), st.sampled_from(["white", "pink"]), st.integers(0, 99))
def test_noise_has_the_ratio_that_was_asked_for(snr: float, colour: str, seed: int) -> None:
    clean = sound_of(0.02 * voice(1.0), rate=RATE)
    added = with_noise(clean, noise(len(clean), colour, random(seed)), snr=snr).samples - clean.samples
    assert 10 * np.log10(power(clean.samples) / power(added)) == pytest.approx(snr, abs=0.05)


def test_noise_has_its_colour() -> None:
    white, pink = (noise(20 * RATE, colour, random()) for colour in ("white", "pink"))
    octaves = [(250, 500), (500, 1000), (1000, 2000), (2000, 4000)]
    assert np.allclose(np.diff([decibels(white, *o) for o in octaves]), 3.01, atol=0.3)
    assert np.allclose(np.diff([decibels(pink, *o) for o in octaves]), 0.0, atol=0.3)
    with pytest.raises(ValueError, match="brown"):
        noise(9, "brown", random())


@pytest.mark.parametrize("rt60", [0.3, 0.6, 1.2])
def test_a_room_dies_away_in_its_time(rt60: float) -> None:
    """Schroeder's backward integration of the tail falls from -5 to -35 dB in half of the reverberation time."""
    tail = impulse_response(rt60, 1e6, random(), rate=RATE)
    left = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] / np.sum(tail**2))
    time = (np.argmax(left < -35) - np.argmax(left < -5)) / RATE
    assert 2 * time == pytest.approx(rt60, rel=0.08)


def test_direct_and_reverberant_sound_are_equal_at_the_critical_distance() -> None:
    critical = 0.057 * np.sqrt(1.7 * 60 / 0.5)
    response = impulse_response(0.5, critical, random(), rate=RATE)
    assert response[0] ** 2 == pytest.approx(np.sum(response[1:] ** 2), rel=0.01)
    near, far = (impulse_response(0.5, d, random(), rate=RATE) for d in (0.5, 4.0))
    assert near[0] == pytest.approx(8 * far[0])
    assert np.array_equal(near[1:], far[1:])


def test_a_click_shows_the_room_and_silence_stays_silent() -> None:
    click = Sound(np.r_[np.float32(0.5), np.zeros(RATE, np.float32)], RATE)
    response = impulse_response(0.4, 2.0, random(), rate=RATE)
    heard = reverberated(click, response).samples
    assert np.allclose(heard[: len(response)], 0.5 * response, atol=1e-6)
    hush = Sound(np.zeros(RATE, np.float32), RATE)
    for each in conditions().values():
        found = disturb(hush, each, each.levels[0], random(), babble=lambda n, r: noise(n, "white", r))
        assert np.abs(found.samples).max() < 1e-6, each.name


def test_what_is_further_away_is_weaker_duller_behind_a_door_and_nearer_to_the_noise() -> None:
    clean = speech()
    levels = [power(at_distance(clean, m, random()).samples) for m in (1, 2, 4, 8, 16)]
    assert levels == sorted(levels, reverse=True)
    similar = [abs(np.corrcoef(clean.samples, at_distance(clean, m, random()).samples)[0, 1]) for m in (1, 2, 4, 8, 16)]
    assert similar == sorted(similar, reverse=True)
    floor = power(at_distance(clean, 1e9, random(), rt60=1e-3).samples) / power(clean.samples)
    assert 10 * np.log10(floor) == pytest.approx(-30, abs=0.1)  # of the speech nothing is left
    door = at_distance(clean, 2, random(), obstacle=6.0).samples
    free = at_distance(clean, 2, random()).samples
    low, high = (decibels(free, *b) - decibels(door, *b) for b in ((100, 200), (1000, 2000)))
    assert high > low + 8


def test_a_telephone_keeps_its_band_alone() -> None:
    line = sound_of(0.1 * noise(2 * RATE, "white", random()), rate=RATE)
    heard = telephoned(line).samples
    assert decibels(heard, 500, 3000) == pytest.approx(decibels(line.samples, 500, 3000), abs=0.5)
    assert decibels(heard, 500, 3000) - decibels(heard, 4500, 7500) > 20
    assert len(np.unique(np.round(heard / np.abs(heard).max(), 6))) <= 256


def test_clipping_gain_and_speed() -> None:
    clean = speech()
    assert clipped(clean, 0.1).clipped == pytest.approx(0.1, abs=0.01)
    assert power(disturb(clean, condition("gain"), -20.0, random()).samples) == pytest.approx(
        power(clean.samples) / 100, rel=1e-4
    )
    time = np.arange(RATE) / RATE
    tone = sound_of(0.3 * np.sin(2 * np.pi * 200 * time), rate=RATE)
    quick = faster(tone, 1.25)
    assert len(quick) == round(RATE / 1.25)
    assert np.abs(np.fft.rfft(quick.samples)).argmax() * RATE / len(quick) == pytest.approx(250, abs=2)
    assert np.abs(quick.samples).max() == pytest.approx(0.3, rel=0.05)


def test_conditions_are_named_and_the_same_each_time() -> None:
    clean = speech(0.6)
    for each in conditions().values():
        assert each.levels
        one, two = (
            disturb(clean, each, each.levels[-1], random(3), babble=lambda n, r: noise(n, "pink", r)) for _ in "ab"
        )
        assert np.array_equal(one.samples, two.samples)
        assert np.isfinite(one.samples).all() and not np.array_equal(one.samples, clean.samples)
    with pytest.raises(InputError, match="nobody else"):
        disturb(clean, condition("babble"), 0.0, random())
    with pytest.raises(UnknownNameError, match="distance"):
        condition("distence")
