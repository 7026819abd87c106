"""What is measured of recordings, and podcasts of which it is known what is in them, from files to a chosen part."""

from __future__ import annotations

import csv
import math
import wave
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sounds import voice

from affekt import analyze, stream
from affekt.core.errors import InputError, ModelError, UnknownNameError
from affekt.corpora.subset import subset
from affekt.features.measures import MEASURES, Measure, measures
from affekt.features.quality import bandwidth, noise_level, quality
from affekt.media.recording import RecordingSource, Stretch
from affekt.media.sound import sound_of
from affekt.media.speech import levels
from affekt.media.text import ReadOptions
from affekt.media.turns import speakers_of
from affekt.metrics.speakers import speaker_errors
from affekt.models.speakers import tell_apart
from affekt.train.voice.speakers import fit_speakers

RATE = 16_000
Floats = NDArray[np.float32]


def save(path: Path, samples: Floats) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2"))
    return path


def low_passed(samples: Floats, edge: float) -> Floats:
    spectrum = np.fft.rfft(samples)
    spectrum[np.fft.rfftfreq(len(samples), 1 / RATE) > edge] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def active_power(samples: Floats) -> float:
    """Of speech without noise, the power of the frames less than 15.9 dB below the mean."""
    power = 10 ** (levels(samples).astype(np.float64) / 10)
    return float(power[power >= power.mean() * 10**-1.59].mean())


def test_level_and_clipping_of_what_is_known() -> None:
    square = np.where(np.arange(RATE) // 40 % 2, 0.5, -0.5).astype(np.float32)
    found = quality(square)
    assert found["level_db"] == pytest.approx(20 * math.log10(0.5), abs=0.01)
    assert found["clipped"] == 0.0
    assert quality(np.clip(4 * voice(2.0), -1, 1))["clipped"] > 0.005
    short = quality(np.zeros(100, np.float32))
    assert all(math.isnan(short[name]) for name in ("level_db", "snr_db", "bandwidth_hz"))


@pytest.mark.parametrize("edge", [3400.0, 5000.0, 7000.0])
def test_the_bandwidth_is_where_the_sound_ends(edge: float) -> None:
    noisy = voice(3.0, seed=2) + 0.01 * np.random.RandomState(0).randn(3 * RATE).astype(np.float32)
    assert bandwidth(low_passed(noisy, edge)) == pytest.approx(edge, abs=300)


@pytest.mark.parametrize("ratio", [0.0, 5.0, 10.0, 20.0, 30.0])
def test_the_ratio_of_signal_to_noise_is_found_within_two_decibels(ratio: float) -> None:
    random = np.random.RandomState(1)
    speech = np.concatenate([np.zeros(2 * RATE, np.float32), voice(4.0, seed=5), np.zeros(2 * RATE, np.float32)])
    noise = random.randn(len(speech)) * math.sqrt(active_power(speech[2 * RATE : 6 * RATE]) / 10 ** (ratio / 10))
    heard = (speech + noise).astype(np.float32)
    found = quality(heard[2 * RATE : 6 * RATE], noise=noise_level(levels(heard)))
    assert found["snr_db"] == pytest.approx(ratio, abs=2.0)


def test_muted_gaps_are_no_noise() -> None:
    assert math.isnan(noise_level([-100.0, -95.0]))
    assert noise_level([-100.0] * 50 + [-50.0] * 50) == -50.0


def test_names_of_measures_lead_to_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="quality"):
        measures(["qualty"])


# Start, seconds, voice; noise as a ratio to the first voice in each of two podcasts.
SEGMENTS = ((1.0, 3.0, 1), (6.0, 4.0, 2), (12.0, 2.5, 1), (16.5, 3.5, 2))
RATIOS = {"clean.wav": 30.0, "noisy.wav": 8.0}


@pytest.fixture(scope="module")
def podcasts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("podcasts")
    for name, ratio in RATIOS.items():
        line = np.zeros(22 * RATE, np.float32)
        for number, (start, seconds, who) in enumerate(SEGMENTS):
            said = voice(seconds, pitch=105.0 if who == 1 else 215.0, longer=1.1 if who == 1 else 0.86, seed=number)
            line[int(start * RATE) : int((start + seconds) * RATE)] += said * math.sqrt(0.01 / active_power(said))
        noise = np.random.RandomState(3).randn(len(line)) * math.sqrt(0.01 / 10 ** (ratio / 10))
        save(folder / name, line + noise.astype(np.float32))
    (folder / "broken.wav").write_bytes(b"RIFF\x00\x00")
    return folder


