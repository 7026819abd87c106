"""How voices depart from their speaker's manner, and which parts of a stretch moved its label."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import t as student
from sounds import voice
from test_analyze_recordings import LoudVoice, rows_of, save

from affekt.analysis import analyze, stream
from affekt.catalog.maps import centroids
from affekt.core.prediction import Evidence
from affekt.explain.voice import PARTS, cut_out, examine, hushed, parts_of
from affekt.explain.voice_faithfulness import check_voice
from affekt.features import CUES, Departure, cue_values, departures, descriptors, sentence
from affekt.features.cues import LEAST_STRETCHES, _table, _two_sided, standings
from affekt.media.sound import RATE, Sound
from affekt.report.schema import row_schema

NAMES = [cue.name for cue in CUES]
SD = np.array([_table().measured[name].sd for name in NAMES])


def speaker(stretches: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A voice that changes by chance alone: properties and lengths of stretches of 2 to 6 s."""
    random = np.random.default_rng(seed)
    return 10 + SD * random.standard_normal((stretches, len(CUES))), random.uniform(2, 6, stretches)


# --- what is named ----------------------------------------------------------------------------------------------------


def test_an_unchanged_voice_names_almost_nothing() -> None:
    found = [departures(*speaker(20, seed=seed)) for seed in range(100)]
    assert sum(any(stretches) for stretches in found) <= 15
    assert sum(len(cues) for stretches in found for cues in stretches) <= 20  # of 16,000


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", [1, -1])
def test_a_departure_is_named_with_its_side_and_nothing_else(name: str, side: int) -> None:
    values, seconds = speaker(20, seed=3)
    at = NAMES.index(name)
    values[7] = np.median(values, 0)
    values[7, at] += side * 8 * SD[at]
    found = departures(values, seconds)
    assert [d.cue.name for d in found[7]] == [name]
    assert np.sign(found[7][0].z) == side
    assert not any(cues for i, cues in enumerate(found) if i != 7)


def test_of_few_stretches_nothing_is_named() -> None:
    values, seconds = speaker(LEAST_STRETCHES, seed=1)
    values[2, 0] += 20 * SD[0]
    assert [d.cue.name for d in departures(values, seconds)[2]] == ["pitch"]
    assert not any(departures(values[1:], seconds[1:]))
    assert departures(np.zeros((0, len(CUES))), []) == []


def test_what_is_not_known_is_left_out() -> None:
    values, seconds = speaker(20)
    values[:, NAMES.index("pauses")] = np.nan
    values[4] = np.nan
    z, freedom = standings(values, seconds)
    assert np.isnan(z[4]).all()
    assert np.isnan(z[:, NAMES.index("pauses")]).all()
    assert np.isfinite(np.delete(z, [4], 0)[:, 0]).all()
    assert np.array_equal(np.isnan(z), np.isnan(freedom))


def test_a_speakers_own_spread_counts_the_more_the_more_is_heard() -> None:
    """Of a voice whose pitch moves twice as much as usual, the same departure is less and less remarkable."""

    def stands(stretches: int) -> float:
        found = []
        for seed in range(20):
            values, seconds = speaker(stretches, seed=seed)
            values[:, 0] = 10 + 2 * (values[:, 0] - 10)
            values[0, 0] = 10 + 6 * SD[0]
            found.append(standings(values, seconds)[0][0, 0])
        return float(np.mean(found))

    assert stands(8) > stands(30) > stands(200) > 2


def test_the_tails_are_those_of_student() -> None:
    t, freedom = (part.ravel() for part in np.meshgrid(np.linspace(0, 6, 25), [6.0, 10.0, 30.0]))
    assert np.allclose(_two_sided(t, freedom), 2 * student.sf(t, freedom), rtol=0.08)


def test_in_words() -> None:
    found = [Departure(CUES[NAMES.index("breathiness")], 2.1), Departure(CUES[0], 2.84), Departure(CUES[3], -2.3)]
    expected = "pitch 2.8 SD above this speaker's median from 12.4 s, slower, breathier"
    assert sentence(found, start=12.4) == expected
    assert sentence([], start=0) == ""


