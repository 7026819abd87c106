"""Real speech against what Praat and openSMILE measured in it (tests/reference/make_features.py)."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
REFERENCE = ROOT / "tests" / "reference" / "features.json"

CLOSE = ["F0semitoneFrom27.5Hz_sma3nz_amean", "F0semitoneFrom27.5Hz_sma3nz_percentile50.0", "loudness_sma3_amean"]
CLOSE += ["loudness_sma3_stddevNorm", "loudness_sma3_percentile80.0", "loudness_sma3_meanRisingSlope"]
CLOSE += ["loudness_sma3_meanFallingSlope", "spectralFlux_sma3_amean", "alphaRatioV_sma3nz_amean"]
CLOSE += ["hammarbergIndexV_sma3nz_amean", "hammarbergIndexUV_sma3nz_amean", "slopeV0-500_sma3nz_amean"]
CLOSE += [f"mfcc{n}_sma3_amean" for n in range(1, 5)] + [f"mfcc{n}V_sma3nz_amean" for n in range(1, 5)]
CLOSE += ["loudnessPeaksPerSec", "equivalentSoundLevel_dBp"]


@pytest.fixture(scope="module")
def found():
    if "AFFEKT_DATA" not in os.environ:
        pytest.skip("AFFEKT_DATA is not set")
    pytest.importorskip("av")
    spec = importlib.util.spec_from_file_location("benchmark_features", ROOT / "benchmarks" / "features.py")
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    clips = json.loads(REFERENCE.read_text(encoding="utf-8"))["clips"]
    return bench.measure(Path(os.environ["AFFEKT_DATA"]), dict(list(clips.items())[::3]))


def test_the_reference_is_whole():
    stored = json.loads(REFERENCE.read_text(encoding="utf-8"))
    assert len(stored["names"]) == 88
    assert {name.split("/")[0] for name in stored["clips"]} == {"ravdess", "emodb"}
    assert len({Path(name).parent for name in stored["clips"] if name.startswith("ravdess")}) == 24, "all speakers"
    assert all(len(clip["opensmile"]) == 88 for clip in stored["clips"].values())


def test_names_are_those_of_opensmile():
    from affekt.features import FUNCTIONALS

    assert tuple(json.loads(REFERENCE.read_text(encoding="utf-8"))["names"]) == FUNCTIONALS


@pytest.mark.data
def test_pitch_is_that_of_praat(found):
    assert found["pitch_median_error_hz"] < 0.3
    assert found["pitch_errors_above_20_hz"] < 0.02
    assert found["voicing_agreement"] > 0.96


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("hnr_db", 0.9), ("jitter_local", 0.85), ("shimmer_db", 0.8)])
def test_voice_quality_is_that_of_praat(found, name, least):
    assert found["praat"][name]["r"] > least


@pytest.mark.data
@pytest.mark.parametrize("name", ["f1_hz", "f2_hz", "f3_hz"])
def test_formants_are_those_of_praat(found, name):
    assert found["praat"][name]["r"] > 0.9
    assert found["praat"][name]["r"] > found["opensmile_against_praat"][name]["r"], "nearer than openSMILE is"


@pytest.mark.data
@pytest.mark.parametrize("name", CLOSE)
def test_functionals_are_those_of_opensmile(found, name):
    assert found["opensmile"][name]["r"] > 0.9
