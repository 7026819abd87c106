"""Descriptors on sound whose truth is known."""

from __future__ import annotations

import made_sounds as sounds
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.core.errors import AffektError, InputError
from affekt.features import DESCRIPTORS, PitchRange, descriptors, stream
from affekt.features.frames import HOP, RATE

LEVEL_FREE = ["f0_hz", "hnr_db", "jitter", "shimmer_db", "h1_h2_db", "h1_a3_db", "f1_hz", "f2_hz", "f3_hz"]
LEVEL_FREE += ["alpha_ratio_db", "hammarberg_db", "centroid_hz"]


def inner(values: np.ndarray) -> np.ndarray:
    """Without the frames whose windows reach over an edge."""
    return values[8:-8]


@settings(max_examples=25, deadline=None)
@given(st.floats(80, 580), st.sampled_from(["pulses", "sine", "no fundamental", "strong second"]))
def test_pitch_of_a_steady_tone_without_octave_errors(f0: float, kind: str) -> None:
    if kind == "pulses":
        sound = sounds.pulses(np.arange(0.005, 0.5, 1 / f0), seconds=0.5)
    elif kind == "sine":
        sound = sounds.harmonics(f0, [0.0], seconds=0.5)
    elif kind == "no fundamental":
        sound = sounds.harmonics(f0, [-90.0, 0, -3, -6, -9], seconds=0.5)
    else:
        sound = sounds.harmonics(f0, [-15.0, 0, -15, -6, -20], seconds=0.5)
    found = inner(descriptors(sound)["f0_hz"])
    assert np.abs(1200 * np.log2(found / f0)).max() < 5  # cents


def test_pitch_follows_a_glide() -> None:
    seconds = np.arange(16_000) / RATE
    truth = 100 * 2**seconds
    phase = 2 * np.pi * np.cumsum(truth) / RATE
    sound = sum(np.cos(n * phase) / n for n in range(1, 20)).astype(np.float32) / 10
    found = descriptors(sound)
    at = truth[np.rint(found.times * RATE).astype(int)]
    assert np.abs(inner(found["f0_hz"] / at - 1)).max() < 0.01


def test_a_wider_range_finds_what_the_usual_one_does_not_hold() -> None:
    shrill = sounds.harmonics(900.0, [0.0, -6, -12], seconds=0.4)
    deep = sounds.pulses(np.arange(0.01, 0.6, 1 / 58), seconds=0.6)
    wide = PitchRange(floor=55, ceiling=1000)
    assert np.nanmedian(descriptors(shrill, within=wide)["f0_hz"]) == pytest.approx(900, rel=0.003)
    assert np.nanmedian(descriptors(deep, within=wide)["f0_hz"]) == pytest.approx(58, rel=0.01)
    with pytest.raises(InputError, match="cannot be searched"):
        PitchRange(floor=30)


@pytest.mark.parametrize("seed", range(3))
def test_noise_and_silence_have_no_voice(seed: int) -> None:
    hiss = descriptors(sounds.noise(seed))
    assert (~np.isnan(hiss["f0_hz"])).mean() < 0.05
    assert np.median(hiss["voiced_probability"]) < 0.5
    nothing = descriptors(sounds.silence(1.0))
    assert np.isnan(nothing["f0_hz"]).all()
    assert (nothing["loudness"] == 0).all()
    assert np.isnan(nothing["alpha_ratio_db"]).all(), "undefined, not 0"


def test_a_voice_is_probable_and_its_edges_are_found() -> None:
    sound = np.concatenate(
        [sounds.silence(0.3), sounds.harmonics(150, [0, -3, -6, -9], seconds=0.5), sounds.silence(0.3)]
    )
    found = descriptors(sound)
    voiced = found.times[~np.isnan(found["f0_hz"])]
    assert voiced.min() == pytest.approx(0.3, abs=0.025)
    assert voiced.max() == pytest.approx(0.8, abs=0.025)
    assert found["voiced_probability"][40:70].min() > 0.9


@pytest.mark.parametrize("f0", [100.0, 140.0, 210.0])
@pytest.mark.parametrize(
    ("frequencies", "bandwidths"),
    [([300, 2200, 2900], [60, 100, 150]), ([700, 1200, 2600], [90, 110, 160]), ([500, 1500, 2500], [60, 90, 150])],
)
def test_formants_of_made_vowels(f0: float, frequencies: list[float], bandwidths: list[float]) -> None:
    found = descriptors(sounds.vowel(f0, frequencies, bandwidths))
    for n, truth in enumerate(frequencies, 1):
        # Harmonics stand F0 apart: no method sees a resonance much finer than a third of that.
        assert np.nanmedian(found[f"f{n}_hz"]) == pytest.approx(truth, abs=max(0.06 * truth, 0.35 * f0))


