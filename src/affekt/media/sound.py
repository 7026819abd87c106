"""Sound: decoded once, one channel, one rate, with what is known of it; whole or in blocks.

Files are decoded by `affekt.media.guard`. Arrays hold nothing that could be parsed wrongly, so they are taken in this
process; so is sound that comes in live (`affekt.media.live`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from affekt.core.errors import InputError
from affekt.extras import need
from affekt.media.encoding import clean
from affekt.media.guard import Footer, Header, Limits, decode

__all__ = ["RATE", "Limits", "Resampling", "Sound", "read_sound", "sound_of", "stream_sound", "to_full_scale"]

RATE = 16_000

# Full scale less the rounding of 16 bit and of a resampling filter.
_CLIPPED = 0.999
# Seconds of the longest sound that is held in memory whole (half a GiB at 16 kHz).
_WHOLE = 2 * 3600.0
# A float array whose values leave ±1 by more than decoders and filters overshoot is on another scale.
_OVERSHOOT = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A stretch of sound.

    Attributes:
        samples: float32 of shape (n,), one channel, full scale ±1.
        rate: Samples a second.
        start: Seconds from the beginning of the recording to its first sample.
        source: The file that it came from, for messages and reports.
        original_rate: Samples a second in the file.
        channels: Channels in the file, before they were averaged or one was taken.
        codec: Codec in the file, by FFmpeg's name.
        container: Format of the file, by FFmpeg's name.
        declared: Seconds that the file's header announces for the whole of it.
        notes: What was wrong with the file although it could be read, as sentences; of a stream, on its last block.
    """

    samples: NDArray[np.float32]
    rate: int
    start: float = 0.0
    source: str | None = None
    original_rate: int | None = None
    channels: int | None = None
    codec: str | None = None
    container: str | None = None
    declared: float | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def duration(self) -> float:
        """Seconds of this stretch."""
        return len(self.samples) / self.rate

    @property
    def end(self) -> float:
        """Seconds from the beginning of the recording to the end of this stretch."""
        return self.start + self.duration

    @property
    def clipped(self) -> float:
        """Share of samples at full scale, 0..1; NaN where there are none.

        Of a resampled file it is a lower bound: the filter rounds off some of the flat tops.
        """
        return float(np.mean(np.abs(self.samples) >= _CLIPPED)) if len(self.samples) else float("nan")

    def cut(self, start: float, end: float) -> Sound:
        """The part between two places in the recording, in seconds; what lies outside this stretch is left out.

        Raises:
            ValueError: `end` is before `start`.
        """
        if end < start:
            raise ValueError(f"a part cannot end ({end}) before it starts ({start})")
        first = min(max(round((start - self.start) * self.rate), 0), len(self.samples))
        last = min(max(round((end - self.start) * self.rate), first), len(self.samples))
        return replace(self, samples=self.samples[first:last], start=self.start + first / self.rate)


def read_sound(
    source: str | Path, *, rate: int = RATE, channel: int | None = None, limits: Limits | None = None
) -> Sound:
    """Decode a file of sound, or the sound of a video, as a whole.

    Args:
        source: The file.
        rate: Samples a second to give.
        channel: The channel to read, counted from 0 (calls often hold one party on each); default their mean.
        limits: What the file may cost; by default as `Limits`, but 2 hours of sound, since all of it is held in memory.

    Raises:
        InputError: There is no such file, it holds no sound that can be read, or a limit is passed.
        MissingExtraError: PyAV is not installed.
    """
    parts: list[NDArray[np.float32]] = []
    sound = Sound(np.zeros(0, np.float32), rate)
    for block in _blocks(source, rate=rate, channel=channel, limits=limits or Limits(duration=_WHOLE)):
        parts.append(block.samples)
        sound = block
    return replace(sound, samples=np.concatenate(parts), start=0.0)


