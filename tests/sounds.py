"""Sound for the tests: made, not recorded, and the same on every machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# First three formants of vowels (Hz), about those of Peterson and Barney 1952.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (570, 840, 2410), (300, 870, 2240))


def voice(
    seconds: float, *, rate: int = 16_000, pitch: float = 120.0, seed: int = 0, longer: float = 1.0
) -> NDArray[np.float32]:
    """Syllables of a vowel each, a glottal pulse ringing in three formants, with breaths of noise between them.

    `longer` scales the length of the vocal tract: the formants are lower by that factor.
    """
    random = np.random.RandomState(seed)  # its numbers never change between versions of numpy
    n = int(seconds * rate)
    out = np.zeros(n + rate)
    ring = np.arange(int(0.03 * rate)) / rate
    at = 0.0
    while at < seconds:
        formants = VOWELS[random.randint(len(VOWELS))]
        length = 0.12 + 0.1 * random.rand()
        height = pitch * (1 + 0.15 * random.randn() * 0.5)
        time = 0.0
        while time < length:
            pulse = sum(
                np.exp(-ring * 2 * np.pi * (40 + 0.05 * f)) * np.sin(2 * np.pi * f / longer * ring) / (k + 1)
                for k, f in enumerate(formants)
            )
            first = int((at + time) * rate)
            if first + len(ring) > len(out):
                break
            out[first : first + len(ring)] += pulse * np.sin(np.pi * min(time / length, 1.0)) ** 0.5
            time += 1 / (height * (1 - 0.2 * time / length))
        hiss = int((at + length) * rate)
        breath = random.randn(int(0.05 * rate)) * 0.05
        out[hiss : hiss + len(breath)] += breath[: max(len(out) - hiss, 0)]
        at += length + 0.06
    return (0.2 * out[:n] / max(float(np.abs(out[:n]).max()), 1e-9) * 2).astype(np.float32)


def conversation() -> NDArray[np.float32]:
    """14 s: silence, speech, a short doubt, speech, a long silence, a short sound, speech to the end; faint noise."""
    parts = [np.zeros(16_000), voice(3.0, seed=1), np.zeros(3_200), voice(2.0, seed=2), np.zeros(40_000),
             voice(0.1, seed=3), np.zeros(24_000), voice(3.7, pitch=210, seed=4, longer=0.85)]  # fmt: skip
    line = np.concatenate(parts)
    return (line + 1e-4 * np.random.RandomState(9).randn(len(line))).astype(np.float32)


def write(
    path: Path,
    samples: NDArray[np.generic],
    *,
    rate: int,
    codec: str,
    layout: str = "mono",
) -> Path:
    """Encode samples, shape (n,) or (channels, n), floats within ±1, by PyAV."""
    import av

    values = np.atleast_2d(np.asarray(samples, dtype=np.float64))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        wanted = stream.codec_context.format.name
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=wanted, layout=layout, rate=rate, frame_size=size)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(values, dtype=np.float32), format="fltp", layout=layout)
        frame.sample_rate = rate
        for ready in [*resampler.resample(frame), *resampler.resample(None)]:
            for packet in stream.encode(ready):
                out.mux(packet)
        for packet in stream.encode(None):
            out.mux(packet)
    return path
