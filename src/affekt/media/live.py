"""Sound that comes in while it is made: raw samples or a WAV stream from a pipe, block by block.

Nothing in such a stream could be parsed wrongly but the header of a WAV, whose few fields are read here with bounds; so
it is taken in this process, and what has to be decoded first is refused.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import InputError, UnknownNameError
from affekt.media.encoding import clean, signature
from affekt.media.sound import RATE, Resampling, Sound, to_full_scale

__all__ = ["ENCODINGS", "Incoming", "live_sound"]

ENCODINGS: Final = {
    "u8": "u1",
    "s8": "i1",
    "s16le": "<i2",
    "s16be": ">i2",
    "s24le": "<i3",  # no type of numpy; see `_values`
    "s32le": "<i4",
    "s32be": ">i4",
    "f32le": "<f4",
    "f32be": ">f4",
    "f64le": "<f8",
}
"""How samples are written, by FFmpeg's names: signed, unsigned or floating, bits, order of bytes."""

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
# Programs that write into a pipe do not know the length, and put nothing or the greatest number there.
_UNKNOWN = 0x7FFF_0000
_HEADER = 1 << 20  # bytes before the samples of a WAV at most
_CONVERT = "Pipe samples in, such as from `ffmpeg -i ... -f wav -`, or name the file."


class _OverError(Exception):
    """The listener was told to end while it waited."""


class Incoming:
    """Bytes of a stream, until it ends or `end` is called.

    Args:
        stream: Where bytes are read from; default standard input.
    """

    def __init__(self, stream: IO[bytes] | None = None) -> None:
        self.name = "standard input" if stream is None else clean(str(getattr(stream, "name", "stream")))[0]
        source: Any = sys.stdin.buffer if stream is None else stream
        # What gives less than it was asked for loses nothing when the waiting ends.
        self._read = getattr(source, "read1", source.read)
        self._held = b""
        self._over = self._waits = False

    def take(self, size: int) -> bytes:
        """So many bytes, waited for; fewer at the end."""
        gathered, self._held = bytearray(self._held[:size]), self._held[size:]
        try:
            while len(gathered) < size and not self._over:
                self._waits = True
                data = self._read(size - len(gathered))
                self._waits = False
                if not data:
                    break
                gathered += data
        except _OverError:
            pass
        finally:
            self._waits = False
        return bytes(gathered)

    def look(self, size: int) -> bytes:
        """The next bytes, which are still to be taken."""
        self._held = self.take(size) + self._held
        return self._held

    def end(self) -> None:
        """Take what has come in for all; made to be called by a signal handler of the thread that reads."""
        self._over = True
        if self._waits:
            raise _OverError


@dataclass(frozen=True, slots=True)
class _Form:
    """How the samples of a stream are written; of a WAV with the bytes of them that its header announces."""

    rate: int
    channels: int
    encoding: str
    announced: int | None = None

    @property
    def width(self) -> int:
        """Bytes of one sample of all channels."""
        return int(ENCODINGS[self.encoding][-1]) * self.channels


