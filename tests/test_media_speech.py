"""Where somebody speaks: against the package silero-vad, and what must hold for any stream."""

from __future__ import annotations

import hashlib
import json
import math
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import conversation, voice

from affekt.media.sound import Sound, read_sound, sound_of
from affekt.media.speech import FRAME, SpeechOptions, segments, speech, speech_probabilities, spoken

ROOT = Path(__file__).parent.parent
REFERENCE = json.loads((ROOT / "tests" / "reference" / "speech.json").read_text(encoding="utf-8"))


def blocks_of(sound: Sound, lengths: list[float]) -> list[Sound]:
    """The sound in blocks of the given lengths, the last one over and over."""
    out, at = [], sound.start
    queue = list(lengths)
    while at < sound.end - 1e-9:
        part = sound.cut(at, at + queue[0])
        out.append(part)
        at = part.end
        if len(queue) > 1:
            queue.pop(0)
    return out


@pytest.fixture(scope="module")
def talk() -> Sound:
    return sound_of(conversation(), rate=16_000)


def test_the_card_names_the_bundled_file() -> None:
    folder = ROOT / "src" / "affekt" / "weights" / "silero-vad"
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text(encoding="utf-8")
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")


def test_probabilities_are_those_of_the_package(talk: Sound) -> None:
    found = np.concatenate([p for p, _ in speech_probabilities(talk)])
    assert found.shape == (len(REFERENCE["probabilities"]),)
    assert np.abs(found - REFERENCE["probabilities"]).max() < 1e-3


@pytest.mark.parametrize("case", REFERENCE["stretches"], ids=lambda c: ",".join(c["settings"]) or "defaults")
def test_stretches_are_those_of_the_package(talk: Sound, case: dict) -> None:
    asked = case["settings"]
    options = SpeechOptions(
        threshold=asked.get("threshold", 0.5),
        least_speech=asked.get("min_speech_duration_ms", 250) / 1000,
        least_silence=asked.get("min_silence_duration_ms", 100) / 1000,
        padding=asked.get("speech_pad_ms", 30) / 1000,
    )
    found = list(speech(talk, options=options))
    wanted = [(start / 16_000, end / 16_000) for start, end in case["samples"]]
    assert np.allclose(found, wanted, atol=1e-3), (found, wanted)


@settings(max_examples=8, deadline=None)
@given(lengths=st.lists(st.floats(0.001, 4.0), min_size=1, max_size=6))
def test_how_a_stream_is_cut_into_blocks_changes_nothing(lengths: list[float]) -> None:
    talk = sound_of(conversation()[:120_000], rate=16_000, start=100.0)
    lengths.append(1.7)
    assert list(speech(blocks_of(talk, lengths))) == list(speech(talk))


def test_silence_and_noise_are_no_speech() -> None:
    noise = 0.1 * np.random.RandomState(0).randn(5 * 16_000)
    for samples in (np.zeros(5 * 16_000), noise, np.zeros(48)):
        assert list(speech(sound_of(samples, rate=16_000))) == []


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    line = voice(12.0, seed=5)
    # Quieter by 20 dB for 0.2 s, not long enough to end the stretch by itself when least_silence is longer.
    dip = slice(int(7.0 * 16_000), int(7.2 * 16_000))
    line[dip] *= 0.1
    options = SpeechOptions(longest=8.0, least_silence=0.5)
    found = list(speech(sound_of(line, rate=16_000), options=options))
    assert len(found) == 2
    assert 6.95 <= found[0][1] <= 7.25
    assert found[0][1] == pytest.approx(found[1][0])
    assert all(end - start <= 8.0 for start, end in found)


@settings(max_examples=200, deadline=None)
@given(
    data=st.lists(st.tuples(st.floats(0, 1, width=32), st.floats(-100, 0, width=32)), max_size=400),
    threshold=st.floats(0.1, 0.9),
    least_speech=st.floats(0, 0.5),
    least_silence=st.floats(0, 0.5),
    padding=st.floats(0, 0.2),
    longest=st.one_of(st.just(math.inf), st.floats(1.0, 5.0)),
)
def test_stretches_are_in_order_within_the_sound_and_not_too_long(
    data: list[tuple[float, float]],
    threshold: float,
    least_speech: float,
    least_silence: float,
    padding: float,
    longest: float,
) -> None:
    options = SpeechOptions(threshold, None, least_speech, least_silence, padding, longest)
    p = np.array([a for a, _ in data], np.float32)
    level = np.array([b for _, b in data], np.float32)
    found = list(segments([(p, level)], options=options))
    last = 0.0
    for start, end in found:
        assert last - 1e-9 <= start < end <= len(data) * FRAME + padding + 1e-9
        assert end - start <= longest + 1e-9
        last = end
    # Every frame that is surely speech for long enough lies in a stretch.
    sure = p.astype(float) >= threshold
    run = 0
    for place, spoken_here in enumerate([*sure, False]):
        if spoken_here:
            run += 1
            continue
        if run * FRAME > least_speech:
            middle = (place - run / 2) * FRAME
            assert any(start <= middle <= end for start, end in found)
        run = 0


def test_the_sound_of_stretches_is_cut_from_the_stream(talk: Sound) -> None:
    whole = list(speech(talk, options=SpeechOptions(longest=30.0)))
    parts = list(spoken(blocks_of(talk, [0.5])))
    assert [(round(s.start, 4), round(s.end, 4)) for s in parts] == [(round(a, 4), round(b, 4)) for a, b in whole]
    for part in parts:
        assert np.array_equal(part.samples, talk.cut(part.start, part.end).samples)


def test_long_silence_is_not_held_in_memory() -> None:
    alive = 0

    seen: list[weakref.ref] = []

    def blocks() -> Iterator[Sound]:
        nonlocal alive
        for k in range(60):
            array = np.zeros(16_000, np.float32)
            seen.append(weakref.ref(array))
            yield Sound(array, 16_000, start=float(k))
            del array
            alive = max(alive, sum(r() is not None for r in seen))

    assert list(spoken(blocks(), options=SpeechOptions(longest=3.0))) == []
    assert len(seen) == 60 and alive <= 7


def test_what_cannot_be_told_is_refused(talk: Sound) -> None:
    with pytest.raises(ValueError, match="16000 samples a second, not at 8000"):
        list(speech(Sound(talk.samples, 8_000)))
    with pytest.raises(ValueError, match=r"a block begins at 5\.0 s where 1\.0 s was due"):
        list(speech([talk.cut(0, 1), talk.cut(5, 6)]))
    with pytest.raises(ValueError, match="longest"):
        list(spoken(talk, options=SpeechOptions()))
    for wrong in ({"threshold": 0}, {"release": 0.7}, {"padding": -1.0}, {"longest": 0.1}):
        with pytest.raises(ValueError):
            SpeechOptions(**wrong)


@pytest.mark.data
@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_actors_are_heard_to_speak() -> None:
    root = Path(os.environ["AFFEKT_DATA"]) / "ravdess"
    files = sorted(root.glob("Actor_*/*.flac"))[::97]
    assert len(files) > 10
    shares = []
    for file in files:
        sound = read_sound(file)
        shares.append(sum(end - start for start, end in speech(sound)) / sound.duration)
    # Each clip is one sentence of about two seconds between silences.
    assert min(shares) > 0.1 and max(shares) < 0.95
