"""Pictures and videos for the tests: drawn, not recorded, and the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
_QUICK = {"libvpx": {"deadline": "realtime", "cpu-used": "8"}, "libx264": {"preset": "ultrafast"}}


def _disc(grid: tuple[NDArray, NDArray], x: float, y: float, rx: float, ry: float, *, soft: float = 0.15) -> NDArray:
    """1 within an ellipse, 0 without, with a soft edge."""
    far = np.sqrt(((grid[0] - x) / rx) ** 2 + ((grid[1] - y) / ry) ** 2)
    return np.clip((1 - far) / soft + 0.5, 0, 1)


def face(
    size: int = 160,
    *,
    skin: tuple[int, int, int] = (205, 165, 140),
    hair: tuple[int, int, int] = (60, 40, 30),
    smile: float = 0.0,
) -> Pixels:
    """A face as a child might paint it, light on dark, and plain enough to be found: shape (size, size, 3)."""
    y, x = np.mgrid[0:size, 0:size] / size
    grid = (x, y)
    out = np.empty((size, size, 3))
    out[:] = np.array([90, 100, 110])

    def paint(mask: NDArray, colour: Sequence[float]) -> None:
        out[:] = out * (1 - mask[..., None]) + np.asarray(colour, float) * mask[..., None]

    paint(_disc(grid, 0.5, 0.42, 0.36, 0.42), hair)
    paint(_disc(grid, 0.5, 0.52, 0.29, 0.40), skin)
    dark, pale = np.array(skin) * 0.55, np.minimum(np.array(skin) * 1.15, 255)
    for side in (-1, 1):
        paint(0.75 * _disc(grid, 0.5 + side * 0.125, 0.43, 0.085, 0.05, soft=0.6), dark)  # the hollow of the eye
        paint(_disc(grid, 0.5 + side * 0.125, 0.37, 0.085, 0.016, soft=0.5), hair)
        paint(_disc(grid, 0.5 + side * 0.125, 0.44, 0.06, 0.026), (235, 235, 235))
        paint(_disc(grid, 0.5 + side * 0.125, 0.44, 0.026, 0.028), (30, 25, 25))
        paint(0.5 * _disc(grid, 0.5 + side * 0.15, 0.60, 0.09, 0.07, soft=0.9), pale)
        paint(0.6 * _disc(grid, 0.5 + side * 0.035, 0.605, 0.022, 0.016, soft=0.5), dark)
    paint(0.6 * _disc(grid, 0.5, 0.52, 0.03, 0.10, soft=0.9), pale)
    bend = smile * 0.05 * (1 - ((x - 0.5) / 0.11) ** 2)
    mouth = _disc((x, y - bend), 0.5, 0.72, 0.115, 0.026)
    paint(mouth, (150, 70, 70))
    paint(0.5 * _disc(grid, 0.5, 0.79, 0.09, 0.02, soft=0.9), dark)
    return np.clip(out, 0, 255).astype(np.uint8)


def scene(
    *people: tuple[int, int, Pixels], size: tuple[int, int] = (320, 240), ground: tuple[int, int, int] = (90, 100, 110)
) -> Pixels:
    """A picture with faces at these places: (left, top, face)."""
    out = np.empty((size[1], size[0], 3), np.uint8)
    out[:] = ground
    for left, top, one in people:
        out[top : top + len(one), left : left + one.shape[1]] = one
    return out


def film(
    path: Path,
    draw: Callable[[int], Pixels],
    *,
    frames: int,
    rate: int = 10,
    codec: str = "mpeg4",
    milliseconds: Sequence[int] | None = None,
    sound: NDArray[np.float32] | None = None,
    rotation: int = 0,
) -> Path:
    """A video of drawn frames, with sound at 16 kHz where it is given; with times of its own where these are given."""
    import av

    first = draw(0)
    with av.open(str(path), "w") as out:
        pictures = out.add_stream(codec, rate=1000 if milliseconds else rate)
        pictures.height, pictures.width = first.shape[:2]
        pictures.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        pictures.bit_rate = 4_000_000
        pictures.options = _QUICK.get(codec, {})
        if rotation:
            pictures.set_display_rotation(rotation)
        kind = "pcm_s16le" if path.suffix in (".avi", ".mkv") else "aac"
        track = None if sound is None else out.add_stream(kind, rate=16_000, layout="mono")
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            if milliseconds:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
            for packet in pictures.encode(frame):
                out.mux(packet)
        for packet in pictures.encode(None):
            out.mux(packet)
        if track is not None and sound is not None:
            whole = np.round(np.clip(sound, -1, 1) * 32767).astype("<i2")
            for at in range(0, len(whole), 1024):
                frame = av.AudioFrame.from_ndarray(whole[None, at : at + 1024], format="s16", layout="mono")
                frame.sample_rate, frame.pts = 16_000, at
                for packet in track.encode(frame):
                    out.mux(packet)
            for packet in track.encode(None):
                out.mux(packet)
    return path


def eventful(seed: int, *, seconds: float = 20.0, rate: int = 12) -> tuple[list[Pixels], float, float]:
    """Frames in which a disc darts across for 0.4 s, among what always moves; with the start and end of that.

    A patterned ground drifts as under a camera, discs swim at their own pace, and the light comes and goes.
    """
    random = np.random.RandomState(seed)
    wide, tall, count = 160, 90, round(seconds * rate)
    y, x = np.mgrid[0:tall, 0:wide].astype(float)
    waves = [(random.uniform(0.05, 0.2, 2), random.uniform(0, 6)) for _ in range(4)]
    drift, light = random.uniform(-6, 6, 2), random.uniform(0.3, 1.0)  # pixels and turns by second
    discs = [(random.rand(2) * (wide, tall), random.uniform(-15, 15, 2), random.uniform(5, 12)) for _ in range(3)]
    start = random.uniform(1.5, seconds - 2.0)
    side = random.choice((-1, 1))
    out = []
    for number in range(count):
        t = number / rate
        ground = sum(np.sin(a * (x + drift[0] * t) + b * (y + drift[1] * t) + c) for (a, b), c in waves)
        grey = 110 + 14 * ground + 18 * np.sin(2 * np.pi * light * t)
        for place, pace, radius in discs:
            px, py = (place + pace * t) % (wide, tall)
            grey[(x - px) ** 2 + (y - py) ** 2 < radius**2] += 45
        if start <= t < start + 0.4:
            px = wide / 2 + side * (t - start - 0.2) * 300
            grey[(x - px) ** 2 + (y - 45) ** 2 < 18**2] = 240
        out.append(np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2))
    return out, start, start + 0.4