def stream_sound(
    source: str | Path,
    *,
    seconds: float = 30.0,
    rate: int = RATE,
    channel: int | None = None,
    limits: Limits | None = None,
) -> Iterator[Sound]:
    """Decode a file in blocks; memory does not grow with its length.

    Args:
        source: The file.
        seconds: Length of a block; the last one is shorter.
        rate: Samples a second to give.
        channel: The channel to read, counted from 0; default their mean.
        limits: What the file may cost.

    Yields:
        The blocks, in order, without gap or overlap.

    Raises:
        InputError: There is no such file, it holds no sound that can be read, or a limit is passed; blocks may have
            been given before that.
        MissingExtraError: PyAV is not installed.
        ValueError: `seconds` is shorter than a sample.
    """
    size = round(seconds * rate)
    if size < 1:
        raise ValueError(f"a block of {seconds} s at {rate} samples a second holds no sample")
    held: list[NDArray[np.float32]] = []
    have = given = 0
    block: Sound | None = None
    for block in _blocks(source, rate=rate, channel=channel, limits=limits or Limits()):
        held.append(block.samples)
        have += len(block)
        # What is full is given only when more has come, so that the notes of the end stand on the last block.
        if have > size:
            samples = np.concatenate(held)
            while len(samples) > size:
                yield replace(block, samples=samples[:size], start=given / rate)
                samples = samples[size:]
                given += size
            held, have = [samples], len(samples)
    if block is not None and have:
        yield replace(block, samples=np.concatenate(held), start=given / rate)


def _blocks(source: str | Path, *, rate: int, channel: int | None, limits: Limits) -> Iterator[Sound]:
    """Pieces of any length as they are decoded; the last one may be empty and has the notes."""
    if rate < 1:
        raise ValueError(f"there is no sound of {rate} samples a second")
    where = clean(str(source))[0]
    sound = Sound(np.zeros(0, np.float32), rate, source=where)
    tracks = 1
    for item in decode(source, rate=rate, channel=channel, limits=limits):
        if isinstance(item, Header):
            tracks = item.tracks
            sound = replace(
                sound,
                original_rate=item.rate,
                channels=item.channels,
                codec=item.codec,
                container=item.container,
                declared=item.declared,
            )
        elif isinstance(item, Footer):
            yield replace(sound, notes=_notes(sound, item, tracks))
        else:
            yield replace(sound, samples=np.clip(item, -1.0, 1.0))


def _notes(sound: Sound, footer: Footer, tracks: int) -> tuple[str, ...]:
    notes = []
    seconds = footer.samples / sound.rate
    if tracks > 1:
        notes.append(f"It has {tracks} tracks of sound; the first was read.")
    if footer.broken:
        notes.append(f"{footer.broken} of {footer.packets} packets could not be decoded.")
    if footer.ended_early:
        notes.append(f"Reading stopped at damage after {seconds:.2f} s.")
    if footer.filled:
        notes.append(f"{footer.filled:.2f} s are missing in it; silence stands for them.")
    if footer.jumps:
        notes.append(f"{footer.jumps} time stamps jump out of the recording and were not believed.")
    found = seconds - footer.filled
    if footer.cut_off:
        notes.append(f"The end is missing: the header announces {footer.cut_off:,} bytes more.")
    elif sound.declared is not None and abs(sound.declared - found) > max(0.5, 0.02 * found):
        notes.append(f"The header announces {sound.declared:.2f} s, {found:.2f} s were found.")
    return tuple(notes)


