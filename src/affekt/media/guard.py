"""Decoding files that nobody vouches for: a process of its own, with limits, and no way to anything else.

FFmpeg reads a hundred formats written by anyone, so it never runs in the caller's process. `decode` starts
`affekt.media.decoder` for one file, hands it that file opened, and takes plain float32 samples back over a pipe. What
the process may use is described there. Whoever takes over FFmpeg by a crafted file can still compute, and answer
nonsense, until a limit ends the process; no further file and no socket can be opened from it.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import AffektError, InputError
from affekt.extras import need
from affekt.media.encoding import clean, encoding_of, points_elsewhere, signature

__all__ = ["Footer", "Header", "Limits", "decode"]

_FORMATS = "Sound: wav, flac, mp3, m4a, ogg, opus, aac, aiff, wma, amr; video with sound: mp4, mov, mkv, webm, avi."
# What the loader of shared libraries may need; nothing else of the caller's environment is handed on.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "PATH")
# Lengths from here on stand for "not known" in a RIFF header.
_UNKNOWN = 0x7FFF_0000
# How lists of other addresses begin.
_PLAYLISTS = (b"#EXTM3U", b"#EXT-X", b"ffconcat", b"[playlist]", b"<ASX", b"<asx", b"<MPD", b"<smil", b"[Reference]")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. Beyond a limit it is refused with the limit named, never cut.

    Attributes:
        size: Bytes of the file.
        duration: Seconds of sound.
        wall: Seconds that are spent waiting for the decoder, the caller's own work not counted.
        cpu: Seconds of processor time of the decoder (not on Windows).
        memory: Bytes of address space of the decoder (not on Windows and macOS).
        streams: Streams in the file (sound, pictures, subtitles).
        channels: Channels of its sound.
        rate: Samples a second of its sound.
    """

    size: int = 8 << 30
    duration: float = 12 * 3600.0
    wall: float = 600.0
    cpu: int = 300
    memory: int = 1 << 30
    streams: int = 32
    channels: int = 64
    rate: int = 768_000


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of its sound.

    Attributes:
        rate: Samples a second before resampling.
        channels: Channels before mixing.
        codec: FFmpeg's name of the codec.
        container: FFmpeg's name of the file format.
        declared: Seconds of this track that the header announces; `None` where it announces none.
        tracks: Tracks of sound; the first is read.
    """

    rate: int
    channels: int
    codec: str
    container: str
    declared: float | None
    tracks: int


@dataclass(frozen=True, slots=True)
class Footer:
    """What was found while reading.

    Attributes:
        samples: Samples given.
        packets: Packets of the file.
        broken: Packets that could not be decoded.
        ended_early: Whether reading stopped at damage before the end.
        filled: Seconds of silence that stand for frames that are not in the file.
        jumps: Time stamps that were not believed.
        cut_off: Bytes that the header of a RIFF file (wav, avi) announces and that are not there.
    """

    samples: int
    packets: int
    broken: int
    ended_early: bool
    filled: float
    jumps: int
    cut_off: int = 0


def decode(
    path: str | Path, *, rate: int, channel: int | None = None, limits: Limits | None = None
) -> Iterator[Header | NDArray[np.float32] | Footer]:
    """Decode the first track of sound of a file: its header, blocks of samples, its footer.

    Args:
        path: The file.
        rate: Samples a second to give.
        channel: The channel to read, counted from 0; default the mean of all.
        limits: What the file may cost.

    Yields:
        A `Header`; float32 arrays of shape (n,) of up to about 65,000 samples, full scale ±1, which resampling and
        lossy codecs may overshoot; a `Footer`.

    Raises:
        InputError: There is no such file, it holds no sound that can be read, or a limit is passed.
        MissingExtraError: PyAV is not installed.
    """
    limits = limits or Limits()
    path = Path(path)
    where = clean(str(path))[0]
    cut_off = _check(path, where, limits)
    settings = {
        "rate": rate,
        "channel": channel,
        "duration": limits.duration,
        "cpu": limits.cpu,
        "memory": limits.memory,
        "streams": limits.streams,
        "channels": limits.channels,
        "highest_rate": limits.rate,
        "packages": _packages(),
    }
    with _start(path, where, settings) as child:
        waiting = _Watch(child, limits.wall)
        try:
            for message in _messages(child, waiting, where, limits):
                yield replace(message, cut_off=cut_off) if isinstance(message, Footer) else message
        finally:
            child.kill()


def _check(path: Path, where: str, limits: Limits) -> int:
    """Refuse what need not be decoded to be known as no sound; gives the bytes that are missing at its end."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise InputError("This is a folder, not a file", where=where, hint="Name the files in it.")
        if not stat.S_ISREG(about.st_mode):
            raise InputError("This is a device or a pipe, not a file", where=where, hint="Save the sound as a file.")
        if about.st_size == 0:
            raise InputError("There is nothing in it", where=where)
        if about.st_size > limits.size:
            raise InputError(
                f"The file has {about.st_size:,} bytes, the limit is {limits.size:,}",
                where=where,
                hint="Cut it, or raise `Limits.size`.",
            )
        with path.open("rb") as stream:
            head = stream.read(1 << 12)
    except FileNotFoundError as err:
        raise InputError("There is no such file", where=where, hint="Check the path.") from err
    except (OSError, ValueError) as err:
        raise InputError(f"It cannot be read: {getattr(err, 'strerror', None) or err}", where=where) from err
    if any(head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(mark) for mark in _PLAYLISTS) or b"<MPD" in head[:512]:
        raise points_elsewhere(where)
    kind = signature(head)
    if kind is not None and "sound" not in kind:
        raise InputError(f"This is not sound but {kind}", where=where, hint=_FORMATS)
    if _is_text(head):
        raise InputError("This is not sound but text", where=where, hint=_FORMATS)
    return _cut_off(head, about.st_size)


