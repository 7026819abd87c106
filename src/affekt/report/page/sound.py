"""Recordings in the page: their pictures, and their sound, which lies beside the page or within it."""

from __future__ import annotations

import base64
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from affekt.core.errors import InputError

__all__ = ["Recording", "address", "as_json", "held"]

_CHUNK = 3 << 18  # bytes encoded at a time; a multiple of 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """A recording that rows of a report come from.

    Attributes:
        name: How `Row.source` calls it.
        path: Its file; `None` where there is none, as of a stream.
        seconds: Its length.
        waveform: Seconds of a column, and of each the square root of the greatest amplitude, 0..255; shape (n,).
        spectrogram: Seconds of a column, and its levels from low to high frequency, 0..63; shape (n, bands).
        held: Whether the page holds the sound itself, and not only the way from the page to the file.
        pictures: Width and height of its pictures; `None` where it has none that were looked at.
    """

    name: str
    path: Path | None = None
    seconds: float = 0.0
    waveform: tuple[float, NDArray[np.uint8]] | None = None
    spectrogram: tuple[float, NDArray[np.uint8]] | None = None
    held: bool = False
    pictures: tuple[int, int] | None = None

    @property
    def in_page(self) -> bool:
        """Whether there is sound that the page is to hold."""
        return self.held and self.path is not None


def address(path: Path, folder: Path) -> str:
    """The way from a page in a folder to a file, as a browser follows it: relative, every odd character escaped."""
    try:
        relative = PurePath(os.path.relpath(path, folder))
    except ValueError:  # on another drive
        return path.absolute().as_uri()
    return quote(os.fsencode(relative.as_posix()))


def as_json(recording: Recording, folder: Path) -> dict[str, Any]:
    """What the page is told about a recording; of its file only the way to it from `folder`."""
    title = PurePath(recording.path or recording.name).name
    out: dict[str, Any] = {
        "name": recording.name,
        "title": os.fsencode(title).decode(errors="replace"),
        "seconds": round(recording.seconds, 3),
        "held": recording.in_page,
    }
    if recording.path is not None and not recording.held:
        out["at"] = address(recording.path, folder)
    if recording.pictures is not None:
        out["video"] = list(recording.pictures)
    if recording.waveform is not None:
        step, peaks = recording.waveform
        out["waveform"] = [step, _packed(peaks)]
    if recording.spectrogram is not None:
        step, levels = recording.spectrogram
        out["spectrogram"] = [step, levels.shape[1], _packed(levels)]
    return out


def _packed(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(gzip.compress(values.tobytes(), compresslevel=6, mtime=0)).decode()


def held(recording: Recording) -> Iterator[str]:
    """The sound of a recording for the page, part by part: its media type and a comma, then base64.

    Raises:
        InputError: It cannot be read.
    """
    from affekt.media.playing import playable

    assert recording.path is not None
    try:
        file, kind = playable(recording.path)
        with file:
            yield f"{kind},"
            while data := file.read(_CHUNK):
                yield base64.b64encode(data).decode()
    except OSError as err:
        raise InputError(
            f"Its sound cannot be put into the report: {err.strerror or err}", where=recording.name
        ) from err