def sound_of(
    array: ArrayLike,
    *,
    rate: int,
    to: int = RATE,
    channel: int | None = None,
    full_scale: float | None = None,
    start: float = 0.0,
    source: str | None = None,
) -> Sound:
    """Take an array as sound.

    Args:
        array: Shape (n,), (n, channels) or (channels, n): the longer axis is time. Integers of 8, 16 and 32 bits have
            their own full scale (unsigned ones around their middle), floats ±1.
        rate: Samples a second of the array.
        to: Samples a second to give; another one than `rate` needs PyAV.
        channel: The channel to take, counted from 0; default the mean of all.
        full_scale: The value that becomes 1, where it is not the one above.
        start: Seconds from the beginning of the recording to the first sample.
        source: Where it came from, for messages and reports.

    Raises:
        InputError: It is empty, holds no numbers or NaN, its scale or its time axis cannot be told.
        MissingExtraError: It has to be resampled and PyAV is not installed.
    """
    where = source or "array"
    values = np.asarray(array)
    if rate < 1 or to < 1:
        raise ValueError(f"there is no sound of {min(rate, to)} samples a second")
    if values.dtype.kind not in "iuf":
        raise InputError(f"An array of {values.dtype} is no sound", where=where, hint="Give integers or real numbers.")
    if values.size == 0:
        raise InputError("The array is empty", where=where)
    if values.ndim > 2 or values.ndim == 0:
        raise InputError(
            f"An array of {values.ndim} axes is no sound",
            where=where,
            hint="Give (n,), (n, channels) or (channels, n).",
        )
    channels = 1
    if values.ndim == 2:
        if values.shape[0] == values.shape[1] and values.shape[0] > 1:
            raise InputError(
                f"Which axis of an array of shape {values.shape} is time cannot be told",
                where=where,
                hint="Give each channel as an array of shape (n,).",
            )
        if values.shape[0] > values.shape[1]:
            values = values.T
        channels = len(values)
        if channel is not None and not 0 <= channel < channels:
            raise InputError(
                f"There is no channel {channel}: it has {channels}",
                where=where,
                hint=f"Channels are counted from 0; the last is {channels - 1}.",
            )
    elif channel not in (None, 0):
        raise InputError(f"There is no channel {channel}: it has 1", where=where, hint="Leave the channel out.")
    scaled = to_full_scale(np.atleast_2d(values), full_scale, where)
    mono = scaled[channel] if channel is not None else scaled.mean(axis=0)
    samples = np.ascontiguousarray(mono, dtype=np.float32)
    if to != rate:
        resampling = Resampling(rate, to)
        samples = np.concatenate([resampling.push(samples), resampling.rest()])
    return Sound(np.clip(samples, -1.0, 1.0), to, start=start, source=source, original_rate=rate, channels=channels)


def to_full_scale(values: NDArray[Any], full_scale: float | None, where: str) -> NDArray[np.float64]:
    """Values of any scale as float64 with full scale ±1; see `sound_of`, which raises the same errors."""
    dtype = values.dtype
    if full_scale is not None and not full_scale > 0:
        raise ValueError(f"full scale has to be above 0, not {full_scale}")
    if dtype.kind == "f":
        wrong = int(np.count_nonzero(~np.isfinite(values)))
        if wrong:
            raise InputError(
                f"{wrong:,} of {values.size:,} values are NaN or infinite", where=where, hint="Mend or leave them out."
            )
        scaled = values.astype(np.float64) / (full_scale or 1.0)
    elif full_scale is not None:
        scaled = values.astype(np.float64) / full_scale
    elif dtype.itemsize > 4:
        raise InputError(
            f"The scale of an array of {dtype} cannot be told",
            where=where,
            hint="Give full_scale, such as 32768 for 16-bit values.",
        )
    else:
        half = float(2 ** (8 * dtype.itemsize - 1))
        scaled = (values.astype(np.float64) - (half if dtype.kind == "u" else 0.0)) / half
    peak = float(np.abs(scaled).max())
    if peak > _OVERSHOOT:
        raise InputError(
            f"Values go up to {peak:g} times full scale",
            where=where,
            hint="Give full_scale, such as 32768 for 16-bit values.",
        )
    return scaled


class Resampling:
    """Samples of one channel to another rate, in pieces without seams.

    Args:
        rate: Samples a second that are given.
        to: Samples a second to make.

    Raises:
        MissingExtraError: PyAV is not installed.
    """

    def __init__(self, rate: int, to: int) -> None:
        need("av", extra="speech")
        from affekt.media.decoder import Resampler

        self.rate = rate
        self._resampler = Resampler(to)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give samples (n,), take those that are ready."""
        from av import AudioFrame

        parts = [np.zeros(0, np.float32)]
        # A second at a time: a frame of FFmpeg holds at most 2 GiB, and its buffers are as long as the frame.
        for first in range(0, len(samples), self.rate):
            frame = AudioFrame.from_ndarray(samples[None, first : first + self.rate], format="flt", layout="mono")
            frame.sample_rate = self.rate
            parts += [np.frombuffer(bytes(block), dtype=np.float32) for block in self._resampler.push(frame)]
        return np.concatenate(parts)

    def rest(self) -> NDArray[np.float32]:
        """What is still held, at the end."""
        parts = [np.frombuffer(bytes(block), dtype=np.float32) for block in self._resampler.flush()]
        return np.concatenate([np.zeros(0, np.float32), *parts])
