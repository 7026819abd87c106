"""Joined recordings and what is said of them: places of change, levels, and speakers that are never learned from."""

from __future__ import annotations

import csv
import wave

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("sklearn", reason="needs the train extra")

from affekt.core.errors import InputError
from affekt.core.timeline import Segment
from affekt.media.sound import RATE, Sound
from affekt.metrics.timeline import eder
from affekt.models.changes import FRAME
from affekt.train.voice.changes import Reader, follow
from affekt.train.voice.joined import FADE, Joined, join, write_joined

ORDER = ["neutral", "happy", "sad"]


def hum(seconds, pitch, level):
    time = np.arange(int(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def test_pieces_meet_at_one_level_where_it_is_said():
    low, high = hum(1.0, 200, 0.01), hum(1.5, 1500, 0.6)
    samples, (place,) = join([low, high])
    assert len(samples) == len(low) + len(high) - round(FADE * RATE)
    assert place == pytest.approx(1.0 - FADE / 2)

    def level(a, b):
        return np.sqrt(np.mean(samples[int(a * RATE) : int(b * RATE)] ** 2))

    assert level(0.1, 0.9) == pytest.approx(level(1.1, 2.3), rel=0.02)
    # Before the place the low one is louder, after it the high one.
    for a, b, pitch in ((place - 0.3, place - 0.1, 200), (place + 0.1, place + 0.3, 1500)):
        part = samples[int(a * RATE) : int(b * RATE)]
        assert np.abs(np.fft.rfft(part)).argmax() * RATE / len(part) == pytest.approx(pitch, abs=10)
    assert join([low])[1] == []


def made(speakers=6, each=6, seed=0):
    """Recordings of speakers whose frames lie where their emotion is, beside the speaker's own place."""
    rng = np.random.default_rng(seed)
    ways = np.eye(3, 6) * 3
    frames, out = {}, []
    for s in range(speakers):
        for k in range(each):
            labels = [["neutral", ORDER[1 + k % 2]], [ORDER[1 + k % 2], "neutral"], [ORDER[1 + k % 2]]][k % 3]
            lengths = rng.integers(60, 120, len(labels))
            rows = np.repeat([ORDER.index(x) for x in labels], lengths)
            held = ways[rows] + rng.normal(0, 4.0, (len(rows), 6)) + rng.normal(0, 0.1, 6)
            ends = np.cumsum(lengths) * FRAME
            segments = tuple(
                Segment(float(a), float(b), (x,)) for a, b, x in zip([0, *ends[:-1]], ends, labels, strict=True)
            )
            sound = Sound(np.zeros(round(float(ends[-1]) * RATE), np.float32), RATE)
            frames[id(sound)] = held.astype(np.float32)
            out.append(Joined(f"{s}-{k}", f"s{s}", "train", sound, segments))
    return out, frames


def test_a_head_of_moments_finds_what_one_label_cannot():
    recordings, frames = made()
    followed = follow(recordings, lambda sound: frames[id(sound)], window=0.3, hop=0.1)
    asked, chosen = (followed.speakers == name for name in ("s0", "s1"))
    reader = Reader.fit(followed, learned=~asked & ~chosen, chosen=chosen, order=ORDER, neutral="neutral", strength=0.1)
    rates = {
        way: np.mean([eder(truth=followed.truth[r], prediction=getattr(reader, way)(r)) for r in np.flatnonzero(asked)])
        for way in ("nothing", "one_label", "moments", "smoothed", "parts")
    }
    assert rates["smoothed"] <= rates["moments"] < rates["one_label"] < rates["nothing"]
    assert rates["smoothed"] < 0.1 and rates["parts"] < 0.1
    # Every moment has the label of the segment that it lies in.
    r = 1
    middles = (np.arange(followed.of(r).stop - followed.of(r).start) + 0.5) * followed.hop
    there = [next(s.labels[0] for s in followed.truth[r] if s.start <= m < s.end) for m in middles if m < 1.2]
    assert followed.labels[followed.of(r)][: len(there)].tolist() == there


@pytest.mark.data
def test_recordings_of_an_actor_hold_nobody_else(tmp_path, monkeypatch):
    from affekt.train.voice import joined as module

    # Some of one actor alone, since decoding all would take minutes.
    every = module.read

    def some(*args, **kwargs):
        kept = {"intensity": "01", "repetition": "01"}
        return (
            row for row in every(*args, **kwargs) if row[0].speaker == "01" and kept.items() <= row[0].facts.items()
        )

    monkeypatch.setattr(module, "read", some)
    counted = write_joined("ravdess", tmp_path / "joined")
    with (tmp_path / "joined" / "segments.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sum(counted.values()) == len(rows) == 7 * 8 and {row["speaker"] for row in rows} == {"01"}
    files = sorted((tmp_path / "joined").glob("*.wav"))
    assert len(files) == 7 * 4 and {row["recording"] for row in rows} == {file.name for file in files}
    for row in rows:
        assert row["emotion"] in ("neutral", row["recording"].split("-")[1])
    with wave.open(str(files[0])) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
        (row,) = (row for row in rows if row["id"] == f"{files[0].stem}-1")
        assert sound.getframerate() == RATE and len(samples) / RATE == pytest.approx(float(row["duration"]), abs=1e-4)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.05, rel=0.1)
    with pytest.raises(InputError, match="not empty"):
        write_joined("ravdess", tmp_path / "joined")