@pytest.mark.parametrize("ratio", [-6.0, 0.0, 12.0])
def test_first_over_second_harmonic(ratio: float) -> None:
    found = descriptors(sounds.harmonics(180, [ratio, 0.0, -10, -12, -14, -16]))
    assert np.nanmedian(found["h1_h2_db"]) == pytest.approx(ratio, abs=0.3)


@pytest.mark.parametrize("truth", [0.0, 5.0, 10.0, 20.0])
def test_harmonics_to_noise_ratio(truth: float) -> None:
    tone = sounds.harmonics(200, [0.0] * 30, seconds=2.0, peak=0.5).astype(np.float64)
    hiss = np.random.default_rng(1).normal(size=len(tone))
    hiss *= np.sqrt((tone**2).mean() / (hiss**2).mean()) * 10 ** (-truth / 20)
    found = inner(descriptors((0.3 * (tone + hiss)).astype(np.float32))["hnr_db"])
    assert np.nanmean(found) == pytest.approx(truth, abs=1.5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.004, 0.03), st.floats(90, 250))
def test_jitter_of_pulses_moved_at_random(seed: int, spread: float, f0: float) -> None:
    periods = np.random.default_rng(seed).normal(1, spread, size=int(2.5 * f0)) / f0
    truth = np.abs(np.diff(periods)).mean() / periods.mean()
    found = np.nanmean(inner(descriptors(sounds.pulses(0.01 + np.cumsum(periods), seconds=2.0))["jitter"]))
    # One period in a hundred that is found a sample off adds so much.
    assert found == pytest.approx(truth, rel=0.3, abs=0.003)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 0.1), st.floats(90, 250))
def test_shimmer_of_pulses_of_random_height(seed: int, spread: float, f0: float) -> None:
    heights = np.exp(np.random.default_rng(seed).normal(0, spread, size=int(1.9 * f0)))
    truth = np.abs(np.diff(20 * np.log10(heights))).mean()
    sound = sounds.pulses(0.01 + np.arange(len(heights)) / f0, heights, seconds=2.0)
    found = descriptors(sound)
    assert np.nanmean(inner(found["shimmer_db"])) == pytest.approx(truth, rel=0.35, abs=0.06)


def test_a_regular_voice_has_hardly_jitter_or_shimmer() -> None:
    found = descriptors(sounds.pulses(np.arange(0.01, 1.0, 1 / 137.3), seconds=1.0))
    assert np.nanmean(inner(found["jitter"])) < 0.001
    assert np.nanmean(inner(found["shimmer_db"])) < 0.1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100), st.floats(0.05, 3.0))
def test_scaling_changes_loudness_and_nothing_of_the_voice(seed: int, gain: float) -> None:
    sound = sounds.talk(seed, seconds=1.0)
    plain, scaled = descriptors(sound), descriptors((gain * sound).astype(np.float32))
    for name in LEVEL_FREE:
        # All but single frames, where a root of the predictor's polynomial hangs on rounding.
        same = np.isclose(scaled[name], plain[name], rtol=2e-3, atol=2e-3, equal_nan=True)
        assert same.mean() > 0.97, name
    np.testing.assert_allclose(scaled["loudness"], plain["loudness"] * gain**0.66, rtol=1e-3, atol=1e-7)
    loud = plain["level_db"] > -80
    np.testing.assert_allclose((scaled["level_db"] - plain["level_db"])[loud], 20 * np.log10(gain), atol=0.05)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 100), st.integers(1, 60))
def test_delay_shifts_the_rows(seed: int, frames: int) -> None:
    sound = np.concatenate([sounds.silence(0.1), sounds.talk(seed, seconds=0.8)])
    plain = descriptors(sound)
    later = descriptors(np.concatenate([np.zeros(frames * HOP, np.float32), sound]))
    assert len(later) == len(plain) + frames
    np.testing.assert_allclose(later.values[frames:], plain.values, rtol=1e-3, atol=1e-3)


