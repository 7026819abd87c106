"""Sound that comes in live: what a pipe holds, rows while it is still open, and every way that it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sounds import voice
from test_analyze_recordings import LoudVoice
from test_media_sound import as_int16

from affekt.analysis import analyze, stream
from affekt.core.errors import InputError, UnknownNameError
from affekt.media.live import ENCODINGS, Incoming, live_sound
from affekt.media.sound import Sound, sound_of
from affekt.media.speech import SpeechOptions, speech
from affekt.media.text import ReadOptions

RATE = 16_000


def of_wav(samples: NDArray[np.int16], *, rate: int = RATE, announced: int | None = None) -> bytes:
    """A WAV stream; `announced` is the length of its samples that the header claims."""
    held = io.BytesIO()
    with wave.open(held, "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    data = bytearray(held.getvalue())
    if announced is not None:
        data[40:44] = struct.pack("<I", announced)
    return bytes(data)


def test_a_raw_stream_is_heard_as_it_comes() -> None:
    samples = as_int16(voice(2.5))
    blocks = list(live_sound(io.BytesIO(samples.tobytes()), seconds=1.0))
    assert [len(b) for b in blocks] == [16_000, 16_000, 8_000]
    assert [b.start for b in blocks] == [0.0, 1.0, 2.0]
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), samples.astype(np.float32) / 32768)


def test_a_raw_stream_is_resampled_without_seams() -> None:
    line = voice(2.5, rate=8_000)
    stereo = np.stack([as_int16(line), np.zeros(len(line), np.int16)], axis=1)
    blocks = list(live_sound(io.BytesIO(stereo.tobytes()), rate=8_000, channels=2, channel=0, seconds=0.3))
    found = np.concatenate([b.samples for b in blocks])
    assert len(found) == 40_000
    assert np.abs(found - sound_of(as_int16(line), rate=8_000).samples).max() < 1e-5
    assert all(b.start == pytest.approx(a.end) for a, b in pairwise(blocks))


def test_a_raw_stream_may_end_anywhere() -> None:
    last = list(live_sound(io.BytesIO(b"\x00\x40" * 10 + b"\x01"), seconds=1.0))[-1]
    assert last.samples.tolist() == [0.5] * 10
    assert last.notes == ("1 bytes at the end are no whole sample.",)
    with pytest.raises(InputError, match="Nothing came in"):
        list(live_sound(io.BytesIO(b"")))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(sorted(ENCODINGS)), st.integers(1, 3), st.integers(1, 700), st.integers(0, 3))
def test_every_encoding_gives_the_samples_that_were_written(
    encoding: str, channels: int, count: int, seed: int
) -> None:
    kind, bits = encoding[0], int("".join(c for c in encoding if c.isdigit()))
    random = np.random.RandomState(seed)
    steps = 2 ** (min(bits, 24 if kind == "f" else bits) - 1)
    levels = random.randint(-steps, steps, (count, channels)).astype(np.float64)
    if kind == "f":
        data = (levels / steps).astype(ENCODINGS[encoding]).tobytes()
    elif bits == 24:
        data = levels.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    else:
        data = (levels + (steps if kind == "u" else 0)).astype(ENCODINGS[encoding]).tobytes()
    blocks = list(live_sound(io.BytesIO(data), encoding=encoding.upper(), channels=channels, seconds=0.01))
    found = np.concatenate([b.samples for b in blocks])
    assert np.allclose(found, (levels / steps).mean(axis=1), atol=1e-7)
    assert {b.codec for b in blocks} == {f"pcm_{encoding}"}


@pytest.mark.parametrize("announced", [None, 0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_stream_says_itself_what_it_is(announced: int | None) -> None:
    samples = as_int16(voice(1.2, rate=8_000))
    blocks = list(live_sound(io.BytesIO(of_wav(samples, rate=8_000, announced=announced)), to=8_000, seconds=0.5))
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), samples.astype(np.float32) / 32768)
    assert {b.original_rate for b in blocks} == {8_000}


def test_what_follows_the_samples_of_a_wav_is_not_heard() -> None:
    samples = as_int16(voice(0.3))
    data = of_wav(samples) + b"LIST" + struct.pack("<I", 400) + bytes(range(200)) * 2
    assert sum(map(len, live_sound(io.BytesIO(data), seconds=0.1))) == len(samples)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Nothing came in"),
        (b"fLaC" + bytes(500), "no row of samples but sound"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "a PNG image"),
        (b"Nobody can hear these words.\n" * 20, "not sound but text"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0", "damaged"),
        (b"RIFF\0\0\0\0WAVEdata\x04\0\0\0\0\0\0\0", "damaged"),
        (b"RIFF\0\0\0\0WAVELIST\xf0\xff\xff\x7f" + bytes(99), "damaged"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 7, 1, 8000, 8000, 1, 8), "format 7, 8 bits"),
        (b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 0, 0, 0, 0, 16), "damaged"),
        (of_wav(np.zeros(0, np.int16)), "Nothing came in"),
        (np.array([0.1, np.nan] * 50, "<f4").tobytes(), "NaN or infinite"),
    ],
)
def test_what_is_no_sound_is_refused(data: bytes, said: str) -> None:
    encoding = "f32le" if "NaN" in said else None
    with pytest.raises(InputError, match=said):
        list(live_sound(io.BytesIO(data), encoding=encoding))


def test_names_and_numbers_are_checked() -> None:
    with pytest.raises(UnknownNameError, match="s16le"):
        next(live_sound(io.BytesIO(bytes(99)), encoding="s16el"))
    with pytest.raises(InputError, match="says its rate"):
        next(live_sound(io.BytesIO(of_wav(np.zeros(99, np.int16))), rate=8_000))
    with pytest.raises(ValueError, match="at least 1"):
        next(live_sound(io.BytesIO(bytes(99)), channels=0))


# --- rows -------------------------------------------------------------------------------------------------------------


def talk() -> NDArray[np.float32]:
    """Four sentences of 1.5 s with 0.9 s of near silence after each; the third is loud."""
    hush = 1e-4 * np.random.RandomState(1).randn(round(0.9 * RATE))
    parts = [np.concatenate([level * voice(1.5, seed=n), hush]) for n, level in enumerate((0.3, 0.3, 1.0, 0.3))]
    return np.concatenate(parts).astype(np.float32)


def slowly(samples: NDArray[np.float32], clock: dict[str, float]) -> Iterator[Sound]:
    """Blocks of 50 ms, each when it would have been spoken; `clock` says when that began."""
    clock["began"] = time.monotonic()
    for first in range(0, len(samples), RATE // 20):
        part = samples[first : first + RATE // 20]
        time.sleep(max(clock["began"] + (first + len(part)) / RATE - time.monotonic(), 0))
        yield Sound(part, RATE, start=first / RATE)


def test_a_row_comes_while_the_next_sentence_is_spoken() -> None:
    line, clock, late = talk()[: round(4.8 * RATE)], {}, []
    readings = []
    for clip, prediction in stream(slowly(line, clock), model=LoudVoice()):
        late.append(time.monotonic() - clock["began"] - clip.end)
        readings.append((clip, prediction))
    expected = list(speech(sound_of(line, rate=RATE), options=SpeechOptions(longest=5.0)))
    assert [(c.start, c.end) for c, _ in readings] == [tuple(np.round(e, 3).tolist()) for e in expected]
    assert len(readings) >= 2
    # 0.3 s by design; the machine may be busy, but nothing waits for the end, which comes seconds later.
    assert late[0] < 0.8


def test_live_rows_are_judged_beside_what_was_heard_so_far() -> None:
    line = talk()
    blocks = [Sound(line[k : k + RATE], RATE, start=k / RATE) for k in range(0, len(line), RATE)]
    at_once = list(stream(iter(blocks), model=LoudVoice()))
    at_the_end = list(stream(blocks, model=LoudVoice()))
    whole = list(stream(sound_of(line, rate=RATE), model=LoudVoice()))
    assert [c.start for c, _ in at_once] == [c.start for c, _ in at_the_end] == [c.start for c, _ in whole]
    assert [p.scores for _, p in at_the_end] == [p.scores for _, p in whole]
    heard = [LoudVoice().hear(sound_of(line, rate=RATE).cut(c.start, c.end)) for c, _ in at_once]
    for n, (clip, prediction) in enumerate(at_once):
        manner = LoudVoice().baseline(heard[: n + 1])
        expected = LoudVoice().judge(clip, heard[n], baseline=manner)
        assert prediction.scores == pytest.approx(expected.scores, abs=1e-3)
    assert at_once[-1].prediction.scores == pytest.approx(at_the_end[-1].prediction.scores, abs=1e-3)
    assert at_once[0].prediction.scores != pytest.approx(at_the_end[0].prediction.scores, abs=1e-3)


def test_blocks_of_silence_and_texts_from_iterators() -> None:
    ((clip, prediction),) = stream(iter([Sound(np.zeros(RATE, np.float32), RATE)]), model=LoudVoice())
    assert (clip.start, clip.end) == (0.0, 1.0)
    assert prediction.abstained == "no speech: nobody speaks in the recording"
    assert len(analyze(iter(["I am so glad.", "Nothing at all."]))) == 2
    assert analyze(iter([])) == []


def test_a_waiting_reader_is_told_to_end_and_keeps_what_came() -> None:
    read, write = os.pipe()
    reader = os.fdopen(read, "rb")
    incoming = Incoming(reader)
    os.write(write, as_int16(voice(0.35)).tobytes())
    before = signal.signal(signal.SIGINT, lambda number, frame: incoming.end())
    main = threading.get_ident()
    timer = threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT))
    timer.start()
    try:
        blocks = list(live_sound(incoming, seconds=0.2))
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
        os.close(write)
        reader.close()
    assert [len(b) for b in blocks] == [3200, 2400]


# --- the command ------------------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-m", "affekt", "analyze", "-", "--sound", "--jobs", "1", *arguments],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
    )


def test_the_command_gives_rows_before_the_end_and_all_at_an_interrupt(tmp_path: Path) -> None:
    data = as_int16(talk()).tobytes()
    second = 2 * round(2.4 * RATE)
    running = command("--out", "-")
    try:
        assert running.stdin is not None and running.stdout is not None
        running.stdin.write(data[:second])
        running.stdin.flush()
        first = json.loads(running.stdout.readline())  # the pipe is open, and nothing more is said
        running.stdin.write(data[second : second + 2 * RATE])  # the second sentence has not ended
        running.stdin.flush()
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        rest, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 0, said
    rows = [first, *map(json.loads, rest.splitlines())]
    assert rows[0]["end"] < 2.4 < rows[-1]["end"] <= 3.41
    assert all(row["model"].startswith("voice@") for row in rows)
    assert f"{len(rows)} rows in" in said.decode()


def test_the_command_takes_a_wav_stream_and_writes_any_format(tmp_path: Path) -> None:
    out = tmp_path / "said.vtt"
    running = command("--out", str(out))
    _, said = running.communicate(of_wav(as_int16(talk()), announced=0), timeout=60)
    assert running.returncode == 0, said
    assert out.read_text().count("-->") >= 4
    running = command("--rate", "8000", "-q")
    _, said = running.communicate(of_wav(as_int16(talk())), timeout=60)
    assert (running.returncode, said.count(b"\n")) == (2, 1)
    assert b"says its rate" in said


def test_options_of_sound_are_not_taken_for_texts(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("Well.\n")
    with pytest.raises(InputError, match="belong to sound"):
        analyze(text, options=ReadOptions(rate=8_000))
    (tmp_path / "a.wav").write_bytes(of_wav(as_int16(voice(0.5))))
    with pytest.raises(InputError, match="says its encoding, rate and channels itself"):
        analyze(tmp_path / "a.wav", options=ReadOptions(channels=2))