def live_sound(
    stream: IO[bytes] | Incoming | None = None,
    *,
    rate: int | None = None,
    channels: int | None = None,
    encoding: str | None = None,
    to: int = RATE,
    channel: int | None = None,
    seconds: float = 1.0,
) -> Iterator[Sound]:
    """Blocks of sound as they come in from a pipe or a microphone: a WAV stream, or raw samples, interleaved.

    A block is given when its last sample has arrived, so it is heard at most `seconds` late (and less than 5 ms more
    where it is resampled).

    Args:
        stream: Where bytes are read from; default standard input.
        rate: Samples a second of raw sound; default 16,000. A WAV says it itself, as the next two.
        channels: Channels of raw sound; default 1.
        encoding: One of `ENCODINGS` (`S16_LE` is the same as `s16le`); default signed 16 bit, little endian.
        to: Samples a second to give; another one than comes in needs PyAV.
        channel: The channel to take, counted from 0; default the mean of all.
        seconds: Length of a block; the last one is shorter.

    Yields:
        The blocks, in order, without gap or overlap, until the stream ends.

    Raises:
        InputError: Nothing came in, it is no sound or has to be decoded, or there is no such channel.
        MissingExtraError: It has to be resampled and PyAV is not installed.
        UnknownNameError: There is no such encoding.
        ValueError: `rate`, `channels` or `seconds` is too small.
    """
    if min(16_000 if rate is None else rate, to, 1 if channels is None else channels) < 1:
        raise ValueError("rate and channels have to be at least 1")
    if encoding is not None:
        encoding = _encoding(encoding)
    incoming = stream if isinstance(stream, Incoming) else Incoming(stream)
    where = incoming.name
    head = incoming.look(12)
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        if (rate, channels, encoding) != (None, None, None):
            raise InputError(
                "A WAV stream says its rate, channels and encoding itself",
                where=where,
                hint="Leave --rate, --channels and --encoding out.",
            )
        form = _wav(incoming)
    else:
        form = _Form(rate or RATE, channels or 1, encoding or "s16le")
        _check_raw(incoming, where)
    size = round(seconds * form.rate)
    if size < 1:
        raise ValueError(f"a block of {seconds} s at {form.rate} samples a second holds no sample")
    if channel is not None and not 0 <= channel < form.channels:
        raise InputError(f"There is no channel {channel}: {form.channels} come in", where=where)
    resampling = Resampling(form.rate, to) if to != form.rate else None
    about = Sound(
        np.zeros(0, np.float32),
        to,
        source=where,
        original_rate=form.rate,
        channels=form.channels,
        codec=f"pcm_{form.encoding}",
    )
    given, came, more = 0, False, True
    left = form.announced
    while more:
        wanted = size * form.width if left is None else min(size * form.width, left)
        data = incoming.take(wanted)
        came = came or bool(data)
        left = None if left is None else left - len(data)
        more = len(data) == size * form.width
        spare = len(data) % form.width
        notes = (f"{spare} bytes at the end are no whole sample.",) if spare else ()
        values = _values(data[: len(data) - spare], form.encoding).reshape(-1, form.channels).T
        part = np.zeros(0, np.float32)
        if values.size:
            level = to_full_scale(values, None, where)
            part = (level[channel] if channel is not None else level.mean(axis=0)).astype(np.float32)
        if resampling is not None:
            part = resampling.push(part)
            if not more:
                part = np.concatenate([part, resampling.rest()])
        samples = np.clip(part, -1.0, 1.0)
        if len(samples) or notes:
            yield replace(about, samples=samples, start=given / to, notes=notes)
        given += len(samples)
    if not came:
        raise InputError("Nothing came in", where=where, hint="Pipe a WAV stream or raw samples in.")


def _encoding(name: str) -> str:
    plain = name.casefold().replace("_", "")
    if plain not in ENCODINGS:
        raise UnknownNameError("encoding of sound", name, ENCODINGS)
    return plain


def _values(data: bytes, encoding: str) -> NDArray[Any]:
    if encoding == "s24le":  # as the upper bytes of 32 bits
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4")
    return np.frombuffer(data, dtype=ENCODINGS[encoding])


def _check_raw(incoming: Incoming, where: str) -> None:
    """Refuse what is plainly something else; any bytes could be samples."""
    head = incoming.look(256)
    kind = signature(head)
    if kind is not None:
        raise InputError(f"What comes in is no row of samples but {kind}", where=where, hint=_CONVERT)
    text = head.rstrip()
    if len(text) > 16 and text.isascii() and all(c >= 32 or c in b"\t\r\n" for c in text):
        raise InputError("What comes in is not sound but text", where=where, hint="Leave --sound out, to read it.")


def _wav(incoming: Incoming) -> _Form:
    """Read the header of a WAV up to its samples."""
    where = incoming.name
    broken = InputError("The header of the WAV stream is damaged", where=where, hint=_CONVERT)
    incoming.take(12)
    form: tuple[int, int, str] | None = None
    passed = 0
    while True:
        head = incoming.take(8)
        if len(head) < 8:
            raise broken
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data":
            if form is None:
                raise broken
            return _Form(*form, announced=None if not size or size >= _UNKNOWN else size)
        passed += size
        if passed > _HEADER:
            raise broken
        body = incoming.take(size + size % 2)  # chunks begin at even places
        if name == b"fmt ":
            if len(body) < 16:
                raise broken
            tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if tag == _EXTENSIBLE and len(body) >= 26:
                tag = int.from_bytes(body[24:26], "little")
            encoding = {_PCM: "u8" if bits == 8 else f"s{bits}le", _FLOAT: f"f{bits}le"}.get(tag)
            if encoding not in ENCODINGS:
                raise InputError(
                    f"The WAV stream is coded in a way that is not read (format {tag}, {bits} bits)",
                    where=where,
                    hint=_CONVERT,
                )
            if not 1 <= channels <= 64 or not 1 <= rate <= 768_000:
                raise broken
            form = rate, channels, encoding
