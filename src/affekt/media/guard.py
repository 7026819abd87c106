"""Decoding files that nobody vouches for: a process of its own, with limits, and no way to anything else.

FFmpeg reads a hundred formats written by anyone, so it never runs in the caller's process. `decode` and
`decode_pictures` start `affekt.media.decoder` for one file, hand it that file opened, and take plain float32 samples,
or the pixels of frames, back over a pipe. What the process may use is described there. Whoever takes over FFmpeg by a
crafted file can still compute, and answer nonsense, until a limit ends the process; no further file and no socket can
be opened from it.
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
from collections.abc import Generator, Iterator, Sequence
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

__all__ = ["Footer", "Header", "Limits", "Picture", "PictureFooter", "PictureHeader", "decode", "decode_pictures"]

_FORMATS = "Sound: wav, flac, mp3, m4a, ogg, opus, aac, aiff, wma, amr; video with sound: mp4, mov, mkv, webm, avi."
_FILMS = "Video: mp4, mov, mkv, webm, avi, mpeg, flv; pictures: jpg, png, webp, gif."
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
        pixels: Pixels of one of its frames.
    """

    size: int = 8 << 30
    duration: float = 12 * 3600.0
    wall: float = 600.0
    cpu: int = 300
    memory: int = 1 << 30
    streams: int = 32
    channels: int = 64
    rate: int = 768_000
    pixels: int = 128 << 20


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


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What a file says of its pictures.

    Attributes:
        width: Pixels from left to right as it is shown: turned, and pixels made square.
        height: Pixels from top to bottom as it is shown.
        rate: Frames a second that it announces.
        codec: FFmpeg's name of the codec.
        container: FFmpeg's name of the file format.
        declared: Seconds that the header announces; `None` for a still picture, and where it announces none.
        tracks: Tracks of pictures; the first is read.
        sound: Whether there is a track of sound too.
        turned: Degrees by which it is turned to be shown, counter-clockwise.
    """

    width: int
    height: int
    rate: float
    codec: str
    container: str
    declared: float | None
    tracks: int
    sound: bool
    turned: int


@dataclass(frozen=True, slots=True)
class PictureFooter:
    """What was found while reading pictures.

    Attributes:
        frames: Frames that could be decoded.
        given: Frames of these that were asked for.
        packets: Packets of the file.
        broken: Packets and frames that could not be decoded.
        jumps: Time stamps that were not believed.
        ended_early: Whether reading stopped at damage before the end.
        end: Seconds at which the last frame ends; 0 for a still picture.
    """

    frames: int
    given: int
    packets: int
    broken: int
    jumps: int
    ended_early: bool
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A frame.

    Attributes:
        time: Seconds from the beginning of the recording.
        pixels: uint8, shape (height, width, 3) in red, green, blue, or (height, width) in grey; as it is to be shown.
    """

    time: float
    pixels: NDArray[np.uint8]


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
        "pictures": False,
        "packages": _packages("speech"),
    }
    with _start(path, where, settings) as child:
        waiting = _Watch(child, limits.wall)
        try:
            for kind, payload in _messages(child, waiting, where, limits, most=1 << 20, known=_FORMATS):
                if kind == b"D":
                    yield np.frombuffer(payload, dtype=np.float32)
                elif kind == b"H":
                    yield Header(**json.loads(payload))
                else:
                    yield replace(Footer(**json.loads(payload)), cut_off=cut_off)
        finally:
            child.kill()