# --- what is measured -------------------------------------------------------------------------------------------------


def test_louder_is_louder_and_nothing_else() -> None:
    quiet = voice(3.0, seed=2)
    a, b = (cue_values(descriptors(s)) for s in (quiet, 0.25 * quiet))
    expected = np.where(np.array(NAMES) == "loudness", 20 * np.log10(4), 0)
    assert np.isfinite(a).all()
    assert np.allclose(a - b, expected, atol=0.02 + 0.05 * SD)


def test_a_pause_counts_and_silence_around_speech_does_not() -> None:
    said = voice(2.0, seed=2)
    still = np.zeros(RATE, np.float32)
    at = NAMES.index("pauses")
    plain, padded, paused = (
        cue_values(descriptors(np.concatenate(parts))) for parts in ([said], [still, said, still], [said, still, said])
    )
    assert plain[at] == pytest.approx(padded[at], abs=0.02)
    assert paused[at] == pytest.approx(plain[at] + 0.2, abs=0.05)
    assert padded[NAMES.index("loudness")] == pytest.approx(plain[NAMES.index("loudness")], abs=0.2)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(4 * RATE), voice(0.7), np.full(2 * RATE, 1e-5)])
def test_of_silence_and_of_a_word_there_is_nothing_to_compare(samples: np.ndarray) -> None:
    found = cue_values(descriptors(samples.astype(np.float32)))
    assert np.isnan(np.delete(found, [NAMES.index("loudness"), NAMES.index("pauses")])).all()