def _cut_off(head: bytes, size: int) -> int:
    """Bytes that a RIFF header announces beyond the end of the file. FFmpeg takes what is there and says nothing."""
    if head[:4] != b"RIFF" or len(head) < 8:
        return 0
    announced = int.from_bytes(head[4:8], "little") + 8
    # Programs that write into a pipe do not know the length, and put the greatest number there.
    return 0 if announced > _UNKNOWN else max(announced - size, 0)


def _is_text(head: bytes) -> bool:
    try:
        encoding_of(head, "")
    except InputError:
        return False
    return True


def _packages() -> str:
    """The folder that PyAV is installed in; it is not imported here, which would take longer than a short file."""
    found = find_spec("av")
    if found is None or found.origin is None:
        need("av", extra="speech")
        raise AssertionError("a package without a place cannot be imported")
    return str(Path(found.origin).parent.parent)


def _start(path: Path, where: str, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    program = Path(__file__).with_name("decoder.py")
    try:
        with path.open("rb") as stream:
            return subprocess.Popen(
                [sys.executable, "-I", "-S", str(program), json.dumps(settings)],
                stdin=stream,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
            )
    except OSError as err:
        raise InputError(f"It cannot be decoded: {err.strerror}", where=where) from err


class _Watch:
    """Ends a process when reading from it has taken too long in sum."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float) -> None:
        self.child = child
        self.left = seconds
        self.over = False

    def read(self, n: int) -> bytes:
        """Read `n` bytes; fewer where the process has ended."""
        timer = threading.Timer(max(self.left, 0.0), self._end)
        timer.daemon = True
        began = time.monotonic()
        timer.start()
        try:
            stdout: IO[bytes] | None = self.child.stdout
            assert stdout is not None
            return stdout.read(n)
        finally:
            timer.cancel()
            self.left -= time.monotonic() - began

    def _end(self) -> None:
        self.over = True
        self.child.kill()


def _messages(
    child: subprocess.Popen[bytes], waiting: _Watch, where: str, limits: Limits
) -> Iterator[Header | NDArray[np.float32] | Footer]:
    while True:
        head = waiting.read(5)
        if len(head) == 5:
            kind, size = head[:1], struct.unpack(">I", head[1:])[0]
            payload = waiting.read(size) if size <= 1 << 20 else b""
            if len(payload) == size:
                if kind == b"D":
                    yield np.frombuffer(payload, dtype=np.float32)
                    continue
                value = json.loads(payload)
                if kind == b"H":
                    yield Header(**value)
                    continue
                if kind == b"E":
                    yield Footer(**value)
                    return
                raise _refused(value, where)
        raise _ended(child, waiting, where, limits)


def _ended(child: subprocess.Popen[bytes], waiting: _Watch, where: str, limits: Limits) -> AffektError:
    """Why the process stopped in the middle of its answer."""
    child.kill()
    status = child.wait()
    if waiting.over:
        return InputError(
            f"Decoding took more than {limits.wall:g} s",
            where=where,
            hint="The file may be damaged; see `Limits.wall`.",
        )
    with suppress(AttributeError):  # Windows has no SIGXCPU
        if status == -signal.SIGXCPU:
            return InputError(
                f"Decoding took more than {limits.cpu} s of processor time",
                where=where,
                hint="The file may be damaged; see `Limits.cpu`.",
            )
    return InputError(
        f"The decoder broke off (status {status}): the file is damaged, or made to harm", where=where, hint=_FORMATS
    )


def _refused(why: dict[str, Any], where: str) -> AffektError:
    """What the decoding process gave as its reason, in words."""
    kind = why.get("kind")
    hint: str | None = None
    if kind == "not sound":
        what, hint = "This is no sound that can be read, or its beginning is damaged", _FORMATS
    elif kind == "no sound":
        what = f"There is no sound in this {why['container'].split(',')[0]} file, only {_counted(why['streams'])}"
        hint = "A recording without sound cannot be heard; read its pictures instead."
    elif kind == "codec":
        what = f"Its sound is coded as {why['codec']!r}, which is not read"
        hint = "Convert it to wav or flac."
    elif kind == "empty":
        what = "It is a sound file of no length"
    elif kind == "broken":
        what = "None of its sound can be decoded: the file is damaged"
        hint = "Fetch or export it again."
    elif kind == "duration":
        announced = why.get("announced")
        what = f"It is longer than {why['limit']:g} s" + (f": {announced:g} s" if announced else "")
        hint = "Cut it, read it as a stream, or raise `Limits.duration`."
    elif kind == "channels":
        what, hint = f"It has {why['channels']} channels, the limit is {why['limit']}", "Raise `Limits.channels`."
    elif kind == "rate":
        what, hint = f"It has {why['rate']:,} samples a second, the limit is {why['limit']:,}", "Raise `Limits.rate`."
    elif kind == "channel":
        what = f"There is no channel {why['channel']}: it has {why['channels']}"
        hint = f"Channels are counted from 0; the last is {why['channels'] - 1}."
    elif kind == "points elsewhere":
        what, hint = (
            f"It points to another address ({why['address']!r}), which is not followed",
            "Name that file itself.",
        )
    elif kind == "memory":
        what, hint = f"Decoding needs more than {why['limit'] >> 20} MiB of memory", "See `Limits.memory`."
    else:
        what, hint = f"It cannot be decoded ({why.get('detail', kind)})", _FORMATS
    return InputError(what, where=where, hint=hint)


def _counted(streams: list[str]) -> str:
    names = {"video": "pictures", "subtitle": "subtitles"}
    return " and ".join(dict.fromkeys(names.get(s, s) for s in streams)) or "an empty frame"
