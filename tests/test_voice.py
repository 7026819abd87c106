"""The bundled recogniser of the voice: what it hears, when it does not answer, and what a speaker's manner changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.errors import ModelError, UnknownNameError
from affekt.media.sound import Sound
from affekt.models.registry import load, load_voice, model_folder
from affekt.models.voice import Baseline, VoiceRecogniser

RATE = 16_000


def voice(seconds: float = 1.5, *, pitch: float = 120.0, level: float = 0.1, seed: int = 0) -> Sound:
    """Pulses of a wavering pitch through three resonances: something like an "a"."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    track = pitch * (1 + 0.1 * np.sin(2 * np.pi * 3 * np.arange(n) / RATE + rng.uniform(0, 6)))
    pulses = (np.diff(np.floor(np.cumsum(track) / RATE), prepend=0) > 0).astype(float)
    out = pulses + rng.normal(0, 0.002, n)
    for formant, width in ((700, 90), (1200, 110), (2500, 160)):
        r, angle = np.exp(-np.pi * width / RATE), 2 * np.pi * formant / RATE
        # The impulse response of a resonance, since a loop over samples would be slow.
        k = np.arange(800)
        response = r**k * np.sin((k + 1) * angle) / np.sin(angle)
        out = np.convolve(out, response)[:n]
    return Sound((level * out / np.abs(out).max()).astype(np.float32), RATE)


@pytest.fixture(scope="module")
def ear() -> VoiceRecogniser:
    return load_voice(jobs=1)


def test_a_stretch_gets_probabilities_of_eight_expressions(ear: VoiceRecogniser) -> None:
    vector = ear.hear(voice())
    assert vector is not None and vector.dtype == np.float32 and np.isfinite(vector).all()
    reading = ear.judge(Clip("1", start=2.0, end=3.5, speaker="A"), vector)
    assert tuple(reading.scores) == space("ravdess").labels and sum(reading.scores.values()) == pytest.approx(1)
    assert reading.labels == (reading.top,) and 0 < (reading.confidence or 0) < 1
    assert (reading.clip_id, reading.space, reading.model) == ("1", "ravdess", ear.spec.name)
    assert reading.to("ekman-neutral").scores.keys() == set(space("ekman-neutral").labels)


@pytest.mark.parametrize("sound", [voice(0.3), replace(voice(), samples=np.zeros(RATE, np.float32))])
def test_what_is_too_short_or_silent_gets_no_answer(ear: VoiceRecogniser, sound: Sound) -> None:
    assert ear.hear(sound) is None
    reading = ear.judge(Clip("1"), None)
    assert reading.abstained == "no speech: too short or silent" and not reading.scores and not reading.labels


def test_long_sound_is_cut_and_other_rates_are_refused(ear: VoiceRecogniser) -> None:
    long = voice(ear.longest + 3)
    cut = replace(long, samples=long.samples[: int(ear.longest * RATE)])
    a, b = ear.hear(long), ear.hear(cut)
    assert a is not None and b is not None and np.array_equal(a, b)
    with pytest.raises(ValueError, match="16000 samples a second, not at 8000"):
        ear.hear(Sound(np.zeros(8000, np.float32), 8000))


def test_an_answer_hangs_on_nothing_that_was_heard_before(ear: VoiceRecogniser) -> None:
    first = ear.hear(voice(seed=1))
    ear.hear(voice(seed=2, pitch=300, level=0.9))
    again = ear.hear(voice(seed=1))
    assert first is not None and again is not None and np.array_equal(first, again)


def test_a_speakers_manner_needs_stretches_and_moves_the_reading(ear: VoiceRecogniser) -> None:
    heard = [ear.hear(voice(pitch=110 + 4 * k, level=0.05 + 0.01 * k, seed=k)) for k in range(ear.voice.stretches)]
    vectors = [v for v in heard if v is not None]
    assert ear.baseline(vectors[:-1]) is None
    manner = ear.baseline(vectors)
    assert manner is not None and manner.stretches == len(vectors)
    alone, beside = (ear.judge(Clip("1"), vectors[0], baseline=b) for b in (None, manner))
    assert sum(beside.scores.values()) == pytest.approx(1) and alone.scores != beside.scores
    # Who speaks lower, deeper and softer in all stretches is read as before: only departures count.
    shifted = [v * 1.5 + 0.3 for v in vectors]
    moved = ear.baseline(shifted)
    again = ear.judge(Clip("1"), shifted[0], baseline=moved)
    assert again.scores == pytest.approx(beside.scores, abs=1e-3)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=30)
def test_departures_from_a_manner_have_mean_0_and_spread_1(count: int, seed: int) -> None:
    table = np.random.default_rng(seed).normal(3, 5, (count, 4)).astype(np.float32)
    manner = Baseline.of(table)
    apart = np.stack([manner.apart(v) for v in table])
    assert np.allclose(apart.mean(0), 0, atol=1e-3) and np.allclose(apart.std(0), 1, atol=1e-2)


def test_models_of_text_and_voice_are_not_mixed_up(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="reads voices, not texts"):
        load("voice")
    with pytest.raises(ModelError, match="reads no voices"):
        load_voice("text-en")
    with pytest.raises(UnknownNameError, match="ravdess"):
        load_voice().judge(Clip("1"), np.zeros(1024, np.float32), space="ravdes")
    folder = tmp_path / "voice"
    shutil.copytree(model_folder("voice"), folder)
    (folder / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"cannot be loaded.*model\.onnx"):
        VoiceRecogniser(folder).hear(voice())


def test_the_licence_of_the_weights_is_not_for_commerce() -> None:
    ear = load_voice()
    assert ear.spec.licence == "CC-BY-NC-SA-4.0"
    assert "NonCommercial" in (ear.folder / "LICENSE").read_text("utf-8")


def test_where_the_expression_changes_a_stretch_can_be_cut(ear: VoiceRecogniser) -> None:
    calm, loud = voice(3.0, pitch=100, seed=1), voice(3.0, pitch=330, seed=2)
    # Another pitch and a faster wavering, as of two expressions.
    sound = Sound(np.concatenate([calm.samples, loud.samples[::2], loud.samples[::2]]), RATE, start=10.0)
    cuts = ear.changes(sound)
    assert cuts == sorted(cuts) and any(abs(cut - 13.0) < 0.6 for cut in cuts)
    ends = [sound.start, *cuts, sound.end]
    assert all(b - a >= ear.voice.least - 1e-6 for a, b in pairwise(ends))
    quieter = replace(sound, samples=sound.samples * np.float32(0.1))
    assert ear.changes(quieter) == cuts
    assert ear.changes(voice(0.8)) == []


def test_a_model_without_that_head_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "voice"
    shutil.copytree(model_folder("voice"), folder)
    card = json.loads((folder / "affekt.json").read_text("utf-8"))
    card["voice"]["moments"] = None
    (folder / "affekt.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="does not hear where"):
        VoiceRecogniser(folder).changes(voice())
