"""Where somebody speaks: voice activity by the bundled Silero net, and stretches of speech from it.

The net (`weights/silero-vad`) gives one probability for 512 samples at 16 kHz (32 ms) from them and what came before,
so it reads a stream of any length in memory that does not grow. Its state runs through a block in one call.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from affekt.media.sound import RATE, Sound

__all__ = [
    "FRAME",
    "SpeechDetector",
    "SpeechOptions",
    "has_speech",
    "levels",
    "segments",
    "speech",
    "speech_probabilities",
    "spoken",
    "trimmed",
]

FRAME: Final = 512 / RATE
"""Seconds of one frame."""

_SAMPLES = 512
_CONTEXT = 64  # samples of the frame before, which the net sees too
_MOST = 512  # frames of one call: 16 s
_BASIN = 5  # frames that the level is averaged over where long speech is cut: 160 ms


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What counts as a stretch of speech. Times are in seconds.

    Attributes:
        threshold: Probability at which speech begins, 0..1.
        release: Probability below which it may end; default `threshold` - 0.15, but at least 0.01.
        least_speech: Shorter speech is left out.
        least_silence: Shorter silence does not end it.
        padding: Added on both sides; between two stretches that are near, at most half of what is between them.
        longest: Longer speech is cut where it is quietest in the second half of that time.
    """

    threshold: float = 0.5
    release: float | None = None
    least_speech: float = 0.25
    least_silence: float = 0.1
    padding: float = 0.03
    longest: float = math.inf

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ValueError(f"the threshold is a probability above 0 and up to 1, not {self.threshold}")
        if self.release is not None and not 0 <= self.release <= self.threshold:
            raise ValueError(f"release has to lie between 0 and the threshold, not at {self.release}")
        if min(self.least_speech, self.least_silence, self.padding) < 0:
            raise ValueError("times cannot be negative")
        if self.longest < max(1.0, 4 * self.padding):
            raise ValueError(f"speech cannot be cut to {self.longest} s; give at least 1 s")


@cache
def _session() -> Any:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = resources.files("affekt.weights") / "silero-vad" / "model.onnx"
    return InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])


class SpeechDetector:
    """The probability of speech, frame by frame, of a stream."""

    def __init__(self) -> None:
        self._session = _session()
        self._hidden = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._held = np.zeros(_CONTEXT, np.float32)  # context, then samples that fill no frame yet

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of the frames that these samples (n,) at 16 kHz complete; shape (frames,), 0..1."""
        return self._run(np.concatenate([self._held, samples]))

    def finish(self) -> NDArray[np.float32]:
        """The last frame, filled up with silence; shape (1,), or (0,) where nothing is left."""
        left = len(self._held) - _CONTEXT
        return self._run(np.concatenate([self._held, np.zeros(-left % _SAMPLES, np.float32)]))

    def _run(self, line: NDArray[np.float32]) -> NDArray[np.float32]:
        frames = (len(line) - _CONTEXT) // _SAMPLES
        parts = [np.zeros(0, np.float32)]
        if frames:
            windows = np.lib.stride_tricks.sliding_window_view(line, _CONTEXT + _SAMPLES)[::_SAMPLES]
            for first in range(0, frames, _MOST):
                probabilities, self._hidden, self._cell = self._session.run(
                    ["speech_probs", "hn", "cn"],
                    {
                        "input": np.ascontiguousarray(windows[first : first + _MOST]),
                        "h": self._hidden,
                        "c": self._cell,
                    },
                )
                parts.append(probabilities)
        self._held = line[frames * _SAMPLES :].copy()
        return np.concatenate(parts)


def speech_probabilities(sound: Sound | Iterable[Sound]) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Probability of speech and level of each frame of 32 ms.

    Args:
        sound: Sound at 16 kHz, or the blocks of a stream, each beginning where the one before ended.

    Yields:
        For each block the frames that it completes: probabilities (frames,), 0..1, and root mean squares in dB of full
        scale (frames,), at least -100. The last frame is filled up with silence.

    Raises:
        ValueError: The rate is another one, or a block does not begin where the one before ended.
    """
    detector = SpeechDetector()
    held = np.zeros(0, np.float32)
    expected: float | None = None
    for block in _as_blocks(sound):
        if block.rate != RATE:
            raise ValueError(f"speech is told at {RATE} samples a second, not at {block.rate}; read the sound so")
        if expected is not None and abs(block.start - expected) > 1.5 / RATE:
            raise ValueError(f"a block begins at {block.start} s where {expected} s was due")
        expected = block.end
        line = np.concatenate([held, block.samples])
        whole = len(line) // _SAMPLES * _SAMPLES
        held = line[whole:]
        yield detector.feed(block.samples), levels(line[:whole])
    if len(held):
        yield detector.finish(), levels(np.concatenate([held, np.zeros(-len(held) % _SAMPLES, np.float32)]))


def has_speech(sound: Sound, *, threshold: float = 0.5) -> bool:
    """Whether the probability of speech reaches the threshold anywhere in a sound at 16 kHz.

    Raises:
        ValueError: The rate is another one.
    """
    return any((probabilities >= threshold).any() for probabilities, _ in speech_probabilities(sound))


def _as_blocks(sound: Sound | Iterable[Sound]) -> Iterable[Sound]:
    return (sound,) if isinstance(sound, Sound) else sound