def decode_pictures(
    path: str | Path,
    *,
    rate: float | None = None,
    times: Sequence[float] | None = None,
    longest: int,
    grey: bool = False,
    limits: Limits | None = None,
) -> Generator[PictureHeader | Picture | PictureFooter, None, None]:
    """Decode the first track of pictures of a file, or a still picture: its header, frames, its footer.

    Args:
        path: The file.
        rate: Frames a second to give, at most; default all.
        times: Seconds; the first frame at or after each is given instead, each frame once.
        longest: Pixels of the longer side of a frame that is given; a larger one is scaled down where it is decoded.
        grey: Whether to give brightness alone.
        limits: What the file may cost.

    Yields:
        A `PictureHeader`, frames in the order of their times, a `PictureFooter`.

    Raises:
        InputError: There is no such file, it holds no picture that can be read, or a limit is passed.
        MissingExtraError: PyAV is not installed.
    """
    limits = limits or Limits()
    path = Path(path)
    where = clean(str(path))[0]
    _check(path, where, limits, pictures=True)
    settings = {
        "rate": rate,
        "times": None if times is None else [float(t) for t in times],
        "longest": longest,
        "grey": grey,
        "duration": limits.duration,
        "cpu": limits.cpu,
        "memory": limits.memory,
        "streams": limits.streams,
        "pixels": limits.pixels,
        "pictures": True,
        "packages": _packages("video"),
    }
    most = longest * longest * 3 + _FRAME.size + (1 << 16)
    with _start(path, where, settings) as child:
        waiting = _Watch(child, limits.wall)
        try:
            for kind, payload in _messages(child, waiting, where, limits, most=most, known=_FILMS):
                if kind == b"F":
                    yield _picture(payload, grey=grey, where=where)
                elif kind == b"H":
                    yield PictureHeader(**json.loads(payload))
                else:
                    yield PictureFooter(**json.loads(payload))
        finally:
            child.kill()


_FRAME = struct.Struct("=diii")


def _picture(payload: bytes, *, grey: bool, where: str) -> Picture:
    """A frame as it is to be shown; what does not fit its own size is no frame."""
    time_, width, height, turn = _FRAME.unpack_from(payload)
    depth = 1 if grey else 3
    if width < 1 or height < 1 or len(payload) != _FRAME.size + width * height * depth:
        raise InputError("The decoder broke off: the file is damaged, or made to harm", where=where, hint=_FILMS)
    pixels = np.frombuffer(payload, np.uint8, offset=_FRAME.size).reshape((height, width, 3)[: 2 if grey else 3])
    if quarters := round(turn / 90) % 4:
        pixels = np.ascontiguousarray(np.rot90(pixels, quarters))
    return Picture(time_, pixels)


def _check(path: Path, where: str, limits: Limits, *, pictures: bool = False) -> int:
    """Refuse what need not be decoded to be known as no sound; gives the bytes that are missing at its end."""
    asked, known = ("a picture", _FILMS) if pictures else ("sound", _FORMATS)
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
    fits = ("image" in kind or "video" in kind or "sound" in kind) if kind and pictures else kind and "sound" in kind
    if kind is not None and not fits:
        raise InputError(f"This is not {asked} but {kind}", where=where, hint=known)
    if _is_text(head):
        raise InputError(f"This is not {asked} but text", where=where, hint=known)
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


def _packages(extra: str) -> str:
    """The folder that PyAV is installed in; it is not imported here, which would take longer than a short file."""
    found = find_spec("av")
    if found is None or found.origin is None:
        need("av", extra=extra)
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
    child: subprocess.Popen[bytes], waiting: _Watch, where: str, limits: Limits, *, most: int, known: str
) -> Iterator[tuple[bytes, bytes]]:
    """What the process says, by kind, up to its last message, which says what was read."""
    while True:
        head = waiting.read(5)
        if len(head) == 5:
            kind, size = head[:1], struct.unpack(">I", head[1:])[0]
            payload = waiting.read(size) if size <= most else b""
            if len(payload) == size:
                if kind == b"X":
                    raise _refused(json.loads(payload), where)
                if kind in (b"D", b"F", b"H", b"E"):
                    yield kind, payload
                    if kind == b"E":
                        return
                    continue
        raise _ended(child, waiting, where, limits, known)


def _ended(child: subprocess.Popen[bytes], waiting: _Watch, where: str, limits: Limits, known: str) -> AffektError:
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
        f"The decoder broke off (status {status}): the file is damaged, or made to harm", where=where, hint=known
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
    elif kind == "not pictures":
        what, hint = "This is no picture or video that can be read, or its beginning is damaged", _FILMS
    elif kind == "no pictures":
        what = f"There is no picture in this {why['container'].split(',')[0]} file"
        hint = "It can be heard, not seen."
    elif kind == "picture codec":
        what, hint = f"Its pictures are coded as {why['codec']!r}, which is not read", "Convert it to mp4 with H.264."
    elif kind == "no picture decoded":
        what, hint = "None of its pictures can be decoded: the file is damaged", "Fetch or export it again."
    elif kind == "pixels":
        what = f"A frame has {why['width']} x {why['height']} pixels, the limit is {why['limit']:,}"
        hint = "Scale it down, or raise `Limits.pixels`."
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