def test_a_podcast_becomes_clips_whose_places_and_noise_are_those_that_were_made(
    podcasts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clips.parquet"
    summary = analyze(podcasts, options=ReadOptions(measures=("quality", "rhythm")), out=out)
    rows = pq.read_table(out).to_pylist()
    assert summary.bad == {"cannot be read": 1}
    (broken,) = [row for row in rows if row["source"].endswith("broken.wav")]
    assert broken["abstained"].startswith("cannot be read")
    assert broken["measure.snr_db"] is None
    for name, ratio in RATIOS.items():
        found = [row for row in rows if row["source"].endswith(name)]
        # What is known of syllables is that one comes each .18 to .28 s.
        assert all(2.0 < row["measure.syllable_rate"] < 7.0 for row in found)
        heard = np.zeros(2200, bool)
        for row in found:
            heard[int(row["start"] * 100) : int(row["end"] * 100)] = True
            assert row["measure.snr_db"] == pytest.approx(ratio, abs=2.5)
        made = np.zeros(2200, bool)
        for start, seconds, _ in SEGMENTS:
            made[int(start * 100) : int((start + seconds) * 100)] = True
        assert np.mean(heard[made]) > 0.9
        assert np.mean(made[heard]) > 0.9
    whole, part = subset(out, where="snr_db > 20 and duration > 1", out=tmp_path / "clean.parquet")
    assert set(part.sources) == {str(podcasts / "clean.wav")}
    assert part.rows == sum(r["source"].endswith("clean.wav") and r["end"] - r["start"] > 1 for r in rows)
    assert whole.rows == len(rows)


def test_the_speakers_of_a_podcast_are_told_apart(podcasts: Path) -> None:
    options = ReadOptions(speakers=2)
    found = [clip for clip, _ in stream(podcasts / "clean.wav", options=options)]
    prediction = [(c.start, c.end, c.speaker) for c in found if c.speaker is not None]
    truth = [(start, start + seconds, str(who)) for start, seconds, who in SEGMENTS]
    assert {who for _, _, who in prediction} == {"speaker 1", "speaker 2"}
    assert prediction[0][2] == "speaker 1"
    errors = speaker_errors(truth=truth, prediction=prediction)
    assert errors.confusion / errors.speech < 0.1
    assert errors.rate < 0.25
    (one,) = {clip.speaker for clip, _ in stream(podcasts / "clean.wav", options=ReadOptions(speakers=1))} - {None}
    assert one == "speaker 1"


@pytest.mark.parametrize("source", [["Hello."], "Hello.", iter([sound_of(np.zeros(1600), rate=RATE)])])
def test_speakers_are_told_apart_in_recordings_that_are_over(source: object) -> None:
    with pytest.raises(InputError, match="recordings that are over"):
        list(stream(source, options=ReadOptions(speakers=2)))


def test_vectors_of_another_model_are_refused() -> None:
    with pytest.raises(ModelError, match="1024 values"):
        tell_apart([np.zeros(3, np.float32)], speakers=2)
    assert tell_apart([None, None], speakers=2) == [None, None]


def test_discriminants_follow_speakers_and_not_what_moves_them() -> None:
    random = np.random.default_rng(0)
    who, mood = np.repeat(np.arange(12), 10), np.tile(np.arange(10), 12)
    places, moods = random.normal(size=(12, 30)), 4 * random.normal(size=(10, 30))
    vectors = (places[who] + moods[mood] + 0.3 * random.normal(size=(120, 30))).astype(np.float32)
    learned = who < 8
    mean, weight = fit_speakers(vectors[learned], who[learned].astype(str), width=6, kept=30)
    plain = speakers_of(vectors[~learned], speakers=4)
    found = speakers_of((vectors[~learned] - mean) @ weight, speakers=4, standardise=False)
    true = turns(who[~learned])
    assert speaker_errors(truth=true, prediction=turns(plain)).rate > 0.4
    assert speaker_errors(truth=true, prediction=turns(found)).rate < 0.1


def turns(groups: Iterable[int]) -> list[tuple[float, float, str]]:
    return [(float(i), i + 1.0, str(group)) for i, group in enumerate(groups)]


def test_a_run_that_was_broken_off_gives_the_same(
    podcasts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ReadOptions(measures=("quality",))
    analyze(podcasts, options=options, out=tmp_path / "whole.jsonl")
    stretches = RecordingSource.stretches

    def stop(self: RecordingSource, **asked: object) -> object:
        if self.name.endswith("noisy.wav"):
            raise KeyboardInterrupt
        return stretches(self, **asked)

    monkeypatch.setattr(RecordingSource, "stretches", stop)
    with pytest.raises(KeyboardInterrupt):
        analyze(podcasts, options=options, out=tmp_path / "again.jsonl")
    monkeypatch.undo()
    with pytest.raises(InputError, match="way of reading"):
        analyze(podcasts, options=ReadOptions(), out=tmp_path / "again.jsonl")
    summary = analyze(podcasts, options=options, out=tmp_path / "again.jsonl")
    assert summary.resumed > 0
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_a_measure_of_ones_own_is_a_column(podcasts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crossings(stretch: Stretch) -> Mapping[str, float]:
        return {"crossings": float(np.mean(np.diff(np.sign(stretch.sound.samples)) != 0))}

    monkeypatch.setitem(MEASURES, "crossings", Measure(("crossings",), crossings))
    analyze(podcasts / "clean.wav", options=ReadOptions(measures=("crossings",)), out=tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as rows:
        assert all(0 < float(row["measure.crossings"]) < 1 for row in csv.DictReader(rows))


def test_texts_are_not_measured() -> None:
    with pytest.raises(InputError, match="texts"):
        analyze(["Hello."], options=ReadOptions(measures=("quality",)))