def levels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of each whole frame of sound at 16 kHz in dB of full scale, at least -100; shape (n // 512,)."""
    power = np.square(samples[: len(samples) // _SAMPLES * _SAMPLES].reshape(-1, _SAMPLES)).mean(axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-10)), dtype=np.float32)


def speech(sound: Sound | Iterable[Sound], *, options: SpeechOptions | None = None) -> Iterator[tuple[float, float]]:
    """Stretches of speech, as soon as each is over.

    Args:
        sound: Sound at 16 kHz, or the blocks of a stream, each beginning where the one before ended.
        options: What counts as a stretch.

    Yields:
        Start and end in seconds of the recording, in order, not overlapping; nothing where nobody speaks.

    Raises:
        ValueError: The rate is another one, or a block does not begin where the one before ended.
    """
    start = end = 0.0
    first = True

    def watched() -> Iterator[Sound]:
        nonlocal start, end, first
        for block in _as_blocks(sound):
            if first:
                start, first = block.start, False
            end = block.end
            yield block

    for began, ended in segments(speech_probabilities(watched()), options=options):
        # The last frame may have been filled up beyond the end of the sound.
        if start + began < end:
            yield start + began, min(start + ended, end)


def trimmed(sound: Sound, *, options: SpeechOptions | None = None) -> Sound:
    """From the first speech in a sound to the last; all of it where none is found.

    Args:
        sound: Sound at 16 kHz.
        options: What counts as speech; by default silence of half a second ends it, and it is padded by a tenth.

    Raises:
        ValueError: The rate is another one.
    """
    found = list(speech(sound, options=options or SpeechOptions(least_silence=0.5, padding=0.1)))
    return sound.cut(found[0][0], found[-1][1]) if found else sound


def spoken(sound: Sound | Iterable[Sound], *, options: SpeechOptions | None = None) -> Iterator[Sound]:
    """The sound of each stretch of speech, as soon as it is over, in memory that does not grow with the recording.

    Args:
        sound: Sound at 16 kHz, or the blocks of a stream, each beginning where the one before ended.
        options: What counts as a stretch; by default speech is cut at 30 s.

    Yields:
        The stretches, in order, with what is known of the sound.

    Raises:
        ValueError: The rate is another one, a block does not begin where the one before ended, or `options.longest`
            is infinite.
    """
    options = options or SpeechOptions(longest=30.0)
    if math.isinf(options.longest):
        raise ValueError("give options.longest, which bounds what is held in memory")
    # No stretch that is still to come can begin earlier than this before the sound that was heard last.
    reach = options.longest + options.least_silence + 4 * options.padding + 4 * FRAME
    kept: deque[Sound] = deque()

    def watched() -> Iterator[Sound]:
        for block in _as_blocks(sound):
            while kept and kept[0].end < block.start - reach:
                kept.popleft()
            kept.append(block)
            yield block

    for start, end in speech(watched(), options=options):
        while kept and kept[0].end <= start:
            kept.popleft()
        parts = [part for block in kept if block.start < end and len(part := block.cut(start, end))]
        yield replace(parts[0], samples=np.concatenate([part.samples for part in parts]))


def segments(
    frames: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], *, options: SpeechOptions | None = None
) -> Iterator[tuple[float, float]]:
    """Stretches of speech from probabilities and levels of frames (see `speech_probabilities`).

    Speech begins at `threshold` and ends where the probability stays below `release` for `least_silence`, which keeps
    short doubts from tearing a sentence apart.

    Yields:
        Start and end in seconds from the first frame, in order.
    """
    options = options or SpeechOptions()
    padding = options.padding
    before = 0.0  # where the last stretch ended, padded
    held: tuple[float, float] | None = None  # a stretch whose padding at the end is not known yet
    for item in _unpadded(frames, options):
        if isinstance(item, float):
            if held is not None and item >= held[1] + 2 * padding:
                before = held[1] + padding
                yield held[0], before
                held = None
            continue
        start, end = item
        if held is not None:
            pad = min(padding, (start - held[1]) / 2)
            yield held[0], held[1] + pad
            held = start - pad, end
        else:
            held = max(start - padding, before), end
    if held is not None:
        yield held[0], held[1] + padding


def _unpadded(
    frames: Iterable[tuple[NDArray[np.float32], NDArray[np.float32]]], options: SpeechOptions
) -> Iterator[tuple[float, float] | float]:
    """Stretches without padding; in silence after them, the place that is reached."""
    release = options.release if options.release is not None else max(options.threshold - 0.15, 0.01)
    longest = (options.longest - 2 * options.padding) / FRAME
    least_speech, least_silence = options.least_speech / FRAME, options.least_silence / FRAME
    levels: list[float] = []  # of the frames since speech began
    start: int | None = None
    quiet: int | None = None  # first frame of the silence that may end it
    cut = -1
    now = 0
    for probabilities, loudness in frames:
        for p, level in zip(probabilities.tolist(), loudness.tolist(), strict=True):
            if start is None:
                if p >= options.threshold:
                    start, quiet, levels = now, None, []
                else:
                    yield now * FRAME
            if start is not None:
                levels.append(level)
                if p >= options.threshold:
                    quiet = None
                elif p < release and quiet is None:
                    quiet = now
                if quiet is not None and now - quiet >= least_silence:
                    # The rest of speech that was cut is kept, however short.
                    if quiet - start > least_speech or (start == cut and quiet > start):
                        yield start * FRAME, quiet * FRAME
                    start = None
                elif now + 1 - start >= longest:
                    cut = start + _quietest(levels)
                    yield start * FRAME, cut * FRAME
                    levels = levels[cut - start :]
                    quiet = None if quiet is None or quiet < cut else quiet
                    start = cut
            now += 1
    if start is not None and (now - start > least_speech or start == cut):
        yield start * FRAME, now * FRAME


def _quietest(levels: list[float]) -> int:
    """The frame in the second half around which the level is lowest."""
    smooth = np.convolve(np.pad(levels, _BASIN // 2, mode="edge"), np.ones(_BASIN), mode="valid")
    half = len(levels) // 2
    return half + int(np.argmin(smooth[half:]))