def test_what_follows_does_not_change_what_was() -> None:
    first, second = sounds.talk(3, seconds=1.5), sounds.talk(4, seconds=1.5)
    alone, joined = descriptors(first), descriptors(np.concatenate([first, second]))
    same = slice(0, len(alone) - 10)
    np.testing.assert_allclose(joined["loudness"][same], alone["loudness"][same], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(np.isnan(joined["f0_hz"][same]), np.isnan(alone["f0_hz"][same]))


def test_an_amplitude_step_is_seen_in_level_and_flux() -> None:
    tone = sounds.harmonics(200, [0.0, -6, -12], seconds=1.0)
    tone[8000:] *= np.float32(0.1)
    found = descriptors(tone)
    assert found["level_db"][20] - found["level_db"][80] == pytest.approx(20, abs=0.2)
    assert abs(int(found["flux"].argmax()) - 49) <= 1


def test_spectrum_of_known_sounds() -> None:
    low, high = sounds.harmonics(400, [0.0]), sounds.harmonics(3000, [0.0])
    assert np.median(descriptors(low)["centroid_hz"]) == pytest.approx(400, abs=20)
    assert np.median(descriptors(low)["alpha_ratio_db"]) < -40
    assert np.median(descriptors(high)["alpha_ratio_db"]) > 40
    two = low + 0.1 * sounds.harmonics(3000, [0.0])
    assert np.median(descriptors(two)["hammarberg_db"]) == pytest.approx(20, abs=0.5)
    white = descriptors(sounds.noise(5, seconds=20.0))
    # The mean of a logarithm is lower in the one bin that is real, that of 0 Hz.
    assert abs(np.mean(white["slope_0_500"])) < 0.003
    assert abs(np.mean(white["slope_500_1500"])) < 0.0005


def test_cepstrum_is_that_of_an_independent_filter_bank() -> None:
    # HTK's definition written out anew, without any of the package's parts.
    sound = sounds.talk(9, seconds=0.5)
    frame = sound[160 * 20 : 160 * 20 + 320].astype(np.float64) * 32768
    power = np.abs(np.fft.fft(frame * np.hamming(320), 512)[:257]) ** 2
    mel = 1127 * np.log(1 + np.arange(257) * 31.25 / 700)
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), 28)
    bands = [np.interp(mel, edges[m : m + 3], [0, 1, 0]) @ power for m in range(26)]
    for n in range(1, 14):
        wave = [np.cos(np.pi * n * (m + 0.5) / 26) for m in range(26)]
        truth = np.sqrt(2 / 26) * (np.log(np.maximum(bands, 1)) @ wave) * (1 + 11 * np.sin(np.pi * n / 22))
        assert descriptors(sound)[f"mfcc_{n}"][20] == pytest.approx(truth, abs=0.02)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(1, 90_000), min_size=1, max_size=12))
def test_blocks_give_the_rows_of_the_whole(seed: int, lengths: list[int]) -> None:
    sound = np.tile(sounds.talk(seed, seconds=3.0), 10)  # 30 s: two chunks and a rest
    whole = descriptors(sound)
    cuts = np.cumsum(lengths)
    parts = list(stream(np.split(sound, cuts[cuts < len(sound)])))
    np.testing.assert_array_equal(np.concatenate([part.values for part in parts]), whole.values)
    assert sum(part.seconds for part in parts) == pytest.approx(30.0)
    assert parts[1].start == pytest.approx(parts[0].seconds)


def test_chunks_leave_no_seam() -> None:
    talk = sounds.talk(7, seconds=6.0)
    twice = descriptors(np.concatenate([talk, talk, talk, talk]))
    assert len(list(stream([np.tile(talk, 4)]))) > 1
    second, third = twice.values[600:1190], twice.values[1200:1790]
    np.testing.assert_allclose(second, third, rtol=1e-3, atol=1e-3)


def test_memory_stays_flat_over_a_long_sound() -> None:
    import tracemalloc

    block = sounds.talk(1, seconds=5.0)
    peaks = []
    for repeats in (6, 24):
        tracemalloc.start()
        for _ in stream(block for _ in range(repeats)):
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


@pytest.mark.parametrize("samples", [0, 1, 48, 319])
def test_sound_shorter_than_a_window_has_no_frames(samples: int) -> None:
    found = descriptors(np.ones(samples, dtype=np.float32) / 3)
    assert found.values.shape == (0, len(DESCRIPTORS))
    assert found.seconds == pytest.approx(samples / RATE)


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros(100, np.float32), 44_100, "16000 Hz"),
        (np.zeros((100, 2), np.float32), RATE, "one channel"),
        (np.zeros(100, np.int16), RATE, "32768"),
        (np.array([0, np.nan, 0], np.float32), RATE, "sample 1"),
    ],
)
def test_what_is_no_sound_is_refused(samples: np.ndarray, rate: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        descriptors(samples, rate=rate)


def test_a_wrong_name_is_told_with_the_nearest() -> None:
    with pytest.raises(AffektError, match="f0_hz"):
        descriptors(sounds.noise(0, seconds=0.1))["f0_hertz"]
