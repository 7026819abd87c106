"""Functionals, rhythm and their names."""

from __future__ import annotations

import made_sounds as sounds
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.core.errors import UnknownNameError
from affekt.features import DESCRIPTORS, FULL, FUNCTIONALS, describe, descriptors, functional, functionals, rhythm
from affekt.features.functionals import smoothed
from affekt.features.rhythm import runs, turns

PITCH = "F0semitoneFrom27.5Hz_sma3nz_"


def test_names_are_in_order_and_say_what_they_are() -> None:
    assert len(FUNCTIONALS) == 88
    assert FULL[:88] == FUNCTIONALS
    assert len(set(FULL)) == len(FULL)
    described = {each.name for each in DESCRIPTORS} | {"timing", "rhythm"}
    for name in FULL:
        each = functional(name)
        assert each.of in described, name
        assert each.unit, name
        assert each.meaning, name
    with pytest.raises(UnknownNameError, match="loudness_sma3_amean"):
        functional("loudnes_sma3_amean")


def test_pitch_functionals_of_a_tone() -> None:
    found = describe(sounds.harmonics(220, [0.0, -6, -12], seconds=1.0))
    assert found[PITCH + "amean"] == pytest.approx(36, abs=0.02)
    assert found[PITCH + "percentile50.0"] == pytest.approx(36, abs=0.02)
    assert found[PITCH + "stddevNorm"] < 0.001
    assert found["VoicedSegmentsPerSec"] == pytest.approx(1, abs=0.01)
    assert found["MeanVoicedSegmentLengthSec"] == pytest.approx(1, abs=0.05)


def test_slopes_of_a_pitch_that_rises_and_falls() -> None:
    t = np.arange(2 * 16_000) / 16_000
    semitones = 36 + 6 * np.abs(2 * ((t * 2) % 1) - 1)  # twice a second down and up by 6: 24 semitones a second
    phase = 2 * np.pi * np.cumsum(27.5 * 2 ** (semitones / 12)) / 16_000
    found = describe(sum(np.cos(n * phase) / n for n in range(1, 12)).astype(np.float32) / 8)
    assert found[PITCH + "meanRisingSlope"] == pytest.approx(24, rel=0.1)
    assert found[PITCH + "meanFallingSlope"] == pytest.approx(24, rel=0.1)
    assert found[PITCH + "pctlrange0-2"] == pytest.approx(3.6, rel=0.1)


def test_percentiles_and_moments_are_numpys() -> None:
    found = descriptors(sounds.talk(11))
    loud = smoothed(found.values.astype(np.float64))[:, [d.name for d in DESCRIPTORS].index("loudness")]
    row = dict(zip(FUNCTIONALS, functionals(found), strict=True))
    assert row["loudness_sma3_amean"] == pytest.approx(loud.mean())
    assert row["loudness_sma3_stddevNorm"] == pytest.approx(loud.std() / loud.mean())
    for share in (20, 50, 80):
        assert row[f"loudness_sma3_percentile{share}.0"] == pytest.approx(np.percentile(loud, share))
    level = 10 * np.log10(np.mean(10 ** (found["level_db"].astype(np.float64) / 10)))
    assert row["equivalentSoundLevel_dBp"] == pytest.approx(level)


def test_what_is_not_there_is_nan_and_never_zero() -> None:
    whisper = dict(zip(FULL, functionals(descriptors(sounds.silence(1.0)), names=FULL), strict=True))
    for name, value in whisper.items():
        if functional(name).frames == "voiced" and functional(name).of != "timing":
            assert np.isnan(value), name
    assert whisper["VoicedSegmentsPerSec"] == 0, "no stretch at all is a count"
    assert np.isnan(whisper["MeanVoicedSegmentLengthSec"])
    assert np.isnan(functionals(descriptors(np.zeros(48, np.float32)), names=FULL)).all(), "3 ms define nothing"


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 99), st.lists(st.integers(1, 40_000), max_size=6))
def test_describing_blocks_is_describing_the_whole(seed: int, lengths: list[int]) -> None:
    sound = sounds.talk(seed, seconds=2.5)
    whole = describe(sound, names=FULL)
    cuts = np.cumsum(lengths, dtype=int)
    parts = describe(iter(np.split(sound, cuts[cuts < len(sound)])), names=FULL)
    np.testing.assert_array_equal(list(parts.values()), list(whole.values()))


def test_a_name_alone_has_the_value_it_has_among_all() -> None:
    found = descriptors(sounds.talk(5))
    whole = dict(zip(FULL, functionals(found, names=FULL), strict=True))
    some = ("jitterLocal_sma3nz_amean", "mfcc_7_delta_sd", "rhythm_syllable_rate")
    np.testing.assert_array_equal(functionals(found, names=some), [whole[name] for name in some])


def test_a_voice_of_one_emotionless_tone_is_told_from_a_lively_one() -> None:
    calm = sounds.vowel(120, [500, 1500, 2500], [80, 100, 150], seconds=1.0) * np.float32(0.1)
    lively = sounds.talk(2, seconds=2.0)
    a, b = describe(calm), describe(lively)
    assert b[PITCH + "pctlrange0-2"] > a[PITCH + "pctlrange0-2"] + 1
    assert b["loudness_sma3_amean"] > a["loudness_sma3_amean"]


@pytest.mark.parametrize("rate", [2, 4, 6])
def test_syllables_are_counted(rate: int) -> None:
    parts = []
    for _ in range(2 * rate):
        said = sounds.vowel(140, [600, 1300, 2600], [80, 100, 150], seconds=0.6 / rate)
        said *= np.hanning(len(said)).astype(np.float32) ** 0.5
        parts += [said, sounds.noise(rate, seconds=0.4 / rate, peak=1e-3)]
    found = rhythm(descriptors(np.concatenate(parts)))
    assert found.syllable_rate == pytest.approx(rate, rel=0.15)


def test_pauses_are_measured() -> None:
    said = sounds.vowel(140, [600, 1300, 2600], [80, 100, 150], seconds=0.5)
    found = rhythm(descriptors(np.concatenate([said, sounds.silence(0.5), said, sounds.silence(0.3), said])))
    assert found.pause_rate == pytest.approx(2 / 2.3, rel=0.01)
    assert found.pause_mean == pytest.approx(0.4, abs=0.04)
    assert found.pause_share == pytest.approx(0.8 / 2.3, abs=0.04)
    assert found.articulation_rate > found.syllable_rate
    silent = rhythm(descriptors(sounds.silence(1.0)))
    assert silent.pause_share == pytest.approx(1, abs=0.03)
    assert silent.syllable_rate == 0


@settings(deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=60), st.integers(0, 10))
def test_turns_alternate_and_are_further_apart_than_the_threshold(values: list[int], threshold: int) -> None:
    contour = np.array(values, dtype=float)
    at = turns(contour, threshold)
    steps = np.diff(contour[at])
    assert (np.abs(steps) > threshold).all() or len(at) <= 2
    assert (steps[1:] * steps[:-1] < 0).all()
    if len(at) > 1:
        assert {contour.max(), contour.min()} <= set(contour[at])


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=50))
def test_runs_cover_what_is_true(mask: list[bool]) -> None:
    starts, ends = runs(np.array(mask, dtype=bool))
    covered = np.zeros(len(mask), dtype=bool)
    for start, end in zip(starts, ends, strict=True):
        covered[start:end] = True
        assert end == len(mask) or not mask[end]
    assert covered.tolist() == mask
