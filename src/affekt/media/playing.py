"""The sound of a file as a browser can play it, small and without loss where that can be."""

from __future__ import annotations

import importlib.util
import tempfile
import wave
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from affekt.media.sound import stream_sound

__all__ = ["playable"]

# What the browsers of today play, and the type to call it by.
_PLAYED = {
    **dict.fromkeys((".wav", ".wave"), "audio/wav"),
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    **dict.fromkeys((".ogg", ".oga", ".opus"), "audio/ogg"),
    **dict.fromkeys((".mp4", ".m4v"), "video/mp4"),
    ".webm": "video/webm",
}
_FLAC = "audio/flac"
_MOST_RATE = 48_000
_FRAMES = 1 << 16  # read at a time
_LAYOUTS = {1: "mono", 2: "stereo"}


def playable(path: Path) -> tuple[IO[bytes], str]:
    """Open the sound of a file for a browser.

    Samples of 16 bits (`.wav`) become FLAC, which loses nothing. What browsers play stays as it is. All else is
    decoded, its channels averaged, and becomes FLAC.

    Args:
        path: A file of sound, or of video with sound.

    Returns:
        The bytes from their beginning, to be closed by the caller, and their media type.

    Raises:
        InputError: It has to be decoded and cannot be.
        OSError: It cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in (".wav", ".wave") and importlib.util.find_spec("av") is not None:
        try:
            with wave.open(str(path), "rb") as source:
                channels = source.getnchannels()
                if source.getsampwidth() == 2 and channels in _LAYOUTS:
                    return _flac(_frames(source, channels), source.getframerate(), _LAYOUTS[channels]), _FLAC
        except (wave.Error, EOFError):
            pass  # of another kind, or broken, which the browser may mind less
    if suffix in _PLAYED:
        return path.open("rb"), _PLAYED[suffix]
    blocks = stream_sound(path, rate=_MOST_RATE)
    first = next(blocks)
    if first.original_rate and first.original_rate < _MOST_RATE:
        blocks = stream_sound(path, rate=first.original_rate)
        first = next(blocks)
    mono = (np.rint(b.samples * 32767).astype(np.int16)[:, None] for b in chain([first], blocks))
    return _flac(mono, first.rate, "mono"), _FLAC


def _frames(source: wave.Wave_read, channels: int) -> Iterator[NDArray[np.int16]]:
    while data := source.readframes(_FRAMES):
        whole = len(data) // (2 * channels) * 2 * channels
        yield np.frombuffer(data[:whole], "<i2").reshape(-1, channels)


def _flac(blocks: Iterable[NDArray[np.int16]], rate: int, layout: str) -> IO[bytes]:
    """Encode blocks of shape (n, channels) into a temporary file."""
    import av

    file: Any = tempfile.TemporaryFile()  # noqa: SIM115  (the caller's)
    try:
        with av.open(file, "w", format="flac") as out:
            stream = out.add_stream("flac", rate=rate, layout=layout)
            stream.format = "s16"
            cut = av.AudioResampler(format="s16", layout=layout, rate=rate, frame_size=4096)
            for block in blocks:
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(block, np.int16).reshape(1, -1), format="s16", layout=layout
                )
                frame.sample_rate = rate
                for ready in cut.resample(frame):
                    out.mux(stream.encode(ready))
            for ready in [*cut.resample(None), None]:
                out.mux(stream.encode(ready))
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file  # type: ignore[no-any-return]