# --- speech of a synthesiser ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def synthesiser() -> ModuleType:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    file = Path(__file__).parent.parent / "benchmarks" / "cues.py"
    spec = importlib.util.spec_from_file_location("benchmark_cues", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_cues_that_are_named_are_those_that_were_changed(synthesiser: ModuleType) -> None:
    found = list(synthesiser.cases(voices=("en-us", "de")))
    wrong = [case for case in found if case.named != case.changed]
    assert len(found) == 22
    assert len(wrong) <= 1, wrong
    assert sum(case.beside for case in found) <= 2


# --- parts of a stretch -----------------------------------------------------------------------------------------------


def test_parts_cover_a_stretch_and_are_not_too_many() -> None:
    assert parts_of(0.7) == []
    for seconds in (0.8, 1.0, 3.3, 15.0):
        parts = parts_of(seconds)
        assert 2 <= len(parts) <= PARTS
        assert parts[0][0] == 0 and parts[-1][1] == pytest.approx(seconds)
        assert all(a[1] == b[0] for a, b in pairwise(parts))
        assert min(b - a for a, b in parts) >= 0.4 - 1e-9


def test_parts_are_taken_out_and_the_rest_stays() -> None:
    sound = Sound(voice(2.0), RATE, start=5.0)
    left = cut_out(sound, (0.5, 1.0)).samples
    assert np.array_equal(left, np.concatenate([sound.samples[: RATE // 2], sound.samples[RATE:]]))
    quiet = hushed(sound, (0.5, 1.0)).samples
    assert len(quiet) == len(sound.samples)
    changed = np.flatnonzero(quiet != sound.samples)
    assert changed.min() >= RATE // 2 and changed.max() < RATE
    assert np.abs(quiet[int(0.55 * RATE) : int(0.95 * RATE)]).max() < 0.3 * np.abs(sound.samples).max()


class Ear(LoudVoice):
    """Takes sound of any length."""

    longest = 15.0


def turns(tmp_path: Path, levels: Sequence[float]) -> Path:
    """A recording of one speaker, a turn of 2 s a level; the turn at level 1 is loud in its fourth fifth alone."""
    said, pieces = voice(2.0), []
    for level in levels:
        piece = 0.3 * level * said
        if level == 1:
            piece[int(1.25 * RATE) : int(1.55 * RATE)] *= 6
        pieces.append(piece)
    cues = [f"00:{2 * k:06.3f} --> 00:{2 * k + 2:06.3f}\n<v Ann>turn {k}" for k in range(len(levels))]
    (tmp_path / "call.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n")
    return save(tmp_path / "call.wav", np.concatenate(pieces))


LEVELS = (0.9, 1.1, 1.2, 0.8, 0.95, 1.05, 1, 1.15, 0.85, 0.9)


def test_a_recording_is_explained_with_the_moment_that_moved_it(tmp_path: Path) -> None:
    call = turns(tmp_path, LEVELS)
    readings = list(stream(call, model=Ear(), explain=True))
    plain = list(stream(call, model=Ear()))
    assert [p.scores for _, p in readings] == [p.scores for _, p in plain]
    assert not any(p.evidence for _, p in plain)
    loud = readings[6].prediction
    assert loud.labels == ("angry",)
    (departs,) = [e for e in loud.evidence if e.z is not None]
    assert (departs.name, departs.direction, departs.start, departs.end) == ("loudness", "above", 12.0, 14.0)
    assert departs.z is not None and departs.z > 4 and departs.weight == 0 and departs.label is None
    moved = max((e for e in loud.evidence if e.z is None), key=lambda e: e.weight)
    assert (moved.start, moved.end, moved.label) == (13.2, 13.6, "angry")
    assert not any(e.z is not None for i, (_, p) in enumerate(readings) if i != 6 for e in p.evidence)


def test_what_explains_a_voice_is_in_every_file(tmp_path: Path) -> None:
    call = turns(tmp_path, LEVELS)
    for ending in ("jsonl", "csv", "parquet", "html"):
        analyze(call, model=Ear(), explain=True, out=tmp_path / f"rows.{ending}")
    rows = rows_of(tmp_path / "rows.jsonl")
    for row in rows:
        jsonschema.validate(row, row_schema())
    expected = rows[6]["evidence"]
    assert {"loudness", None} == {e["name"] for e in expected}
    assert pq.read_table(tmp_path / "rows.parquet")["evidence"][6].as_py() == expected
    assert json.dumps(expected[0]["cue"]).strip('"') in (tmp_path / "rows.csv").read_text()


def test_the_part_that_is_named_matters_more_than_another(tmp_path: Path) -> None:
    random = np.random.RandomState(1)
    stretches = []
    for k in range(40):
        samples = 0.02 * random.uniform(-1, 1, 2 * RATE)
        at = RATE * (k % 4) // 2
        samples[at : at + RATE // 2] *= 40
        stretches.append((Sound(samples.astype(np.float32), RATE), f"s{k % 4}"))
    quiet = [(Sound((0.02 * random.uniform(-1, 1, 2 * RATE)).astype(np.float32), RATE), f"s{k % 4}") for k in range(80)]
    found = check_voice(Ear(), stretches + quiet)  # type: ignore[arg-type]
    assert (found.rows, found.speakers) == (120, 4)
    for way in ("cut out", "hushed"):
        assert found.falls[way]["named"][0] > found.falls[way]["random"][0] > found.falls[way]["least"][0]
        assert found.gains[way][1] > 0


# --- where labels lie -------------------------------------------------------------------------------------------------


def test_the_interval_is_how_far_apart_the_labels_lie_that_are_left_open() -> None:
    places = centroids("ravdess", "warriner")
    sure = places.intervals({"angry": 1.0})
    assert all(low == high == places.points["angry"].mean[name] for name, (low, high) in sure.items())
    low, high = places.intervals({"angry": 0.5, "sad": 0.5}, level=0.6827)["arousal"]
    assert (low, high) == pytest.approx((3.49, 6.2), abs=1e-3)  # two points: one standard deviation is half-way
    assert places.intervals({}) == {}
    rank = sorted(places.points, key=lambda label: places.points[label].mean["arousal"])
    assert rank[0] == "calm" and rank[-1] == "angry"


def test_evidence_of_words_stays_as_it_was() -> None:
    word = Evidence("text", "glad", 0, 4, 0.4, "joy")
    assert (word.name, word.direction, word.z) == (None, None, None)


def test_examining_keeps_what_the_model_heard_without_each_part() -> None:
    ear = Ear()
    kept = examine(ear, Sound(voice(2.0), RATE))
    assert kept.seconds == 2.0
    assert len(kept.parts) == 5
    assert all(b - a == pytest.approx(1.6, abs=1e-3) for a, b in ear.heard)
